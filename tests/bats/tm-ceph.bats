#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Disks in a pool: tm/ceph against a real cluster.

load lib/drv
load lib/ceph

setup() { ceph_setup_disk; }

clone() { run_tm ceph clone fe:one/one-5 "$D" 7 100; }
snap() { # ACTION ID
    run_tm ceph "snap_$1" "$D" "$2" 7 100
}
delete() { run_tm ceph delete "$D" 7 100; }

@test "clone: a clone of the protected snapshot, larger if wanted; again: the same" {
    ceph_vm 7 5 SIZE=16
    clone
    assert_success
    assert_images one one-5 one-5-7-0
    assert_equal "$(snapshots one/one-5)" "snap!"
    run rbd info one/one-5-7-0
    assert_output --partial "parent: one/one-5@snap"
    assert_output --partial "size 16 MiB"
    scribble one/one-5-7-0 mine 2
    local before
    before=$(digest one/one-5-7-0)
    clone
    assert_success
    assert_equal "$(digest one/one-5-7-0)" "$before"
}

@test "clone: an image of that name that comes from elsewhere is an error" {
    rbd create --size 8 one/other
    rbd snap create --no-progress one/other@snap
    rbd snap protect one/other@snap
    rbd clone one/other@snap one/one-5-7-0
    clone
    assert_error "'one/one-5-7-0' already, which is a clone of 'other'"
}

@test "delete: the clone, and the snapshot with the last of them; again" {
    ceph_vm 8 5
    clone
    run_tm ceph clone fe:one/one-5 "$HERE:$SYS/8/disk.0" 8 100
    assert_success
    delete
    assert_success
    assert_images one one-5 one-5-8-0
    assert_equal "$(snapshots one/one-5)" "snap!"
    run_tm ceph delete "$HERE:$SYS/8/disk.0" 8 100
    assert_success
    assert_images one one-5
    assert_equal "$(snapshots one/one-5)" ""
    delete
    assert_success
}

@test "ln: the snapshot for clones goes; delete of a persistent disk deletes nothing" {
    ceph_vm 7 5 CLONE=NO
    rbd snap create --no-progress one/one-5@snap
    rbd snap protect one/one-5@snap
    run_tm ceph ln fe:one/one-5 "$D" 7 100
    assert_success
    assert_equal "$(snapshots one/one-5)" ""
    delete
    assert_success
    run_tm ceph mvds "$D" one/one-5 7 100
    assert_success
    assert_images one one-5
}

@test "ln: an image that is not there, or in the trash" {
    ceph_vm 7 6 CLONE=NO
    run_tm ceph ln fe:one/one-6 "$D" 7 100
    assert_error "there is no image 'one/one-6'"
    ceph_vm 7 5 CLONE=NO
    rbd trash mv --expires-at "next week" one/one-5
    run_tm ceph ln fe:one/one-5 "$D" 7 100
    assert_error "image 'one/one-5' is in the trash, from which it can be restored until 20"
}

@test "snapshots: created, protected, reverted to, deleted" {
    clone
    snap create 0
    assert_success
    assert_equal "$(snapshots one/one-5-7-0)" "0!"
    local first
    first=$(digest one/one-5-7-0)
    scribble one/one-5-7-0 x 3
    snap create 1
    assert_success
    assert_equal "$(snapshots one/one-5-7-0)" "0! 1!"
    snap revert 0
    assert_success
    assert_images one one-5 one-5-7-0 one-5-7-0-0:1
    assert_equal "$(digest one/one-5-7-0)" "$first"
    run rbd info one/one-5-7-0
    assert_output --partial "parent: one/one-5-7-0-0:1@0"
    snap delete 1
    assert_success
    assert_images one one-5 one-5-7-0 one-5-7-0-0
    delete
    assert_success
    assert_images one one-5
}

@test "snap_create: again is fine; not when the disk was written to since" {
    clone
    snap create 0
    snap create 0
    assert_success
    scribble one/one-5-7-0 x 3
    snap create 0
    assert_error "there is a snapshot 0 already, of another time"
    assert_equal "$(snapshots one/one-5-7-0)" "0!"
}

@test "snap_delete: of a snapshot that the disk is a clone of, in both formats of clones" {
    local want compat
    for compat in luminous mimic; do
        ceph osd set-require-min-compat-client $compat --yes-i-really-mean-it
        clone
        scribble one/one-5-7-0 x 3
        snap create 0
        want=$(digest one/one-5-7-0)
        scribble one/one-5-7-0 y 4
        snap revert 0
        assert_success
        snap delete 0
        assert_success
        assert_equal "$(digest one/one-5-7-0)" "$want"
        delete
        assert_success
        assert_images one one-5
    done
    ceph osd set-require-min-compat-client luminous --yes-i-really-mean-it
}

@test "snap_delete: a clone of somebody else stops it, and is named" {
    clone
    snap create 0
    rbd clone one/one-5-7-0@0 one/stranger
    snap delete 0
    assert_error "'one/stranger' is a clone of it"
    assert_equal "$(snapshots one/one-5-7-0)" "0!"
    assert_images one one-5 one-5-7-0 stranger # and nothing is left to be settled
}

@test "snapshots are of RBD disks" {
    ceph_vm 7 5 TYPE=CDROM
    snap create 0
    assert_error "Operation not supported on disk type CDROM"
}

