#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# What a real front-end asked for, asked of our drivers: see tests/replay/replay.
load lib/drv

replay() { # [--resolved] SCENARIO
    need_root
    run "$DRV_ROOT/tests/replay/replay" --out "$DRV_OUT" "$@" 3>&-
    echo "$output"
    assert_success
}

@test "replay: images of a shared datastore" {
    replay shared-images
}

@test "replay: a VM with non-persistent and volatile disks" {
    replay shared-vm-nonpersistent
}

@test "replay: a VM with non-persistent disks, which its domain knows by their files" {
    replay --resolved shared-vm-nonpersistent
}

@test "replay: a VM with persistent disks, which its domain knows by their files" {
    replay --resolved shared-vm-persistent
}

@test "replay: a VM with persistent disks" {
    replay shared-vm-persistent
}

@test "replay: VMs whose domains are ours too, non-persistent and persistent disks" {
    replay --native shared-vm-nonpersistent shared-vm-persistent
}

@test "replay: images for the hosts' own storage" {
    replay ssh-images
}

@test "replay: a VM with persistent disks on the hosts' own storage" {
    replay ssh-vm-persistent
}

@test "replay: a VM with non-persistent disks on the hosts' own storage" {
    replay ssh-vm-nonpersistent
}
