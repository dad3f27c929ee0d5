#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153 # set and read by the library
# The transfer manager qcow2: snapshots of disks whose VM is off.
load lib/tm

@test "ln: a qcow2 image is linked by its snapshots' directory, a raw one itself" {
    link qcow2 2
    assert_success
    assert_link "$VM/disk.2" "$DS/qcow2.snap/0"
    assert_link "$DS/qcow2.snap/0" "$DS/qcow2"
    assert_link "$DS/qcow2.snap/qcow2.snap" .
    link raw 3
    assert_success
    assert_link "$VM/disk.3" "$DS/raw"
    link qcow2 2
    assert_success
    assert_link "$VM/disk.2" "$DS/qcow2.snap/0"
}

@test "snapshots of an overlay: create, revert, delete" {
    clone qcow2 0
    write 0 1
    snap create 0 0
    assert_success
    write 0 2
    snap create 0 1
    write 0 3
    assert_link "$VM/disk.0" disk.0.snap/2
    assert_chain "$VM/disk.0" qcow2 "1 qcow2" "0 qcow2" "qcow2 qcow2"
    has "$VM/disk.0" 3
    has "$VM/disk.0.snap/1" 2
    snap revert 0 0
    assert_success
    has "$VM/disk.0" 1
    assert_chain "$VM/disk.0" qcow2 "0 qcow2" "qcow2 qcow2"
    snap delete 0 1
    assert_success
    assert_not_exists "$VM/disk.0.snap/1"
    snap delete 0 0
    assert_success
    has "$VM/disk.0" 1
    assert_chain "$VM/disk.0" qcow2 "qcow2 qcow2"
    snap delete 0 0
    assert_success
    assert_only "$VM" disk.0 disk.0.snap
    assert_only "$VM/disk.0.snap" 2 disk.0.snap
}

@test "snap_create: a snapshot that is there counts, another's file is not overwritten" {
    clone qcow2 0
    snap create 0 0
    snap create 0 0
    assert_success
    assert_link "$VM/disk.0" disk.0.snap/1
    cp "$VM/disk.0.snap/0" "$VM/disk.0.snap/3"
    snap create 0 2
    assert_error "^cannot create snapshot 2 of disk.0 of VM 25: 'disk.0.snap/3' already exists"
    assert_link "$VM/disk.0" disk.0.snap/1
}

@test "snapshots of a persistent qcow2 image are beside it" {
    cp "$DS/qcow2" "$DS/mine"
    facts
    run_tm qcow2 ln "fe:$DS/mine" "$HERE:$VM/disk.2" 25 1
    write 2 1
    snap create 2 0
    assert_success
    write 2 2
    assert_link "$VM/disk.2" "$DS/mine.snap/1"
    assert_chain "$VM/disk.2" qcow2 "0 qcow2"
    snap revert 2 0
    assert_success
    has "$VM/disk.2" 1
    snap delete 2 0
    assert_success
    has "$VM/disk.2" 1
    assert_chain "$VM/disk.2" qcow2
}

@test "snapshots of raw disks are copies; a revert of a persistent one reaches the image" {
    cp "$DS/raw" "$DS/mine"
    run_tm qcow2 ln "fe:$DS/mine" "$HERE:$VM/disk.3" 25 1
    snap create 3 0
    assert_success
    cmp "$DS/raw" "$DS/mine.snap/0"
    write 3 5 raw
    snap revert 3 0
    assert_success
    assert_link "$VM/disk.3" "$DS/mine"
    cmp "$DS/raw" "$DS/mine"
    clone raw 1
    snap create 1 0
    write 1 6 raw
    snap revert 1 0
    cmp "$DS/raw" "$VM/disk.1"
    snap delete 1 0
    assert_success
    assert_only "$VM/disk.1.snap"
}

@test "cpds: a disk and a snapshot of it become images" {
    clone qcow2 0
    write 0 1
    snap create 0 0
    write 0 2
    for id in -1 0; do
        run_tm qcow2 cpds "$HERE:$VM/disk.0" "$DS/saved$id" "$id" 25 1
        assert_success
        assert_chain "$DS/saved$id" qcow2
    done
    has "$DS/saved-1" 2
    has "$DS/saved0" 1
    clone raw 1
    run_tm qcow2 cpds "$HERE:$VM/disk.1" "$DS/saved1" -1 25 1
    cmp "$DS/raw" "$DS/saved1"
    link raw 3
    run_tm qcow2 cpds "$HERE:$VM/disk.3" "$DS/raw" -1 25 1
    assert_success
}

@test "delete: disks with their snapshots, links but not what they name, directories" {
    clone qcow2 0
    link raw 3
    for disk in 0 3 9; do
        run_tm qcow2 delete "$HERE:$VM/disk.$disk" 25 1
        assert_success
    done
    assert_only "$VM"
    run_tm qcow2 delete "$HERE:$VM" 25 0
    run_tm qcow2 delete "$HERE:$VM" 25 0
    assert_success
    assert_only "$SYS"
    run_tm qcow2 delete "$HERE:$DS" 25 0
    assert_error "is not the directory of VM 25"
    assert_only "$DS" raw qcow2
}
