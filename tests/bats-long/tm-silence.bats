#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# Hosts and lines that fall silent while an action is on its way, which only time tells.
load ../bats/lib/drv
load ../bats/lib/crowd
load ../bats/lib/cut

setup_file() { cut_setup_suite; }
teardown_file() { lab_teardown_suite; }

setup() { DRV_TIMEOUT=150; }

teardown() {
    "$LAB_TOOLS/lab" plug "$LAB" host01
    signal_all host01 CONT "^$BIN/worker" || true
    finish
    ! lab_exec host01 mountpoint -q /usr/bin/qemu-img || release_tool
    forget_masters
    lab_exec fe sh -c "rm -rf $SYS/1 $SYS/.drv*"
}

assert_given_up() {
    finish_clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: host01"
    assert_within 75000
}

@test "the cable is out for long: given up, and the host stops when it is in again" {
    begin_held_clone
    "$LAB_TOOLS/lab" unplug "$LAB" host01
    assert_given_up
    clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: host01: "
    assert_within 15000
    plug
    wait_until 90 no_workers host01
    assert_no_disk
    release_tool
    assert_works_again
}

@test "the host loses power, and its packets vanish" {
    begin_held_clone
    "$LAB_TOOLS/lab" unplug "$LAB" host01
    "$LAB_TOOLS/lab" kill "$LAB" host01
    assert_given_up
    "$LAB_TOOLS/lab" boot "$LAB" host01 3>&-
    forget_masters
    assert_works_again
}

@test "the worker hangs: given up, and it stops when it wakes" {
    begin_held_clone
    signal_all host01 STOP "^$BIN/worker"
    assert_given_up
    signal_all host01 CONT "^$BIN/worker"
    assert_idle host01
    assert_no_disk
    release_tool
    assert_works_again
}

@test "the master hangs in the middle: given up, and another is used" {
    begin_held_clone
    signal_all fe STOP "$MASTER"
    assert_given_up
    release_tool
    wait_until 10 no_workers host01
    signal_all fe KILL "$MASTER"
    assert_works_again
}
