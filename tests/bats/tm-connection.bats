#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # set and read by the library
# Connections that fail before, while and after a host works for us.  Those that are only
# noticed by silence are in bats-long.
load lib/drv
load lib/crowd
load lib/cut

setup_file() { cut_setup_suite; }
teardown_file() { lab_teardown_suite; }

teardown() {
    finish
    "$LAB_TOOLS/lab" plug "$LAB" host01
    ! lab_exec host01 mountpoint -q /usr/bin/qemu-img || release_tool
    forget_masters
    lab_exec fe sh -c "rm -rf $SYS/1 $SYS/.drv*"
}

GONE='^cannot clone image 7 to disk.0 of VM 1: host01: (ssh: (Connection timed out|No route to host)|.*did not answer)'

# --- before -----------------------------------------------------------------------------

@test "the cable is out: told in seconds, and it works when it is in again" {
    "$LAB_TOOLS/lab" unplug "$LAB" host01
    clone
    assert_sentence "$GONE"
    assert_equal "$status" 18
    assert_within 6000
    plug
    assert_works_again
}

@test "the cable is out and a connection was there" {
    assert_works_again
    "$LAB_TOOLS/lab" unplug "$LAB" host01
    clone
    assert_sentence "$GONE"
    assert_equal "$status" 18
    assert_within 12000
    plug
    assert_works_again
}

@test "the host has lost power, and comes back" {
    assert_works_again
    "$LAB_TOOLS/lab" kill "$LAB" host01
    clone
    assert_sentence "$GONE"
    assert_equal "$status" 18
    assert_within 12000
    "$LAB_TOOLS/lab" boot "$LAB" host01 3>&-
    assert_no_disk
    assert_works_again
}

@test "nobody listens" {
    lab_root host01 sh -c 'kill $(cat /run/sshd.pid)'
    clone
    lab_root host01 /usr/sbin/sshd -f /run/sshd_config
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: host01: ssh: Connection refused$"
    assert_equal "$status" 18
    assert_within 5000
    assert_works_again
}

@test "sshd accepts and says nothing" {
    lab_root host01 sh -c 'kill -STOP $(cat /run/sshd.pid)'
    clone
    lab_root host01 sh -c 'kill -CONT $(cat /run/sshd.pid)'
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: host01: ssh: .*timed out"
    assert_equal "$status" 18
    assert_within 6000
    assert_works_again
}

@test "a master that was killed leaves a socket behind" {
    assert_works_again
    signal_all fe KILL "$MASTER"
    assert_works_again
}

@test "a master that hangs is replaced" {
    assert_works_again
    signal_all fe STOP "$MASTER"
    clone
    assert_success
    assert_within 9000
    assert_disk
    clone # and now at once
    assert_success
    assert_within 4500
}

@test "a socket that is none, and one where nobody speaks ssh's language" {
    local directory name
    assert_works_again
    directory=$(control_dir)
    signal_all fe KILL "$MASTER"
    name=$(lab_exec fe sh -c "ls $directory | grep '\.0$'")
    lab_exec fe sh -c "rm -f $directory/$name && echo rubbish >$directory/$name"
    assert_works_again
    signal_all fe KILL "$MASTER" || true
    lab_exec fe sh -c "rm -f $directory/$name"
    lab_exec fe python3 -c 'import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(9)
while True:
    listener.accept()[0].send(b"no ssh at all" * 99)' "$directory/$name" >/dev/null 2>&1 3>&- &
    wait_until 5 lab_exec fe test -S "$directory/$name"
    assert_works_again
    signal_all fe KILL "listener.bind"
    wait $! || true
}

@test "a session over a connection that is there needs no ssh" {
    assert_works_again
    lab_root fe mount --bind /bin/false /usr/bin/ssh
    assert_works_again
    lab_root fe umount /usr/bin/ssh
}

set_max_sessions() { # N
    lab_root host01 sh -c "sed -i 's/^MaxSessions .*/MaxSessions $1/' /run/sshd_config &&
        kill -HUP \$(cat /run/sshd.pid)"
}

@test "a host that takes one session per connection" {
    local id
    forget_masters
    set_max_sessions 1
    for id in 1 2 3 4; do begin "$id" "${CLONE[@]/#host01*/host01:$SYS/$id/disk.0}"; done
    finish 1 2 3 4
    [ "$(find_pids host01 "$SESSION" | wc -l)" -ge 2 ]
    set_max_sessions 200
    assert_all_well 1 2 3 4
    lab_exec fe sh -c "rm -r $SYS/[234]"
    assert_disk
}

# --- in the middle ----------------------------------------------------------------------

# The action says what happened, and so soon that the work on the host stopped, too.
assert_given_up() {
    finish_clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: host01: "
    assert_equal "$status" 14
    assert_within 5000
    assert_idle host01
    wait_until 3 assert_no_disk
    release_tool
    assert_works_again
}

@test "a short loss of the line is survived" {
    begin_held_clone
    "$LAB_TOOLS/lab" unplug "$LAB" host01
    sleep 1
    release_tool
    sleep 0.5
    "$LAB_TOOLS/lab" plug "$LAB" host01
    finish_clone
    assert_success
    assert_disk
}

@test "the host's end of the session is killed: the work there stops" {
    begin_held_clone
    signal_all host01 KILL "$SESSION"
    assert_given_up
}

@test "the master is killed: the work there stops" {
    begin_held_clone
    signal_all fe KILL "$MASTER"
    assert_given_up
}

@test "our ssh is killed: the work there stops" {
    begin_held_clone
    signal_all fe KILL '^ssh .*drv/bin/worker'
    assert_given_up
}

@test "the worker is killed: the next action cleans up" {
    begin_held_clone
    signal_all host01 KILL "^$BIN/worker"
    finish_clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: host01: .*(killed|ended)"
    assert_equal "$status" 14
    assert_within 5000
    assert_idle host01
    release_tool
    assert_works_again
}

@test "the host loses power while it works" {
    begin_held_clone
    "$LAB_TOOLS/lab" kill "$LAB" host01
    forget_masters # with the host the other end of the line is gone: see bats-long
    finish_clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: host01: "
    assert_within 5000
    "$LAB_TOOLS/lab" boot "$LAB" host01 3>&-
    assert_works_again
}

# --- after ------------------------------------------------------------------------------

@test "the line goes when all is done and not yet told" {
    begin_held_clone
    signal_all fe STOP "$MASTER"
    release_tool
    wait_until 5 lab_exec fe test -e "$SYS/1/disk.0"
    assert_idle host01
    signal_all fe KILL "$MASTER"
    finish_clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: host01: "
    assert_within 5000
    assert_disk # whole: what the front-end does now is delete it
    assert_works_again
}
