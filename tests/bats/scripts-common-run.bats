#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts_common.sh: running commands here, again, in time, and one at a time.
# shellcheck disable=SC2016,SC2154 # code for lib is in single quotes; run sets variables
load lib/shell

setup() {
    make_tree 7.4.0
    export ONE_LOCK_DIR=$BATS_TEST_TMPDIR/lock/one
    WORK=$BATS_TEST_TMPDIR/work
    mkdir "$WORK"
    cd "$WORK"
}

# gone PID: no such process, or a zombie.
gone() {
    ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"
}

@test "exec_and_log drops stdout, and says nothing when all is well" {
    lib 'exec_and_log "echo a  b" "message"; echo after'
    assert_success
    assert_output after
    assert_stderr ""
}

@test "exec_and_log: log, message and the command's status, in each era" {
    for release in 5.4.15 6.10.5 7.4.0; do
        make_tree "$release"
        lib 'exec_and_log "ls --nope /x" "Error listing"; echo not reached'
        assert_failure 2
        assert_output ""
        [[ $stderr == "ERROR: probe: Command \"ls --nope /x\" failed: ls: unrecognized"* ]]
        case $release in
        5.4.15) [[ $stderr == *$'\nERROR MESSAGE --8<------\nError listing\nERROR MESSAGE ------>8--' ]] ;;
        *) [[ $stderr == *$'\nError listing' ]] ;;
        esac
    done
}

@test "exec_and_log without a message still tells the reason" {
    lib 'exec_and_log "cat /nope"'
    assert_failure 1
    [[ $stderr == *"cannot run 'cat /nope': cat: /nope: No such file or directory" ]]
    lib '(exec_and_log "") || echo "rc $?"'
    assert_output "rc 127"
    [[ $stderr == *"no command was given" ]]
}

@test "exec_and_log splits at blanks, and takes nothing else for syntax" {
    touch a.x b.x
    lib 'exec_and_log "touch -- \$(touch\${IFS}pwned) *.x; | \"q > out"'
    assert_success
    only "$WORK" a.x b.x '$(touch${IFS}pwned)' '*.x;' '|' '"q' '>' out
    rm -f ./*
    IFS=: lib 'set -f; exec_and_log "touch c d"; case $- in *f*) ;; *) exit 9 ;; esac'
    assert_success
    only "$WORK" c d
}

@test "exec_and_log runs functions of the script" {
    lib 'rc=7; mine() { echo "got $#" >&2; return $rc; }; exec_and_log "mine a b" no'
    assert_failure 7
    [[ $stderr == *'"mine a b" failed: got 2'* ]]
}

@test "multiline_exec_and_log runs all of a script in a bash of its own" {
    lib 'multiline_exec_and_log "set -e
        for i in 1 2; do
            echo \$i \$LANG \$LC_ALL
            touch f\$i
        done
        cat" "no"; echo done' </dev/zero
    assert_success
    assert_output done
    only "$WORK" f1 f2
    lib 'multiline_exec_and_log "set -e; touch f3; echo why >&2; (exit 5); touch f4" "no"'
    assert_failure 5
    [[ $stderr == *$' failed: why\nno' ]]
    only "$WORK" f1 f2 f3
}

@test "exec_and_set_error keeps the message for later" {
    lib 'ERROR=; exec_and_set_error true x; echo "[$ERROR]"
        exec_and_set_error "cat /nope" "first"; echo "[$ERROR]"
        multiline_exec_and_set_error "true; exit 3" "second"; echo "[$ERROR]"
        multiline_exec_and_set_error true "third"; echo "[$ERROR]"'
    assert_success
    assert_output $'[]\n[first]\n[second]\n[second]'
    [[ $stderr == *'"cat /nope" failed: cat: /nope: No such'* ]]
}

@test "monitor_and_log prints stdout to the byte, or nothing and a log line" {
    lib 'monitor_and_log "printf %s\\\\n A=1 \"\"; printf \"B\\001\\n\\n\"; echo warn >&2" name
        echo .'
    assert_success
    assert_output $'A=1\n\nB\001\n\n.'
    assert_stderr ""
    lib 'monitor_and_log "echo A=1; echo bad >&2; exit 4" name'
    assert_failure 4
    assert_output ""
    assert_stderr 'ERROR: probe: Command "name" failed: bad'
}

@test "timeout_exec_and_log ends everything the command started" {
    cat >"$WORK/tool" <<'TOOL'
#!/bin/bash
trap '' TERM
(trap '' TERM; echo $BASHPID >>pids; exec sleep 100) &
echo $$ >>pids
sleep 100
TOOL
    chmod +x "$WORK/tool"
    SECONDS=0
    lib 'timeout_exec_and_log 1 "./tool x"; echo not reached'
    assert_failure 124
    [ "$SECONDS" -lt 20 ]
    assert_output ""
    [[ $stderr == *$'ERROR: probe: Timeout executing ./tool x (1 s)\nTimeout executing ./tool x' ]]
    assert_equal "$(wc -l <pids)" 2
    while read -r pid; do
        until_true 50 gone "$pid"
    done <pids
}

@test "timeout_exec_and_log is over in time even when something left the group" {
    SECONDS=0
    lib 'leave() { setsid sleep 30 & echo $! >pid; sleep 30; }; timeout_exec_and_log 1 leave'
    assert_failure 124
    [ "$SECONDS" -lt 20 ]
    kill "$(cat pid)"
}

@test "timeout_exec_and_log is exec_and_log when there is time enough" {
    lib 'timeout_exec_and_log 60 "touch a"; timeout_exec_and_log 60 "cat /nope" "Error x"'
    assert_failure 1
    [[ $stderr == *$'cat: /nope: No such file or directory\nError x' ]]
    only "$WORK" a
    lib 'timeout_exec_and_log "1; touch b" "true"'
    assert_failure 1
    only "$WORK" a
}

@test "timeout_exec_and_log: SIGTERM to the driver's group ends the command" {
    printf '%s\n' 'echo $$ >pid' 'exec sleep 100' >tool
    printf '%s\n' '. "${0%/*}/../../scripts_common.sh"' \
        'timeout_exec_and_log 60 "bash tool"' >"$TREE/tm/acme/probe"
    setsid bash "$TREE/tm/acme/probe" 3>&- &
    until_true 100 test -s pid
    kill -TERM -- "-$!"
    until_true 100 gone "$(cat pid)"
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
