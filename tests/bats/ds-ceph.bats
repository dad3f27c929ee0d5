#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images in a pool: datastore/ceph against a real cluster.

load lib/drv
load lib/ceph

file() { # NAME SIZE: data, a hole, data
    head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/$1"
    truncate -s "$2" "$BATS_TEST_TMPDIR/$1"
    printf end | dd of="$BATS_TEST_TMPDIR/$1" bs=1 seek=$(($(numfmt --from=iec "$2") - 3)) \
        conv=notrunc status=none
}

@test "cp: a raw file becomes an image with the same bytes and the same holes" {
    file raw 40M
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/raw" SAFE_DIRS=/
    assert_success
    assert_output "one/one-5 raw"
    assert_images one one-5
    assert_equal "$(digest one/one-5)" "$(sha256sum <"$BATS_TEST_TMPDIR/raw" | cut -c1-16)"
    assert_equal "$(rbd info one/one-5 --format json | grep -o '"size":[0-9]*')" '"size":41943040'
    run rbd du one/one-5 --format json
    assert_output --partial '"used_size":8388608'
}

@test "cp: what is compressed, and qcow2, become raw" {
    file raw 8M
    gzip -k "$BATS_TEST_TMPDIR/raw"
    qemu-img convert -f raw -O qcow2 "$BATS_TEST_TMPDIR/raw" "$BATS_TEST_TMPDIR/qcow2"
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/raw.gz" SAFE_DIRS=/
    assert_success
    run_ceph_ds cp 6 PATH="$BATS_TEST_TMPDIR/qcow2" SAFE_DIRS=/ STAGING_DIR="$BATS_TEST_TMPDIR"
    assert_success
    assert_output "one/one-6 raw"
    assert_images one one-5 one-6
    assert_equal "$(digest one/one-5)" "$(digest one/one-6)"
    assert_equal "$(digest one/one-5)" "$(sha256sum <"$BATS_TEST_TMPDIR/raw" | cut -c1-16)"
}

@test "cp: an image that is there is never overwritten, and a wrong digest leaves nothing" {
    file raw 1M
    rbd create --size 1 one/one-5
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/raw" SAFE_DIRS=/
    assert_error "there is an image 'one/one-5' already"
    rbd rm --no-progress one/one-5
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/raw" SAFE_DIRS=/ MD5=00000000000000000000000000000000
    assert_error "MD5 of"
    assert_images one
}

@test "cp: an image that names other files is refused" {
    mkdir "$BATS_TEST_TMPDIR/staging"
    qemu-img create -q -f qcow2 -F raw -b /etc/passwd "$BATS_TEST_TMPDIR/evil" 1M
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/evil" SAFE_DIRS=/ \
        STAGING_DIR="$BATS_TEST_TMPDIR/staging"
    assert_error "backing file"
    assert_images one
    assert_only "$BATS_TEST_TMPDIR/staging"
}

@test "cp: what exceeds SIZE, with which quotas are charged, is refused" {
    head -c 3M /dev/urandom >"$BATS_TEST_TMPDIR/raw"
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/raw" SAFE_DIRS=/ IMAGE/SIZE=2
    assert_error "the disk has 3 MB, more than SIZE 2 of the image"
    qemu-img convert -f raw -O qcow2 "$BATS_TEST_TMPDIR/raw" "$BATS_TEST_TMPDIR/qcow2"
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/qcow2" SAFE_DIRS=/ IMAGE/SIZE=2 \
        STAGING_DIR="$BATS_TEST_TMPDIR"
    assert_error "the disk has 3 MB, more than SIZE 2 of the image"
    assert_images one
    run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/raw" SAFE_DIRS=/ IMAGE/SIZE=3
    assert_success
}

