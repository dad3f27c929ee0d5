#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153 # set and read by the library
# The datastore fs: images that are there.
load lib/ds

@test "mkfs: raw, qcow2, swap, file systems, and save_as" {
    DUMP=$(ds_dump FORMAT=raw SIZE=16)
    run_ds fs/mkfs 3
    assert_success
    assert_equal "$(stat -c %s "$output")" 16777216
    DUMP=$(ds_dump FORMAT=qcow2 SIZE=16)
    run_ds fs/mkfs 3
    assert_virtual_size "$output" qcow2 16777216
    DUMP=$(ds_dump FORMAT=swap SIZE=16)
    run_ds fs/mkfs 3
    assert_equal "$(blkid -o value -s LABEL "$output")" swap
    DUMP=$(ds_dump FORMAT=raw FS=ext4 SIZE=16)
    run_ds fs/mkfs 3
    assert_equal "$(blkid -o value -s TYPE "$output")" ext4
    DUMP=$(ds_dump FORMAT=qcow2 FS=ext4 SIZE=16)
    run_ds fs/mkfs 3
    qemu-img convert -f qcow2 -O raw "$output" "$BATS_TEST_TMPDIR/raw"
    assert_equal "$(blkid -o value -s TYPE "$BATS_TEST_TMPDIR/raw")" ext4
    DUMP=$(ds_dump FORMAT=save_as SIZE=16)
    run_ds fs/mkfs 3
    assert_success
    assert_not_exists "$output"
    DUMP=$(ds_dump FORMAT=raw FS=reiser SIZE=16)
    run_ds fs/mkfs 3
    assert_error "unsupported file system type 'reiser'"
    assert_equal "$(find "$DS" -type f | wc -l)" 5
}

@test "mkfs: what qemu-img says reaches the user, and nothing is left" {
    shim qemu-img rc=1 err="qemu-img: No space left on device"
    DUMP=$(ds_dump FORMAT=qcow2 SIZE=16)
    run_ds fs/mkfs 3
    assert_error "^cannot make image 3: qemu-img: No space left on device$"
    assert_equal "$status" 7
    assert_only "$DS"
}

@test "clone: a copy of its own, converted if DRIVER says so" {
    register os.qcow2
    DUMP=$(ds_dump PATH="$SOURCE" FORMAT=qcow2)
    run_ds fs/clone 8
    assert_success
    cmp "$SOURCE" "$output"
    DUMP=$(ds_dump PATH="$SOURCE" FORMAT=qcow2 DRIVER=raw)
    run_ds fs/clone 9
    assert_success
    assert_equal "${output##* }" raw
    cmp "$SAFE/os.raw" "${output% *}"
}

@test "rm: image, snapshots and checksum go; again is fine; elsewhere is not" {
    register os.raw
    mkdir "$SOURCE.snap"
    cp "$SOURCE" "$SOURCE.snap/0"
    echo x >"$SOURCE.md5sum"
    DUMP=$(ds_dump SOURCE="$SOURCE")
    run_ds fs/rm 7
    assert_success
    assert_only "$DS"
    run_ds fs/rm 7
    assert_success
    DUMP=$(ds_dump SOURCE=)
    run_ds fs/rm 7
    assert_success
    for source in "$SAFE/os.raw" "$DS/../1x/a" "$DS/.drv-x" "$DS/"; do
        DUMP=$(ds_dump SOURCE="$source")
        run_ds fs/rm 7
        assert_error "(Bad formed or unavailable Image source|'..' is not allowed)"
    done
    assert_exists "$SAFE/os.raw"
}

@test "monitor: three numbers that belong together" {
    DUMP=$(ds_dump)
    run_ds fs/monitor 1
    assert_success
    assert_output --regexp '^USED_MB=[0-9]+ FREE_MB=[0-9]+ TOTAL_MB=[1-9][0-9]*$'
}

@test "snap_delete: a leaf is removed, a backing file of others is not" {
    register os.qcow2
    make_chain
    DUMP=$(ds_dump SOURCE="$SOURCE" FORMAT=qcow2 TARGET_SNAPSHOT=2)
    run_ds fs/snap_delete 7
    assert_success
    assert_not_exists "$SOURCE.snap/2"
    run_ds fs/snap_delete 7
    assert_success
    DUMP=$(ds_dump SOURCE="$SOURCE" FORMAT=qcow2 TARGET_SNAPSHOT=0)
    run_ds fs/snap_delete 7
    assert_error "snapshot 0 is the backing file of "
    assert_exists "$SOURCE.snap/0"
}

@test "snap_revert: the newest file is empty, on the snapshot" {
    register os.qcow2
    make_chain
    DUMP=$(ds_dump SOURCE="$SOURCE" FORMAT=qcow2 TM_MAD=qcow2 TARGET_SNAPSHOT=0)
    run_ds fs/snap_revert 7
    assert_success
    assert_chain "$SOURCE.snap/2" qcow2 "0 qcow2"
    qemu-img compare -f raw -F qcow2 "$SAFE/os.raw" "$SOURCE.snap/2"
}

