#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153 # set and read by the library
# The transfer managers qcow2 and shared: clone and ln, on this machine.
load lib/tm

@test "clone: a qcow2 image gets an overlay in the known layout" {
    clone qcow2 0
    assert_success
    assert_tree "$VM" <<'END'
l disk.0 -> disk.0.snap/0
d disk.0.snap
f disk.0.snap/0
l disk.0.snap/disk.0.snap -> .
END
    assert_chain "$VM/disk.0" qcow2 "qcow2 qcow2"
    qemu-img compare -f raw -F qcow2 "$BATS_TEST_TMPDIR/want" "$VM/disk.0"
}

@test "clone: a raw image is copied" {
    clone raw 1
    assert_success
    cmp "$DS/raw" "$VM/disk.1"
    assert_only "$VM" disk.1
}

@test "clone: run again, it recreates the disk" {
    clone qcow2 0
    write 0 1
    clone qcow2 0
    assert_success
    qemu-img compare -f raw -F qcow2 "$BATS_TEST_TMPDIR/want" "$VM/disk.0"
    assert_only "$VM" disk.0 disk.0.snap
}

@test "clone: a larger SIZE, and SPARSE=NO" {
    SIZE=16 facts
    clone qcow2 0
    assert_virtual_size "$VM/disk.0" qcow2 16777216
    clone raw 1
    assert_equal "$(stat -c %s "$VM/disk.1")" 16777216
    SIZE=16 SPARSE=NO facts
    clone raw 1
    [ "$(stat -c %b "$VM/disk.1")" -ge 16384 ]
}

@test "clone: QCOW2_OPTIONS of tmrc, and a standalone copy" {
    DRV_ENV=(QCOW2_OPTIONS="-o cluster_size=2M")
    clone qcow2 0
    assert_success
    qemu-img info "$VM/disk.0" | grep -q 'cluster_size: 2097152'
    vm_put 25 -- disk DISK_ID=0 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=YES \
        QCOW2_STANDALONE=YES SIZE=8 ORIGINAL_SIZE=8
    clone qcow2 0
    assert_success
    assert_chain "$VM/disk.0" qcow2
}

@test "clone: kernels are copied as they are, without a question to oned" {
    run_tm shared clone "fe:$DS/raw" "$HERE:$VM/kernel" 25 1
    assert_success
    cmp "$DS/raw" "$VM/kernel"
    assert_equal "$(core_requests)" ""
}

@test "clone: what oned calls qcow2 and is not is refused, and nothing is left" {
    vm_put 25 -- disk DISK_ID=0 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=qcow2 TYPE=FILE
    clone raw 0
    assert_error "^cannot clone image 8 to disk.0 of VM 25: '$DS/raw' is not qcow2$"
    assert_only "$SYS"
}

@test "clone: a tool's failure is told, and nothing is left" {
    shim qemu-img rc=1 err="qemu-img: disk.0: No space left on device"
    clone qcow2 0
    assert_error "^cannot clone image 7 to disk.0 of VM 25: qemu-img: disk.0: No space left"
    assert_equal "$status" 7
    assert_only "$SYS"
}

@test "clone: before 6.0 the driver's name tells what to do" {
    with_release 5.4.15
    vm_put 25 -- disk DISK_ID=0 SOURCE="$DS/qcow2" TYPE=FILE SIZE=8
    MAD=shared clone qcow2 0
    assert_success
    cmp "$DS/qcow2" "$VM/disk.0"
    MAD=qcow2 clone qcow2 0
    assert_success
    assert_chain "$VM/disk.0" qcow2 "qcow2 qcow2"
}

@test "clone: local monitoring of shared storage is switched off" {
    echo ssh >"$SYS/.monitor"
    clone raw 1
    assert_not_exists "$SYS/.monitor"
}

@test "monitor_ds: what disks and snapshots take, also of images that are disks" {
    local size expected
    clone qcow2 0
    clone raw 1
    link qcow2 2
    link raw 3
    snap create 0 0
    qemu-io -f qcow2 -c "write -P 1 0 5M" "$VM/disk.0" >/dev/null
    ln -s /bin/bash "$VM/disk.4"
    run_tm qcow2 monitor_ds "$SYS"
    assert_success
    size=$(sed -nE 's/.*MONITOR = "([^"]*)".*/\1/p' <<<"$output" | base64 -d | tr -d ' ')
    mb() { du -mL "$1" | cut -f1; }
    for expected in \
        "DISK_SIZE=[ID=0,SIZE=$(mb "$VM/disk.0")]" "DISK_SIZE=[ID=1,SIZE=$(mb "$VM/disk.1")]" \
        "DISK_SIZE=[ID=2,SIZE=$(mb "$VM/disk.2")]" "DISK_SIZE=[ID=3,SIZE=$(mb "$VM/disk.3")]" \
        "DISK_SIZE=[ID=4,SIZE=0]" \
        "SNAPSHOT_SIZE=[ID=0,DISK_ID=0,SIZE=$(mb "$VM/disk.0.snap/0")]" \
        "SNAPSHOT_SIZE=[ID=1,DISK_ID=0,SIZE=$(mb "$VM/disk.0.snap/1")]"; do
        [[ $size == *"$expected"* ]] || fail "no $expected in $size"
    done
    [ "$(mb "$VM/disk.0")" -ge 5 ]
    [ "$(mb "$VM/disk.2")" -ge 1 ]
}

@test "clone: an image whose snapshots were deleted is used with its newest content" {
    mkdir "$DS/qcow2.snap"
    ln -s . "$DS/qcow2.snap/qcow2.snap"
    cp "$DS/qcow2" "$DS/qcow2.snap/1"
    qemu-io -f qcow2 -c "write -P 7 1M 64k" "$DS/qcow2.snap/1" >/dev/null
    clone qcow2 0
    assert_success
    has "$VM/disk.0" 7
}
