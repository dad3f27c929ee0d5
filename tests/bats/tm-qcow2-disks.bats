#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153 # set and read by the library
# The transfer manager qcow2: all that is neither clone nor snapshot.
load lib/tm

@test "cpds: nothing stands at the image's place when it fails" {
    clone qcow2 0
    shim qemu-img rc=1 err="qemu-img: error while writing: Input/output error"
    run_tm qcow2 cpds "$HERE:$VM/disk.0" "$DS/saved" -1 25 1
    assert_error "^cannot save disk.0 of VM 25 as image '$DS/saved': qemu-img: Input/output error"
    assert_only "$DS" raw qcow2
}

@test "mkimage and mkswap: volatile disks" {
    run_tm qcow2 mkimage 16 raw "$HERE:$VM/disk.4" 25 0
    assert_success
    assert_equal "$(stat -c %s "$VM/disk.4")" 16777216
    FS=ext4 facts
    run_tm qcow2 mkimage 16 raw "$HERE:$VM/disk.4" 25 0
    assert_equal "$(blkid -o value -s TYPE "$VM/disk.4")" ext4
    run_tm qcow2 mkimage 16 qcow2 "$HERE:$VM/disk.4" 25 0
    assert_virtual_size "$VM/disk.4" qcow2 16777216
    run_tm qcow2 mkswap 16 "$HERE:$VM/disk.4" 25 0
    assert_equal "$(blkid -o value -s LABEL "$VM/disk.4")" swap
    FS="ext4 -d /etc" facts
    run_tm qcow2 mkimage 16 raw "$HERE:$VM/disk.4" 25 0
    assert_error "unsupported file system type 'ext4 -d /etc'"
    assert_only "$VM" disk.4
}

@test "resize: up, never down, not of a running VM" {
    clone qcow2 0
    clone raw 1
    for disk in 0 1; do
        run_tm qcow2 resize "$HERE:$VM/disk.$disk" 16 25 1
        assert_success
        run_tm qcow2 resize "$HERE:$VM/disk.$disk" 12 25 1
        assert_success
    done
    assert_virtual_size "$VM/disk.0" qcow2 16777216
    assert_equal "$(stat -c %s "$VM/disk.1")" 16777216
    facts LCM_STATE=62
    run_tm qcow2 resize "$HERE:$VM/disk.1" 32 25 1
    assert_success
    assert_equal "$(stat -c %s "$VM/disk.1")" 16777216
}

@test "context: a CD with the files under their names" {
    echo 'A="b c"' >"$BATS_TEST_TMPDIR/context.sh"
    echo token >"$BATS_TEST_TMPDIR/token.txt"
    run_tm qcow2 context "$BATS_TEST_TMPDIR/context.sh" \
        "$DS/qcow2:'my image, it'\\''s \$(odd)'" "$BATS_TEST_TMPDIR/token.txt" \
        "$HERE:$VM/disk.6" 25 0
    assert_success
    isoinfo -d -i "$VM/disk.6" | grep -q '^Volume id: CONTEXT$'
    isoinfo -R -x /context.sh -i "$VM/disk.6" | cmp - "$BATS_TEST_TMPDIR/context.sh"
    isoinfo -J -x /token.txt -i "$VM/disk.6" | cmp - "$BATS_TEST_TMPDIR/token.txt"
    isoinfo -R -l -i "$VM/disk.6" | grep -q "my image, it.*s \$(odd)"
    assert_only "$VM" disk.6
    run_tm qcow2 context "$BATS_TEST_TMPDIR/nothing" "$HERE:$VM/disk.7" 25 0
    assert_error "^cannot make context of VM 25: cannot open '$BATS_TEST_TMPDIR/nothing'"
    assert_only "$VM" disk.6
}

@test "context: files are fetched, and nothing of them is left here" {
    local port=$BATS_TEST_TMPDIR/port
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR" "$BATS_TEST_TMPDIR/web"
    echo fetched >"$BATS_TEST_TMPDIR/web/file"
    python3 "$DRV_ROOT/tests/data/third-party/httpd" "$BATS_TEST_TMPDIR/web" "$port" \
        >/dev/null 2>&1 3>&- &
    local server=$!
    wait_until 10 test -s "$port"
    run_tm qcow2 context "http://127.0.0.1:$(cat "$port")/file" "$HERE:$VM/disk.6" 25 0
    local first=$status
    head -c 1100K /dev/zero >"$BATS_TEST_TMPDIR/web/large"
    echo CONTEXT_LIMIT_MB=1 >>"$REMOTES/etc/one-native.conf"
    run_tm qcow2 context "http://127.0.0.1:$(cat "$port")/large" "$HERE:$VM/disk.7" 25 0
    assert_error "is larger than the 1048576 bytes of CONTEXT_LIMIT_MB"
    run_tm qcow2 context "http://127.0.0.1:$(cat "$port")/none" "$HERE:$VM/disk.7" 25 0
    kill $server
    assert_equal "$first" 0
    assert_error "^cannot make context of VM 25: cannot fetch 'http"
    isoinfo -R -x '/file' -i "$VM/disk.6" | grep -qx fetched
    assert_only "$VM" disk.6
    assert_only "$TMPDIR"
}