@test "mkfs: empty, with a file system, with swap space, and of format save_as" {
    run_ceph_ds mkfs 5 FORMAT=raw SIZE=8
    assert_success
    assert_output one/one-5
    run_ceph_ds mkfs 6 FORMAT=raw FS=ext4 SIZE=16 STAGING_DIR="$BATS_TEST_TMPDIR"
    assert_success
    run_ceph_ds mkfs 7 FORMAT=swap SIZE=8 STAGING_DIR="$BATS_TEST_TMPDIR"
    assert_success
    run_ceph_ds mkfs 8 FORMAT=save_as SIZE=8
    assert_success
    assert_output one/one-8
    assert_images one one-5 one-6 one-7
    rbd export --no-progress one/one-6 "$BATS_TEST_TMPDIR/fs"
    run blkid -o value -s TYPE "$BATS_TEST_TMPDIR/fs"
    assert_output ext4
    e2fsck -fn "$BATS_TEST_TMPDIR/fs"
    rbd export --no-progress one/one-7 "$BATS_TEST_TMPDIR/swap"
    run blkid -o value -s LABEL "$BATS_TEST_TMPDIR/swap"
    assert_output swap
}

to_full() { "$@" >/dev/full; }

@test "an image whose answer cannot be written does not stay" {
    rbd create --size 8 one/one-5
    for action in "mkfs FORMAT=raw SIZE=8" "clone PATH=one/one-5"; do
        # shellcheck disable=SC2086 # words
        DUMP=$(ds_dump "${ACCESS[@]}" POOL_NAME=one ID=6 ${action#* })
        run --separate-stderr to_full drv_run_with "$DUMP" "$REMOTES/datastore/ceph/${action%% *}" 6
        assert_error "cannot write the answer: No space left on device"
        assert_images one one-5
    done
    run_ceph_ds clone 6 PATH=one/one-5
    assert_output one/one-6
}

@test "clone: a full copy, without snapshots" {
    rbd create --size 8 one/one-5
    scribble one/one-5 a 1
    rbd snap create --no-progress one/one-5@0
    scribble one/one-5 b 5
    run_ceph_ds clone 6 PATH=one/one-5
    assert_success
    assert_output one/one-6
    assert_equal "$(digest one/one-5)" "$(digest one/one-6)"
    assert_equal "$(snapshots one/one-6)" ""
    rbd snap rm --no-progress one/one-5@0
}

@test "rm: with snapshots and what reverts left; again; without SOURCE" {
    rbd create --size 8 one/one-5
    rbd snap create --no-progress one/one-5@0
    rbd snap protect one/one-5@0
    run_ceph_ds snap_revert 5 SOURCE=one/one-5 TARGET_SNAPSHOT=0
    assert_success
    assert_images one one-5 one-5-0
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_success
    assert_images one
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_success
    run_ceph_ds rm 5 SOURCE=
    assert_success
}

@test "rm: the names of others are not ours: 1, 11 and 1-1" {
    local name
    for name in one-1 one-11 one-1-1 one-1-1-0 one-1-0:1; do rbd create --size 1 "one/$name"; done
    run_ceph_ds rm 1 SOURCE=one/one-1
    assert_success
    assert_images one one-11 one-1-1-0
}

@test "rm: an image that others were cloned from stays, and the message names one" {
    rbd create --size 8 one/one-5
    rbd snap create --no-progress one/one-5@snap
    rbd snap protect one/one-5@snap
    rbd clone one/one-5@snap one/one-5-7-0
    run_ceph_ds rm 5 SOURCE=one/one-5
    assert_error "'one/one-5-7-0' is a clone of 'one/one-5'"
    assert_images one one-5 one-5-7-0
    assert_equal "$(snapshots one/one-5)" "snap!"
}

@test "snap_flatten: what the image was at a snapshot is all that is left" {
    rbd create --size 8 one/one-5
    scribble one/one-5 a 1
    rbd snap create --no-progress one/one-5@0
    rbd snap protect one/one-5@0
    local want
    want=$(digest one/one-5)
    scribble one/one-5 b 2
    run_ceph_ds snap_flatten 5 SOURCE=one/one-5 TARGET_SNAPSHOT=0
    assert_success
    assert_images one one-5
    assert_equal "$(digest one/one-5)" "$want"
    assert_equal "$(snapshots one/one-5)" ""
}

@test "monitor: as ceph df" {
    run_ceph_ds monitor 100
    assert_success
    assert_output --regexp '^USED_MB=[0-9]+ FREE_MB=[0-9]+ TOTAL_MB=[0-9]+$'
    local free want
    [[ $output =~ FREE_MB=([0-9]+) ]]
    free=${BASH_REMATCH[1]}
    want=$(($(ceph df -f json | python3 -c 'import json, sys
print([p for p in json.load(sys.stdin)["pools"] if p["name"] == "one"][0]["stats"]["max_avail"])') / 1048576))
    # It lags behind what was written a moment ago.
    [ $((free - want)) -le 1 ] && [ $((want - free)) -le 1 ]
}

@test "export: where a marketplace finds it, with its digest" {
    rbd create --size 1 one/one-5
    run_ceph_ds export 5 SOURCE=one/one-5 SIZE=1
    assert_success
    assert_output --partial "rbd://localhost/one/one-5?CEPH_USER=one&"
    assert_output --partial "b6d81b360a5672d80c27430f39153e2c"
}

@test "no cluster, wrong key, no pool: one sentence in a bounded time" {
    local begin=$SECONDS
    sed 's/^mon host.*/mon host = v2:127.0.0.1:1/' "$CEPH/ceph.conf" >"$BATS_TEST_TMPDIR/none.conf"
    DUMP=$(ds_dump ID=100 POOL_NAME=one CEPH_USER=one CEPH_KEY="$CEPH/one.key" \
        CEPH_CONF="$BATS_TEST_TMPDIR/none.conf")
    run_ds ceph/monitor 100
    assert_error "no monitor of the Ceph cluster answers"
    [ $((SECONDS - begin)) -lt 20 ]
    DUMP=$(ds_dump ID=100 POOL_NAME=one CEPH_USER=one CEPH_KEY="$CEPH/tenant.key" \
        CEPH_CONF="$CEPH/ceph.conf")
    run_ds ceph/monitor 100
    assert_error "the Ceph cluster does not accept the key of client.one"
    DUMP=$(ds_dump ID=100 POOL_NAME=nopool "${ACCESS[@]}")
    run_ds ceph/monitor 100
    assert_error "there is no pool 'nopool'"
    DUMP=$(ds_dump ID=100 POOL_NAME=one CEPH_USER=one CEPH_KEY=/no/such.key \
        CEPH_CONF="$CEPH/ceph.conf")
    run_ds ceph/monitor 100
    assert_error "CEPH_KEY '/no/such.key'"
}

@test "hostile names never reach anything else" {
    local name
    for name in 'one' 'one/' '/x' 'one/a@b' $'one/a\nb' 'one/../x/y' 'one//x'; do
        run_ceph_ds rm 5 SOURCE="$name"
        assert_error "^cannot remove image 5: "
        assert_equal "$(drv_message | wc -l)" 1
    done
    for name in 'one/--id=x' 'one/$(reboot)' "one/a'b;c"; do
        run_ceph_ds rm 5 SOURCE="$name"
        assert_success
    done
}

@test "cp: into a pool so new that its use is not known" {
    "$LAB_TOOLS/ceph" stop "$CEPH" mgr
    ceph osd pool create fresh 8 8 >/dev/null 2>&1
    ceph osd pool application enable fresh rbd >/dev/null 2>&1
    head -c 1M /dev/urandom >"$BATS_TEST_TMPDIR/raw"
    DUMP=$(ds_dump CEPH_CONF="$CEPH/ceph.conf" POOL_NAME=fresh ID=5 SAFE_DIRS=/ \
        PATH="$BATS_TEST_TMPDIR/raw")
    run_ds ceph/cp 5
    "$LAB_TOOLS/ceph" start "$CEPH" mgr
    assert_success
    assert_equal "$(digest fresh/one-5)" "$(sha256sum <"$BATS_TEST_TMPDIR/raw" | cut -c1-16)"
    ceph_empty fresh
}
