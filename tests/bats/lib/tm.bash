# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# tm.bash - a VM with disks of every kind, for tests of the transfer managers.
load lib/drv

setup() {
    drv_setup
    core_start
    head -c 300000 /dev/urandom >"$DS/raw"
    truncate -s 8M "$DS/raw"
    qemu-img convert -f raw -O qcow2 "$DS/raw" "$DS/qcow2"
    cp "$DS/raw" "$BATS_TEST_TMPDIR/want"
    sha256sum "$DS/raw" "$DS/qcow2" >"$BATS_TEST_TMPDIR/sums"
    VM=$SYS/25
    facts LCM_STATE=2
}

teardown() {
    sha256sum --quiet -c "$BATS_TEST_TMPDIR/sums" # whatever happened to the clones
    drv_teardown
}

# What oned tells of VM 25: disk 0 a qcow2 clone, 1 a raw clone, 2 and 3 persistent.
facts() { # [NAME=VALUE...] [-- disk NAME=VALUE...]
    vm_put 25 "$@" \
        -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=YES \
        SIZE="${SIZE-8}" ORIGINAL_SIZE=8 SPARSE="${SPARSE-}" \
        -- disk DISK_ID=1 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=raw TYPE=FILE CLONE=YES \
        SIZE="${SIZE-8}" ORIGINAL_SIZE=8 SPARSE="${SPARSE-}" \
        -- disk DISK_ID=2 IMAGE_ID=7 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=NO \
        SIZE=8 ORIGINAL_SIZE=8 \
        -- disk DISK_ID=3 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=raw TYPE=FILE CLONE=NO \
        SIZE=8 ORIGINAL_SIZE=8 \
        -- disk DISK_ID=4 FS="${FS-}" FORMAT="${FORMAT-raw}" TYPE=fs SIZE=16
}

clone() { run_tm "${MAD-qcow2}" clone "fe:$DS/$1" "$HERE:$VM/disk.$2" 25 1; }
link() { run_tm "${MAD-qcow2}" ln "fe:$DS/$1" "$HERE:$VM/disk.$2" 25 1; }
snap() { run_tm qcow2 "snap_$1" "$HERE:$VM/disk.$2" "$3" 25 1; } # VERB DISK SNAPSHOT

# Write pattern byte $2 into disk $1, as a guest would.
write() { qemu-io -f "${3-qcow2}" -c "write -P $2 1M 64k" "$VM/disk.$1" >/dev/null; }
has() { # FILE BYTE [FORMAT]: it reads back, which another pattern does not
    run qemu-io -r -U -f "${3-qcow2}" -c "read -P $2 1M 64k" "$1"
    [ "$status" -eq 0 ] && [[ $output == "read 65536"* ]]
}

assert_link() { # LINK TARGET
    assert_equal "$(readlink "$1")" "$2"
}
