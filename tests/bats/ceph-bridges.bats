#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Datastore actions with bridges that are down, silent, or do not see the cluster: the next
# one does the work, in bounded time.
# shellcheck disable=SC2086 # numbers and names
load lib/drv
load lib/vmm
load lib/ceph-lab

setup_file() { ceph_lab_setup_suite; }
teardown_file() { lab_teardown_suite; }
setup() {
    rados -p one purge one --yes-i-really-really-mean-it >/dev/null
    head -c 3M /dev/urandom | lab_exec fe sh -c 'cat >/var/tmp/raw'
}
teardown() {
    mend
    rados -p one purge one --yes-i-really-really-mean-it >/dev/null
}

# Number ID begins at bridge ID modulo 3.
ds() { # ACTION ID NAME=VALUE...
    local action=$1 id=$2 begin=${EPOCHREALTIME/./}
    shift 2
    DUMP=$(ds_dump BRIDGE_LIST="${BRIDGES:-host01 host02 host01}" POOL_NAME=one CEPH_USER=one \
        CEPH_KEY="$CEPH/one.key" CEPH_CONF="$CEPH/ceph.conf" ID=$id "$@")
    run_ds ceph/$action $id
    took=$(((${EPOCHREALTIME/./} - begin) / 1000))
}

# Every action, begun at host01; each must do its work within MS.
all_well() { # MS
    local action
    for action in "monitor 0" "mkfs 0 FORMAT=raw SIZE=8" "clone 3 PATH=one/one-0" \
        "cp 6 PATH=/var/tmp/raw SAFE_DIRS=/" "export 0 SOURCE=one/one-0 SIZE=8" \
        "snap_revert 0 SOURCE=one/one-0 TARGET_SNAPSHOT=1" "rm 3 SOURCE=one/one-3"; do
        [[ $action != snap_revert* ]] || rbd snap create --no-progress one/one-0@1
        ds $action
        assert_success
        echo "$action: $took ms"
        [ $took -lt "$1" ]
    done
    assert_equal "$(rbd ls one | paste -sd ' ')" "one-0 one-0-1 one-6"
    assert_equal "$(rbd export --no-progress one/one-6 - | sha256sum)" \
        "$(lab_exec fe sha256sum </dev/null /var/tmp/raw | sed 's/ .*/  -/')"
}

sshd_of() { lab_root "$1" cat /run/sshd.pid; }
connections() { lab_exec fe sh -c 'rm -rf /var/lib/one/.drv-ssh/* /run/one/drv-ssh/* 2>/dev/null; true'; }

mend() {
    "$LAB_TOOLS/lab" pid "$LAB" host01 >/dev/null || "$LAB_TOOLS/lab" boot "$LAB" host01
    lab_root host01 sh -c 'kill -CONT $(cat /run/sshd.pid) 2>/dev/null ||
        /usr/sbin/sshd -f /run/sshd_config'
    lab_root host01 ip -6 route del blackhole fd5e:ed::/124 2>/dev/null || true
    lab_root host01 ip -6 addr add fd5e:ed::11/64 dev eth0 nodad 2>/dev/null || true
}

@test "a bridge that refuses connections" {
    connections
    lab_root host01 sh -c 'kill $(cat /run/sshd.pid)'
    all_well 15000
    assert_regex "$stderr" "skipping host host01: "
}

@test "a bridge whose sshd hangs" {
    connections
    lab_root host01 sh -c 'kill -STOP $(cat /run/sshd.pid)'
    all_well 30000
    assert_regex "$stderr" "skipping host host01: "
}

@test "a bridge that has lost power, with a connection to it still open" {
    ds monitor 0
    assert_success
    "$LAB_TOOLS/lab" kill "$LAB" host01
    all_well 40000
}

@test "a name that nobody knows" {
    BRIDGES="host09 host02 host09" all_well 15000
}

@test "a bridge that does not see the cluster" {
    printf '%s\n' CEPH_TIMEOUT=3 | lab_exec fe sh -c 'cat >>/var/lib/one/remotes/etc/datastore/ceph/ceph.conf'
    lab_root host01 ip -6 route add blackhole fd5e:ed::/124
    ds monitor 0
    assert_success
    assert_regex "$stderr" "skipping host host01: no monitor of the Ceph cluster answers in 3 s"
    [ $took -lt 12000 ]
    ds mkfs 0 FORMAT=raw SIZE=8
    assert_success
}

@test "none is left: one sentence" {
    BRIDGES="host09" ds monitor 0
    assert_error "host09"
}
