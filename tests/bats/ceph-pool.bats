#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pools of other kinds, users with fewer rights, and clusters in trouble.

load lib/drv
load lib/ceph
load lib/crowd

setup_file() { CEPH_OSDS=3 ceph_start; }

setup() {
    ceph_setup
    D=$HERE:$SYS/7/disk.0
}

tenant() { # ACTION ID NAME=VALUE...: as a user of namespace one/tenant alone
    local action=$1 id=$2
    shift 2
    DUMP=$(ds_dump CEPH_USER=tenant CEPH_KEY="$CEPH/tenant.key" CEPH_CONF="$CEPH/ceph.conf" \
        POOL_NAME=one/tenant ID="$id" "$@")
    run_ds "ceph/$action" "$id"
}

@test "a user of one namespace does all there, and nothing outside" {
    tenant mkfs 5 FORMAT=raw SIZE=8
    assert_success
    assert_output one/tenant/one-5
    rbd snap create --no-progress one/tenant/one-5@0
    tenant snap_revert 5 SOURCE=one/tenant/one-5 TARGET_SNAPSHOT=0
    assert_success
    vm_put 7 -- disk DISK_ID=0 IMAGE_ID=5 SOURCE=one/tenant/one-5 TYPE=RBD CLONE=YES SIZE=8 \
        ORIGINAL_SIZE=8 CEPH_USER=tenant CEPH_KEY="$CEPH/tenant.key" CEPH_CONF="$CEPH/ceph.conf"
    run_tm ceph clone fe:one/tenant/one-5 "$D" 7 100
    assert_success
    run_tm ceph snap_create "$D" 0 7 100
    assert_success
    assert_images one/tenant one-5 one-5-0 one-5-7-0
    run_tm ceph delete "$D" 7 100
    assert_success
    tenant rm 5 SOURCE=one/tenant/one-5
    assert_success
    assert_equal "$(rbd ls one/tenant)" ""
    rbd create --size 1 one/one-9
    tenant rm 9 SOURCE=one/one-9
    assert_error "client.tenant may not"
    assert_images one one-9
}

@test "the data of each image that is made is in the erasure coded pool" {
    local ec=(EC_POOL_NAME=one-ec) image
    data_pool() { rbd info "$1" | sed -n 's/.*data_pool: //p'; }
    head -c 1M /dev/urandom >"$BATS_TEST_TMPDIR/raw"
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/raw" SAFE_DIRS=/ "${ec[@]}"
    assert_success
    run_ceph_ds mkfs 6 FORMAT=raw SIZE=8 "${ec[@]}"
    run_ceph_ds clone 8 PATH=one/one-5 "${ec[@]}"
    assert_success
    assert_equal "$(digest one/one-8)" "$(sha256sum <"$BATS_TEST_TMPDIR/raw" | cut -c1-16)"
    datastore_xml 100 TEMPLATE/POOL_NAME=one TEMPLATE/EC_POOL_NAME=one-ec \
        "${ACCESS[@]/#/TEMPLATE/}" | core_put datastore 100
    ceph_vm 7 5
    run_tm ceph clone fe:one/one-5 "$D" 7 100
    run_tm ceph snap_create "$D" 0 7 100
    run_tm ceph snap_revert "$D" 0 7 100
    assert_success
    run_tm ceph cpds "$D" one/one-9 -1 7 100
    assert_success
    for image in one-5 one-6 one-8 one-9 one-5-7-0 one-5-7-0-0; do
        assert_equal "$image $(data_pool one/$image)" "$image one-ec"
    done
}

@test "20 clones of one image at once, and their deletion" {
    rbd create --size 8 one/one-5
    # They wait for each other, at most for LOCK_TIMEOUT, which is 120 s.
    local n names DRV_TIMEOUT=180
    for n in $(seq 20 39); do ceph_vm "$n" 5; done
    for n in $(seq 20 39); do
        begin "c$n" ceph clone fe:one/one-5 "$HERE:$SYS/$n/disk.0" "$n" 100
    done
    for n in $(seq 20 39); do finish "c$n" && result "c$n" && assert_success; done
    names=$(seq -f 'one-5-%g-0' 20 39)
    # shellcheck disable=SC2086 # a list
    assert_images one one-5 $names
    for n in $(seq 20 39); do begin "d$n" ceph delete "$HERE:$SYS/$n/disk.0" "$n" 100; done
    for n in $(seq 20 39); do finish "d$n" && result "d$n" && assert_success; done
    assert_images one one-5
    assert_equal "$(snapshots one/one-5)" ""
}

@test "a full cluster, and one without its monitor: one sentence in a bounded time" {
    rbd create --size 8 one/one-5
    ceph_vm 7 5
    printf '%s\n' CEPH_TIMEOUT=2 CEPH_LEASE=1 >"$REMOTES/etc/datastore/ceph/ceph.conf"
    local begin=$SECONDS
    ceph osd set-full-ratio 0.0000001 >/dev/null 2>&1
    ceph osd set-backfillfull-ratio 0.00000009 >/dev/null 2>&1
    ceph osd set-nearfull-ratio 0.00000008 >/dev/null 2>&1
    wait_until 30 sh -c "ceph --conf $CEPH/ceph.conf health | grep -q full"
    head -c 9M /dev/urandom >"$BATS_TEST_TMPDIR/raw"
    run_ceph_ds cp 6 PATH="$BATS_TEST_TMPDIR/raw" SAFE_DIRS=/
    assert_error "full"
    ceph osd set-full-ratio 0.95 >/dev/null 2>&1
    ceph osd set-backfillfull-ratio 0.9 >/dev/null 2>&1
    ceph osd set-nearfull-ratio 0.85 >/dev/null 2>&1
    wait_until 30 sh -c "! ceph --conf $CEPH/ceph.conf health | grep -q full"
    assert_images one one-5
    kill -STOP "$(cat "$CEPH/mon.pid.ours")"
    run_tm ceph clone fe:one/one-5 "$D" 7 100
    kill -CONT "$(cat "$CEPH/mon.pid.ours")"
    assert_error "no monitor of the Ceph cluster answers in 2 s"
    [ $((SECONDS - begin)) -lt 120 ]
    run_tm ceph clone fe:one/one-5 "$D" 7 100
    assert_success
}
