#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each public function of the shell library, when its text alone is run by a bare bash on a host.
# shellcheck disable=SC2016,SC2154 # calls are text; run sets variables
load lib/shell

setup_file() {
    start_sshd
}

teardown_file() {
    stop_sshd
}

setup() {
    make_tree 7.4.0
    WORK=$BATS_TEST_TMPDIR/work
    mkdir "$WORK"
    printf 'abcdefgh' >"$WORK/raw"
    qemu-img create -q -f qcow2 "$WORK/disk" 4M
    for tool in gzip xz bzip2; do $tool -k "$WORK/raw"; done
    fake onevm 'echo "<VM><LCM_STATE>3</LCM_STATE><TEMPLATE><DISK><DISK_ID>0</DISK_ID><TYPE>FILE</TYPE></DISK></TEMPLATE><HISTORY_RECORDS><HISTORY><HOSTNAME>h1</HOSTNAME></HISTORY></HISTORY_RECORDS></VM>"'
    fake onehost 'echo "<HOST_POOL><HOST><NAME>h1</NAME><STATE>2</STATE></HOST><HOST><NAME>h2</NAME><STATE>4</STATE></HOST></HOST_POOL>"'
    mkdir -p "$BATS_TEST_TMPDIR/driver" "$BATS_TEST_TMPDIR/other"
    printf '%s\n' '#!/bin/sh' 'echo other "$@"' >"$BATS_TEST_TMPDIR/other/bash"
    chmod 755 "$BATS_TEST_TMPDIR/other/bash"
}

# A function, then a call of it; $W is a directory with files, $T a tree of which nothing is used but
# its address, $S an ssh.  What it prints, on both, and its status are compared.
calls() {
    cat <<'END'
fix_dir_slashes fix_dir_slashes //a//b/
arg_host arg_host h1:/a//b
arg_path arg_path h1:/a//b
contains contains a,b,c b
xml_esc xml_esc "<a & b>"
log_date [[ $(log_date) == *:*:* ]]
log_function log_function WARN text
log log text
log_info log_info text
log_error log_error text
log_debug log_debug text
error_message error_message "no - way"
exec_and_log exec_and_log "ls /nope" "message"
multiline_exec_and_log multiline_exec_and_log "echo a; exit 3" "message"
exec_and_set_error exec_and_set_error "ls /nope" "message"; echo "$ERROR"
multiline_exec_and_set_error multiline_exec_and_set_error "exit 3" "message"; echo "$ERROR"
monitor_and_log monitor_and_log "echo a; echo b" "name"
timeout_exec_and_log timeout_exec_and_log 5 "ls /nope" "message"
retry retry 2 true
retry_if retry_if "x" 2 0 ls /nope
retry_if_no_error retry_if_no_error "x" 2 0 ls /nope
exclusive exclusive lock 1 echo held
force_shutdown (exit 1); force_shutdown 1 true
ssh_forward show() { echo "$SSH"; }; ssh_forward show
ssh_exec_and_log ssh_exec_and_log host01 "ls /nope" "message"
ssh_exec_and_log_no_error ssh_exec_and_log_no_error host01 "exit 4" "message" 4
ssh_exec_and_log_stdin ssh_exec_and_log_stdin host01 "f" "$W/functions" "message"
ssh_monitor_and_log ssh_monitor_and_log host01 "echo a" "name"
ssh_make_path ssh_make_path host01 "$W/new/directory"; ls -d "$W/new/directory"
enable_local_monitoring enable_local_monitoring host01 "$W/directory" x; cat "$W/.monitor"
disable_local_monitoring disable_local_monitoring host01 "$W/directory"; ls -A "$W" | grep monitor
mkfs_command mkfs_command "$W/new.img" raw 8 ext4 ext4
send_to_monitor send_to_monitor HOST 0 1 text
hup_collectd hup_collectd host01
is_yes is_yes YES
is_disk is_disk /a/disk.0
make_relative make_relative /a/b/c /a
lcm_state lcm_state 25
is_undeployed is_undeployed 25 h1
disk_type DST_PATH=/a/disk.0 VMID=25; disk_type
migrate_other DRIVER_PATH=$D TEMPLATE_64="<VM><TEMPLATE><DISK><TM_MAD>other</TM_MAD></DISK></TEMPLATE></VM>"; migrate_other a b
rebase_backing_files cd "$W"; rebase_backing_files x
qcow_dir_cmd qcow_dir_cmd "$W/disk" "$W/disk.0" create
set_up_datastore set_up_datastore /a /b /c; echo "$BASE_PATH"
generate_image_hash [[ $(generate_image_hash) =~ ^[0-9a-f]{32}$ ]]
generate_image_path BASE_PATH=/a; [[ $(generate_image_path) =~ ^/a/[0-9a-f]{32}$ ]]
set_downloader_args set_downloader_args a b YES 2m from to
check_restricted RESTRICTED_DIRS=/etc; check_restricted /etc/passwd
image_format image_format "$W/disk"
image_vsize image_vsize "$W/disk"
file_size file_size "$W/raw"
file_type file_type "$W/raw"
gzip_file_size gzip_file_size "$W/raw.gz"
xz_file_size xz_file_size "$W/raw.xz"
bzip_file_size bzip_file_size "$W/raw.bz2"
fs_size fs_size "$W/raw.gz"
remove_off_hosts remove_off_hosts "h1 h2"
get_destination_host BRIDGE_LIST="h1 h2"; get_destination_host 1
END
    # Of these we have no more than the way to the stock library.
    stock_functions | sed 's/.*/& & a b/'
}

