#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts_common.sh: the functions that work on other hosts, against a real sshd and,
# where it matters how ssh is called, a fake one.
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2154,SC2210 # lib is given code as text
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
    cd "$WORK" || return
}

@test "ssh_exec_and_log runs all of a script on the host" {
    lib 'ssh_exec_and_log host01 "cd $1; for i in 1 2; do touch \$i.\$LANG.\$LC_ALL; done
        cat >rest; echo out; command -v mkfs >tool" "no"; echo done' "$WORK"
    assert_success
    assert_output done
    assert_stderr ""
    only "$WORK" 1.C.C 2.C.C rest tool
    [ ! -s rest ]
}

@test "ssh_exec_and_log: log, message and the script's status, in each era" {
    for release in 5.12.0.4 6.10.5 7.4.0; do
        make_tree "$release"
        lib 'ssh_exec_and_log host01 "set -e
            echo why >&2; (exit 9)
            touch $1/x" "Error doing it"; echo not reached' "$WORK"
        assert_failure 9
        assert_output ""
        [[ $stderr == $'ERROR: probe: Command "set -e\nERROR: probe: '* ]]
        case $release in
        5.*) [[ $stderr == *$'failed: why\nERROR MESSAGE --8<------\nError doing it\nERROR MESSAGE ------>8--' ]] ;;
        *) [[ $stderr == *$'failed: why\nError doing it' ]] ;;
        esac
    done
    lib 'ssh_exec_and_log host01 "cat /nope"'
    assert_failure 1
    [[ $stderr == *"command failed on host 'host01': cat: /nope: No such file or directory" ]]
    only "$WORK"
}

@test "a script that arrives only in part does not run at all" {
    SSH="$WORK/cut"
    printf '%s\n' '#!/bin/bash' 'head -c 150 | bash -s' >"$SSH"
    chmod +x "$SSH"
    lib 'ssh_exec_and_log host01 "touch $1/a
        $(printf "%200s" "")
        touch $1/b" "no"' "$WORK"
    assert_failure
    only "$WORK" cut
}

@test "a host that does not answer: ssh's reason, and 255" {
    lib 'ssh_exec_and_log nowhere.invalid "touch $1/x" "Error there"' "$WORK"
    assert_failure 255
    [[ $stderr == *"nowhere.invalid"*$'\nError there' ]]
    only "$WORK"
}

@test "what is not a host name never reaches ssh" {
    fake_ssh
    for host in "" -oProxyCommand=x "a b" 'a;b' '$(x)' $'a\nb' "a'b" 'a|b'; do
        lib 'ssh_exec_and_log "$1" "touch x" "no"' "$host"
        assert_failure 255
        [[ $stderr == *"not a host name: "* ]]
    done
    [ ! -e "$BATS_TEST_TMPDIR/ssh.log" ]
    lib 'ssh_exec_and_log "oneadmin@host-01.example_net" true; ssh_exec_and_log "[::1%eth0]" true'
    assert_success
}

@test "ssh is called with its options, the host and a constant command" {
    fake_ssh
    SSH="$SSH -p 7"
    lib 'ssh_exec_and_log host01 "touch \"$1\"" "no"' secret
    assert_success
    assert_equal "$(cat "$BATS_TEST_TMPDIR/ssh.log")" $'-p\n7\nhost01\nbash\n-s'
}

@test "ssh_exec_and_log_no_error returns the status, and takes one for no error" {
    lib 'ssh_exec_and_log_no_error host01 "exit 3" "first" || echo "rc $?"
        ssh_exec_and_log_no_error host01 "exit 4" "second" 4 || echo "rc $?"
        ssh_exec_and_log_no_error host01 "true" "third" 4; echo "rc $?"'
    assert_success
    assert_output $'rc 3\nrc 4\nrc 0'
    [[ $stderr == *$'\nfirst' && $stderr != *second* && $stderr != *third* ]]
}

