#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # set and read by the library
# Actions that are stopped on their way: they end soon, and nothing is left, on the host
# neither.
load lib/drv
load lib/vmm
load lib/live
load lib/crowd
load lib/cut

# The time to unwind is 2 s; a machine that is busy with other tests gets some more.
LIMIT=4000

setup_file() {
    cut_setup_suite
    lab_exec fe sh -c "mkdir -p /var/tmp/safe && head -c 40000000 /dev/urandom >/var/tmp/safe/web &&
        dd if=/dev/zero of=$DS/big bs=1M count=1200 status=none && echo end >>$DS/big"
    vm_put 1 LCM_STATE=2 HOSTNAME=host01 -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/qcow2" \
        FORMAT=qcow2 TYPE=FILE CLONE=YES SIZE=8 ORIGINAL_SIZE=8 \
        -- disk DISK_ID=1 IMAGE_ID=8 SOURCE="$DS/big" FORMAT=raw TYPE=FILE CLONE=YES \
        SIZE=1201 ORIGINAL_SIZE=1201 -- disk DISK_ID=4 TYPE=fs FORMAT=qcow2
}

teardown_file() { lab_teardown_suite; }

setup() {
    before=$(shared_tree)
}

teardown() {
    finish
    lab_virsh host01 destroy one-7 >/dev/null 2>&1 || true
    ! lab_exec host01 mountpoint -q /usr/bin/qemu-img || release_tool
    core_fault
    lab_exec fe sh -c "rm -rf $SYS/*"
}

shared_tree() {
    lab_exec fe find "$DATASTORES" -mindepth 2 -printf '%p %y %s\n' | sort
}

# Send SIGNAL to the driver; it ends, says so, and nothing is left.
stop() { # NAME ACTION [SIGNAL]
    timed signal_and_finish "$1" "${3-TERM}" "$2"
    echo "# $2: $ms ms" >&3
    assert_within $LIMIT
    result "$1"
    assert_error "cancelled$"
    assert_equal "$status" 12
    assert_idle fe host01
    assert_tidy
    assert_equal "$(shared_tree)" "$before"
}

signal_and_finish() { # NAME SIGNAL ACTION
    signal_all fe "$2" "^$REMOTES/[a-z]*/[a-z0-9]*/$3"
    finish "$1"
}

# Something of it is there.
wait_growing() { # PATTERN
    wait_until 10 eval '[ -n "$(find "$LAB"/shared -path "'"$1"'" -size +0)" ]'
}

@test "cp from a web server: slow, stalled, and silent" {
    web_start /var/tmp/safe/web
    for name in slow stall silent; do
        DUMP=$(ds_dump PATH="$WEB/$name")
        begin_ds cp fs/cp 7
        wait_until 10 find_pids fe "^$REMOTES/datastore/fs/cp"
        sleep 0.5
        stop cp cp
    done
    web_stop
}

@test "cp to a bridge host" {
    web_start /var/tmp/safe/web
    DUMP=$(ds_dump PATH="$WEB/slow" BRIDGE_LIST=host01)
    begin_ds cp fs/cp 7
    wait_until 10 find "$LAB"/shared -path '*/.drv-*/data'
    sleep 0.5
    stop cp cp
    web_stop
}

@test "datastore clone of a large image" {
    DUMP=$(ds_dump PATH="$DS/big" FORMAT=raw)
    begin_ds clone fs/clone 8
    wait_growing '*/.drv-*/*'
    stop clone clone
}

@test "clone of a large raw image, here and on a host" {
    for host in fe host01; do
        begin clone qcow2 clone "fe:$DS/big" "$host:$SYS/1/disk.1" 1 1
        wait_growing '*/.drv-disk.1/copy'
        stop clone clone
    done
}

@test "clone, by SIGINT and SIGHUP" {
    for signal in INT HUP; do
        begin clone qcow2 clone "fe:$DS/big" "host01:$SYS/1/disk.1" 1 1
        wait_growing '*/.drv-disk.1/copy'
        stop clone clone $signal
    done
}

@test "cpds of a large disk, raw and qcow2" {
    lab_exec fe sh -c "mkdir -p $SYS/1 && ln -s $DS/big $SYS/1/disk.1"
    lab_exec fe sh -c "ln $DS/big $SYS/1/disk.9"
    before=$(shared_tree)
    sed 's|<DISK_ID>1<|<DISK_ID>9<|' "$CORE/vm/1.xml" | core_put vm 2
    sed -i 's|<ID>1<|<ID>2<|' "$CORE/vm/2.xml"
    begin cpds qcow2 cpds "host01:$SYS/1/disk.9" "$DS/saved" -1 2 1
    wait_growing '*/.drv-saved/image'
    stop cpds cpds
}

