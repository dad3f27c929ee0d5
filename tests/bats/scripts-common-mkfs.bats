#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts_common.sh: mkfs_command builds real images; messages to monitord; the core's XML.
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2154,SC2210 # lib is given code as text
load lib/shell

setup() {
    make_tree 7.4.0
    WORK=$BATS_TEST_TMPDIR/work
    mkdir "$WORK"
    cd "$WORK" || return
}

# build ARGUMENT...: make the image that mkfs_command prints the commands for.
build() {
    lib 'multiline_exec_and_log "$(mkfs_command "$@")" "Error creating image"' "$@"
}

info() {
    qemu-img info --output=json "$1" | python3 -c \
        'import json, sys; i = json.load(sys.stdin); print(i["format"], i["virtual-size"])'
}

@test "one simple command for raw and qcow2, which exec_and_log runs too" {
    lib 'mkfs_command "/a/disk.0" raw 10; mkfs_command /a/disk.0 qcow2 10 "ext4" "" ""'
    assert_success
    assert_output "qemu-img create -f raw /a/disk.0 10M
qemu-img create -f qcow2 /a/disk.0 10M"
    lib 'exec_and_log "$(mkfs_command "$1" qcow2 10)" no' "$WORK/disk.0"
    assert_success
    assert_equal "$(info disk.0)" "qcow2 10485760"
}

@test "both argument forms build raw, qcow2 and swap" {
    for release in 5.4.15 5.12.0.4 6.0.3 7.4.0; do
        make_tree "$release"
        for format in raw qcow2; do
            rm -f disk.0
            build "$WORK/disk.0" $format 10
            assert_success
            assert_equal "$(info disk.0)" "$format 10485760"
            build "$WORK/disk.0" $format 11 ext4 "" ""
            assert_equal "$(info disk.0)" "$format 11534336"
        done
        build "$WORK/disk.0" swap 12
        assert_success
        run blkid -p -o value -s TYPE -s LABEL disk.0
        assert_output $'swap\nswap'
        assert_equal "$(stat -c %s disk.0)" 12582912
        only "$WORK" disk.0
    done
}

@test "filesystems in raw and qcow2, with options" {
    build "$WORK/disk.0" raw 20 "ext2, ext4,xfs" ext4 "-L  my-label -m 0"
    assert_success
    run blkid -p -o value -s TYPE -s LABEL disk.0
    assert_line my-label
    assert_line ext4
    build "$WORK/disk.1" qcow2 320 "ext4,xfs" xfs "-q"
    assert_success
    assert_equal "$(info disk.1)" "qcow2 335544320"
    qemu-img convert -f qcow2 -O raw disk.1 plain
    assert_equal "$(blkid -p -o value -s TYPE plain)" xfs
    rm plain
    only "$WORK" disk.0 disk.1
}

@test "the filesystem may be the format up to 5.12; 4.14 has a default" {
    make_tree 4.14.2
    build "$WORK/disk.0" "" 10
    assert_success
    assert_equal "$(blkid -p -o value -s TYPE disk.0)" ext3
    make_tree 5.12.0.4
    build "$WORK/disk.1" ext4 10
    assert_equal "$(blkid -p -o value -s TYPE disk.1)" ext4
    build "$WORK/disk.2" "" 10
    assert_equal "$(info disk.2)" "raw 10485760"
}

@test "save_as makes nothing" {
    build "$WORK/disk.0" save_as 10
    assert_success
    lib 'exec_and_log "$(mkfs_command "$1" save_as 10 ext4 "" "")"' "$WORK/disk.0"
    assert_success
    only "$WORK"
}

@test "what it cannot build fails twice: the function and the text it prints" {
    while read -r format size fs why; do
        lib 'mkfs_command "$@" || echo "rc $?"' "$WORK/x" "$format" "$size" ext4,xfs "${fs#none}"
        assert_line "rc 1"
        [[ $stderr == "ERROR: probe: $why"* ]]
        build "$WORK/x" "$format" "$size" ext4,xfs "${fs#none}"
        assert_failure
        [[ $stderr == *$'\nError creating image' ]]
    done <<'CASES'
raw 10 ext Unsupported file system type: ext.
raw 10 zfs;touch Unsupported file system type: zfs;touch.
vmdk_sparse 10 none Unsupported image format: vmdk_sparse
raw 10M none not a size in MB: '10M'
raw 1$(id) none not a size in MB: '1$(id)'
CASES
    only "$WORK"
}

