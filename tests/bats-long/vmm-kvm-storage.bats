#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# run alone
# Storage that fails while a domain sleeps, wakes up or moves: the domain is not lost, and
# a checkpoint that is needed does not vanish.
# shellcheck disable=SC2016,SC2034
load ../bats/lib/drv
load ../bats/lib/vmm
load ../bats/lib/phase

setup_file() {
    lab_setup_suite
    vmm_setup_suite
    quick_migrations
}

teardown_file() { lab_teardown_suite; }
teardown() {
    repair_checkpoint
    unspoil
    vm_end_all
}

@test "a checkpoint that cannot be written: the guest goes on, and nothing is left" {
    local how n=0
    start_ticking
    for how in full ext4 dying read-only; do
        spoil $how
        for _ in 1 2; do
            save_to /tmp/bad/checkpoint
            assert_error "checkpoint|save the domain"
            assert_state host01 1 running
            n=$((n + 1))
        done
        run lab_exec host01 find /tmp/bad -mindepth 1 -name 'check*'
        assert_output ""
        assert_ticking host01
        unspoil
    done
    save_to "$(vm_dir 1)/checkpoint"
    assert_success
    restore_from "$(vm_dir 1)/checkpoint"
    assert_success
    assert_ticking host01
    told "a full tmpfs and ext4, a dying disk and a read-only one during save, $n times"
}

@test "a checkpoint that cannot be read is kept, and is good when it can be read again" {
    local sector n=0 file
    file=$(vm_dir 1)/checkpoint
    start_ticking
    for sector in 0 2 100 40000 100000; do
        save_to "$file"
        assert_success
        damage_checkpoint $sector
        restore_from "$file"
        assert_error "[Ii]nput/output error|Failed to read|failed to read|cannot read"
        assert_state host01 1 ""
        repair_checkpoint
        assert_exists "$LAB/shared/0/1/checkpoint"
        restore_from "$file"
        assert_success
        assert_ticking host01
        assert_not_exists "$LAB/shared/0/1/checkpoint"
        n=$((n + 1))
    done
    told "errors of the medium while a checkpoint is read, $n times"
}

# An action of which the Nth call that changes a file fails.
failing_at() { # N ERROR ACTION [arg...]
    local n=$1 error=$2 action=$3
    shift 3
    run --separate-stderr failing "$n" "$error" "$action" "$@"
    drv_show
}
failing() {
    local n=$1 error=$2 action=$3
    shift 3
    vmm_document 1 | lab_exec host01 timeout -k 5 100 "$DRV_OUT/tests/fault" -n "$n" -e "$error" \
        -c /var/lib/one/count "/var/tmp/one/vmm/kvm/$action" "$@"
}

count() { cat "$LAB/host01/one/count"; }

# One round: the action fails at its Nth such call, nothing is lost, and again it ends right.
fails_and_ends_right() { # N save|restore
    local file
    file=$(vm_dir 1)/checkpoint
    if [ "$2" = save ]; then
        failing_at "$1" EIO save one-1 "$file" host01 1 host01
    else
        save_to "$file"
        assert_success
        failing_at "$1" EIO restore "$file" host01 "$(vm_uuid 1)" 1 host01
    fi
    if [ "$(vm_state host01 1)" != running ]; then
        assert_exists "$LAB/shared/0/1/checkpoint"
    fi
    if [ "$2" = save ]; then
        save_to "$file"
        assert_success
        assert_state host01 1 ""
    fi
    restore_from "$file"
    assert_success
    assert_state host01 1 running
    assert_not_exists "$LAB/shared/0/1/checkpoint"
}

@test "each call of save and restore that changes a file fails in turn" {
    local n=0 point calls action
    deploy host01 1 --memory 32 --no-agent
    for action in save restore; do
        fails_and_ends_right 0 $action
        calls=$(count)
        [ "$calls" -gt 3 ]
        echo "# $action: $calls calls" >&3
        for ((point = 1; point <= calls; point++)); do
            fails_and_ends_right $point $action
            n=$((n + 1))
        done
    done
    told "EIO to each call of save and restore that changes a file, $n times"
}

@test "a destination without room for the disks: the guest goes on, nothing is left there" {
    local n=0 how APART=yes
    start_apart
    guest_run host01 one-1 write /tmp/state kept-1
    for how in tmpfs dying; do
        if [ $how = tmpfs ]; then
            mount_tmpfs host02 "$THERE" size=2m
        else
            mount_claiming host02 "$THERE" 2m 200M
        fi
        migrate_again
        assert_failure
        assert_state host01 1 running
        wait_until 60 eval '[ -z "$(vm_state host02 1)" ]'
        run guest_run host01 one-1 cat /tmp/state
        assert_output kept-1
        run lab_exec host02 find "$THERE" -name 'disk*'
        assert_output ""
        lab_root host02 umount "$THERE"
        n=$((n + 1))
    done
    migrate_again
    assert_success
    assert_state host01 1 ""
    run guest_run host02 one-1 cat /tmp/state
    assert_output kept-1
    told "a full and a dying disk at the destination of a migration with storage, $n times"
}
