# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# drv.bash - what end to end tests have in common.
#
#     load lib/drv
#     setup() { drv_setup; }              # here: no hosts, no root
#     teardown() { drv_teardown; }
# or
#     setup_file() { lab_setup_suite; }   # in a lab with fe, host01 and host02
#     teardown_file() { lab_teardown_suite; }
#
# Here, the front-end is a directory: $ONE_LOCATION, with the built tree linked in as
# $REMOTES and datastores $DS (1) and $SYS (0) below $DATASTORES; the host of a VM is
# $HERE.  In a lab, commands run on fe, and the same variables say where things are there.
# Oned's answers come from files: see core_put.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

DRV_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)
DRV_OUT=$(cd "$DRV_ROOT" && readlink -m "${OUT:-out}")
LAB_TOOLS=$DRV_ROOT/tests/lab
: "${DRV_RELEASE:=7.4.0}"

# --- skipping ---------------------------------------------------------------------------

# With DRV_TEST_STRICT=1, or in CI, what cannot run has failed.
skip() {
    if [ "${DRV_TEST_STRICT-}" = 1 ] || [ -n "${CI-}" ]; then
        echo "strict: would skip: $*" >&2
        return 1
    fi
    # shellcheck disable=SC2034 # as bats' own skip
    BATS_TEST_SKIPPED=${1-1}
    # shellcheck disable=SC2034
    BATS_TEST_COMPLETED=1
    exit 0
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# Tests need them; PATH is that of drivers, who must find their tools themselves.
blkid() { /usr/sbin/blkid "$@"; }
e2fsck() { /usr/sbin/e2fsck "$@"; }

need() { # PROGRAM...
    local program
    for program; do
        command -v "$program" >/dev/null || skip "needs $program"
    done
}

# --- a front-end here -------------------------------------------------------------------

drv_setup() {
    export ONE_LOCATION=$BATS_TEST_TMPDIR/one
    export HOME=$BATS_TEST_TMPDIR/home
    REMOTES=$ONE_LOCATION/var/remotes
    DATASTORES=$ONE_LOCATION/var/datastores
    DS=$DATASTORES/1
    SYS=$DATASTORES/0
    HERE=$(hostname)
    CORE=$BATS_TEST_TMPDIR/core
    mkdir -p "$REMOTES" "$DS" "$SYS" "$HOME" "$ONE_LOCATION/etc" \
        "$CORE"/{vm,datastore,host,image}
    # Links to this tree's files; etc is a copy, for tests to change.
    cp -as "$DRV_OUT/remotes/." "$REMOTES/"
    if [ -d "$DRV_OUT/remotes/etc" ]; then
        cp -a --remove-destination "$DRV_OUT/remotes/etc" "$REMOTES/"
    fi
    with_release "$DRV_RELEASE"
}

drv_teardown() {
    core_stop
}

# --- oned's answers ---------------------------------------------------------------------

# Start an oned that answers from $CORE.  A lab's fe has one already.
core_start() {
    [ -z "${LAB-}" ] || return 0
    (umask 077 && echo oneadmin:opennebula >"$BATS_TEST_TMPDIR/auth")
    "$LAB_TOOLS/fake-core" --port 0 --port-file "$BATS_TEST_TMPDIR/core-port" "$CORE" \
        </dev/null >/dev/null 2>&1 3>&- &
    CORE_PID=$!
    wait_until 10 test -e "$BATS_TEST_TMPDIR/core-port"
    export ONE_AUTH=$BATS_TEST_TMPDIR/auth
    ONE_XMLRPC=http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/core-port")/RPC2
    export ONE_XMLRPC
}

core_stop() {
    [ -n "${CORE_PID-}" ] || return 0
    kill "$CORE_PID" 2>/dev/null || true
    wait "$CORE_PID" 2>/dev/null || true
    CORE_PID=
}

core_put() { # KIND ID < xml
    cat >"$CORE/$1/$2.xml.new"
    mv "$CORE/$1/$2.xml.new" "$CORE/$1/$2.xml"
}

core_fault() { # see fake-core; without arguments: none
    if [ $# -gt 0 ]; then echo "$*" >"$CORE/fault"; else rm -f "$CORE/fault"; fi
}

core_requests() { # all questions so far, one a line
    cat "$CORE/requests" 2>/dev/null || true
}

# vm_xml, datastore_xml: see make-dump's vm and datastore.
vm_xml() { "$LAB_TOOLS/make-dump" vm "$@"; }
datastore_xml() { "$LAB_TOOLS/make-dump" datastore "$@"; }

# What most tests want: a VM on $HERE in system datastore 0.
vm_put() { # VMID [NAME=VALUE...] [-- disk NAME=VALUE...]...
    local id=$1
    shift
    vm_xml "$id" STATE=3 LCM_STATE=3 DEPLOY_ID="one-$id" HOSTNAME="$HERE" DS_ID=0 \
        TM_MAD=shared VM_MAD=kvm "$@" | core_put vm "$id"
}

# --- releases ---------------------------------------------------------------------------

release_at_least() { # RELEASE: of the front-end in use
    [ "$(printf '%s\n' "$1" "$DRV_RELEASE" | sort -V | head -n 1)" = "$1" ]
}

with_release() { # RELEASE: from now on the front-end is of this one
    DRV_RELEASE=$1
    if [ -n "${LAB-}" ]; then
        echo "$1" >"$LAB/fe/one/remotes/VERSION"
    else
        echo "$1" >"$REMOTES/VERSION"
    fi
}

# --- running ----------------------------------------------------------------------------

ds_dump() { # NAME=VALUE...: a datastore action's dump, see make-dump
    "$LAB_TOOLS/make-dump" ds BASE_PATH="$DS" "$@" | base64 -w 0
}

# A command as the front-end would run it, with a limit on its time.
drv_run() { # program [arg...]
    if [ -n "${LAB-}" ]; then
        lab_exec fe env "${DRV_ENV[@]}" timeout -k 5 "${DRV_TIMEOUT:-60}" "$@"
    else
        (cd "$ONE_LOCATION/var" && env "${DRV_ENV[@]}" timeout -k 5 "${DRV_TIMEOUT:-60}" "$@")
    fi
}
DRV_ENV=() # NAME=value of tests

drv_run_with() { # STDIN program [arg...]
    local text=$1
    shift
    printf '%s' "$text" | drv_run "$@"
}

# Run a datastore action on $DUMP, called as $DRV_RELEASE calls it.  Afterwards: $status,
# $output, $stderr.
run_ds() { # MAD/ACTION ID [arg...]
    local program=$REMOTES/datastore/$1
    shift
    drv_run_dump "$program" "$@"
}

# The same for a transfer manager's monitor.
run_tm_monitor() { # MAD ID
    drv_run_dump "$REMOTES/tm/$1/monitor" "$2"
}

drv_run_dump() { # PROGRAM ID [arg...]
    local program=$1
    shift
    if release_at_least 6.8.0; then
        run --separate-stderr drv_run_with "$DUMP" "$program" "$@"
    else
        run --separate-stderr drv_run_with "" "$program" "$DUMP" "$@"
    fi
    drv_show
}

# Run a transfer manager's action; $STDIN, if set, is what it reads.
run_tm() { # MAD ACTION [arg...]
    local program=$REMOTES/tm/$1/$2
    shift 2
    run --separate-stderr drv_run_with "${STDIN-}" "$program" "$@"
    drv_show
}

# Seen only when the test fails.
drv_show() {
    # shellcheck disable=SC2154 # set by run
    printf 'status %s\nstdout: %s\nstderr: %s\n' "$status" "$output" "$stderr"
}

# --- what is there ----------------------------------------------------------------------

assert_only() { # DIR name...: exactly these, hidden ones counted
    local dir=$1 want have
    shift
    want=$([ $# -eq 0 ] || printf '%s\n' "$@" | LC_ALL=C sort)
    have=$(find "$dir" -mindepth 1 -maxdepth 1 -printf '%P\n' | LC_ALL=C sort)
    assert_equal "$have" "$want"
}

# The whole tree of DIR, one line each: "d name", "f name", "l name -> target".
drv_tree() { # DIR
    find "$1" -mindepth 1 \( -type l -printf 'l %P -> %l\n' -o -printf '%y %P\n' \) |
        LC_ALL=C sort
}

assert_tree() { # DIR < lines as drv_tree's, in any order
    local have want
    have=$(drv_tree "$1")
    want=$(sed '/^$/d' | LC_ALL=C sort)
    assert_equal "$have" "$want"
}

# What the front-end would show of $stderr (storage protocol, section 1.4).
drv_message() {
    if release_at_least 7.0.0; then
        grep -Ev '^(ERROR|INFO|WARN|DEBUG):[[:space:]]+' <<<"$stderr" || true
    elif release_at_least 6.0.3; then
        printf '%s\n' "$stderr"
    else
        sed -n '/^ERROR MESSAGE --8<------$/,/^ERROR MESSAGE ------>8--$/p' <<<"$stderr" |
            sed '/^ERROR MESSAGE /d'
    fi
}

# The action failed, said nothing on stdout, and one sentence to the user.  In a long
# sentence file names may have lost their directories, and details may follow.
assert_error() { # REGEX
    local message regex
    message=$(drv_message)
    regex=$(sed -E "s#'/[^']*/([^/']+)'#'(/[^']*/)?\1'#g; s#[\$]\$#( [(].*[)])?\$#" <<<"$1")
    assert_failure
    [ "$status" -lt 124 ] || fail "ended by a signal or a time limit: status $status"
    assert_equal "$output" ""
    [[ $message =~ $regex ]] || fail "no '$regex' in message '$message'"
    assert_reason_shows "$message" "$regex"
}

# The reason that a test names is within the 90 characters that users see of a message; a
# long one begins early enough.
assert_reason_shows() { # MESSAGE REGEX
    local reason=${2##*: } before
    set -- "${1#ERROR MESSAGE --8<------$'\n'}"
    reason=${reason%'( [(].*[)])?$'}
    [[ ${1:0:90} =~ $reason ]] || {
        [[ $1 =~ $reason ]] && before=${1%%"${BASH_REMATCH[0]}"*} && [ ${#before} -le 65 ]
    } || fail "'$reason' is not in the beginning of '$1'"
}

# Every file of a chain opens, from the top: formats must be recorded, nothing is probed.
assert_chain() { # FILE FORMAT [BACKING...]: names of the backing files, top first
    local file=$1 format=$2 have want
    shift 2
    have=$(qemu-img info -U --backing-chain --output=json -f "$format" "$file" |
        python3 -c 'import json, os, sys
for info in json.load(sys.stdin)[1:]:
    print(os.path.basename(os.path.normpath(info["filename"])), info["format"])')
    want=$([ $# -eq 0 ] || printf '%s\n' "$@")
    assert_equal "$have" "$want"
}

assert_virtual_size() { # FILE FORMAT BYTES
    local have
    have=$(qemu-img info -U --output=json -f "$2" "$1" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["virtual-size"])')
    assert_equal "$have" "$3"
}

# --- waiting and faults -----------------------------------------------------------------

wait_until() { # SECONDS cmd...: until it succeeds
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "${EPOCHREALTIME/./}" -lt "$end" ] || fail "waited in vain for: $*"
        sleep 0.02
    done
}

end_job() { # PID of a job of this shell, which was told to end: killed if it does not
    timeout 10 tail -s 0.05 --pid="$1" -f /dev/null || kill -9 "$1" || true
    wait "$1" || true
}

# Put a stand-in for TOOL first in PATH.  It logs its arguments (see shim_calls), then
# says OUT and ERR and ends with RC, or without any of them runs the real one.
shim() { # TOOL [rc=N] [out=TEXT] [err=TEXT] [sleep=S]
    local tool=$1 real dir=$BATS_TEST_TMPDIR/shims rc='' out='' err='' nap=''
    real=$(PATH=${PATH#"$dir:"} command -v "$tool") || true
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        rc=*) rc=${1#*=} ;;
        out=*) out=${1#*=} ;;
        err=*) err=${1#*=} ;;
        sleep=*) nap=${1#*=} ;;
        *) fail "shim: $1" ;;
        esac
        shift
    done
    mkdir -p "$dir"
    {
        echo '#!/bin/bash'
        printf "printf '%%s\\\\0' \"\$@\" >>%q; echo >>%q\n" "$dir/$tool.log" "$dir/$tool.log"
        [ -z "$nap" ] || echo "sleep $nap"
        [ -z "$out" ] || printf 'echo %q\n' "$out"
        [ -z "$err" ] || printf 'echo %q >&2\n' "$err"
        if [ -n "$rc$out$err" ]; then echo "exit ${rc:-0}"; else printf 'exec %q "$@"\n' "$real"; fi
    } >"$dir/$tool"
    chmod +x "$dir/$tool"
    case :$PATH: in *:"$dir":*) ;; *) PATH=$dir:$PATH ;; esac
}

shim_calls() { # TOOL: a line per call, arguments separated by |
    tr '\0' '|' <"$BATS_TEST_TMPDIR/shims/$1.log" 2>/dev/null || true
}

# --- a lab ------------------------------------------------------------------------------

# Start a lab for all tests of the file; options as lab's up.  Exports what tests need.
lab_setup_suite() { # [--hosts N] [--fs KIND] [--size SIZE]
    need_root
    export LAB=$BATS_FILE_TMPDIR/lab
    LAB_OUT=$DRV_OUT "$LAB_TOOLS/lab" up --release "$DRV_RELEASE" --remotes "$DRV_OUT/remotes" "$@" "$LAB" \
        </dev/null 3>&-
    export REMOTES=/var/lib/one/remotes DATASTORES=/var/lib/one//datastores CORE=$LAB/core
    export DS=$DATASTORES/1 SYS=$DATASTORES/0 HERE=host01
    lab_exec fe mkdir -p "$DS" "$SYS"
}

lab_teardown_suite() {
    local status=0
    [ -n "${LAB-}" ] || return 0
    lab_sanitizers || status=1
    "$LAB_TOOLS/lab" down "$LAB"
    return "$status"
}

# What sanitizers found on the lab's machines in programs of SAN=1; fails if anything.
lab_sanitizers() {
    local file status=0
    for file in "$LAB"/*/var-tmp/one-native-san.*; do
        [ -e "$file" ] || continue
        echo "${file#"$LAB/"}:"
        head -n 60 "$file"
        status=1
    done
    return "$status"
}

# What it leaves behind must not keep bats waiting, which reads its descriptors to the end.
lab_exec() { # NODE cmd...
    "$LAB_TOOLS/lab" exec "$LAB" "$@" 3>&- 4>&-
}

# As root: what builds a lab, breaks it, or looks where oneadmin may not.
lab_root() { # NODE cmd...
    "$LAB_TOOLS/lab" root "$LAB" "$@" 3>&- 4>&-
}

lab_virsh() { # HOST arg...
    local host=$1
    shift
    lab_exec "$host" timeout -k 5 120 virsh -q -c qemu:///system "$@"
}

guest_run() { # HOST DOMAIN cmd [arg...]: in the guest
    "$LAB_TOOLS/guest-run" "$LAB" "$@"
}

guest_wait() { # HOST DOMAIN: until it is up
    "$LAB_TOOLS/guest-run" --timeout 60 --wait "$LAB" "$@"
}

# An ext4 at DIR on a medium (/tmp/tiny) that may be smaller than it claims: data that it
# takes and has no room for are I/O errors later.
mount_claiming() { # NODE DIR SIZE-OF-MEDIUM SIZE-IT-CLAIMS
    lab_root "$1" sh -ec "mkdir -p $2 /tmp/tiny && mount -t tmpfs -o size=$3 tiny /tmp/tiny
        truncate -s $4 /tmp/tiny/disk
        mkfs.ext4 -q -F -m 0 -O ^has_journal /tmp/tiny/disk
        mount -o loop /tmp/tiny/disk $2 && chown oneadmin:oneadmin $2"
}

# An empty file system in memory at DIR.
mount_tmpfs() { # NODE DIR [OPTIONS]
    lab_root "$1" mkdir -p "$2"
    lab_root "$1" mount -t tmpfs -o "uid=oneadmin,gid=oneadmin,mode=755${3:+,$3}" tmpfs "$2"
}

guest_files() { # the directory with vmlinuz, initrd and disk.raw
    "$LAB_TOOLS/guest"
}
