# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# cut.bash - connections and hosts that fail while an action is on its way, in a lab.  After
# lib/drv and lib/crowd.

BIN=/var/tmp/one/drv/bin

cut_setup_suite() {
    lab_setup_suite --hosts 1
    lab_exec fe sh -c "printf '%s\n' SSH_CONNECT_TIMEOUT=2 LOCK_TIMEOUT=20 \
        >>/var/lib/one/remotes/etc/one-native.conf
        head -c 300000 /dev/urandom >$DS/raw && truncate -s 8M $DS/raw &&
        qemu-img convert -f raw -O qcow2 $DS/raw $DS/qcow2"
    vm_put 1 LCM_STATE=2 HOSTNAME=host01 -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/qcow2" \
        FORMAT=qcow2 TYPE=FILE CLONE=YES SIZE=8 ORIGINAL_SIZE=8
}

CLONE=(qcow2 clone "fe:$DS/qcow2" "host01:$SYS/1/disk.0" 1 1)

# An action, and how long it took: $ms.
timed() { # cmd...
    local start=${EPOCHREALTIME/./}
    "$@"
    ms=$(((${EPOCHREALTIME/./} - start) / 1000))
    echo "took $ms ms"
}

clone() { timed run_tm "${CLONE[@]}"; }

assert_within() { # MS
    [ "$ms" -le "$1" ] || fail "took $ms ms, not $1 at most"
}

# One sentence on one line.
assert_sentence() { # REGEX
    assert_error "$1"
    assert_equal "$(drv_message | wc -l)" 1
}

assert_disk() { # the clone is whole
    lab_exec fe qemu-img compare -q -f raw -F qcow2 "$DS/raw" "$SYS/1/disk.0"
    run lab_exec fe sh -c "cd $SYS && find . -mindepth 1 | sort"
    assert_output $'./1\n./1/disk.0\n./1/disk.0.snap\n./1/disk.0.snap/0\n./1/disk.0.snap/disk.0.snap'
    assert_tidy
}

assert_no_disk() {
    run lab_exec fe find "$SYS" -mindepth 1
    assert_output ""
    assert_tidy
}

assert_works_again() {
    clone
    assert_success
    assert_disk
    run_tm qcow2 delete "host01:$SYS/1" 1 0
    assert_success
    assert_no_disk
    assert_idle host01
}

# --- in the middle ----------------------------------------------------------------------

# From now on qemu-img on host01 waits: until release_tool, or for ever.
hold_tool() {
    rm -f "$LAB/host01/one/"{held,go}
    printf '%s\n' '#!/bin/sh' 'echo $$ >/var/lib/one/held' \
        'while [ ! -e /var/lib/one/go ]; do sleep 0.02; done' \
        'exec /var/lib/one/qemu-img "$@"' >"$LAB/host01/one/waiting"
    chmod 755 "$LAB/host01/one/waiting"
    lab_exec host01 cp /usr/bin/qemu-img /var/lib/one/qemu-img
    lab_root host01 mount --bind /var/lib/one/waiting /usr/bin/qemu-img
}

wait_held() { wait_until 10 test -e "$LAB/host01/one/held"; }

release_tool() {
    touch "$LAB/host01/one/go"
    lab_root host01 umount -l /usr/bin/qemu-img
}

begin_held_clone() {
    hold_tool
    begin clone "${CLONE[@]}"
    wait_held
}

finish_clone() {
    timed finish clone
    result clone
}

# The kernel remembers for a while that nobody was there.
plug() {
    "$LAB_TOOLS/lab" plug "$LAB" host01
    wait_until 10 lab_exec fe ssh -o ControlPath=none host01 true
}

# --- processes --------------------------------------------------------------------------

# Processes of NODE with WORDS in their command line, as NODE counts them.
find_pids() { # NODE WORDS
    lab_root "$1" pgrep -f -- "$2"
}

signal_all() { # NODE SIGNAL WORDS
    local pid
    for pid in $(find_pids "$1" "$3"); do lab_root "$1" kill "-$2" "$pid"; done
}

MASTER='^ssh: .*\[mux\]'
SESSION='^sshd: oneadmin@'

control_dir() {
    lab_exec fe sh -c 'ls -d /run/one/drv-ssh /var/lib/one/.drv-ssh 2>/dev/null || true'
}

forget_masters() {
    signal_all fe CONT "$MASTER" || true
    signal_all fe KILL "$MASTER" || true
    lab_exec fe sh -c 'rm -rf /run/one/drv-ssh /var/lib/one/.drv-ssh'
}