@test "moving a directory from another file system" {
    mount_tmpfs host01 "$DATASTORES/9"
    lab_exec host01 sh -c "mkdir $DATASTORES/9/1 && head -c 800000000 /dev/zero >$DATASTORES/9/1/disk.0"
    begin mv qcow2 mv "host01:$DATASTORES/9/1" "host01:$SYS/1" 1 0
    wait_growing '*/.drv-1/copy/disk.0'
    stop mv mv
    lab_root host01 sh -c "[ \$(stat -c %s $DATASTORES/9/1/disk.0) = 800000000 ] &&
        umount $DATASTORES/9"
    rmdir "$LAB/shared/9"
}

@test "a tool on the host that does not end, and one that does not want to" {
    begin_held_clone
    stop clone clone
    release_tool
    hold_tool
    sed -i "1a trap '' TERM INT HUP" "$LAB/host01/one/waiting"
    begin clone "${CLONE[@]}"
    wait_held
    stop clone clone
    release_tool
}

@test "waiting for oned, for another driver, and for a host" {
    core_fault hang
    : >"$CORE/requests"
    begin clone "${CLONE[@]}"
    wait_until 10 grep -q vm.info "$CORE/requests"
    stop clone clone
    core_fault
    lab_exec fe sh -c "mkdir -p $SYS/1/.drv-disk.0"
    lab_exec host01 flock "$SYS/1/.drv-disk.0/lock" sleep 30 3>&- &
    wait_until 10 lab_exec fe test -e "$SYS/1/.drv-disk.0/lock"
    begin clone "${CLONE[@]}"
    wait_until 10 find_pids host01 "^$BIN/worker"
    sleep 0.3
    timed signal_and_finish clone TERM clone
    assert_within $LIMIT
    signal_all host01 TERM "^sleep 30"
    wait $! || true
    lab_exec fe rm -r "$SYS/1"
    forget_masters
    "$LAB_TOOLS/lab" unplug "$LAB" host01
    begin clone "${CLONE[@]}"
    wait_until 10 find_pids fe "^ssh .*drv/bin/worker"
    timed signal_and_finish clone TERM clone
    assert_within $LIMIT
    plug
    assert_equal "$(shared_tree)" "$before"
}

# Started and stopped on fe, so that the time between is what it should be.
stopped_after() { # SECONDS
    run --separate-stderr lab_exec fe bash -c 'wait=$1; shift; "$@" </dev/null & sleep "$wait"
        kill $! 2>/dev/null; wait $!' bash "$1" "$REMOTES/tm/qcow2/clone" "${CLONE[@]:2}"
}

@test "a stop at any time: all is done, or nothing" {
    local n stopped=0
    for n in 01 02 04 06 08 10 12 14 16 18 20 25 30 35 40 50; do
        stopped_after "0.0$n"
        assert_idle host01
        if [ "$status" = 0 ]; then
            assert_disk
            run_tm qcow2 delete "host01:$SYS/1" 1 0
        else
            [[ $status = 12 || $status = 143 ]] || fail "status $status: $stderr"
            stopped=$((stopped + 1))
        fi
        assert_no_disk
    done
    echo "# stopped $stopped of 16" >&3
}

@test "a live commit of much data" {
    IMAGE=/var/lib/one/datastores/1/live
    lab_exec host01 qemu-img create -q -f raw "$IMAGE.raw" 800M
    start_vm non-persistent qcow2 link
    take 0
    assert_success
    guest_io "write -P 1 0 300M"
    take 1
    assert_success
    core_state 59
    begin delete shared snap_delete "host01:$DISK" 1 7 1
    wait_until 10 eval 'lab_virsh host01 blockjob one-7 vda --raw | grep -q type='
    timed signal_and_finish delete TERM snap_delete
    echo "# live commit: $ms ms" >&3
    assert_within $LIMIT
    result delete
    assert_error "cancelled$"
    assert_idle host01
    run lab_virsh host01 blockjob one-7 vda --raw
    refute_output --partial type=
    assert_tidy
    assert_same_chain
    guest_io "read -P 1 0 300M"
    delete 1
    assert_same_chain
    guest_io "read -P 1 0 300M"
    lab_virsh host01 destroy one-7
    lab_exec fe sh -c "rm -rf $IMAGE*"
}
