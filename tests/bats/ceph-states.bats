#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images that are not as an action needs them: absent, in the trash, being changed, out of
# reach; lists of clones that never come back; and names that want to be something else.

load lib/drv
load lib/ceph

setup() { ceph_setup_disk; }
teardown() {
    [ -z "${PAUSED-}" ] || kill -CONT "$PAUSED"
    core_stop
    ceph_empty one
    drv_teardown
}

setting() { # NAME=VALUE...
    printf '%s\n' "$@" >>"$REMOTES/etc/datastore/ceph/ceph.conf"
}

act() { # clone|ln|delete|snap_delete on image 5's disk of VM 7
    case $1 in
    clone | ln) run_tm ceph "$1" fe:one/one-5 "$D" 7 100 ;;
    delete) run_tm ceph delete "$D" 7 100 ;;
    snap_delete) run_tm ceph snap_delete "$D" 0 7 100 ;;
    esac
}

disk() { # a disk with snapshot 0
    act clone
    run_tm ceph snap_create "$D" 0 7 100
    assert_success
}

@test "absent" {
    rbd rm --no-progress one/one-5
    act clone
    assert_error "there is no image 'one/one-5'"
    act ln
    assert_error "there is no image 'one/one-5'"
    act delete
    assert_success
    act snap_delete
    assert_error "there is no image 'one/one-5-7-0'"
    assert_images one
}

@test "in the trash: never taken for absent, but deleted is deleted" {
    rbd trash mv --expires-at "next week" one/one-5
    act clone
    assert_error "image 'one/one-5' is in the trash, from which it can be restored until 20"
    act ln
    assert_error "image 'one/one-5' is in the trash, from which it can be restored until 20"
    rbd trash restore "one/$(rbd trash ls one | cut -d ' ' -f 1)"
    act clone
    rbd trash mv --expires-at "next week" one/one-5-7-0
    act snap_delete
    assert_error "image 'one/one-5-7-0' is in the trash, from which it can be restored until 20"
    act delete
    assert_success
    assert_equal "$(rbd trash ls one | awk '{print $2}')" one-5-7-0
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_error "'one/one-5-7-0' in the trash is a clone of 'one/one-5'"
}

# Something that takes long: IMAGE is flattened at an object in 5 s.
flatten_slowly() { # IMAGE
    setting CEPH_FLATTEN_RATE=1 CEPH_MAX_DEPTH=1
    fill "$1" 20
    rbd snap create --no-progress "$1@9"
    (run_ceph_ds snap_flatten 5 SOURCE="$1" TARGET_SNAPSHOT=9) >/dev/null 2>&1 3>&- &
    FLATTENER=$!
    wait_until 20 noted prepare
}
noted() { rados -p one listomapvals one_native.steps | grep "$1"; }

fill() { # POOL/IMAGE N: a byte in each of N objects
    local k words=()
    rbd resize --no-progress --size $(($2 * 4)) "$1" >/dev/null 2>&1 || true # it has it
    for ((k = 0; k < $2; k++)); do words+=(-c "aio_write -q -P 1 $((k * 4))M 512"); done
    qemu-io -f raw "${words[@]}" -c aio_flush "rbd:$1:conf=$CEPH/ceph.conf" >/dev/null
}

@test "being flattened: in use by another driver, for LOCK_TIMEOUT; then all is well" {
    local action begin
    echo LOCK_TIMEOUT=1 >>"$REMOTES/etc/one-native.conf"
    flatten_slowly one/one-5
    for action in clone ln; do
        begin=$SECONDS
        act $action
        assert_error "image 'one/one-5' is in use by another driver"
        [ $((SECONDS - begin)) -lt 10 ]
    done
    end_flatten
    disk
    flatten_slowly one/one-5-7-0
    for action in delete snap_delete; do
        act $action
        assert_error "image 'one/one-5-7-0' is in use by another driver"
    done
    end_flatten
    act delete
    assert_success
    assert_images one one-5
}

# The flattener is cancelled, and undoes what it has begun.
end_flatten() {
    pkill -TERM -P "$FLATTENER" || true
    local worker
    for worker in $(flatteners); do kill -TERM "$worker"; done
    wait "$FLATTENER" || true
    wait_until 20 idle
    sed -i '/CEPH_FLATTEN_RATE/d; /CEPH_MAX_DEPTH/d' "$REMOTES/etc/datastore/ceph/ceph.conf"
}
flatteners() {
    local exe
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
        "$DRV_OUT"/remotes/drv/bin/worker-rbd) echo "$exe" | cut -d / -f 3 ;;
        esac
    done
}
idle() { [ -z "$(rados -p one listomapkeys one_native.steps)" ]; }

@test "out of reach: said within CEPH_TIMEOUT and what ssh takes, by each action" {
    disk
    setting CEPH_TIMEOUT=2
    PAUSED=$(cat "$CEPH/mon.pid.ours")
    kill -STOP "$PAUSED"
    local action begin
    for action in clone ln delete snap_delete; do
        begin=$SECONDS
        act $action
        assert_error "no monitor of the Ceph cluster answers in 2 s"
        [ $((SECONDS - begin)) -lt 8 ]
    done
    kill -CONT "$PAUSED"
    PAUSED=
    assert_images one one-5 one-5-7-0
    assert_equal "$(snapshots one/one-5-7-0)" "0!"
}

