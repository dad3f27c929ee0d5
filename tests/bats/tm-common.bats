#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tm_common.sh
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2154,SC2210 # lib is given code as text
load lib/shell

setup() {
    make_tree 7.4.0
    WORK=$BATS_TEST_TMPDIR/work
    mkdir "$WORK"
    cd "$WORK" || return
}

# fake_core XML: onevm answers this for VM 25.
fake_core() {
    printf '%s' "$1" >"$BATS_TEST_TMPDIR/vm.xml"
    fake onevm '[ "$*" = "show -x 25" ] || { echo "no such VM" >&2; exit 1; }
        cat '"$BATS_TEST_TMPDIR/vm.xml"
    export PATH=$BIN:$PATH
}

VM='<VM><ID>25</ID><LCM_STATE>26</LCM_STATE><TEMPLATE>
  <CONTEXT><TYPE>no</TYPE><DISK_ID>1</DISK_ID></CONTEXT>
  <DISK><DISK_ID><![CDATA[0]]></DISK_ID><TM_MAD>qcow2</TM_MAD><TYPE>FILE</TYPE></DISK>
  <DISK><TYPE><![CDATA[R&D "x"]]></TYPE><DISK_ID><![CDATA[10]]></DISK_ID><TM_MAD>acme</TM_MAD></DISK>
  <DISK><DISK_ID>2</DISK_ID><TM_MAD>other</TM_MAD></DISK>
  <DISK><DISK_ID>3</DISK_ID><TM_MAD>qcow2</TM_MAD></DISK></TEMPLATE>
  <HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><HOSTNAME>host01</HOSTNAME></HISTORY>
  <HISTORY><SEQ>1</SEQ><HOSTNAME>host02</HOSTNAME></HISTORY></HISTORY_RECORDS></VM>'

@test "sourced alone it brings all it needs, arg_host and arg_path among it" {
    printf '%s\n' '. "${0%/*}/../tm_common.sh"' \
        'arg_host "$1"; arg_path "$1"; arg_path "$1" NOFIX; log_info x' >"$TREE/tm/acme/probe"
    run --separate-stderr bash "$TREE/tm/acme/probe" host01:/a//b/
    assert_output $'host01\n/a/b\n/a//b/'
    assert_stderr "INFO: probe: x"
}

@test "is_yes" {
    for yes in yes YES true TRUE Yes; do
        lib 'is_yes "$1"' "$yes"
        assert_success
    done
    for no in no "" y 1 yess "yes no" false; do
        lib 'is_yes "$1"' "$no"
        assert_failure 1
    done
}

@test "is_disk" {
    lib 'for path in "$@"; do is_disk "$path"; done' /ds/0/25/disk.0 "/a b/disk.12" \
        /ds/0/25/disk.1.snap /ds/0/25 /ds/disk.x/25 disk.0
    assert_output $'1\n1\n1\n0\n0\n0'
}

@test "make_relative" {
    lib 'make_relative /ds/1/abc.snap/0 /ds/1; make_relative /ds/1/a /ds/1/a.snap
        make_relative "$1" /x; make_relative /a /a' "/-x $HOSTILE"
    assert_output "abc.snap/0
../a
../-x $HOSTILE
."
}

@test "lcm_state, disk_type and is_undeployed ask the core once each" {
    fake_core "$VM"
    lib "PATH=$BIN:\$PATH"'; VMID=25 DST_PATH=/ds/0/25/disk.10
        lcm_state 25; lcm_state; disk_type
        is_undeployed 25 host02 || echo deployed; ! is_undeployed 25 host01 || echo moved'
    assert_success
    assert_output $'26\n26\nR&D "x"\ndeployed\nmoved'
    assert_equal "$(grep -c show "$BATS_TEST_TMPDIR/onevm.log")" 5
}

@test "a core that does not know the VM, and what is no VM" {
    fake_core "$VM"
    lib "PATH=$BIN:\$PATH"'; lcm_state 26'
    assert_failure 1
    assert_stderr "no such VM
ERROR: probe: cannot ask the core for VM 26"
    for id in "" "-x" '25;x'; do
        lib "PATH=$BIN:\$PATH"'; ! lcm_state "$1"; ! is_undeployed "$1" host01' "$id"
        assert_success
        assert_output ""
    done
    lib "PATH=$BIN:\$PATH"'; VMID=25 DST_PATH=/ds/0/25/disk.7; disk_type'
    assert_failure 1
}

# other MAD STATUS: a driver with a premigrate that tells what it got.
other() {
    mkdir -p "$TREE/tm/$1"
    printf '%s\n' '#!/bin/bash' \
        'printf "%s\n" "${0%/*}: $*" "$(base64 -d)" >>'"$WORK/$1.log" "exit $2" \
        >"$TREE/tm/$1/probe"
    chmod +x "$TREE/tm/$1/probe"
}

