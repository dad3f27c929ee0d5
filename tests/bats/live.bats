#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Snapshots of disks whose domains run: taken, deleted, saved, and cut short.  The other
# orders and moments are in bats-long.
load lib/drv
load lib/vmm
load lib/live

setup_file() { live_setup_suite; }
teardown_file() { lab_teardown_suite; }
teardown() { live_end; }

@test "non-persistent, by link: oldest first" {
    snapshots_come_and_go non-persistent qcow2 link 0 1 2
}

@test "non-persistent, by link: the one in the middle first" {
    snapshots_come_and_go non-persistent qcow2 link 1 0 2
}

@test "non-persistent, by file: newest first" {
    snapshots_come_and_go non-persistent qcow2 file 2 1 0
}

@test "persistent, by link: newest first" {
    snapshots_come_and_go persistent qcow2 link 2 0 1
}

@test "persistent, by file: the one in the middle first" {
    snapshots_come_and_go persistent qcow2 file 1 2 0
}

@test "raw: copies while it runs, deleted in any order" {
    snapshots_come_and_go non-persistent raw link 1 0 2
}

@test "a running disk and its snapshots are saved as images of their own" {
    start_vm non-persistent qcow2 link
    three_snapshots
    save_as -1 3
    save_as 1 1
    assert_all_right 0 1 2
    assert_sound
}

@test "a running raw disk is saved as an image" {
    start_vm persistent raw file
    three_snapshots
    save_as -1 3
    save_as 0 0
    assert_all_right 0 1 2
}

@test "an agent that hangs, and is being asked by another: the guest is paused instead" {
    vmm_setup_suite # for its guest
    GUEST_WORDS=$(with_kernel) start_vm non-persistent qcow2 file
    guest_wait host01 one-"$VM"
    guest_run host01 one-"$VM" sh -c '(sleep 1; kill -STOP $(cat /run/qga.pid)) >/dev/null 2>&1 </dev/null &'
    wait_until 20 agent_is_silent
    lab_virsh host01 qemu-agent-command --timeout 28 one-"$VM" '{"execute":"guest-ping"}' >/dev/null 2>&1 &
    take 0
    assert_success
    assert_equal "$(lab_virsh host01 domstate one-"$VM")" running
    lab_exec host01 test -e "$DISK.snap/0"
    wait $! || true
}

agent_is_silent() {
    ! lab_virsh host01 qemu-agent-command --timeout 1 one-"$VM" '{"execute":"guest-ping"}' 2>/dev/null
}

@test "killed on its way: the next one settles it" {
    kill_everywhere non-persistent link 3 7
}

@test "killed on its way, of a persistent disk: the next one settles it" {
    kill_everywhere persistent file 5 7
}
