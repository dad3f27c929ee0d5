#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tm/ceph's actions with the suffix ".ssh": the disk is a file on the host's own storage.

load lib/drv
load lib/ceph

setup() {
    ceph_setup_disk
    FILE=$SYS/7/disk.0
}

vm() { # NAME=VALUE...: of the disk
    ceph_vm 7 5 TYPE=FILE DISK_TYPE=FILE TM_MAD_SYSTEM=ssh FORMAT=raw "$@"
}

well() { # ACTION arg...
    run_tm ceph "$@"
    assert_success
}

same() { # FILE POOL/IMAGE
    assert_equal "$(sha256sum <"$1" | cut -c1-16)" "$(digest "$2")"
}

@test "clone.ssh: a sparse file, larger if wanted, and the host's probe; again" {
    rbd resize --no-progress --size 64 one/one-5
    scribble one/one-5 end 63
    vm SIZE=64 ORIGINAL_SIZE=64
    well clone.ssh fe:one/one-5 "$D" 7 100
    same "$FILE" one/one-5
    [ "$(stat -c %b "$FILE")" -le 512 ] # 2 blocks of 64 KiB, and no more
    assert_equal "$(cat "$SYS/.monitor")" ssh
    assert_only "$SYS/7" disk.0
    assert_images one one-5
    assert_equal "$(snapshots one/one-5)" ""
    vm SIZE=80 ORIGINAL_SIZE=64
    well clone.ssh fe:one/one-5 "$D" 7 100
    assert_equal "$(stat -c %s "$FILE")" $((80 << 20))
    well delete.ssh "$D" 7 100
    assert_only "$SYS/7"
    assert_images one one-5
}

@test "ln.ssh, mvds.ssh: a persistent image goes and comes back; its snapshots stay" {
    vm CLONE=NO SAVE=YES
    rbd snap create --no-progress one/one-5@0
    rbd snap protect one/one-5@0
    rbd snap create --no-progress one/one-5@snap
    local before
    before=$(digest one/one-5)
    well ln.ssh fe:one/one-5 "$D" 7 100
    same "$FILE" one/one-5
    printf changed | dd of="$FILE" bs=1 seek=5000000 conv=notrunc status=none
    well resize.ssh "$D" 16 7 100
    well mvds.ssh "$D" one/one-5 7 100
    same "$FILE" one/one-5
    run rbd info one/one-5
    assert_output --partial "size 16 MiB"
    # Snapshot 0 is what the image was; it is found by its number.
    assert_images one one-5 one-5-0
    assert_equal "$(digest one/one-5-0@0)" "$before"
    well mvds.ssh "$D" one/one-5 7 100
    same "$FILE" one/one-5
    run_ceph_ds snap_revert 5 SOURCE=one/one-5 TARGET_SNAPSHOT=0
    assert_success
    assert_equal "$(digest one/one-5)" "$before"
}

@test "mvds.ssh that fails leaves the image as it was" {
    vm CLONE=NO SAVE=YES
    local before
    before=$(digest one/one-5)
    well ln.ssh fe:one/one-5 "$D" 7 100
    rbd create --size 8 one/other
    rbd snap create --no-progress one/one-5@9
    rbd clone one/one-5@9 one/stranger 2>/dev/null || {
        rbd snap protect one/one-5@9
        rbd clone one/one-5@9 one/stranger
    }
    run_tm ceph mvds.ssh "$D" one/one-5 7 100
    assert_error "'one/stranger' is a clone of 'one/one-5'"
    rm "$FILE"
    rbd rm --no-progress one/stranger
    run_tm ceph mvds.ssh "$D" one/one-5 7 100
    assert_error "disk.0.*No such file"
    assert_equal "$(digest one/one-5)" "$before"
    # A link is no disk: what it leads to is not read.
    ln -s /etc/passwd "$FILE"
    run_tm ceph mvds.ssh "$D" one/one-5 7 100
    assert_error "disk.0.*symbolic link"
    assert_equal "$(digest one/one-5)" "$before"
}

@test "cpds.ssh: a new image of the file; never over another, and not of a snapshot" {
    vm
    well clone.ssh fe:one/one-5 "$D" 7 100
    printf changed | dd of="$FILE" bs=1 seek=5000000 conv=notrunc status=none
    well cpds.ssh "$D" one/one-9 -1 7 100
    same "$FILE" one/one-9
    run_tm ceph cpds.ssh "$D" one/one-9 -1 7 100
    assert_error "there is an image 'one/one-9' already"
    run_tm ceph cpds.ssh "$D" one/one-10 0 7 100
    assert_error "snapshots of disks outside of the pool cannot be saved"
    assert_images one one-5 one-9
}

@test "snapshots of such a disk are files; mv.ssh of a disk does nothing" {
    vm
    well clone.ssh fe:one/one-5 "$D" 7 100
    well snap_create.ssh "$D" 0 7 100
    printf changed | dd of="$FILE" bs=1 seek=5000000 conv=notrunc status=none
    well snap_revert.ssh "$D" 0 7 100
    same "$FILE" one/one-5
    well snap_delete.ssh "$D" 0 7 100
    well mv.ssh "$D" "otherhost:$SYS/7/disk.0" 7 100
    assert_images one one-5
}

@test "absent, in the trash, in use: as without the suffix" {
    vm
    rbd trash mv --expires-at "next week" one/one-5
    run_tm ceph clone.ssh fe:one/one-5 "$D" 7 100
    assert_error "image 'one/one-5' is in the trash, from which it can be restored until 20"
    vm SOURCE=one/one-6
    run_tm ceph ln.ssh fe:one/one-6 "$D" 7 100
    assert_error "there is no image 'one/one-6'"
    [ ! -e "$FILE" ]
}
