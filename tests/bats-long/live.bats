#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Snapshots of disks whose domains run: all orders of deletion, and every moment to die.
load ../bats/lib/drv
load ../bats/lib/vmm
load ../bats/lib/live

setup_file() { live_setup_suite; }
teardown_file() { lab_teardown_suite; }
teardown() { live_end; }

@test "non-persistent, by link: newest first" {
    snapshots_come_and_go non-persistent qcow2 link 2 1 0
}

@test "non-persistent, by file: oldest first" {
    snapshots_come_and_go non-persistent qcow2 file 0 1 2
}

@test "non-persistent, by file: the one in the middle first" {
    snapshots_come_and_go non-persistent qcow2 file 1 2 0
}

@test "persistent, by link: oldest first" {
    snapshots_come_and_go persistent qcow2 link 0 1 2
}

@test "persistent, by link: the one in the middle first" {
    snapshots_come_and_go persistent qcow2 link 1 0 2
}

@test "persistent, by file: oldest first" {
    snapshots_come_and_go persistent qcow2 file 0 2 1
}

@test "persistent, by file: newest first" {
    snapshots_come_and_go persistent qcow2 file 2 1 0
}

@test "raw and persistent: copies while it runs, deleted in any order" {
    snapshots_come_and_go persistent raw link 2 0 1
}

@test "killed anywhere, non-persistent, by link: the next one settles it" {
    kill_everywhere non-persistent link 1 1
}

@test "killed anywhere, non-persistent, by file: the next one settles it" {
    kill_everywhere non-persistent file 1 1
}

@test "killed anywhere, persistent, by link: the next one settles it" {
    kill_everywhere persistent link 1 1
}

@test "killed anywhere, persistent, by file: the next one settles it" {
    kill_everywhere persistent file 1 1
}
