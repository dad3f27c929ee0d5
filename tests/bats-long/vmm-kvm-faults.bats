#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run alone
# What is killed, cut and filled while domains start, stop, sleep and move.  After each:
# no domain is lost or runs twice, no checkpoint vanishes, and the action, repeated, ends
# right.
# shellcheck disable=SC2016,SC2034
load ../bats/lib/drv
load ../bats/lib/vmm

setup_file() {
    export BATS_TEST_TIMEOUT=900
    lab_setup_suite
    vmm_setup_suite
    kvmrc host01 MIGRATE_OPTIONS=--unsafe
    kvmrc host02 MIGRATE_OPTIONS=--unsafe
}

teardown_file() { lab_teardown_suite; }
teardown() { vm_end_all; }

told() { echo "# injected: $*" >&3; }

# Run an action on host01 and kill it, and only it, after so many milliseconds.
killed_after() { # MS ACTION [arg...]
    local ms=$1 action=$2 pid
    shift 2
    printf '%s' "$STDIN" >"$LAB/stdin"
    lab_exec host01 "/var/tmp/one/vmm/kvm/$action" "$@" <"$LAB/stdin" >/dev/null 2>&1 3>&- &
    pid=$!
    read -rt "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" <> <(:) || true
    lab_exec host01 sh -c "for p in \$(pidof $action); do kill -9 \$p; done; true" 2>/dev/null
    wait $pid || true
}

restart_libvirtd() { # HOST
    lab_exec "$1" sh -c 'kill -9 $(cat /run/libvirtd.pid); rm -f /run/libvirtd.pid'
    lab_exec "$1" libvirtd --listen --daemon
    wait_until 20 lab_virsh "$1" list
}

start_guest() { # ID
    # shellcheck disable=SC2046
    deploy host01 "$1" $(with_kernel)
    guest_wait host01 "one-$1"
    guest_run host01 "one-$1" write /tmp/state "kept-$1"
}

assert_guest() { # HOST ID
    run guest_run "$1" "one-$2" cat /tmp/state
    assert_output "kept-$2"
}

save() { run_vmm host01 save one-1 "$(vm_dir 1)/checkpoint" host01 1 host01; }
restore() { run_vmm host01 restore "$(vm_dir 1)/checkpoint" host01 "$(vm_uuid 1)" 1 host01; }
migrate() { run_vmm host01 migrate "$(vm_uuid 1)" host02 host01 1 host01; }

@test "save and restore killed at any time, repeated, end right" {
    local ms action n=0
    start_guest 1
    STDIN=$(vmm_document 1)
    for ms in 5 20 50 100 200 400 700 1100; do
        killed_after $ms save one-1 "$(vm_dir 1)/checkpoint" host01 1 host01
        # What libvirtd had begun may still be going on.
        wait_until 60 eval 'save; [ "$status" = 0 ]'
        assert_state host01 1 ""
        killed_after $ms restore "$(vm_dir 1)/checkpoint" host01 "$(vm_uuid 1)" 1 host01
        wait_until 60 eval 'restore; [ "$status" = 0 ]'
        assert_state host01 1 running
        assert_guest host01 1
        n=$((n + 2))
    done
    told "kill -9 of save and restore $n times"
}

@test "a migration killed at any time, repeated, ends right" {
    local ms action n=0
    STDIN=$(vmm_document 1)
    for ms in 10 60 150 400 800 1300; do
        start_guest 1
        STDIN=$(vmm_document 1)
        killed_after $ms migrate "$(vm_uuid 1)" host02 host01 1 host01
        wait_until 90 eval 'migrate; [ "$status" = 0 ]'
        assert_state host01 1 ""
        assert_state host02 1 running
        assert_guest host02 1
        vm_end_all
        n=$((n + 1))
    done
    told "kill -9 of migrate $n times"
}

@test "libvirtd killed during a save: the guest runs or the checkpoint is whole" {
    local ms action n=0
    start_guest 1
    STDIN=$(vmm_document 1)
    for ms in 100 300 600; do
        save &
        action=$!
        read -rt "0.$(printf %03d $ms)" <> <(:) || true
        restart_libvirtd host01
        wait "$action"
        wait_until 60 eval 'save; [ "$status" = 0 ]'
        wait_until 60 eval 'restore; [ "$status" = 0 ]'
        assert_guest host01 1
        n=$((n + 1))
    done
    told "kill -9 of libvirtd during save $n times"
}

