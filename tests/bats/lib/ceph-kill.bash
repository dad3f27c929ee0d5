# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# ceph-kill.bash - actions on pools that are killed before each call of librbd and librados
# that changes something.  After lib/drv and lib/ceph.
#
# A scenario NAME is three functions: NAME_before makes what the action needs, do_NAME runs
# it, NAME_after asserts what it leaves.  After a kill the same action is run again, and
# must leave the same.

# After ceph_setup: worker-rbd is one that may be killed.
kill_setup() {
    local bin=$REMOTES/drv/bin
    [ -e "$DRV_OUT/tests/rbd-fault.so" ] || make -s -C "$DRV_ROOT" OUT="$DRV_OUT" "$DRV_OUT/tests/rbd-fault.so"
    mv "$bin/worker-rbd" "$bin/worker-rbd.real"
    cat >"$bin/worker-rbd" <<END
#!/bin/sh
export RBD_FAULT_LOG=$BATS_TEST_TMPDIR/calls LD_PRELOAD=$DRV_OUT/tests/rbd-fault.so
RBD_FAULT_AT=\$(cat $BATS_TEST_TMPDIR/at)
export RBD_FAULT_AT
exec $bin/worker-rbd.real "\$@"
END
    chmod 755 "$bin/worker-rbd"
    echo 0 >"$BATS_TEST_TMPDIR/at"
}

prepare_pool() { # SCENARIO
    ceph_empty one
    "$1_before"
    : >"$BATS_TEST_TMPDIR/calls"
}

try_point() { # SCENARIO N
    echo "--- killed before call $2"
    prepare_pool "$1"
    echo "$2" >"$BATS_TEST_TMPDIR/at"
    "do_$1"
    assert_failure
    echo "... $(tail -n 1 "$BATS_TEST_TMPDIR/calls")"
    echo 0 >"$BATS_TEST_TMPDIR/at"
    "do_$1"
    assert_success
    "$1_after"
}

# All points; with KILL_SAMPLE=N, so many of them, spread over the action.
kill_everywhere() { # SCENARIO
    local points n step=1
    prepare_pool "$1"
    "do_$1"
    assert_success
    "$1_after"
    points=$(wc -l <"$BATS_TEST_TMPDIR/calls")
    [ "$points" -gt 0 ]
    if [ -n "${KILL_SAMPLE-}" ] && [ "$points" -gt "$KILL_SAMPLE" ]; then
        step=$(((points + KILL_SAMPLE - 1) / KILL_SAMPLE))
    fi
    for ((n = 1 + RANDOM % step; n <= points; n += step)); do try_point "$1" "$n"; done
    echo "# points tried in $1: $points / $step" >&3
}

# --- scenarios --------------------------------------------------------------------------

D() { echo "$HERE:$SYS/7/disk.0"; }

base() { # an image with data, and a VM with a disk of it
    rbd create --size 8 one/one-5
    scribble one/one-5 base 1
    ceph_vm 7 5
}

# A disk with snapshots 0 and 1 that was reverted to 0, and has 2.
tree() {
    base
    rbd snap create --no-progress one/one-5@snap
    rbd snap protect one/one-5@snap
    rbd clone one/one-5@snap one/one-5-7-0
    for id in 0 1; do
        scribble one/one-5-7-0 "x$id" "$((id + 2))"
        rbd snap create --no-progress one/one-5-7-0@$id
        rbd snap protect one/one-5-7-0@$id
    done
    rbd rename one/one-5-7-0 one/one-5-7-0-0:1
    rbd clone one/one-5-7-0-0:1@0 one/one-5-7-0
    scribble one/one-5-7-0 y 6
    rbd snap create --no-progress one/one-5-7-0@2
    rbd snap protect one/one-5-7-0@2
    ONE=$(digest one/one-5-7-0-0:1@1)
    HEAD=$(digest one/one-5-7-0)
}