@test "cpds: the disk, a snapshot of it, one that a revert has put aside" {
    clone
    snap create 0
    local first now
    first=$(digest one/one-5-7-0)
    scribble one/one-5-7-0 x 3
    snap create 1
    now=$(digest one/one-5-7-0)
    run_tm ceph cpds "$D" one/one-9 -1 7 100
    assert_success
    assert_equal "$(digest one/one-9)" "$now"
    run_tm ceph cpds "$D" one/one-10 0 7 100
    assert_success
    assert_equal "$(digest one/one-10)" "$first"
    snap revert 0
    run_tm ceph cpds "$D" one/one-11 1 7 100
    assert_success
    assert_equal "$(digest one/one-11)" "$now"
    run_tm ceph cpds "$D" one/one-11 1 7 100
    assert_error "there is an image 'one/one-11' already"
    run_tm ceph cpds "$D" one/one-12 5 7 100
    assert_error "has no snapshot 5"
}

@test "mkimage, mkswap: volatile disks; deleted with the VM's checkpoint and directory" {
    vm_put 7 -- disk DISK_ID=0 TYPE=fs FORMAT=raw FS=ext4 SIZE=16 \
        -- disk DISK_ID=1 TYPE=swap SIZE=8
    mkdir -p "$SYS/7"
    run_tm ceph mkimage 16 raw "$D" 7 100
    assert_success
    run_tm ceph mkswap 8 "$HERE:$SYS/7/disk.1" 7 100
    assert_success
    assert_images one one-5 one-sys-7-0 one-sys-7-1
    assert_only "$SYS/7"
    rbd export --no-progress one/one-sys-7-0 "$BATS_TEST_TMPDIR/fs"
    run blkid -o value -s TYPE "$BATS_TEST_TMPDIR/fs"
    assert_output ext4
    rbd create --size 1 one/one-sys-7-checkpoint
    delete
    assert_success
    run_tm ceph delete "$HERE:$SYS/7/disk.1" 7 100
    run_tm ceph delete "$HERE:$SYS/7" 7 100
    assert_success
    assert_images one one-5
    assert_only "$SYS"
}

@test "resize: larger, never smaller; nothing while the VM runs" {
    clone
    run_tm ceph resize "$D" 32 7 100
    assert_success
    run_tm ceph resize "$D" 16 7 100
    assert_success
    run rbd info one/one-5-7-0
    assert_output --partial "size 32 MiB"
}

@test "CEPH_TRASH: the disk can be restored, and needs nobody" {
    ceph_vm 7 5 CEPH_TRASH=YES
    clone
    scribble one/one-5-7-0 x 3
    local want id
    want=$(digest one/one-5-7-0)
    delete
    assert_success
    assert_images one one-5
    assert_equal "$(snapshots one/one-5)" ""
    id=$(rbd trash ls one | awk '$2 == "one-5-7-0" {print $1}')
    rbd trash restore "one/$id"
    assert_equal "$(digest one/one-5-7-0)" "$want"
}

@test "an image in use is not removed, and who uses it is said" {
    clone
    mkfifo "$BATS_TEST_TMPDIR/stop"
    qemu-io -f raw "rbd:one/one-5-7-0:conf=$CEPH/ceph.conf" <"$BATS_TEST_TMPDIR/stop" \
        >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
    exec 8>"$BATS_TEST_TMPDIR/stop"
    wait_until 20 sh -c "rbd --conf $CEPH/ceph.conf status one/one-5-7-0 | grep -q watcher="
    delete
    assert_error "image 'one/one-5-7-0' is in use: a client at 127.0.0.1"
    exec 8>&-
    wait $!
    delete
    assert_success
}

@test "trees of the stock drivers are used on" {
    # What a snapshot, a revert and another snapshot leave there.
    rbd snap create --no-progress one/one-5@snap
    rbd snap protect one/one-5@snap
    rbd clone one/one-5@snap one/one-5-7-0
    for id in 0 1; do
        rbd snap create --no-progress one/one-5-7-0@$id
        rbd snap protect one/one-5-7-0@$id
        scribble one/one-5-7-0 "x$id" "$((id + 2))"
    done
    rbd rename one/one-5-7-0 one/one-5-7-0-0:1
    rbd clone one/one-5-7-0-0:1@0 one/one-5-7-0
    rbd snap create --no-progress one/one-5-7-0@2
    rbd snap protect one/one-5-7-0@2
    local one
    one=$(digest one/one-5-7-0-0:1@1)
    snap revert 1
    assert_success
    assert_images one one-5 one-5-7-0 one-5-7-0-0:1 one-5-7-0-2
    assert_equal "$(digest one/one-5-7-0)" "$one"
    snap delete 2
    assert_success
    assert_images one one-5 one-5-7-0 one-5-7-0-0:1
    delete
    assert_success
    assert_images one one-5
}

@test "a chain of reverts is bounded" {
    echo CEPH_MAX_DEPTH=4 >>"$REMOTES/etc/datastore/ceph/ceph.conf"
    clone
    local id want deepest=0 depth image
    for id in 0 1 2 3 4; do
        scribble one/one-5-7-0 "x$id" "$((id % 6 + 2))"
        snap create $id
        assert_success
        want=$(digest one/one-5-7-0)
        snap revert $id
        assert_success
        assert_equal "$(digest one/one-5-7-0)" "$want"
        depth=0 image=one/one-5-7-0
        while [ -n "$image" ]; do
            depth=$((depth + 1))
            image=$(rbd info "$image" | sed -n 's/.*parent: \(.*\)@.*/\1/p')
        done
        [ $depth -le 4 ]
        [ $depth -le $deepest ] || deepest=$depth
    done
    assert_equal "$deepest" 4
    delete
    assert_success
    assert_images one one-5
}