@test "a failing step fails the whole, with and without set -e around it, and leaves nothing" {
    for strict in "" "set -e"; do
        build "$WORK/disk.0" raw 10 ext4 ext4 "--nope"
        lib 'multiline_exec_and_log "$2
            $(mkfs_command "$1" qcow2 10 ext4 ext4 --nope)
            exit \$?" "no"' "$WORK/disk.0" "$strict"
        assert_failure
        only "$WORK"
    done
}

@test "any name is a name" {
    for format in raw qcow2; do
        build "$WORK/$HOSTILE" $format 10 ext4 ext4 ""
        assert_success
        (cd "$WORK" && [ "$(echo ./*)" = "./$HOSTILE" ])
    done
    rm -- "$WORK/$HOSTILE"
    for name in -disk a:b "json:{}"; do
        build "$name" qcow2 10
        assert_success
        assert_equal "$(info "./$name")" "qcow2 10485760"
    done
    only "$WORK" -disk a:b "json:{}"
}

@test "send_to_monitor: a message monitord can read, by udp, and by tcp when it is large" {
    export ONE_LOCATION=$BATS_TEST_TMPDIR/one
    mkdir -p "$ONE_LOCATION/etc"
    python3 "$ROOT/tests/data/third-party/monitord" "$WORK/port" >got 3>&- &
    receiver=$!
    until_true 100 test -s port
    printf '# PORT = 1\nNETWORK = [\n  ADDRESS = "0.0.0.0",\n  MONITOR_ADDRESS = "auto", # x
  PORT = %s, THREADS=8 ]\n' "$(cat port)" >"$ONE_LOCATION/etc/monitord.conf"
    lib 'send_to_monitor MONITOR_VM 0 -1 "$1"' "VM=[ID=1, MONITOR=\"$HOSTILE\"]"
    assert_success
    lib 'send_to_monitor MONITOR_VM 3 7 "$(head -c 300000 /dev/urandom | base64 -w 0)"'
    assert_success
    wait "$receiver"
    assert_equal "$(sed -n 1p got)" "udp MONITOR_VM SUCCESS -1 0 $(
        printf '%s' "VM=[ID=1, MONITOR=\"$HOSTILE\"]" | md5sum)"
    [[ $(sed -n 2p got) == "tcp MONITOR_VM FAILURE 7 0 "* ]]
}

@test "send_to_monitor encrypts when there is a key" {
    export ONE_LOCATION=$BATS_TEST_TMPDIR/one
    mkdir -p "$ONE_LOCATION/etc"
    openssl genrsa -out key 2048 2>/dev/null
    openssl rsa -in key -pubout -out pub 2>/dev/null
    python3 "$ROOT/tests/data/third-party/monitord" "$WORK/port" "$WORK/key" >got 3>&- &
    receiver=$!
    until_true 100 test -s port
    printf 'NETWORK = [ MONITOR_ADDRESS = "127.0.0.1", PORT = %s,\n PUBKEY = "%s" ]\n' \
        "$(cat port)" "$WORK/pub" >"$ONE_LOCATION/etc/monitord.conf"
    lib 'send_to_monitor MONITOR_VM SUCCESS -1 "$1"' "$(seq 1 300)"
    assert_success
    lib 'send_to_monitor END SUCCESS 1 x'
    wait "$receiver"
    assert_equal "$(sed -n 1p got)" "udp MONITOR_VM SUCCESS -1 0 $(printf '%s' "$(seq 1 300)" | md5sum)"
}

@test "hup_collectd has nothing to do from 5.12 on" {
    lib 'hup_collectd host01'
    assert_success
}

@test "the core's XML: paths, text, CDATA, entities, attributes, empty elements" {
    lib '_one_xml_leaves | while IFS=$'\''\t'\'' read -r path text; do
            printf "%s=%b.\n" "$path" "$text"; done' <<'XML'
<?xml version="1.0"?>
<!-- <X>no</X> <![CDATA[ -->
<VM xmlns="x"><ID>3</ID><NAME><![CDATA[a<b>&amp;]] \n c]]></NAME><E/><F a="1"/><N>a
	b</N>
<T><DISK><A>1&lt;2&amp;gt;</A></DISK><DISK><A></A></DISK></T></VM>
XML
    assert_output '/VM/ID=3.
/VM/NAME=a<b>&amp;]] \n c.
/VM/E=.
/VM/F=.
/VM/N=a
	b.
/VM/T/DISK/A=1<2&gt;.
/VM/T/DISK/=.
/VM/T/DISK/A=.
/VM/T/DISK/=.
/VM/T/=.
/VM/=.'
}