@test "an OSD that is down: said within the time of an operation, and what" {
    disk
    setting CEPH_TIMEOUT=2
    PAUSED=$(cat "$CEPH/osd.0.pid.ours")
    kill -STOP "$PAUSED"
    ceph osd down 0 >/dev/null 2>&1
    wait_until 30 sh -c "ceph --conf $CEPH/ceph.conf health | grep -q 'osds down'"
    local begin=$SECONDS
    act snap_delete
    assert_error "some OSDs of the Ceph cluster are down"
    [ $((SECONDS - begin)) -lt 20 ]
    kill -CONT "$PAUSED"
    PAUSED=
    wait_until 60 sh -c "! ceph --conf $CEPH/ceph.conf health | grep -q 'osds down'"
    act snap_delete
    assert_success
    assert_equal "$(snapshots one/one-5-7-0)" ""
}

# Run an action whose first N lists of clones hang.
hang_lists() { # N
    local bin=$REMOTES/drv/bin
    [ -e "$DRV_OUT/tests/rbd-fault.so" ] || make -s -C "$DRV_ROOT" OUT="$DRV_OUT" "$DRV_OUT/tests/rbd-fault.so"
    [ -e "$bin/worker-rbd.real" ] || mv "$bin/worker-rbd" "$bin/worker-rbd.real"
    printf '#!/bin/sh\nLD_PRELOAD=%s RBD_FAULT_HANG=%s exec %s "$@"\n' \
        "$DRV_OUT/tests/rbd-fault.so" "$1" "$bin/worker-rbd.real" >"$bin/worker-rbd.new"
    chmod 755 "$bin/worker-rbd.new"
    mv "$bin/worker-rbd.new" "$bin/worker-rbd"
    setting CEPH_TIMEOUT=2
}

@test "a list of clones that never comes back: another connection is asked, by each action" {
    local begin
    disk
    run_tm ceph snap_revert "$D" 0 7 100
    assert_success
    hang_lists 1
    begin=$SECONDS
    act snap_delete # the disk is a clone of it
    assert_success
    assert_images one one-5 one-5-7-0
    act delete
    assert_success
    assert_images one one-5
    rbd snap create --no-progress one/one-5@snap
    act ln
    assert_success
    assert_equal "$(snapshots one/one-5)" ""
    rbd snap create --no-progress one/one-5@0
    run_ceph_ds snap_flatten 5 SOURCE=one/one-5 TARGET_SNAPSHOT=0
    assert_success
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_success
    assert_images one
    [ $((SECONDS - begin)) -lt 60 ]
}

@test "lists that never come back, by two connections: busy, in bounded time, nothing changed" {
    disk
    hang_lists 100
    local begin=$SECONDS
    act delete
    assert_error "clones of 'one/one-5-7-0' cannot be listed within 2 s"
    [ $((SECONDS - begin)) -lt 20 ]
    assert_images one one-5 one-5-7-0
}

@test "hostile values in every field: one sentence, nothing done, no file made" {
    local bad name rest
    local -a fields=(CEPH_USER CEPH_KEY CEPH_CONF POOL_NAME EC_POOL_NAME STAGING_DIR)
    touch "$BATS_TEST_TMPDIR/marker"
    for bad in '$(touch /tmp/owned)' '`id`' '; reboot' "a'b" '--id=admin' '../../etc/passwd' \
        $'a\nb' "$(printf '%300s' x)" 'a:b=c' '@'; do
        for name in "${fields[@]}"; do
            run_ceph_ds cp 6 PATH=/etc/hostname SAFE_DIRS=/ "$name=$bad"
            case $name in
            STAGING_DIR) # of no concern to a raw image, unless it is no path
                [ "$status" != 0 ] || run_ceph_ds rm 6 SOURCE=one/one-6
                ;;
            *) assert_failure ;;
            esac
            [ "$(drv_message | wc -l)" -le 1 ]
        done
        for rest in "mkfs 6 FORMAT=raw SIZE=$bad" "mkfs 6 SIZE=8 FORMAT=raw FS=$bad"; do
            # shellcheck disable=SC2086 # the first words
            run_ceph_ds ${rest%% *} 6 "${rest#* * }"
            [ "$(drv_message | wc -l)" -le 1 ]
        done
        ceph_vm 7 5 SOURCE="one/$bad"
        run_tm ceph snap_create "$D" 0 7 100
        assert_error "[a-z]"
        run_tm ceph snap_delete "$D" "$bad" 7 100
        assert_error "[a-z]"
        run_tm ceph cpds "$D" "one/$bad" -1 7 100
        assert_error "[a-z]"
    done
    [ ! -e /tmp/owned ]
    assert_images one one-5
    assert_equal "$(rbd ls one-data)" ""
}