cp_before() {
    [ -e "$BATS_TEST_TMPDIR/raw" ] || head -c 9M /dev/urandom >"$BATS_TEST_TMPDIR/raw"
}
do_cp() { run_ceph_ds cp 5 PATH="$BATS_TEST_TMPDIR/raw" SAFE_DIRS=/; }
cp_after() {
    assert_images one one-5
    assert_equal "$(digest one/one-5)" "$(sha256sum <"$BATS_TEST_TMPDIR/raw" | cut -c1-16)"
}

mkfs_before() { :; }
do_mkfs() { run_ceph_ds mkfs 5 FORMAT=raw FS=ext4 SIZE=16 STAGING_DIR="$BATS_TEST_TMPDIR"; }
mkfs_after() {
    assert_images one one-5
    rbd export --no-progress one/one-5 - >"$BATS_TEST_TMPDIR/fs"
    e2fsck -fn "$BATS_TEST_TMPDIR/fs"
    run find "$BATS_TEST_TMPDIR" -maxdepth 1 -name '.drv*'
    assert_output ""
}

copy_before() { base; }
do_copy() { run_ceph_ds clone 6 PATH=one/one-5; }
copy_after() {
    assert_images one one-5 one-6
    assert_equal "$(digest one/one-5)" "$(digest one/one-6)"
}

delete_before() { tree; }
do_delete() { run_tm ceph delete "$(D)" 7 100; }
delete_after() {
    assert_images one one-5
    assert_equal "$(snapshots one/one-5)" ""
}

rm_before() {
    base
    rbd snap create --no-progress one/one-5@0
    rbd snap protect one/one-5@0
    rbd rename one/one-5 one/one-5-0
    rbd clone one/one-5-0@0 one/one-5
    rbd snap create --no-progress one/one-5@1
}
do_rm() { run_ceph_ds rm 5 SOURCE=one/one-5; }
rm_after() { assert_images one; }

flatten_before() {
    tree
    ceph_vm 7 5
}
do_flatten() { run_ceph_ds snap_flatten 5 SOURCE=one/one-5-7-0 TARGET_SNAPSHOT=1; }
flatten_after() {
    assert_images one one-5 one-5-7-0
    assert_equal "$(digest one/one-5-7-0)" "$ONE"
    assert_equal "$(snapshots one/one-5-7-0)" ""
}

clone_before() {
    base
    ceph_vm 7 5 SIZE=16
}
do_clone() { run_tm ceph clone fe:one/one-5 "$(D)" 7 100; }
clone_after() {
    assert_images one one-5 one-5-7-0
    assert_equal "$(snapshots one/one-5)" "snap!"
    run rbd info one/one-5-7-0
    assert_output --partial "size 16 MiB"
}

create_before() { tree; }
do_create() { run_tm ceph snap_create "$(D)" 3 7 100; }
create_after() {
    assert_images one one-5 one-5-7-0 one-5-7-0-0:1
    assert_equal "$(snapshots one/one-5-7-0)" "2! 3!"
}

revert_before() { tree; }
do_revert() { run_tm ceph snap_revert "$(D)" 1 7 100; }
revert_after() {
    assert_images one one-5 one-5-7-0 one-5-7-0-0:1 one-5-7-0-2
    assert_equal "$(digest one/one-5-7-0)" "$ONE"
}

# The one that the disk is a clone of, in the image of the past.
unsnap_before() { tree; }
do_unsnap() { run_tm ceph snap_delete "$(D)" 0 7 100; }
unsnap_after() {
    assert_images one one-5 one-5-7-0 one-5-7-0-1
    assert_equal "$(digest one/one-5-7-0)" "$HEAD"
}

cpds_before() { tree; }
do_cpds() { run_tm ceph cpds "$(D)" one/one-9 1 7 100; }
cpds_after() {
    assert_images one one-5 one-5-7-0 one-5-7-0-0:1 one-9
    assert_equal "$(digest one/one-9)" "$ONE"
}

mkimage_before() { vm_put 7 -- disk DISK_ID=0 TYPE=fs FORMAT=raw FS=ext4 SIZE=16; }
do_mkimage() { run_tm ceph mkimage 16 raw "$(D)" 7 100; }
mkimage_after() { assert_images one one-sys-7-0; }

KILL_SCENARIOS='cp mkfs copy rm delete flatten clone create revert unsnap cpds mkimage'
