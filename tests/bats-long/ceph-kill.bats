#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each action on pools, killed before each call that changes something: in both formats of
# clones.  A sample of it is in tests/bats/ceph-kill.bats.
# shellcheck disable=SC2086 # lists

load ../bats/lib/drv
load ../bats/lib/ceph
load ../bats/lib/ceph-kill

setup() {
    ceph_setup
    kill_setup
}

@test "killed everywhere, with clones of format 1" {
    for scenario in $KILL_SCENARIOS; do kill_everywhere $scenario; done
}

@test "killed everywhere, with clones of format 2" {
    ceph osd set-require-min-compat-client mimic --yes-i-really-mean-it
    for scenario in rm delete flatten revert unsnap; do kill_everywhere $scenario; done
}
