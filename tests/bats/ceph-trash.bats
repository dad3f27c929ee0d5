#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is deleted: at once, in the background, and until a date not at all.

load lib/drv
load lib/ceph

setup() { ceph_setup_disk; }

setting() { # NAME=VALUE...
    printf '%s\n' "$@" >>"$REMOTES/etc/datastore/ceph/ceph.conf"
}

trash() { # names in the trash
    rbd trash ls one | awk '{print $2}' | LC_ALL=C sort | paste -sd ' '
}

monitor() {
    run_ceph_ds monitor 100
    assert_success
    assert_output --regexp '^USED_MB=[0-9]+ FREE_MB=[0-9]+ TOTAL_MB=[0-9]+$'
}

# Let N objects of an image be there: a byte in each.
fill() { # POOL/IMAGE N
    local k words=()
    for ((k = 0; k < $2; k++)); do words+=(-c "aio_write -q -P 1 $((k * 4))M 512"); done
    qemu-io -f raw "${words[@]}" -c aio_flush "rbd:$1:conf=$CEPH/ceph.conf" >/dev/null
}

data_objects() { # ID of an image
    rados -p one ls | grep -c "^rbd_data.$1\." || true
}

id_of() { rbd info "$1" | sed -n 's/.*id: //p'; }

@test "CEPH_TRASH: restored until its date, then purged; what is others' stays" {
    setting CEPH_TRASH=yes CEPH_TRASH_SECONDS=3600
    local want name
    scribble one/one-5 kept 2
    want=$(digest one/one-5)
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_success
    assert_images one
    monitor
    assert_equal "$(trash)" one-5
    rbd trash restore "one/$(rbd trash ls one | cut -d ' ' -f 1)"
    assert_equal "$(digest one/one-5)" "$want"
    # The stock drivers' has no date, another's has another name.
    for name in one-6 foreign; do rbd create --size 1 one/$name; done
    rbd trash mv one/one-6
    rbd trash mv --expires-at "now + 1 seconds" one/foreign
    setting CEPH_TRASH_SECONDS=1
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_success
    wait_until 20 purged "foreign one-6"
}
purged() { # the names that stay
    run_ceph_ds monitor 100
    [ "$(trash)" = "$1" ]
}

@test "the purge is bounded and goes on where it stopped; what it has begun is not restored" {
    local id before after rounds=0
    rbd create --size 1T one/one-8
    fill one/one-8 60
    id=$(id_of one/one-8)
    setting CEPH_REMOVE_MB=100 CEPH_PURGE_RATE=15 CEPH_PURGE_SECONDS=1
    run_ceph_ds rm 8 SOURCE=one/one-8
    assert_success
    assert_images one one-5
    assert_equal "$(trash)" one-8
    assert_equal "$(data_objects "$id")" 60
    sleep 2 # its date, which only a clock brings
    before=60
    while [ -n "$(rbd ls one | grep -v one-5)$(trash)" ] && [ $rounds -lt 20 ]; do
        monitor
        after=$(data_objects "$id")
        echo "objects: $before, then $after"
        # 20 at once, and no more than 15 a second.
        [ $((before - after)) -le 40 ]
        if [ "$after" -gt 0 ]; then
            assert_images one one-5 "one_native.purge.$id"
            [ "$after" -lt "$before" ]
        fi
        assert_equal "$(trash)" ""
        before=$after
        rounds=$((rounds + 1))
    done
    [ $rounds -ge 2 ] && [ $rounds -lt 20 ]
    assert_equal "$(data_objects "$id")" 0
}

@test "1 TiB is deleted at once, and so is a clone of it, whose parent is freed by the purge" {
    rbd create --size 1T one/one-8
    fill one/one-8 2000
    ceph_vm 7 8 SIZE=1048576 ORIGINAL_SIZE=1048576
    run_tm ceph clone fe:one/one-8 "$D" 7 100
    assert_success
    fill one/one-8-7-0 30
    setting CEPH_REMOVE_MB=100
    local begin=${EPOCHREALTIME/./}
    run_tm ceph delete "$D" 7 100
    assert_success
    [ $((${EPOCHREALTIME/./} - begin)) -lt 2000000 ]
    assert_equal "$(trash)" one-8-7-0
    assert_equal "$(snapshots one/one-8)" "snap!"
    run_ceph_ds rm 8 SOURCE=one/one-8
    assert_error "'one/one-8-7-0' in the trash is a clone of 'one/one-8'"
    wait_until 20 purged ""
    assert_equal "$(snapshots one/one-8)" ""
    begin=${EPOCHREALTIME/./}
    run_ceph_ds rm 8 SOURCE=one/one-8
    assert_success
    [ $((${EPOCHREALTIME/./} - begin)) -lt 2000000 ]
    assert_images one one-5
}

@test "a large disk that was reverted needs no trash" {
    rbd create --size 1T one/one-8
    ceph_vm 7 8 SIZE=1048576 ORIGINAL_SIZE=1048576
    run_tm ceph clone fe:one/one-8 "$D" 7 100
    fill one/one-8-7-0 30
    run_tm ceph snap_create "$D" 0 7 100
    run_tm ceph snap_revert "$D" 0 7 100
    fill one/one-8-7-0 30
    setting CEPH_REMOVE_MB=100
    run_tm ceph delete "$D" 7 100
    assert_success
    assert_images one one-5 one-8
}

@test "flattening is throttled" {
    setting CEPH_FLATTEN_RATE=3 CEPH_MAX_DEPTH=1
    run_tm ceph clone fe:one/one-5 "$D" 7 100
    run_tm ceph resize "$D" 40 7 100
    fill one/one-5-7-0 10
    run_tm ceph snap_create "$D" 0 7 100
    local begin=${EPOCHREALTIME/./}
    run_tm ceph snap_revert "$D" 0 7 100
    assert_success
    # 10 objects, of which librbd begins some at once.
    [ $((${EPOCHREALTIME/./} - begin)) -ge 2500000 ]
    run rbd info one/one-5-7-0
    refute_output --partial parent:
}
