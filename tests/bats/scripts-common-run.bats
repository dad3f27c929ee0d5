#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts_common.sh: running commands here, and in time.
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2154,SC2210 # lib is given code as text
load lib/shell

setup() {
    make_tree 7.4.0
    WORK=$BATS_TEST_TMPDIR/work
    mkdir "$WORK"
    cd "$WORK" || return
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

@test "exec_and_log splits at spaces, and takes nothing else for syntax" {
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