@test "ssh_exec_and_log_stdin puts a file of functions before the script" {
    printf '%s\n' 'mark() { touch "$1"; }' >lib.sh
    lib 'ssh_exec_and_log_stdin host01 "cd $1; mark y" "$1/lib.sh" "no"' "$WORK"
    assert_success
    only "$WORK" lib.sh y
    lib 'ssh_exec_and_log_stdin host01 "echo bad >&2; exit 6" "$1/lib.sh" "no"' "$WORK"
    assert_failure 6
    [[ $stderr == *$'failed: bad\nno' ]]
    lib 'ssh_exec_and_log_stdin host01 "touch $1/z" "$1/nope" "no"' "$WORK"
    assert_failure 1
    assert_stderr "cannot read '$WORK/nope'"
    only "$WORK" lib.sh y
}

@test "ssh_monitor_and_log prints stdout to the byte, or nothing and a log line" {
    lib 'ssh_monitor_and_log host01 "printf \"USED_MB=1\n\nx\n\n\"; echo warn >&2" monitor; echo .'
    assert_success
    assert_output $'USED_MB=1\n\nx\n\n.'
    assert_stderr ""
    lib 'ssh_monitor_and_log host01 "echo USED_MB=1; echo bad >&2; exit 2" monitor'
    assert_failure 2
    assert_output ""
    assert_stderr 'ERROR: probe: Command "monitor" failed: bad'
}

@test "ssh_make_path makes directories of any name, and says which it cannot" {
    lib 'ssh_make_path host01 "$1"; ssh_make_path host01 "$1"' "$WORK/$HOSTILE/b"
    assert_success
    [ -d "$WORK/$HOSTILE/b" ]
    [ ! -e pwned ] && [ ! -e "$HOME/pwned" ]
    lib 'ssh_make_path host01 /proc/x'
    assert_failure 1
    [[ $stderr == *$'\nError creating directory /proc/x at host01' ]]
}

@test "ssh_make_path: the third argument counts before 6.4 only" {
    lib 'ssh_make_path host01 "$1" ssh' "$WORK/7"
    only "$WORK" 7
    make_tree 5.12.0.4
    lib 'ssh_make_path host01 "$1" ssh' "$WORK/7"
    only "$WORK" 7 .monitor
    assert_equal "$(cat "$WORK/.monitor")" ssh
    lib 'ssh_make_path host01 "$1" ""' "$WORK/7"
    only "$WORK" 7
}

@test "enable_local_monitoring and disable_local_monitoring" {
    mkdir -p "$WORK/$HOSTILE/7"
    lib 'enable_local_monitoring host01 "$1/7//"' "$WORK/$HOSTILE"
    assert_success
    assert_equal "$(od -An -c "$WORK/$HOSTILE/.monitor" | tr -d ' ')" 'ssh\n'
    lib 'enable_local_monitoring host01 "$1/7" "$2"' "$WORK/$HOSTILE" "$HOSTILE"
    assert_equal "$(cat "$WORK/$HOSTILE/.monitor")" "$HOSTILE"
    lib 'disable_local_monitoring host01 "$1/7"; disable_local_monitoring host01 "$1/7"' \
        "$WORK/$HOSTILE"
    assert_success
    only "$WORK/$HOSTILE" 7
}

@test "ssh_forward forwards the agent, and only for its command" {
    ask='ssh_ask() { ssh_monitor_and_log host01 "ssh-add -l 2>&1 || :" ask; }'
    eval "$(ssh-agent 3>&-)" >/dev/null
    ssh-add -q "$SSHD/user"
    lib "$ask; ssh_forward ssh_ask; ssh_ask"
    kill "$SSH_AGENT_PID"
    assert_success
    assert_line -n 0 --partial ED25519
    assert_line -n 1 --partial "Could not open a connection"
}

@test "20 at once on one host" {
    printf '%s\n' '. "${0%/*}/../../scripts_common.sh"' \
        'ssh_exec_and_log host01 "mkdir $1" "no $1"' >"$TREE/tm/acme/probe"
    pids=()
    for i in {1..20}; do
        bash "$TREE/tm/acme/probe" "$WORK/$i" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    assert_equal "$(find "$WORK" -mindepth 1 | wc -l)" 20
}
