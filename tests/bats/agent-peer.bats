#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A client that decodes strictly, as those of xenopsd do, finds the agent to be one.
# shellcheck disable=SC2154,SC2034 # run sets variables
load lib/drv
load lib/core
load lib/drv-command

setup() { core_start; }
teardown() { core_stop; }

peer() { # STORY [json]
    run timeout -k 5 120 "$DRV_ROOT/tests/lib/reference-peer" "$DRV_SOCKET" "$@"
    echo "$output"
    assert_success
    refute_output --partial "NOT SO"
}

@test "the life of a VM" { peer life; }

@test "errors: each variant with its argument" { peer errors; }

@test "a task is cancelled" { peer cancel; }

@test "barriers and refresh" { peer barriers; }

@test "a hundred VMs at once, followed by updates only" { peer many; }

@test "drives and NICs change, and the host is described" { peer devices; }

@test "metadata goes out, and comes in again" { peer metadata; }

@test "the steps of a start, one by one" { peer steps; }

@test "the same in JSON: the life of a VM" { peer life json; }

@test "the same in JSON: errors, cancel, barriers" {
    peer errors json
    peer cancel json
    peer barriers json
}

@test "the same in JSON: devices, metadata, steps" {
    peer devices json
    drv vm delete --force u1
    peer metadata json
    drv vm delete u1
    peer steps json
}
