#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a real front-end asked for, asked of our drivers: see tests/replay/replay.
load lib/drv

replay() {
    need_root
    run "$DRV_ROOT/tests/replay/replay" --out "$DRV_OUT" "$1" 3>&-
    echo "$output"
    assert_success
}

@test "replay: images of a shared datastore" {
    replay shared-images
}

@test "replay: a VM with non-persistent and volatile disks" {
    replay shared-vm-nonpersistent
}

@test "replay: a VM with persistent disks" {
    replay shared-vm-persistent
}
