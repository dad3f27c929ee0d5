#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Some of the faults of which tests/bats-long has all: in the middle of a migration, of a
# checkpoint, of a start.
# shellcheck disable=SC2016,SC2034
load lib/drv
load lib/vmm
load lib/phase

setup_file() {
    lab_setup_suite
    vmm_setup_suite
}

teardown_file() { lab_teardown_suite; }
teardown() {
    release_all
    mend host02
    repair_checkpoint
    unspoil
    vm_end_all
}

@test "a dying disk under a checkpoint: the guest goes on; an unreadable one is kept" {
    local file
    file=$(vm_dir 1)/checkpoint
    deploy host01 1 --memory 64 --no-agent
    spoil dying
    save_to /tmp/bad/checkpoint
    if [ "$status" = 0 ]; then # it had room
        restore_from /tmp/bad/checkpoint
    fi
    assert_state host01 1 running
    save_to "$file"
    assert_success
    damage_checkpoint 0
    restore_from "$file"
    assert_error "restore"
    assert_state host01 1 ""
    repair_checkpoint
    restore_from "$file"
    assert_success
    assert_state host01 1 running
    assert_not_exists "$LAB/shared/0/1/checkpoint"
    told "a dying disk during save, an unreadable one during restore"
}

@test "a deploy that was killed while libvirt went on: repeated, it waits for the guest" {
    local pid
    STDIN=$(vm_domain host01 1)
    printf '%s' "$STDIN" >"$LAB/stdin"
    lab_exec host01 /var/tmp/one/vmm/kvm/deploy "$(vm_dir 1)/deployment.0" host01 1 host01 \
        <"$LAB/stdin" >/dev/null 2>&1 3>&- &
    pid=$!
    wait_for_line "$(status_file host01)" "<domstatus state='paused'" || true
    lab_exec host01 sh -c 'kill -9 $(pidof deploy); true'
    wait $pid || true
    run_vmm host01 deploy "$(vm_dir 1)/deployment.0" host01 1 host01
    assert_success
    assert_state host01 1 running
    told "kill -9 of deploy once"
}

@test "the network fails where a guest changes hosts: it runs once" {
    slow_migrations
    start_ticking
    begin_migrate
    reach finish
    cut host02
    release_all
    nap 2
    mend host02
    end_migrate
    assert_success
    assert_never_twice
    assert_ticking host02
    quick_migrations
    told "the network cut for 2 s at the switch-over once"
}
