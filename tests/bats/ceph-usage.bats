#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the disks of VMs take of a pool: as `rbd du`, by one connection for all.

load lib/drv
load lib/ceph

# A front-end of 5.4 is told on stdout.
monitor_vms() {
    DUMP=$("$LAB_TOOLS/make-dump" ds BASE_PATH="$SYS" POOL_NAME=one "${ACCESS[@]}" |
        sed 's|</DS_DRIVER_ACTION_DATA>|<MONITOR_VM_DISKS>1</MONITOR_VM_DISKS>&|' | base64 -w 0)
    with_release 5.4.15
    run_tm_monitor ceph 100
    assert_success
    assert_line --regexp '^USED_MB=[0-9]+ FREE_MB=[0-9]+ TOTAL_MB=[0-9]+$'
}

du_mb() { # IMAGE: of its head, rounded up
    rbd du "one/$1" --format json | python3 -c 'import json, sys
print(-(-[i for i in json.load(sys.stdin)["images"] if "snapshot" not in i][0]["used_size"] >> 20))'
}

@test "disks, volatile disks, and what was written since the last snapshot" {
    rbd create --size 64 one/one-5
    rbd create --size 64 one/one-5-7-0
    rbd create --size 64 one/one-sys-7-1
    rbd create --size 64 one/one-5-8-0
    rbd create --size 64 one/one-5-8-0-3:4 # a former image is no disk
    local at
    for at in 1 9 30; do scribble one/one-5-7-0 x $at; done
    scribble one/one-sys-7-1 x 50
    scribble one/one-5-8-0 x 1
    rbd snap create --no-progress one/one-5-8-0@0
    monitor_vms
    assert_line "VM=[ID=7,POLL=\"DISK_SIZE=[ID=0,SIZE=$(du_mb one-5-7-0)] DISK_SIZE=[ID=1,SIZE=$(du_mb one-sys-7-1)]\"]"
    assert_line "VM=[ID=8,POLL=\"DISK_SIZE=[ID=0,SIZE=$(du_mb one-5-8-0)]\"]"
    assert_equal "$(du_mb one-5-7-0)" 12
    refute_output --partial "ID=3"
}

@test "200 images in 2 s" {
    /usr/bin/python3 - "$CEPH/ceph.conf" <<'END'
import sys, rados, rbd
with rados.Rados(conffile=sys.argv[1]) as cluster, cluster.open_ioctx("one") as io:
    for vm in range(200):
        rbd.RBD().create(io, f"one-5-{vm}-0", 1 << 30)
END
    local begin=${EPOCHREALTIME/./}
    monitor_vms
    echo "# $(((${EPOCHREALTIME/./} - begin) / 1000)) ms for 200 images" >&3
    assert_equal "$(grep -c 'DISK_SIZE=\[ID=0,SIZE=0\]' <<<"$output")" 200
    # 2 s on a quiet machine; tests share theirs.
    [ $((${EPOCHREALTIME/./} - begin)) -lt 6000000 ]
}
