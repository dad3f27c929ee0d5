# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# live.bash - a VM that runs while its disk's snapshots come and go.
#
#     load lib/drv
#     load lib/vmm
#     load lib/live
#     setup_file() { live_setup_suite; }
#     teardown_file() { lab_teardown_suite; }
#     teardown() { live_end; }
#
# A domain names a disk by its link (as stock deployment files do) or by the file that the
# link leads to (as ours do after deploy).  What was written before snapshot K is in its
# file, what was written later is not, and nothing of it is lost.

IMAGE=/var/lib/one/datastores/1/image
VM=7

live_setup_suite() {
    lab_setup_suite --hosts 1
    lab_exec host01 qemu-img create -q -f raw "$IMAGE.raw" 32M
    lab_exec host01 qemu-io -f raw -c "write -P 0x77 30M 64k" "$IMAGE.raw"
}

live_end() {
    lab_virsh host01 destroy one-$VM >/dev/null 2>&1 || true
    restore_worker
    lab_exec host01 sh -c "rm -rf /var/lib/one/datastores/0/$VM $IMAGE.img*"
}

# --- a VM ---------------------------------------------------------------------------------

# Make VM $VM with one disk, and run it.  Its guest is only firmware, or what GUEST_WORDS
# (of guest-xml) say.
start_vm() { # non-persistent|persistent FORMAT link|file
    FORMAT=$2
    DISK=$SYS/$VM/disk.0
    lab_exec host01 qemu-img convert -f raw -O "$2" "$IMAGE.raw" "$IMAGE.img"
    if [ "$1" = persistent ]; then
        CLONE=NO
        BASE=$IMAGE.img
        core_state 2
        run_tm shared ln "fe:$IMAGE.img" "host01:$DISK" $VM 1
    else
        CLONE=YES
        BASE=$DISK
        core_state 2
        run_tm shared clone "fe:$IMAGE.img" "host01:$DISK" $VM 1
    fi
    assert_success
    NAMED=$3
    run_domain
}

run_domain() {
    local source=$DISK
    [ "$NAMED" = link ] || source=$(lab_exec host01 readlink -nf "$DISK")
    # shellcheck disable=SC2086
    "$LAB_TOOLS/guest-xml" ${GUEST_WORDS:---no-agent --memory 64} --disk "$source:$FORMAT" one-$VM \
        >"$LAB/domain.xml"
    lab_virsh host01 create "$LAB/domain.xml"
}

core_state() { # LCM_STATE
    vm_put $VM LCM_STATE="$1" HOSTNAME=host01 -- disk DISK_ID=0 FORMAT="$FORMAT" \
        CLONE="$CLONE" TARGET=vda SOURCE="$IMAGE.img" IMAGE_ID=1 DATASTORE_ID=1 SIZE=32 \
        TM_MAD=shared
}

take() { # SNAPSHOT
    core_state 57
    run_tm shared snap_create_live "host01:$DISK" "$1" $VM 1
}

delete() { # SNAPSHOT
    core_state 59
    run_tm shared snap_delete "host01:$DISK" "$1" $VM 1
    assert_success
}

# Through the running QEMU, as the guest would.
guest_io() { # qemu-io command
    local device=/machine/peripheral/virtio-disk0/virtio-backend
    run lab_virsh host01 qemu-monitor-command one-$VM --hmp "qemu-io -d $device \"$1\""
    assert_success
    refute_output --regexp '[Ee]rror|fail'
}

# Epoch K: its own place, and one that all write.
place() { echo "$((K * 4 + 4))M 64k"; }
pattern() { echo $((0x10 + K)); }

write_epoch() { # K
    local K=$1
    guest_io "write -P $(pattern) $(place)"
    guest_io "write -P $(pattern) 2M 128k"
    guest_io flush
}

# What a reader at the end of epoch LAST must find, as qemu-io commands, one a line.
expected() { # LAST
    local K
    for K in 0 1 2 3; do
        if [ "$K" -le "$1" ]; then
            echo "read -P $(pattern) $(place)"
        else
            echo "read -P 0 $(place)"
        fi
    done
    K=$1
    echo "read -P $(pattern) 2M 128k"
    echo "read -P 0x77 30M 64k"
}

assert_holds() { # LAST FILE
    local line words=()
    while read -r line; do words+=(-c "$line"); done < <(expected "$1")
    run lab_exec host01 timeout 20 qemu-io -r -U -f "$FORMAT" "${words[@]}" "$2"
    assert_success
    refute_output --partial "verification failed"
}

# File of a snapshot: "<base>.snap/K", or what "K.current" names.
snapshot_file() { # SNAPSHOT
    local file=$BASE.snap/$1
    if lab_exec host01 test ! -e "$file"; then
        file=$BASE.snap/$(basename "$(lab_exec host01 cat "$file.current")")
    fi
    echo "$file"
}

