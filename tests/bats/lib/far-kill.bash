# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# far-kill.bash - ends that are killed at their Nth change of a file.  After lib/far.

WORKER=/var/tmp/one/drv/bin/worker

far_kill_setup_suite() {
    far_setup_suite
    lab_exec host01 sh -c "mkdir -p $DS && dd if=/dev/urandom of=$DS/some bs=64k count=8 status=none"
    lay_vm
    DISK_DIGEST=$(digest host01 "$SYS/25/disk.0")
    export DISK_DIGEST
}

# The next workers of NODE get the fault; see tests/kill/fault.
arm() { # NODE fault-option...
    local node=$1
    shift
    disarm "$node"
    lab_exec "$node" sh -c "mv $WORKER $WORKER.real
        printf '%s\n' '#!/bin/sh' 'exec $DRV_OUT/tests/fault -p /var/lib/one/datastores $* \
-c /var/tmp/count -- $WORKER.real \"\$@\"' >$WORKER
        chmod 755 $WORKER; rm -f /var/tmp/count"
}

disarm() { # NODE
    lab_exec "$1" sh -c "[ ! -e $WORKER.real ] || mv $WORKER.real $WORKER"
}

counted() { lab_exec "$1" cat /var/tmp/count 2>/dev/null || echo 0; }

# One VM directory with a disk, links and small files on host01.
lay_vm() {
    far_setup
    lab_exec host01 sh -ec "mkdir -p $SYS/25/disk.0.snap && cd $SYS/25
        truncate -s 8M disk.0 && dd if=$DS/some of=disk.0 bs=64k seek=9 conv=notrunc status=none
        cp disk.0 disk.0.snap/0 && echo small >nvram && ln -s nvram link"
    lab_exec host01 sh -c "printf 'ssh\n' >$SYS/.monitor"
    lab_exec host02 sh -c "mkdir -p $SYS && printf 'ssh\n' >$SYS/.monitor"
}

VM_FILES=(25 25/disk.0 25/disk.0.snap 25/disk.0.snap/0 25/link 25/nvram)

has_disk() { # NODE [NAME]
    [ "$(digest "$1" "$SYS/${2:-25}/disk.0" 2>/dev/null)" = "$DISK_DIGEST" ]
}

# Whatever has happened: the disk is somewhere, whole, and going on works.
assert_not_lost() {
    has_disk host01 || has_disk host02 || fail "the disk is lost"
}

assert_completes() {
    move host01 host02
    assert_success
    has_disk host02
    assert_there host02 "${VM_FILES[@]}"
    assert_nothing_on host01
}

# All points of NODE's worker, from FIRST on in steps of EVERY.
mv_killed_at() { # NODE EVERY fault-option...
    local node=$1 every=$2 n points=0
    shift 2
    for ((n = 1; ; n += every)); do
        lay_vm
        arm "$node" "$@" -n "$n"
        move host01 host02
        wait_until 10 lab_exec "$node" test -s /var/tmp/count
        disarm "$node"
        [ "$(counted "$node")" -ge "$n" ] || break
        points=$((points + 1))
        assert_not_lost
        assert_completes
    done
    [ "$points" -gt 0 ] || fail "no call was counted"
    echo "# points tried: mv, $node, $*: $points" >&3
}

# Stopped at a random moment of its first 0.6 s: the VM is whole where it was, with nothing
# left of the work but what the next try continues with, or where it goes; and that try
# works at once.
mv_stopped() { # HOW-OFTEN
    local n delay done=0
    for ((n = 0; n < $1; n++)); do
        lay_vm
        delay=0.$(printf %03d $((RANDOM % 600)))
        run lab_exec fe timeout -s TERM -k 10 "$delay" "$REMOTES/tm/ssh/mv" \
            "host01:$SYS/25" "host02:$SYS/25" 25 0
        echo "stopped after $delay: $status"
        [ "$status" -ne 137 ] || fail "it does not stop"
        if has_disk host02; then
            done=$((done + 1))
        else
            assert_there host01 "${VM_FILES[@]}"
            run lab_exec host02 sh -c "ls -A $SYS | grep -v -e '^.monitor$' -e '^.incoming-25$'"
            assert_output ""
        fi
        assert_completes
    done
    echo "# random stops: $1, of which $done came too late" >&3
}
