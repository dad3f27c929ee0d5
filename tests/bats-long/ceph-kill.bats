#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each action on pools, killed before each call that changes something: in both formats of
# clones.  A sample of it is in tests/bats/ceph-kill.bats.
# shellcheck disable=SC2086 # lists

load ../bats/lib/drv
load ../bats/lib/ceph
load ../bats/lib/ceph-kill

setup_file() { ceph_start; }
teardown_file() { ceph_stop; }

setup() {
    drv_setup
    core_start
    ceph_setup
    kill_setup
}

teardown() {
    core_stop
    ceph_empty one
    drv_teardown
}

@test "killed everywhere, with clones of format 1" {
    for scenario in $KILL_SCENARIOS; do kill_everywhere $scenario; done
}

@test "killed everywhere, with clones of format 2" {
    ceph osd set-require-min-compat-client mimic --yes-i-really-mean-it
    for scenario in rm delete flatten revert unsnap; do kill_everywhere $scenario; done
}