@test "snap_flatten: the snapshot becomes the image, alone" {
    register os.qcow2
    make_chain
    qemu-img convert -f qcow2 -O raw "$SOURCE.snap/1" "$BATS_TEST_TMPDIR/want"
    DUMP=$(ds_dump SOURCE="$SOURCE" FORMAT=qcow2 TM_MAD=qcow2 TARGET_SNAPSHOT=1)
    run_ds fs/snap_flatten 7
    assert_success
    assert_only "$DS" "${SOURCE##*/}"
    assert_chain "$SOURCE" qcow2
    qemu-img compare -f raw -F qcow2 "$BATS_TEST_TMPDIR/want" "$SOURCE"
    run_ds fs/snap_flatten 7
    assert_success
}

@test "a snapshot that was deleted is not mistaken for the one that has its file now" {
    local action
    register os.qcow2
    make_chain
    rm "$SOURCE.snap/0"
    echo "$SOURCE.snap/1" >"$SOURCE.snap/0.current"
    tree_before=$(ls -l "$SOURCE.snap")
    for action in snap_revert snap_flatten; do
        DUMP=$(ds_dump SOURCE="$SOURCE" FORMAT=qcow2 TM_MAD=qcow2 TARGET_SNAPSHOT=1)
        run_ds fs/$action 7
        assert_error "'$SOURCE' has no snapshot 1$"
        assert_equal "$(ls -l "$SOURCE.snap")" "$tree_before"
    done
}

@test "snapshots of a raw image are copies" {
    register os.raw
    mkdir "$SOURCE.snap"
    head -c 8M /dev/urandom >"$SOURCE.snap/0"
    cp "$SOURCE.snap/0" "$BATS_TEST_TMPDIR/want"
    DUMP=$(ds_dump SOURCE="$SOURCE" FORMAT=raw TM_MAD=shared TARGET_SNAPSHOT=0)
    run_ds fs/snap_revert 7
    assert_success
    cmp "$BATS_TEST_TMPDIR/want" "$SOURCE"
    assert_exists "$SOURCE.snap/0"
    run_ds fs/snap_delete 7
    assert_success
    assert_not_exists "$SOURCE.snap/0"
}

@test "export: what a marketplace wants to know" {
    register os.qcow2
    DUMP=$(ds_dump SOURCE="$SOURCE" SIZE=8 FORMAT=qcow2)
    run_ds fs/export 7
    assert_success
    md5=$(md5sum <"$SOURCE")
    assert_output "<IMPORT_INFO><IMPORT_SOURCE>$SOURCE</IMPORT_SOURCE><MD5>${md5%% *}</MD5>\
<SIZE>8</SIZE><FORMAT>qcow2</FORMAT><DISPOSE>NO</DISPOSE></IMPORT_INFO>"
}

# The image as guests left it: what was written since its first snapshot is in the last file.
make_written_chain() {
    register os.qcow2
    make_chain
    qemu-img convert -f qcow2 -O raw "$SOURCE.snap/2" "$BATS_TEST_TMPDIR/newest"
}

# All snapshots are deleted, as ALLOW_ORPHANS lets front-ends do: one file is left.
orphan_chain() {
    qemu-img rebase -f qcow2 -b "" "$SOURCE.snap/2"
    rm "$SOURCE.snap/0" "$SOURCE.snap/1"
}

assert_newest() { # FILE
    qemu-img compare -f raw -F qcow2 "$BATS_TEST_TMPDIR/newest" "$1"
}

@test "clone of an image with snapshots is its newest content, in one file" {
    make_written_chain
    DUMP=$(ds_dump PATH="$SOURCE" FORMAT=qcow2)
    run_ds fs/clone 8
    assert_success
    assert_newest "$output"
    assert_chain "$output" qcow2
    orphan_chain
    run_ds fs/clone 9
    assert_success
    assert_newest "$output"
    DUMP=$(ds_dump PATH="$SOURCE" FORMAT=qcow2 DRIVER=raw)
    run_ds fs/clone 10
    assert_success
    cmp "$BATS_TEST_TMPDIR/newest" "${output% *}"
}

@test "export of an image with snapshots: the one file with all, or a refusal" {
    make_written_chain
    DUMP=$(ds_dump SOURCE="$SOURCE" SIZE=8)
    run_ds fs/export 8
    assert_error "^cannot export image for app 8: it has snapshots, flatten it first"
    orphan_chain
    run_ds fs/export 8
    assert_success
    assert_output --partial "<IMPORT_SOURCE>$SOURCE.snap/2</IMPORT_SOURCE>"
    assert_output --partial "<MD5>$(md5sum <"$SOURCE.snap/2" | cut -d' ' -f1)</MD5>"
}

@test "rm: what cannot be removed is an error, again and again, until it can" {
    local deep
    register os.raw
    deep=$(printf 'd/%.0s' {1..80})
    mkdir -p "$SOURCE.snap/$deep"
    DUMP=$(ds_dump SOURCE="$SOURCE")
    for _ in 1 2; do
        run_ds fs/rm 7
        assert_error "cannot remove image 7: "
    done
    [ -n "$(find "$DS" -mindepth 1 -name 'd*')" ] || fail "the test has nothing that stays"
    find "$DS" -depth -path '*/d/*' -delete
    run_ds fs/rm 7
    assert_success
    assert_only "$DS"
}
