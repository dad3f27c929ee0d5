#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Trees that the stock drivers of 5.4, 5.12 and 7.4 left are used on by ours, and ours by them.

load lib/drv
load lib/ceph
load lib/ceph-stock

setup() {
    ceph_setup
    D=$HERE:$SYS/7/disk.0
}
teardown() {
    core_stop
    ceph_empty one
    ceph_empty one-data
    drv_teardown
}

well() { # ACTION arg...
    run_tm ceph "$@"
    assert_success
}

# Two VMs of an image; VM 7's disk has snapshots 0 1 2, was reverted to 1, has 3, was reverted
# to 0, has 4.  What it was at each is in AT.
declare -A AT
stock_tree() {
    local id
    stock_mkfs one-5 24
    scribble one/one-5 base 1
    stock_clone one-5 one-5-7-0
    stock_clone one-5 one-5-8-0
    for id in 0 1 2; do stock_step $id; done
    stock_snap_revert one-5-7-0 1
    stock_step 3
    stock_snap_revert one-5-7-0 0
    stock_step 4
    NOW=$(digest one/one-5-7-0)
    ceph_vm 7 5 SIZE=24 ORIGINAL_SIZE=24
    ceph_vm 8 5 SIZE=24 ORIGINAL_SIZE=24
}
stock_step() { # ID
    scribble one/one-5-7-0 "x$1" $(($1 + 2))
    stock_snap_create one-5-7-0 "$1"
    AT[$1]=$(digest one/one-5-7-0)
}

same() { # the disk and its snapshots ID... are as they were
    local id holder
    assert_equal "$(digest one/one-5-7-0)" "$NOW"
    for id; do
        holder=$(stock_holder one-5-7-0 "$id")
        assert_equal "$id in $holder: $(digest "one/$holder@$id")" "$id in $holder: ${AT[$id]}"
    done
}

used_on() { # RELEASE
    STOCK=$1
    stock_tree
    assert_images one one-5 one-5-7-0 one-5-8-0 one-5-7-0-0:1:2 one-5-7-0-3
    well clone fe:one/one-5 "$D" 7 100 # it is there already
    same 0 1 2 3 4
    well mv "$HERE:$SYS/7/disk.0" "otherhost:$SYS/7/disk.0" 7 100
    well snap_create "$D" 5 7 100
    AT[5]=$NOW
    well cpds "$D" one/one-9 2 7 100
    assert_equal "$(digest one/one-9)" "${AT[2]}"
    if [ "$STOCK" = 5.4 ]; then # without deep-flatten, nobody can do better
        run_tm ceph snap_delete "$D" 1 7 100
        assert_error "snapshot 3 of 'one/one-5-7-0-3' is a clone of it"
        same 0 1 2 3 4 5
        well snap_delete "$D" 3 7 100
    fi
    well snap_delete "$D" 1 7 100
    well snap_delete "$D" 3 7 100
    assert_images one one-5 one-5-7-0 one-5-8-0 one-5-7-0-0:2 one-9
    same 0 2 4 5
    well snap_revert "$D" 2 7 100
    NOW=${AT[2]}
    same 0 2 4 5
    [ "$STOCK" = 5.4 ] || well snap_delete "$D" 0 7 100
    well resize "$D" 32 7 100
    run_ceph_ds monitor 100
    assert_success
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_error "is a clone of 'one/one-5'"
    well delete "$D" 7 100
    assert_images one one-5 one-5-8-0 one-9
    well delete "$HERE:$SYS/8/disk.0" 8 100
    assert_images one one-5 one-9
    assert_equal "$(snapshots one/one-5)" ""
    # Persistent, and volatile.
    ceph_vm 7 5 CLONE=NO
    well ln fe:one/one-5 "$D" 7 100
    stock_mkfs one-sys-7-1 8
    well delete "$D" 7 100
    vm_put 7 -- disk DISK_ID=1 TYPE=swap SIZE=8 "${ACCESS[@]}"
    well delete "$HERE:$SYS/7/disk.1" 7 100
    assert_images one one-5 one-9
}

@test "a tree of 5.4" { used_on 5.4; }
@test "a tree of 5.12" { used_on 5.12; }
@test "a tree of 7.4" { used_on 7.4; }

@test "images of format 1, as clusters before 5.0 had: copied, deleted; no snapshots" {
    RBD_FORCE_ALLOW_V1=1 rbd create --size 8 --image-format 1 one/one-5
    scribble one/one-5 base 1
    ceph_vm 7 5
    well clone fe:one/one-5 "$D" 7 100
    assert_equal "$(digest one/one-5-7-0)" "$(digest one/one-5)"
    well delete "$D" 7 100
    run_ceph_ds snap_revert 5 SOURCE=one/one-5 TARGET_SNAPSHOT=0
    assert_error "Only RBD Format 2 is supported for this operation"
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_success
    assert_images one
}

@test "a tree of ours is used on by the stock drivers" {
    STOCK=7.4
    stock_mkfs one-5 24
    scribble one/one-5 base 1
    ceph_vm 7 5 SIZE=24 ORIGINAL_SIZE=24
    well clone fe:one/one-5 "$D" 7 100
    local id
    for id in 0 1 2; do
        scribble one/one-5-7-0 "x$id" $((id + 2))
        well snap_create "$D" $id 7 100
        AT[$id]=$(digest one/one-5-7-0)
    done
    well snap_revert "$D" 1 7 100
    well snap_create "$D" 3 7 100
    AT[3]=${AT[1]}
    NOW=${AT[1]}
    stock_snap_delete one-5-7-0 2
    same 0 1 3
    stock_snap_revert one-5-7-0 0
    NOW=${AT[0]}
    same 0 1 3
    stock_snap_create one-5-7-0 4
    well snap_delete "$D" 4 7 100
    same 0 1 3
    stock_delete one-5 one-5-7-0
    assert_images one one-5
    assert_equal "$(snapshots one/one-5)" ""
}