stock_functions() { sed -n 's/^    _one_from_stock \([a-z_]*\) "\$@"$/\1/p' "$ROOT/scripts_common.sh"; }

public_functions() {
    env -i bash -c '. "$0/scripts_common.sh"; . "$0/tm/tm_common.sh"; . "$0/datastore/libfs.sh"
        compgen -A function' "$TREE" | grep -v '^_'
}

# The text of FUNCTION, as drivers take it: declare -f, or type without its first line.
text_of() { # HOW FUNCTION
    env -i PATH="$PATH" bash -c '. "$0/scripts_common.sh"; . "$0/tm/tm_common.sh"; . "$0/datastore/libfs.sh"
        if [ "$1" = type ]; then type "$2" | grep -v "is a function"; else declare -f "$2"; fi' "$TREE" "$@"
}

# What both sides have; bash reads the code from stdin, as over ssh.
settings() {
    printf '%s\n' "W=$WORK D=$BATS_TEST_TMPDIR/driver SSH='$SSH' ONE_LOCK_DIR=$BATS_TEST_TMPDIR/lock" \
        "PATH=$BIN:\$PATH ONE_LOCATION=$BATS_TEST_TMPDIR/location SCRIPTS_REMOTE_DIR=$TREE"
}

host() { $SSH host01 env -i PATH="$PATH" HOME="$BATS_TEST_TMPDIR" bash -s; }

answer() {
    { "$@"; } 2>"$BATS_TEST_TMPDIR/stderr"
    echo "status $?"
    sed 's/^/stderr: /' "$BATS_TEST_TMPDIR/stderr"
}

in_library() { # CALL
    { settings; echo ". $TREE/scripts_common.sh; . $TREE/tm/tm_common.sh; . $TREE/datastore/libfs.sh"; echo "$1"; } | host
}

alone() { # HOW FUNCTION CALL
    { settings; text_of "$1" "$2"; echo "$3"; } | host
}

@test "the list of calls has each public function" {
    diff <(public_functions | sort -u) <(calls | cut -d ' ' -f 1 | sort -u)
}

@test "each public function does the same where only its text is" {
    local name call how wanted got bad=0
    echo 'f() { echo f >&2; exit 5; }' >"$WORK/functions"
    mkdir "$WORK/directory"
    while read -r name call; do
        wanted=$(answer in_library "$call")
        for how in declare type; do
            [ "$how" = declare ] || [ "$name" = retry_if_no_error ] || [ "$name" = fs_size ] || continue
            got=$(answer alone "$how" "$name" "$call")
            [ "$got" = "$wanted" ] || {
                bad=1
                printf '%s (%s): wanted\n%s\ngot\n%s\n' "$name" "$how" "$wanted" "$got"
            }
            [[ $got != *"not found"* && $got != *"unbound"* ]] || bad=1
        done
    done < <(calls)
    [ $bad = 0 ]
}
