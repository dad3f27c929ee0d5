#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The datastore driver fs, action by action, on this machine.
load lib/drv

setup() {
    drv_setup
    SAFE=$BATS_TEST_TMPDIR/images
    mkdir "$SAFE"
    head -c 300000 /dev/urandom >"$SAFE/os.raw"
    truncate -s 8M "$SAFE/os.raw"
    qemu-img convert -f raw -O qcow2 "$SAFE/os.raw" "$SAFE/os.qcow2"
    gzip -k "$SAFE/os.raw"
}

teardown() { drv_teardown; }

# A dump for PATH in SAFE, and what else is said.
dump_path() { # FILE [NAME=VALUE...]
    local path=$1
    shift
    DUMP=$(ds_dump PATH="$path" SAFE_DIRS="$SAFE" RESTRICTED_DIRS=/ "$@")
}

# Register SAFE/$1; SOURCE is the image then.
register() { # FILE [NAME=VALUE...]
    local file=$1
    shift
    dump_path "$SAFE/$file" "$@"
    run_ds fs/cp 7
    assert_success
    SOURCE=${output% *}
    FORMAT=${output##* }
}

@test "cp: a raw image keeps its bytes and its holes" {
    register os.raw
    assert_equal "$FORMAT" raw
    cmp "$SAFE/os.raw" "$SOURCE"
    [ "$(stat -c %b "$SOURCE")" -le "$(($(stat -c %b "$SAFE/os.raw") + 16))" ]
    assert_only "$DS" "${SOURCE##*/}"
}

@test "cp: a qcow2 image is called qcow2" {
    register os.qcow2
    assert_equal "$FORMAT" qcow2
    cmp "$SAFE/os.qcow2" "$SOURCE"
}

@test "cp: compressed images are unpacked, or not if the datastore says so" {
    register os.raw.gz
    cmp "$SAFE/os.raw" "$SOURCE"
    register os.raw.gz NO_DECOMPRESS=YES
    cmp "$SAFE/os.raw.gz" "$SOURCE"
}

@test "cp: the digests are of the file as it came" {
    register os.raw.gz MD5="$(md5sum <"$SAFE/os.raw.gz" | cut -d ' ' -f 1)" \
        SHA1="$(sha1sum <"$SAFE/os.raw.gz" | cut -d ' ' -f 1)"
    dump_path "$SAFE/os.raw.gz" MD5="$(md5sum <"$SAFE/os.raw" | cut -d ' ' -f 1)"
    run_ds fs/cp 8
    assert_error "^cannot register image 8: MD5 of '$SAFE/os.raw.gz' is .*, expected "
    assert_only "$DS" "${SOURCE##*/}"
}

@test "cp: DRIVER converts, CONVERT=NO does not, a CD-ROM is never converted" {
    register os.raw DRIVER=qcow2
    assert_equal "$FORMAT" qcow2
    qemu-img compare -f raw -F qcow2 "$SAFE/os.raw" "$SOURCE"
    register os.qcow2 DRIVER=raw
    assert_equal "$FORMAT" raw
    cmp "$SAFE/os.raw" "$SOURCE"
    register os.raw DRIVER=qcow2 CONVERT=NO
    assert_equal "$FORMAT" raw
    register os.raw DRIVER=qcow2 IMAGE/TYPE=1
    assert_equal "$FORMAT" raw
}

@test "cp: SPARSE=NO writes every block" {
    register os.raw SPARSE=NO
    [ "$(stat -c %b "$SOURCE")" -ge $((8 * 2048)) ]
}

@test "cp: a restricted path is refused, also by way of a link" {
    mkdir "$BATS_TEST_TMPDIR/secret"
    echo secret >"$BATS_TEST_TMPDIR/secret/file"
    dump_path "$BATS_TEST_TMPDIR/secret/file"
    run_ds fs/cp 7
    assert_error "Not allowed to copy image from $BATS_TEST_TMPDIR/secret/file"
    ln -s ../secret/file "$SAFE/link"
    dump_path "$SAFE/link"
    run_ds fs/cp 7
    assert_error "Not allowed to copy image from $SAFE/link"
    run_ds fs/stat 7
    assert_error "Not allowed to copy image from $SAFE/link"
    assert_only "$DS"
}

@test "cp: an image that has another file read is refused, and no tool sees it" {
    shim qemu-img
    qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw "$SAFE/evil" 1M
    rm -f "$BATS_TEST_TMPDIR/shims/qemu-img.log"
    dump_path "$SAFE/evil" DRIVER=raw
    run_ds fs/cp 7
    assert_error "^cannot register image 7: image '$SAFE/evil' is refused: it has the backing file '/etc/passwd'"
    assert_equal "$(shim_calls qemu-img)" ""
    assert_only "$DS"
}

@test "cp: what expands beyond the limit is stopped" {
    truncate -s 64M "$SAFE/zeros"
    gzip "$SAFE/zeros"
    echo EXPAND_LIMIT_MB=16 >"$REMOTES/etc/one-native.conf"
    dump_path "$SAFE/zeros.gz"
    run_ds fs/cp 7
    assert_error "larger than the 16777216 bytes"
    assert_equal "$status" 7
    assert_only "$DS"
}

@test "cp: a tar becomes a folder, one that leaves it is refused" {
    mkdir "$SAFE/bundle"
    cp "$SAFE/os.raw" "$SAFE/bundle/disk.vmdk"
    tar -C "$SAFE" -cf "$SAFE/good.tar" bundle
    tar -C "$SAFE" --transform 's,bundle/,../../,' -Pcf "$SAFE/bad.tar" bundle/disk.vmdk
    register good.tar
    cmp "$SAFE/os.raw" "$SOURCE/bundle/disk.vmdk"
    dump_path "$SAFE/bad.tar"
    run_ds fs/cp 8
    assert_error "cannot register image 8: "
    assert_only "$DS" "${SOURCE##*/}"
}

@test "cp: a missing file, and a truncated archive, leave nothing" {
    dump_path "$SAFE/nothing"
    run_ds fs/cp 7
    assert_error "^cannot register image 7: cannot access '$SAFE/nothing': No such file"
    assert_equal "$status" 5
    head -c 1000 "$SAFE/os.raw.gz" >"$SAFE/cut.gz"
    dump_path "$SAFE/cut.gz"
    run_ds fs/cp 7
    assert_error "cannot decompress '$SAFE/cut.gz'"
    assert_only "$DS"
}

@test "stat: virtual sizes in MB, rounded up" {
    for file in os.raw os.qcow2 os.raw.gz; do
        dump_path "$SAFE/$file"
        run_ds fs/stat 1
        assert_success
        assert_output 8
    done
    echo x >"$SAFE/small"
    dump_path "$SAFE/small"
    run_ds fs/stat 1
    assert_output 1
    dump_path "$SAFE/nothing"
    run_ds fs/stat 1
    assert_error "cannot access '$SAFE/nothing'"
}

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
        assert_failure
    done
    assert_exists "$SAFE/os.raw"
}

@test "monitor: three numbers that belong together" {
    DUMP=$(ds_dump)
    run_ds fs/monitor 1
    assert_success
    assert_output --regexp '^USED_MB=[0-9]+ FREE_MB=[0-9]+ TOTAL_MB=[1-9][0-9]*$'
}

# A persistent qcow2 image with snapshots as the transfer manager leaves it.
make_chain() {
    local name=${SOURCE##*/}
    mkdir "$SOURCE.snap"
    ln -s . "$SOURCE.snap/$name.snap"
    ln -s "$SOURCE" "$SOURCE.snap/0"
    for i in 1 2; do
        qemu-img create -q -f qcow2 -F qcow2 -b "$SOURCE.snap/$((i - 1))" "$SOURCE.snap/$i"
        qemu-io -f qcow2 -c "write -P $i 1M 64k" "$SOURCE.snap/$i" >/dev/null
    done
}

@test "snap_delete: a leaf goes, what others stand on does not" {
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
    assert_error "stands on snapshot 0"
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