@test "migrate_other runs the other drivers of the VM, each once, with our name behind" {
    other qcow2 0
    other other 0
    TEMPLATE_64=$(base64 -w 0 <<<"$VM") lib 'migrate_other "$@"' h1 h2 "/a b" 25 0
    assert_success
    only "$WORK" qcow2.log other.log
    assert_equal "$(head -n 1 qcow2.log)" "$TREE/tm/acme/../qcow2: h1 h2 /a b 25 0 acme"
    assert_equal "$(tail -n +2 qcow2.log)" "$VM"
    assert_equal "$(wc -l <qcow2.log)" "$(wc -l <other.log)"
}

@test "migrate_other: the older form, and calls by another driver" {
    other qcow2 0
    other other 0
    export TEMPLATE_64
    TEMPLATE_64=$(base64 -w 0 <<<"$VM")
    lib 'migrate_other "$@"' h1 h2 /a 25 0 acme2
    lib 'migrate_other "$@"' h1 h2 /a 25 0 "$TEMPLATE_64" acme2
    assert_success
    only "$WORK"
    lib 'migrate_other "$@"' h1 h2 /a 25 0 "$TEMPLATE_64"
    assert_equal "$(head -n 1 other.log)" "$TREE/tm/acme/../other: h1 h2 /a 25 0 $TEMPLATE_64 acme"
}

@test "migrate_other: a failure counts, and does not keep the others from their turn" {
    other qcow2 3
    other other 0
    TEMPLATE_64=$(base64 -w 0 <<<"$VM") lib 'migrate_other "$@" || echo "rc $?"' h1 h2 /a 25 0
    assert_output "rc 3"
    only "$WORK" qcow2.log other.log
    assert_stderr "ERROR: probe: probe of driver qcow2 failed with status 3"
}

@test "migrate_other: a driver without the action is skipped, a strange name refused" {
    TEMPLATE_64=$(base64 -w 0 <<<"<VM><TEMPLATE><DISK><TM_MAD>../../x</TM_MAD></DISK>
        <DISK><TM_MAD>none</TM_MAD></DISK></TEMPLATE></VM>") \
        lib 'migrate_other "$@" || echo "rc $?"' h1 h2 /a 25 0
    assert_output "rc 1"
    assert_stderr "ERROR: probe: not the name of a driver: '../../x'
INFO: probe: driver none has no probe"
}

@test "qcow_dir_cmd makes the layout of a VM's disk" {
    mkdir -p "$WORK/$HOSTILE/25"
    src="$WORK/$HOSTILE/image" disk="$WORK/$HOSTILE/25/disk.0"
    for format in raw qcow2; do
        qemu-img create -q -f $format "$src" 10M
        QCOW2_OPTIONS="-o  cluster_size=131072" \
            lib 'multiline_exec_and_log "$(qcow_dir_cmd "$@")" no' "$src" "$disk" create
        assert_success
        assert_equal "$(readlink "$disk")" disk.0.snap/0
        assert_equal "$(readlink "$disk.snap/disk.0.snap")" .
        assert_equal "$(qemu-img info --output=json "$disk" | python3 -c 'import json, sys
i = json.load(sys.stdin)
print(i["format"], i["virtual-size"], i["cluster-size"], i["backing-filename-format"],
      i["backing-filename"] == sys.argv[1])' "$src")" "qcow2 10485760 131072 $format True"
        only "$WORK/$HOSTILE/25" disk.0 disk.0.snap disk.0.snap/0 disk.0.snap/disk.0.snap
    done
    lib 'multiline_exec_and_log "$(qcow_dir_cmd "$@")" no' "$src" "$disk" convert
    assert_success
    run -1 grep backing <<<"$(qemu-img info "$disk")"
    only "$WORK/$HOSTILE/25" disk.0 disk.0.snap disk.0.snap/0 disk.0.snap/disk.0.snap
}

@test "qcow_dir_cmd: no image, no change; an unknown mode fails twice" {
    mkdir old.snap
    ln -s old.snap/0 old
    lib 'multiline_exec_and_log "$(qcow_dir_cmd "$@")" no' "$WORK/none" "$WORK/old" create
    assert_failure
    only "$WORK" old old.snap
    lib 'text=$(qcow_dir_cmd a b move) || echo "rc $?"; multiline_exec_and_log "$text" no'
    assert_failure 1
    assert_output "rc 1"
}

@test "rebase_backing_files renames backing files, here or as text on another host" {
    mkdir disk.0.snap && cd disk.0.snap
    ln -s . disk.0.snap
    qemu-img create -q -f qcow2 0 10M
    qemu-img create -q -f qcow2 -F qcow2 -b disk.0.snap/0 1
    qemu-img create -q -f qcow2 -F qcow2 -b "$PWD/1" 2
    echo note >notes
    before=$(md5sum <0)
    lib 'cd "$1"; multiline_exec_and_log "$(declare -f rebase_backing_files)
        cd \"\$PWD\"; rebase_backing_files \"new name\""' "$PWD"
    assert_success
    assert_equal "$(qemu-img info 1 | sed -n 's/^backing file: //p')" "new name.snap/0"
    assert_equal "$(qemu-img info 2 | sed -n 's/^backing file: //p')" "new name.snap/1"
    assert_equal "$(md5sum <0)" "$before"
    assert_equal "$(cat notes)" note
}