# The domain runs on the chain that the headers tell, and on no other file.
assert_same_chain() {
    local headers
    # A loop would keep qemu-img busy for ever.
    headers=$(lab_exec host01 timeout 20 qemu-img info -U --backing-chain --output=json \
        -f "$FORMAT" "$DISK" | python3 -c 'import json, sys
for info in json.load(sys.stdin):
    print(info["filename"])' | while read -r name; do
        lab_exec host01 realpath "$name"
    done)
    [ -n "$headers" ] || fail "the chain of $DISK does not open"
    assert_equal "$(open_files)" "$(sort -u <<<"$headers")"
    assert_equal "$(live_depth)" "$(wc -l <<<"$headers")"
    assert_state host01 $VM running
}

# Files in datastores that QEMU has open.
open_files() {
    lab_root host01 bash -c 'for fd in /proc/$(pgrep -f "[q]emu-system.*guest=$1,")/fd/*; do
        readlink "$fd"; done' bash one-$VM | grep -E '/datastores/[01]/' | sort -u
}

# The length of the backing chain as QEMU sees it.
live_depth() {
    lab_virsh host01 qemu-monitor-command one-$VM '{"execute":"query-block"}' |
        python3 -c 'import json, sys
image = json.load(sys.stdin)["return"][0]["inserted"]["image"]
depth = 0
while image:
    depth, image = depth + 1, image.get("backing-image")
print(depth)'
}

# All that is left is right: every snapshot of LIST, the active file, and the chain.
assert_all_right() { # SNAPSHOT...
    local K
    assert_same_chain
    for K; do assert_holds "$K" "$(snapshot_file "$K")"; done
    while read -r line; do guest_io "$line"; done < <(expected 3)
}

three_snapshots() {
    local K
    for K in 0 1 2; do
        write_epoch $K
        take $K
        assert_success
    done
    write_epoch 3
    assert_all_right 0 1 2
}

# After the end of the domain: the disk is sound, complete, and boots again.
assert_sound() {
    lab_virsh host01 destroy one-$VM
    [ "$FORMAT" != qcow2 ] || lab_exec host01 timeout 20 qemu-img check -q -f qcow2 "$DISK"
    assert_holds 3 "$DISK"
    run_domain
    while read -r line; do guest_io "$line"; done < <(expected 3)
}

snapshots_come_and_go() { # KIND FORMAT link|file ORDER...
    local left=' 0 1 2 ' K kind=$1 format=$2 named=$3
    start_vm "$kind" "$format" "$named"
    three_snapshots
    shift 3
    for K; do
        delete "$K"
        left=${left/ $K / }
        # shellcheck disable=SC2086 # words
        assert_all_right $left
        delete "$K" # again: it is gone
    done
    assert_sound
}

# --- saving -----------------------------------------------------------------------------

save_as() { # SNAPSHOT LAST
    core_state 26
    run_tm shared cpds "host01:$DISK" "$IMAGE.img-saved" "$1" $VM 1
    assert_success
    assert_holds "$2" "$IMAGE.img-saved"
    run lab_exec host01 timeout 20 qemu-img info --output=json -f "$FORMAT" "$IMAGE.img-saved"
    assert_success
    refute_output --partial backing-filename
    assert_state host01 $VM running
    lab_exec host01 rm "$IMAGE.img-saved"
}

# --- killed -----------------------------------------------------------------------------

BIN=/var/tmp/one/drv/bin

# From now on the worker on the host is killed before the Nth call that changes a file.
kill_worker_at() { # N
    lab_exec host01 mkdir -p /var/tmp/fault
    [ -e "$LAB/host01/var-tmp/one/drv/bin/worker-virt.real" ] ||
        lab_exec host01 mv $BIN/worker-virt $BIN/worker-virt.real
    printf '%s\n' '#!/bin/sh' \
        "exec $DRV_OUT/tests/fault -k -n $1 -c /var/tmp/fault/count $BIN/worker-virt.real \"\$@\"" \
        >"$LAB/worker"
    lab_exec host01 install "$LAB/worker" $BIN/worker-virt
}

restore_worker() {
    lab_exec host01 sh -c "[ ! -e $BIN/worker-virt.real ] || mv $BIN/worker-virt.real $BIN/worker-virt"
}

# Take a snapshot with the worker killed before each STEPth call in turn.
kill_everywhere() { # KIND link|file FIRST STEP
    local n rounds id=1
    start_vm "$1" qcow2 "$2"
    write_epoch 0
    take 0
    assert_success
    write_epoch 1
    kill_worker_at 0
    take $id
    assert_success
    restore_worker
    rounds=$(lab_exec host01 cat /var/tmp/fault/count)
    echo "# $rounds calls"
    [ "$rounds" -gt 5 ]
    for ((n = $3; n <= rounds; n += $4)); do
        delete $((id++))
        guest_io "write -z $(K=2 place)"
        write_epoch 1
        kill_worker_at "$n"
        take $id
        assert_failure
        assert_state host01 $VM running
        restore_worker
        take $id # settles what the killed one left
        assert_success
        write_epoch 2
        assert_same_chain
        assert_holds 0 "$(snapshot_file 0)"
        assert_holds 1 "$(snapshot_file $id)"
        assert_holds 2 "$DISK"
    done
}
