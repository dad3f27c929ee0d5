#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts_common.sh: again, and one at a time.
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2154,SC2210 # lib is given code as text
load lib/shell

setup() {
    make_tree 7.4.0
    export ONE_LOCK_DIR=$BATS_TEST_TMPDIR/lock/one
    WORK=$BATS_TEST_TMPDIR/work
    mkdir "$WORK"
    cd "$WORK" || return
}

@test "retry: until it works, at most so often, a second apart" {
    lib 'try() { echo x >>tries; [ "$(wc -l <tries)" -ge "$1" ]; }; retry 5 try 3'
    assert_success
    assert_equal "$(wc -l <tries)" 3
    rm tries
    lib 'retry 2 "cat /nope"'
    assert_failure 1
    assert_equal "$(grep -c /nope <<<"$stderr")" 2
    lib 'never() { exit 6; }; retry 1 never || echo "rc $?"'
    assert_output "rc 6"
}

@test "retry_if_no_error tries again only for the error it is told" {
    fake tool 'echo out; if [ "$(wc -l <"$0.log")" -lt 6 ]; then echo active block job >&2; exit 3; fi'
    : >"$BIN/tool.log"
    sed -i 's#>>.*tool.log$#>>"$0.log"#' "$BIN/tool"
    lib '_one=1; "$@" >/dev/null' true
    lib 'retry_if_no_error "active .* job" 3 0.1 "$@"; echo "rc $?"' "$BIN/tool" "a b"
    assert_success
    assert_output $'out\nout\nout\nrc 0'
    assert_stderr "active block job active block job"
    lib 'retry_if_no_error "other" 3 0.1 cat /nope; echo not reached'
    assert_failure 1
    assert_equal "$(grep -o /nope <<<"$stderr" | wc -l)" 1
}

@test "retry_if ends the script from 6.6.1 on, and returns before" {
    lib 'retry_if x 3 0 true; echo after'
    assert_success
    assert_output ""
    lib 'retry_if nope 2 0.1 cat /nope; echo after'
    assert_failure 1
    make_tree 6.6.0
    lib 'retry_if x 3 0 true; retry_if x 3 0 cat /nope || echo "rc $?"'
    assert_output "rc 1"
}

@test "exclusive runs a function of the script, keeps its variables and returns its status" {
    lib 'mine() { got="$1"; return 3; }
        exclusive "$2" 5 mine "$1" || echo "rc $?"; echo "$got"' "$HOSTILE" "-x \$(a)"
    assert_success
    assert_output "rc 3
$HOSTILE"
    only "$ONE_LOCK_DIR" '-x $(a)'
}

@test "exclusive hides none of the script's variables" {
    lib 'name=a lock=b rc=c status=d left=e file=f; mine() { echo $name$lock$rc$status$left$file; }
        exclusive l 5 mine; retry 1 mine; retry_if_no_error x 1 0 mine; ssh_forward mine
        timed() { [ "$(mine)" = abcdef ]; }; timeout_exec_and_log 9 timed'
    assert_success
    assert_output $'abcdef\nabcdef\nabcdef\nabcdef'
}

@test "exclusive leaves the content of a lock file alone" {
    mkdir -p "$ONE_LOCK_DIR"
    echo keep >"$ONE_LOCK_DIR/l"
    lib 'exclusive l 5 true'
    assert_success
    assert_equal "$(cat "$ONE_LOCK_DIR/l")" keep
}

@test "exclusive: 254 and a message when the lock is not to be had" {
    mkdir -p "$ONE_LOCK_DIR"
    flock "$ONE_LOCK_DIR/l" sleep 60 3>&- &
    until_true 50 bash -c '! flock -n "$0" true' "$ONE_LOCK_DIR/l"
    lib 'exclusive l 0.3 touch a; echo not reached'
    kill "$(pgrep -P "$!")" "$!" || :
    assert_failure 254
    assert_output ""
    [[ $stderr == *"Could not acquire exclusive lock on $ONE_LOCK_DIR/l in 0.3 s" ]]
    for name in "" . .. a/b ../x; do
        lib 'exclusive "$1" 1 touch a' "$name"
        assert_failure 254
        [[ $stderr == *"not the name of a lock: '$name'" ]]
    done
    ONE_LOCK_DIR=/proc/none lib 'exclusive l 1 touch a'
    assert_failure 254
    [[ $stderr == *"cannot open lock file '/proc/none/l'" ]]
    only "$WORK"
}

@test "exclusive: what the command leaves in the background does not keep the lock" {
    lib 'exclusive l 5 bash -c "sleep 30 >/dev/null 2>&1 3>&- & echo \$! >pid"
        exclusive l 1 echo free'
    assert_success
    assert_output free
    kill "$(cat pid)"
}

@test "exclusive: 20 users at once are one after the other" {
    echo 0 >count
    printf '%s\n' '. "${0%/*}/../../scripts_common.sh"' \
        'add() { mkdir busy || echo overlap >>wrong; n=$(<count); echo $((n + 1)) >count; rmdir busy; }' \
        'for i in 1 2 3 4 5; do exclusive count 60 add || echo failed >>wrong; done' \
        >"$TREE/tm/acme/probe"
    pids=()
    for _ in {1..20}; do
        bash "$TREE/tm/acme/probe" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    assert_equal "$(<count)" 100
    only "$WORK" count
}

@test "force_shutdown acts when the retry before it failed" {
    lib 'true; force_shutdown one-1 "touch a"; echo fine'
    assert_output fine
    lib 'set +e; false; force_shutdown one-1 "touch a"'
    assert_failure 255
    [[ $stderr == *"Timed out shutting down one-1" ]]
    only "$WORK"
    FORCE_DESTROY=yes lib 'set +e; false; force_shutdown one-1 "touch a"'
    assert_success
    only "$WORK" a
}
