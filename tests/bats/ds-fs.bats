#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153 # set and read by the library
# The datastore fs: cp and stat, on this machine.
load lib/ds

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

@test "cp: gzip is decompressed by zlib where ISA-L is missing" {
    DRV_ENV=(ONE_MAD_DEBUG=1)
    register os.raw.gz
    [[ $stderr != *"decompressed by zlib"* ]]
    echo none >"$BATS_TEST_TMPDIR/libisal.so.2"
    DRV_ENV+=(LD_LIBRARY_PATH="$BATS_TEST_TMPDIR")
    register os.raw.gz
    [[ $stderr == *"gzip is decompressed by zlib: "* ]]
    cmp "$SAFE/os.raw" "$SOURCE"
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
    assert_error "Not allowed to copy image from "
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

@test "cp: an archive is not a disk, packed or not" {
    cp "$SAFE/os.raw" "$SAFE/disk.vmdk"
    echo '<Envelope/>' >"$SAFE/vm.ovf"
    tar -C "$SAFE" -cf "$SAFE/vm.ova" vm.ovf disk.vmdk
    tar -C "$SAFE" -czf "$SAFE/vm.tar.gz" disk.vmdk
    (cd "$SAFE" && python3 -m zipfile -c vm.zip disk.vmdk)
    for type in 0 1 2; do
        for file in vm.ova vm.tar.gz vm.zip; do
            dump_path "$SAFE/$file" TYPE=$type
            run_ds fs/cp 7
            assert_error "^cannot register image 7: (an OVA|a tar|a zip) is not a disk: unpack it and register the disks? in it"
        done
    done
    assert_only "$DS"
}

@test "cp: seldom forms of compression are unpacked, or refused with what to do" {
    local raw=$SAFE/plain
    head -c 100000 /dev/urandom >"$raw"
    truncate -s 3M "$raw"
    zstd -q "$raw" -o "$SAFE/a.zst"
    (printf '\x51\x2a\x4d\x18\x05\0\0\0abcde' && cat "$SAFE/a.zst") >"$SAFE/odd.zst"
    lz4 -q "$raw" "$SAFE/a.lz4"
    (printf '\x5f\x2a\x4d\x18\x03\0\0\0abc' && cat "$SAFE/a.lz4") >"$SAFE/odd.lz4"
    lz4 -q -l "$raw" "$SAFE/old.lz4"
    for file in odd.zst odd.lz4 old.lz4; do
        dump_path "$SAFE/$file"
        run_ds fs/stat 7
        assert_output 3
        run_ds fs/cp 7
        assert_success
        cmp "${output% *}" "$raw"
        rm "${output% *}"
    done
    xz --format=lzma -c "$raw" >"$SAFE/a.lzma"
    dump_path "$SAFE/a.lzma"
    run_ds fs/cp 7
    assert_error "^cannot register image 7: lzma is not supported, unpack"
    assert_only "$DS"
}

@test "cp and stat: nothing is neither a size nor an image" {
    : >"$SAFE/empty.raw"
    gzip -k "$SAFE/empty.raw"
    mkdir "$SAFE/none"
    for file in empty.raw empty.raw.gz none; do
        dump_path "$SAFE/$file"
        run_ds fs/stat 7
        assert_error "^cannot find the size for request 7: it is empty"
    done
    for file in empty.raw empty.raw.gz; do
        dump_path "$SAFE/$file"
        run_ds fs/cp 7
        assert_error "^cannot register image 7: '$SAFE/$file' is empty"
    done
    assert_only "$DS"
}

@test "stat: the size of the disk, not of its file, in every format, packed or not" {
    for format in raw qcow2 vmdk vdi vhdx vpc; do
        options=()
        [ $format != vpc ] || options=(-o force_size)
        qemu-img create -q -f $format "${options[@]}" "$SAFE/a.$format" 2G
        gzip -k "$SAFE/a.$format"
        for file in a.$format a.$format.gz; do
            dump_path "$SAFE/$file"
            run_ds fs/stat 7
            assert_success
            assert_output 2048
        done
    done
    # The part with the size is where nobody looks in a stream.
    head -c 1M "$SAFE/a.vhdx" | gzip >"$SAFE/cut.gz"
    dump_path "$SAFE/cut.gz"
    run_ds fs/stat 7
    assert_error "the size of the disk in this vhdx image is not known"
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
