#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# Moving a VM between two hosts, of which one dies at any change of a file.
load ../bats/lib/drv
load ../bats/lib/far
load ../bats/lib/far-kill

setup_file() { far_kill_setup_suite; }

teardown_file() { lab_teardown_suite; }

teardown() {
    disarm host01
    disarm host02
}

@test "the source's worker is killed at every call" { mv_killed_at host01 1 -k; }

@test "the destination's worker is killed at every call" { mv_killed_at host02 1 -k; }

@test "every call of the source fails" {
    mv_killed_at host01 1 -e EIO
    mv_killed_at host01 1 -e ENOSPC
}

@test "every call of the destination fails" {
    mv_killed_at host02 1 -e EIO
    mv_killed_at host02 1 -e ENOSPC
}

@test "the driver is stopped at 100 random moments" { mv_stopped 100; }
