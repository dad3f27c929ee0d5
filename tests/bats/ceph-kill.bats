#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A sample of tests/bats-long/ceph-kill.bats.
# shellcheck disable=SC2086 # lists

load lib/drv
load lib/ceph
load lib/ceph-kill

setup() {
    ceph_setup
    kill_setup
}

@test "killed at some points, and run again" {
    KILL_SAMPLE=1
    for scenario in $KILL_SCENARIOS; do kill_everywhere $scenario; done
}

@test "what nobody asks for any more is settled by monitoring" {
    clone_before
    : >"$BATS_TEST_TMPDIR/calls"
    # Right after the clone was made, and before it was resized.
    do_clone
    assert_success
    local point
    point=$(grep -n rbd_resize "$BATS_TEST_TMPDIR/calls" | cut -d : -f 1)
    prepare_pool clone
    echo "$point" >"$BATS_TEST_TMPDIR/at"
    do_clone
    [ "$status" != 0 ] # killed, or an error of the worker's end
    echo 0 >"$BATS_TEST_TMPDIR/at"
    rbd info one/one-5-7-0
    # Its note is too new to be looked at: 10 leases.
    wait_until 30 monitored
    assert_images one one-5
}

monitored() {
    run_ceph_ds monitor 100
    [ "$(rbd ls one)" = one-5 ]
}
