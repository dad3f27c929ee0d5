# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the tests of the shell library: a tree of a given release to run scripts in, a fake
# ssh, and a real one on the loopback.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
REMOTES=${OUT:-out}/remotes
[[ $REMOTES == /* ]] || REMOTES=$ROOT/$REMOTES

# Tests need them; PATH is that of drivers, who must find their tools themselves.
blkid() { /usr/sbin/blkid "$@"; }
e2fsck() { /usr/sbin/e2fsck "$@"; }

# What is nobody's name: as data it must come through everything unchanged.
# shellcheck disable=SC2034,SC2016 # used by the tests
HOSTILE=$'-a b\'c"d$(touch pwned)`touch pwned`;touch pwned|*\\\n&<é>'

# make_tree [RELEASE]: our shell libraries as an admin has them, in $TREE.
make_tree() {
    TREE=$BATS_TEST_TMPDIR/remotes
    mkdir -p "$TREE/tm/acme" "$TREE/datastore/acme"
    cp "$REMOTES/scripts_common.sh" "$TREE/"
    cp "$REMOTES/tm/tm_common.sh" "$TREE/tm/"
    cp "$REMOTES/datastore/libfs.sh" "$TREE/datastore/"
    rm -f "$TREE/VERSION"
    [ -z "${1:-}" ] || echo "$1" >"$TREE/VERSION"
}

# lib CODE [ARGUMENT...]: run CODE as the action "probe" of the driver tm/acme.
lib() {
    local code=$1

    shift
    # shellcheck disable=SC2016 # for the script
    printf '%s\n' 'set -euo pipefail' '. "${0%/*}/../../scripts_common.sh"' \
        '. "${0%/*}/../tm_common.sh"' '. "${0%/*}/../../datastore/libfs.sh"' \
        "$code" >"$TREE/tm/acme/probe"
    run --separate-stderr bash "$TREE/tm/acme/probe" "$@"
}

# assert_stderr TEXT: all of it.
assert_stderr() {
    # shellcheck disable=SC2154 # set by run
    assert_equal "$stderr" "$1"
}

# only DIRECTORY NAME...: DIRECTORY holds these and nothing else.
only() {
    local directory=$1 names

    shift
    names=$(cd "$directory" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort)
    assert_equal "$names" "$(printf '%s\n' "$@" | LC_ALL=C sort)"
}

# fake PROGRAM SCRIPT: PROGRAM in $BIN runs SCRIPT, and writes down each of its arguments
# in $BATS_TEST_TMPDIR/PROGRAM.log, an empty line behind.
fake() {
    BIN=$BATS_TEST_TMPDIR/bin
    mkdir -p "$BIN"
    {
        echo '#!/bin/bash'
        # shellcheck disable=SC2016 # for the script
        printf 'printf "%%s\\n" "$@" "" >>%q\n' "$BATS_TEST_TMPDIR/$1.log"
        printf '%s\n' "$2"
    } >"$BIN/$1"
    chmod +x "$BIN/$1"
}

# fake_ssh: drops options and the host, and runs the command here.
fake_ssh() {
    # shellcheck disable=SC2016 # for the script
    fake ssh 'while [[ $1 == -* ]]; do shift 2; done; shift; exec bash -c "$*"'
    export SSH=$BIN/ssh
}

# start_sshd: a real sshd for "host01", with everything it needs in $SSHD; call it from
# setup_file.  $SSH is what reaches it.
start_sshd() {
    local key try

    SSHD=$(mktemp -d)
    for key in host user; do
        ssh-keygen -q -t ed25519 -N '' -f "$SSHD/$key"
    done
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    for try in 1 2 3 4 5 6 7 8 9 10; do
        SSHD_PORT=$((20000 + RANDOM % 12000))
        printf '%s\n' "Port $SSHD_PORT" 'ListenAddress 127.0.0.1' "HostKey $SSHD/host" \
            "AuthorizedKeysFile $SSHD/user.pub" "PidFile $SSHD/pid" 'StrictModes no' \
            'UsePAM no' 'MaxStartups 100' 'PasswordAuthentication no' 'PrintMotd no' >"$SSHD/sshd_config"
        : >"$SSHD/log"
        /usr/sbin/sshd -D -e -f "$SSHD/sshd_config" >"$SSHD/log" 2>&1 3>&- &
        SSHD_PID=$!
        if until_true 100 grep -qE 'Server listening|Cannot bind' "$SSHD/log" &&
            grep -q 'Server listening' "$SSHD/log"; then
            break
        fi
        stop_process "$SSHD_PID"
        [ "$try" -lt 10 ] || return 1
    done
    printf '[127.0.0.1]:%s %s\n' "$SSHD_PORT" "$(cat "$SSHD/host.pub")" >"$SSHD/known_hosts"
    printf '%s\n' 'Host host01 host02' ' HostName 127.0.0.1' " Port $SSHD_PORT" \
        " User $(id -un)" " IdentityFile $SSHD/user" ' IdentitiesOnly yes' \
        " UserKnownHostsFile $SSHD/known_hosts" ' StrictHostKeyChecking yes' \
        ' BatchMode yes' ' LogLevel ERROR' >"$SSHD/ssh_config"
    export SSHD SSHD_PID SSH="ssh -F $SSHD/ssh_config"
}

stop_sshd() {
    [ -z "${SSHD_PID:-}" ] || stop_process "$SSHD_PID"
    [ -z "${SSHD:-}" ] || rm -rf "$SSHD"
}

stop_process() {
    kill "$1" 2>/dev/null || return 0
    wait "$1" 2>/dev/null || :
}

# until_true TENTHS COMMAND...: poll with a deadline.
until_true() {
    local left=$1

    shift
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.1
    done
}