@test "mv: disks stay, the directory moves, also to another file system" {
    clone qcow2 0
    run_tm qcow2 mv "$HERE:$VM/disk.0" "fe:$VM/disk.0" 25 1
    assert_success
    run_tm qcow2 mv "$HERE:$VM" "fe:$VM" 25 0
    assert_success
    mkdir "$DATASTORES/2"
    run_tm qcow2 mv "$HERE:$VM" "$HERE:$DATASTORES/2/25" 25 0
    assert_success
    run_tm qcow2 mv "$HERE:$VM" "$HERE:$DATASTORES/2/25" 25 0
    assert_success
    assert_not_exists "$VM"
    assert_chain "$DATASTORES/2/25/disk.0" qcow2 "qcow2 qcow2"
    if [ "$(stat -c %d /dev/shm)" != "$(stat -c %d "$DATASTORES")" ]; then
        other=$(mktemp -d /dev/shm/one-native-mv.XXXXXX)
        ln -s "$other" "$DATASTORES/3"
        run_tm qcow2 mv "$HERE:$DATASTORES/2/25" "$HERE:$DATASTORES/3/25" 25 0
        assert_chain "$other/25/disk.0" qcow2 "qcow2 qcow2"
        assert_only "$other" 25
        rm -r "$other"
        assert_only "$DATASTORES/2"
    fi
}

@test "mvds frees the number of a disk that is its image, and nothing else" {
    local link
    for link in "$DS/qcow2" "$DS/qcow2.snap/1"; do
        mkdir -p "$VM"
        ln -sfn "$link" "$VM/disk.0"
        run_tm qcow2 mvds "$HERE:$VM/disk.0" "$DS/qcow2" 25 1
        assert_success
        assert_not_exists "$VM/disk.0"
        run_tm qcow2 mvds "$HERE:$VM/disk.0" "$DS/qcow2" 25 1
        assert_success
    done
    assert_exists "$DS/qcow2"
    for link in "$DS/raw" "$DS/qcow2x" disk.0.snap/0; do
        ln -sfn "$link" "$VM/disk.0"
        run_tm qcow2 mvds "$HERE:$VM/disk.0" "$DS/qcow2" 25 1
        assert_success
        assert_equal "$(readlink "$VM/disk.0")" "$link"
    done
}

@test "mvds does not fail for a host that is gone" {
    run_tm qcow2 mvds "nowhere.invalid:$VM/disk.0" "$DS/qcow2" 25 1
    assert_success
    assert_regex "$stderr" "'$VM/disk.0' stays: "
}

@test "what has nothing to do says yes without asking anybody" {
    STDIN=$(vm_xml 25 | base64 -w 0)
    for action in premigrate failmigrate postmigrate; do
        run_tm qcow2 "$action" nowhere1 nowhere2 "$VM" 25 0
        assert_success
    done
    assert_equal "$(core_requests)" ""
}

@test "postmigrate: the old directory goes when the VM has another datastore" {
    clone qcow2 0
    mkdir -p "$DATASTORES/2/25"
    STDIN=$(vm_xml 25 -- history DS_ID=0 -- history DS_ID=2 | base64 -w 0)
    run_tm qcow2 postmigrate "$HERE" "$HERE" "$DATASTORES/9/25" 25 2
    assert_error "so the directory in '$SYS' is kept"
    assert_exists "$VM/disk.0"
    run_tm qcow2 postmigrate "$HERE" "$HERE" "$DATASTORES/2/25" 25 2
    assert_success
    assert_regex "$stderr" "stays in the old datastore, too: .*'25/disk.0.* has not arrived"
    assert_exists "$VM/disk.0"
    cp -a "$VM/." "$DATASTORES/2/25"
    run_tm qcow2 postmigrate "$HERE" "$HERE" "$DATASTORES/2/25" 25 2
    assert_success
    assert_not_exists "$VM"
}
