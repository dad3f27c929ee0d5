#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
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
    lab_root "$1" sh -c 'kill -9 $(cat /run/libvirtd.pid); rm -f /run/libvirtd.pid'
    lab_root "$1" libvirtd --listen --daemon
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
    pid=$(lab_root host01 cat /run/libvirt/qemu/one-1.pid)
    lab_root host01 sh -c "sleep 0.3; kill -9 $pid" 3>&- &
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

nap() { read -rt "$1" <> <(:) || true; } # SECONDS

@test "deploy, attach, snapshot and cancel killed at any time, repeated, end right" {
    local ms n=0 document dir
    dir=$(vm_dir 1)
    document=$(vmm_document 1 "<DISK><DISK_ID>7</DISK_ID><ATTACH>YES</ATTACH><DRIVER>qcow2</DRIVER><TYPE>FILE</TYPE></DISK>")
    for ms in 3 15 40 80 150 300 500; do
        STDIN=$(vm_domain host01 1)
        killed_after $ms deploy "$dir/deployment.0" host01 1 host01
        wait_until 60 eval 'run_vmm host01 deploy "$dir/deployment.0" host01 1 host01; [ "$status" = 0 ]'
        assert_state host01 1 running
        lab_exec host01 qemu-img create -q -f qcow2 "$dir/disk.7" 64M
        STDIN=$document
        killed_after $ms attach_disk one-1 "$dir/disk.7" vdc 2 "$(base64 -w 0 <<<"$document")" 1 host01
        wait_until 60 eval 'run_vmm host01 attach_disk one-1 "$dir/disk.7" vdc 2 "$(base64 -w 0 <<<"$document")" 1 host01; [ "$status" = 0 ]'
        assert_equal "$(lab_virsh host01 domblklist one-1 | grep -c vdc)" 1
        STDIN=$(vmm_document 1)
        killed_after $ms snapshot_create one-1 0 1 host01
        wait_until 60 eval 'run_vmm host01 snapshot_create one-1 0 1 host01; [ "$status" = 0 ]'
        assert_equal "$(lab_virsh host01 snapshot-list --name one-1)" snap-0
        assert_state host01 1 running
        killed_after $ms cancel "$(vm_uuid 1)" host01 1 host01
        wait_until 60 eval 'run_vmm host01 cancel "$(vm_uuid 1)" host01 1 host01; [ "$status" = 0 ]'
        assert_state host01 1 ""
        vm_end_all
        n=$((n + 4))
    done
    told "kill -9 of deploy, attach_disk, snapshot_create and cancel, $n times"
}

@test "libvirtd killed during a restore: the guest runs or its checkpoint is whole" {
    local ms action n=0
    start_guest 1
    STDIN=$(vmm_document 1)
    for ms in 100 300 600; do
        save
        assert_success
        restore &
        action=$!
        nap "0.$(printf %03d $ms)"
        restart_libvirtd host01
        wait "$action"
        wait_until 60 eval 'restore; [ "$status" = 0 ]'
        assert_state host01 1 running
        assert_guest host01 1
        n=$((n + 1))
    done
    told "kill -9 of libvirtd during restore $n times"
}

kill_qemu() { lab_root "$1" sh -c 'kill -9 $(cat /run/libvirt/qemu/one-1.pid)'; } # HOST

@test "QEMU killed at the destination of a migration: the guest goes on at the source" {
    local at action n=0
    for at in 0.8 1.5; do
        start_guest 1
        kvmrc host01 'MIGRATE_OPTIONS="--unsafe --bandwidth 10"'
        STDIN=$(vmm_document 1)
        migrate &
        action=$!
        nap $at
        kill_qemu host02 || true
        wait "$action"
        kvmrc host01 MIGRATE_OPTIONS=--unsafe
        assert_state host01 1 running
        assert_state host02 1 ""
        assert_guest host01 1
        migrate
        assert_success
        assert_guest host02 1
        vm_end_all
        n=$((n + 1))
    done
    told "kill -9 of the destination's QEMU during a migration $n times"
}

@test "QEMU killed at the source of a migration is an error, and nothing runs twice" {
    start_guest 1
    kvmrc host01 'MIGRATE_OPTIONS="--unsafe --bandwidth 10"'
    STDIN=$(vmm_document 1)
    local action
    lab_root host01 sh -c 'sleep 1.2; kill -9 $(cat /run/libvirt/qemu/one-1.pid)' &
    action=$!
    migrate
    wait "$action"
    kvmrc host01 MIGRATE_OPTIONS=--unsafe
    assert_error "running on neither host"
    assert_state host01 1 ""
    wait_until 60 eval '[ -z "$(vm_state host02 1)" ]'
    told "kill -9 of the source's QEMU during a migration once"
}

@test "a migration in the way of a block job is tried again, and given up in time" {
    start_guest 1
    STDIN=$(vmm_document 1)
    lab_virsh host01 blockcopy one-1 vda "$(vm_dir 1)/copy" --transient-job --bandwidth 1
    lab_exec host01 sh -c 'sleep 3; virsh -q -c qemu:///system blockjob one-1 vda --abort' &
    migrate
    wait $!
    assert_success
    assert_guest host02 1
    vm_end_all
    start_guest 1
    STDIN=$(vmm_document 1)
    lab_virsh host01 blockcopy one-1 vda "$(vm_dir 1)/copy" --transient-job --bandwidth 1
    timed migrate
    assert_error "still runs on the source: .*block job"
    [ "$elapsed" -lt 80000 ]
    lab_virsh host01 blockjob one-1 vda --abort
    assert_guest host01 1
    told "a block job in the way of a migration, ended and lasting"
}

@test "a disk that is full while a checkpoint is written: the guest goes on" {
    start_guest 1
    STDIN=$(vmm_document 1)
    mount_tmpfs host01 /tmp/small size=8m
    run_vmm host01 save one-1 /tmp/small/checkpoint host01 1 host01
    run lab_exec host01 ls /tmp/small
    lab_root host01 umount /tmp/small
    assert_output ""
    assert_state host01 1 running
    assert_guest host01 1
    told "a full disk during save once"
}