@test "libvirtd killed on either side of a migration: one guest runs" {
    local host ms action n=0 here there
    for host in host01 host02; do
        for ms in 200 600 1000; do
            start_guest 1
            STDIN=$(vmm_document 1)
            migrate &
            action=$!
            if [ $ms -ge 1000 ]; then
                read -rt 1 <> <(:) || true
            else
                read -rt "0.$ms" <> <(:) || true
            fi
            restart_libvirtd $host
            wait "$action"
            wait_until 60 eval 'here=$(vm_state host01 1) there=$(vm_state host02 1); case $here/$there in running/ | /running) true ;; *) false ;; esac'
            wait_until 90 eval 'migrate; [ "$status" = 0 ]'
            assert_state host01 1 ""
            assert_state host02 1 running
            assert_guest host02 1
            vm_end_all
            n=$((n + 1))
        done
    done
    told "kill -9 of libvirtd during migrations $n times"
}

@test "a destination that loses power or its cable: the guest goes on at the source" {
    local fault action n=0
    for fault in kill unplug; do
        start_guest 1
        STDIN=$(vmm_document 1)
        kvmrc host01 'MIGRATE_OPTIONS="--unsafe --bandwidth 10"'
        migrate &
        action=$!
        read -rt 1 <> <(:) || true
        "$LAB_TOOLS/lab" $fault "$LAB" host02
        wait "$action"
        # The source is what counts; the destination cannot be asked.
        wait_until 90 eval '[ "$(vm_state host01 1)" = running ]'
        assert_guest host01 1
        if [ $fault = kill ]; then
            "$LAB_TOOLS/lab" boot "$LAB" host02 3>&-
        else
            "$LAB_TOOLS/lab" plug "$LAB" host02
        fi
        kvmrc host01 MIGRATE_OPTIONS=--unsafe
        wait_until 90 eval 'migrate; [ "$status" = 0 ]'
        assert_guest host02 1
        vm_end_all
        n=$((n + 1))
    done
    told "power failure and cut of the destination during a migration, $n times"
}

@test "QEMU killed during a save is an error, and no checkpoint pretends to be one" {
    start_guest 1
    STDIN=$(vmm_document 1)
    local pid action
    pid=$(lab_exec host01 cat /run/libvirt/qemu/one-1.pid)
    lab_exec host01 sh -c "sleep 0.3; kill -9 $pid" 3>&- &
    action=$!
    save
    wait "$action"
    if [ "$status" = 0 ]; then
        restore
        assert_success
        assert_guest host01 1
    else
        assert_state host01 1 ""
    fi
    told "kill -9 of QEMU during save once"
}

@test "twenty actions at once on one host" {
    local id pids=() failed=0
    for id in $(seq 20); do
        vm_domain host01 "$id" --memory 32 --no-agent >"$LAB/domain.$id"
    done
    for id in $(seq 20); do
        lab_exec host01 /var/tmp/one/vmm/kvm/deploy "$(vm_dir "$id")/deployment.0" host01 \
            "$id" host01 <"$LAB/domain.$id" >"$LAB/out.$id" 2>&1 3>&- &
        pids+=($!)
    done
    for id in "${pids[@]}"; do wait "$id" || failed=$((failed + 1)); done
    assert_equal "$failed" 0
    run lab_virsh host01 list --name
    assert_equal "$(grep -c one- <<<"$output")" 20
    pids=()
    for id in $(seq 20); do
        lab_exec host01 /var/tmp/one/vmm/kvm/cancel "$(cat "$LAB/out.$id")" host01 "$id" host01 \
            </dev/null >/dev/null 2>&1 3>&- &
        pids+=($!)
    done
    for id in "${pids[@]}"; do wait "$id" || failed=$((failed + 1)); done
    assert_equal "$failed" 0
    run lab_virsh host01 list --name
    assert_output ""
    told "20 deploys and 20 cancels at once"
}

@test "a guest that was frozen or paused by a process that is killed goes on" {
    local n=0 how pid
    for how in frozen paused; do
        start_guest 1
        [ $how = frozen ] || guest_run host01 one-1 sh -c 'kill -9 $(pidof qemu-ga)' || true
        cp "$DRV_OUT/tests/unit/test-virt" "$LAB/host01/var-tmp/hold"
        lab_exec host01 /var/tmp/hold --hold qemu:///system one-1 >"$LAB/held" 3>&- &
        pid=$!
        wait_until 40 grep -q "$how" "$LAB/held"
        if [ $how = frozen ]; then
            # The agent itself says so.
            run lab_virsh host01 qemu-agent-command one-1 '{"execute":"guest-fsfreeze-status"}'
            assert_output --partial frozen
        else
            assert_state host01 1 paused
        fi
        lab_exec host01 sh -c 'kill -9 $(pidof hold)'
        wait $pid || true
        if [ $how = frozen ]; then
            wait_until 20 eval 'lab_virsh host01 qemu-agent-command one-1 "{\"execute\":\"guest-fsfreeze-status\"}" | grep -q thawed'
        else
            wait_until 20 eval '[ "$(vm_state host01 1)" = running ]'
        fi
        vm_end_all
        n=$((n + 1))
    done
    told "kill -9 of who keeps a guest quiet $n times"
}
