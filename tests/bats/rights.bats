#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153 # set and read by the library
# No file is readable by more than its source, or than the umask of the front-end allows.
load lib/tm

# Everything below these directories: nobody but owner and group may read, and no group may write.
assert_kept() { # DIRECTORY...
    local wrong
    wrong=$(find "$@" -type f -perm /027 -printf '%m %p\n')
    [ -z "$wrong" ] || fail "readable by others: $wrong"
}

@test "disks, snapshots and images of a disk: rights of the image" {
    chmod 640 "$DS/raw" "$DS/qcow2"
    umask 022
    clone qcow2 0
    assert_success
    clone raw 1
    assert_success
    assert_kept "$VM"
    snap create 0 0
    assert_success
    assert_kept "$VM"
    run_tm qcow2 cpds "$HERE:$VM/disk.0" "fe:$DS/saved" -1 25 1
    assert_success
    assert_kept "$DS/saved"
    vm_put 25 -- disk DISK_ID=0 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=YES \
        QCOW2_STANDALONE=YES SIZE=8 ORIGINAL_SIZE=8
    clone qcow2 0
    assert_success
    assert_kept "$VM"
}

@test "snapshots that the datastore reverts, flattens and copies: rights of the image" {
    local verb source=$DS/chain
    umask 022
    for verb in snap_revert snap_flatten clone; do
        rm -rf "$source"*
        cp "$DS/qcow2" "$source"
        chmod 640 "$source"
        mkdir "$source.snap"
        ln -s . "$source.snap/chain.snap"
        ln -s "$source" "$source.snap/0"
        (umask 027 && qemu-img create -q -f qcow2 -F qcow2 -b "$source.snap/0" "$source.snap/1")
        DUMP=$(ds_dump SOURCE="$source" PATH="$source" FORMAT=qcow2 TM_MAD=qcow2 TARGET_SNAPSHOT=0 SIZE=8)
        run_ds fs/$verb 7
        assert_success
        assert_kept "$DS"/[!rq]*
    done
}

@test "images: copies and conversions of one that others may not read" {
    chmod 640 "$DS/qcow2"
    umask 022
    DUMP=$(ds_dump PATH="$DS/qcow2" FORMAT=qcow2)
    run_ds fs/clone 8
    assert_success
    assert_kept "$output"
    DUMP=$(ds_dump PATH="$DS/qcow2" FORMAT=qcow2 DRIVER=raw)
    run_ds fs/clone 9
    assert_success
    assert_kept "${output% *}"
    mkdir "$BATS_TEST_TMPDIR/in"
    cp -p "$DS/qcow2" "$BATS_TEST_TMPDIR/in/image"
    for driver in qcow2 raw; do
        DUMP=$(ds_dump PATH="$BATS_TEST_TMPDIR/in/image" SAFE_DIRS="$BATS_TEST_TMPDIR/in" DRIVER=$driver)
        run_ds fs/cp 10
        assert_success
        assert_kept "${output% *}"
    done
}

@test "what has no source: the umask" {
    umask 027
    facts LCM_STATE=3
    run_tm qcow2 mkimage 8 raw "$HERE:$VM/disk.3" 25 0
    run_tm qcow2 mkswap 8 "$HERE:$VM/disk.4" 25 0
    DUMP=$(ds_dump FORMAT=qcow2 SIZE=16)
    run_ds fs/mkfs 3
    assert_success
    assert_kept "$VM" "$output"
}
