#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts_common.sh: what it sets, words and paths, log and errors in each era.
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2154,SC2210 # lib is given code as text
load lib/shell

setup() {
    make_tree 7.4.0
    cd "$BATS_TEST_TMPDIR" || return
}

@test "sourcing prints nothing, sets the variables and starts no program" {
    env -i PATH="$PATH" HOME="$BATS_TEST_TMPDIR" strace -f -o "$BATS_TEST_TMPDIR/trace" \
        -e trace=execve,clone,fork,vfork /bin/bash -c '. "$1"' probe "$TREE/scripts_common.sh"
    assert_equal "$(grep -c 'execve\|clone\|fork' "$BATS_TEST_TMPDIR/trace")" 1
    lib 'printf "%s\n" "$LANG" "$PATH" "$SSH" "$SSH_FWD" "$SUDO" "$SED" "$QEMU_IMG" \
        "$SCRIPT_NAME" "$ONE_LOCAL_VAR" "$DS_DIR"'
    assert_success
    assert_stderr ""
    assert_line -n 0 C
    assert_line -n 1 --partial /bin:/sbin:/usr/bin:
    assert_line -n 2 ssh
    assert_line -n 3 "ssh -o ForwardAgent=yes -o ControlMaster=no -o ControlPath=none"
    assert_line -n 4 "sudo -n"
    assert_line -n 5 "sed -r"
    assert_line -n 6 qemu-img
    assert_line -n 7 probe
    assert_line -n 8 /var/lib/one
    assert_line -n 9 /var/lib/one/datastores
}

@test "every command variable of the contract is set, and keeps what the admin gave it" {
    export TAR="tar --acls" SSH="ssh -p 7" ONE_LOCATION=/opt/one
    lib 'for name in AWK CUT CEPH DATE DD DF DU GREP ISCSIADM LVCREATE LVREMOVE LVCHANGE \
        LVSCAN LVEXTEND LVS LN MD5SUM MKFS MKSWAP QEMU_IMG RADOS RBD READLINK RM CP SED SSH \
        SSH_FWD SUDO SYNC TAR TGTADM TGTADMIN TGTSETUPLUN TR VGDISPLAY VMKFSTOOLS WGET SCP \
        MKISOFS BASH; do
            [ -n "${!name}" ] || echo "$name is not set"
        done
        echo "$TAR" "$SSH_FWD" "$ONE_LOCAL_VAR" "$DS_DIR"'
    assert_output "tar --acls ssh -p 7 -o ForwardAgent=yes -o ControlMaster=no -o \
ControlPath=none /opt/one/var /opt/one/var/datastores"
}

@test "sourcing twice changes nothing" {
    lib 'before=$PATH; . "${0%/*}/../../scripts_common.sh"; [ "$PATH" = "$before" ]'
    assert_success
}

@test "fix_dir_slashes collapses slashes and drops the last one" {
    lib 'for path in "$@"; do fix_dir_slashes "$path"; done' \
        /var/lib/one//datastores/1/ /// / a//b "/a b//" -n
    assert_output "/var/lib/one/datastores/1
/
/
a/b
/a b
-n"
}

@test "arg_host and arg_path split at the first ':'" {
    lib 'for arg in "$@"; do arg_host "$arg"; arg_path "$arg"; arg_path "$arg" NOFIX; done' \
        host01:/a//b:c/ /no/host "host02:/x/$HOSTILE"
    assert_output "host01
/a/b:c
/a//b:c/
/no/host
/no/host
/no/host
host02
/x/$HOSTILE
/x/$HOSTILE"
}

@test "contains compares whole elements" {
    lib 'contains "$1" "$2" ,' ext2,ext3,xfs ext3
    assert_success
    lib 'contains "$1" "$2" ,' ext2,ext3,xfs ext
    assert_failure 1
    lib 'contains "$1" "$2" ,' "" ""
    assert_failure 1
    lib 'contains "$1" "$2" "$3"' "a*b" "b" "*"
    assert_success
}

@test "xml_esc escapes once, and drops what XML cannot hold" {
    lib 'xml_esc "$1"' $'<a href="x">\'&amp;\n\001</a>'
    assert_output "&lt;a href=&quot;x&quot;&gt;&apos;&amp;amp;
&lt;/a&gt;"
}

@test "log_date has the form of the core's logs, in any locale" {
    LC_ALL=C.UTF-8 lib 'log_date'
    assert_output --regexp '^[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9]{2} [0-9:]{8} [0-9]{4}$'
}

@test "the log functions write one prefixed line per line, on stderr" {
    lib 'log a; log_info b; log_error c; log_debug d; log_function WARN e; log_error "$1"' \
        $'first\n7 second\e[1m\tthird'
    assert_output ""
    assert_stderr "INFO: probe: a
INFO: probe: b
ERROR: probe: c
DEBUG: probe: d
WARN: probe: e
ERROR: probe: first
ERROR: probe: 7 second?[1m third"
}

@test "error_message: markers up to 6.0.2" {
    for release in 4.14.2 5.4.15 5.12.0.4 6.0.2; do
        make_tree "$release"
        lib 'error_message "$1"' $'cannot clone\nExitCode: 0\nERROR MESSAGE ------>8--\n-x'
        assert_success
        assert_stderr "ERROR MESSAGE --8<------
cannot clone
 ExitCode: 0
ERROR MESSAGE ------>8-- .
-x
ERROR MESSAGE ------>8--"
    done
}

@test "error_message: one plain line from 6.0.3 on" {
    for release in 6.0.3 6.4.6 6.10.5 7.0.2 7.4.0 "no number" ""; do
        make_tree "$release"
        lib 'error_message "$1"' $'ERROR: clone: cannot\nINFO: clone 7\e'
        assert_stderr "clone: cannot clone 7?"
        lib 'error_message "$1"' "-x"
        assert_stderr "error: -x"
    done
}

@test "the release is found from the driver's place too" {
    make_tree 5.12.0.4
    mkdir "$BATS_TEST_TMPDIR/sh"
    cp "$TREE/scripts_common.sh" "$BATS_TEST_TMPDIR/sh/"
    printf '. "%s/scripts_common.sh"\nerror_message x\n' "$BATS_TEST_TMPDIR/sh" \
        >"$TREE/tm/acme/probe"
    run --separate-stderr bash "$TREE/tm/acme/probe"
    assert_stderr "ERROR MESSAGE --8<------
x
ERROR MESSAGE ------>8--"
}

@test "functions of the stock library come from the file that make install kept" {
    lib 'get_disk_information a b'
    assert_failure 1
    [[ $stderr == "get_disk_information: only the stock"* ]]
    echo 'get_disk_information() { echo "stock $*"; }' >"$TREE/scripts_common.stock.sh"
    lib 'get_disk_information a "b c"'
    assert_success
    assert_output "stock a b c"
}

@test "keep-stock keeps the stock library once, and never ours" {
    mkdir r
    echo stock >r/scripts_common.sh
    "$ROOT/packaging/keep-stock" r
    assert_equal "$(cat r/scripts_common.stock.sh)" stock
    cp "$REMOTES/scripts_common.sh" r/
    "$ROOT/packaging/keep-stock" r
    assert_equal "$(cat r/scripts_common.stock.sh)" stock
    "$ROOT/packaging/keep-stock" "$BATS_TEST_TMPDIR"
    only r scripts_common.sh scripts_common.stock.sh
}
