#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# What tm/ssh makes on hosts and brings back is readable by no more than its source, nor
# than the umask of the front-end allows.
# shellcheck disable=SC2030,SC2031,SC2153,SC2154
load lib/drv
load lib/vmm
load lib/far
load lib/rights

setup_file() { far_setup_suite; }
teardown_file() { lab_teardown_suite; }
setup() { far_setup; }
teardown() { lab_virsh host01 destroy one-25 >/dev/null 2>&1 || true; }

tm() { # ACTION [arg...]
    run_tm ssh "$@"
    assert_success
}

begin() { # LCM_STATE
    far_setup
    lab_exec fe chmod "$IMAGE_MODE" "$DS/img"
    FAR_FORMAT=$FORMAT far_vm LCM_STATE=8
    clone_to host01
    FAR_FORMAT=$FORMAT far_vm LCM_STATE="$1"
}

disk_comes_and_goes() { # MODE
    begin 8
    tm snap_create "host01:$SYS/25/disk.0" 0 25 1
    assert_at_most host01 "$1" "$SYS/25"
    tm snap_revert "host01:$SYS/25/disk.0" 0 25 1
    tm resize "host01:$SYS/25/disk.0" 96 25
    assert_at_most host01 "$1" "$SYS/25"
    tm cpds "host01:$SYS/25/disk.0" "$DS/saved" -1 25 1
    tm mvds "host01:$SYS/25/disk.0" "$DS/img" 25 1
    assert_at_most fe "$1" "$DS/img" "$DS/saved" "$DS/img.snap"
    move host01 host02
    assert_success
    assert_at_most host02 "$1" "$SYS/25"
    lab_exec fe rm -rf "$DS/saved" "$DS/img.snap"
}

@test "ssh: disks, snapshots and what comes back of them" {
    FORMAT=raw
    with_all_rights disk_comes_and_goes
}

run_domain() {
    "$LAB_TOOLS/guest-xml" --no-agent --memory 64 --disk "$SYS/25/disk.0:$FORMAT" one-25 \
        >"$LAB/domain.xml"
    lab_virsh host01 create "$LAB/domain.xml"
}

saved_while_it_runs() { # MODE
    begin 8
    run_domain
    FAR_FORMAT=$FORMAT far_vm LCM_STATE=57
    tm snap_create_live "host01:$SYS/25/disk.0" 0 25 1
    FAR_FORMAT=$FORMAT far_vm LCM_STATE=26
    tm cpds "host01:$SYS/25/disk.0" "$DS/saved" -1 25 1
    lab_virsh host01 destroy one-25
    assert_at_most host01 "$1" "$SYS/25"
    assert_at_most fe "$1" "$DS/saved"
    lab_exec fe rm -rf "$DS/saved"
}

@test "ssh: copies of a raw disk that is in use" {
    FORMAT=raw
    with_all_rights saved_while_it_runs
}

@test "ssh: copies of a qcow2 disk that is in use" {
    FORMAT=qcow2
    lab_exec fe sh -c "cp $DS/img.keep $DS/img.raw && qemu-img convert -f raw -O qcow2 $DS/img.raw $DS/img.keep"
    with_all_rights saved_while_it_runs
    lab_exec fe sh -c "mv $DS/img.raw $DS/img.keep"
}

new_disks() { # MODE
    far_setup
    far_vm LCM_STATE=3 -- disk DISK_ID=1 FORMAT=raw TYPE=fs SIZE=16 \
        -- disk DISK_ID=2 FORMAT=qcow2 TYPE=fs SIZE=16 -- disk DISK_ID=3 FORMAT=raw TYPE=swap SIZE=16
    echo "A=1" >"$LAB/fe/one/context.sh"
    chmod 644 "$LAB/fe/one/context.sh"
    tm mkimage 16 raw "host01:$SYS/25/disk.1" 25 0
    tm mkimage 16 qcow2 "host01:$SYS/25/disk.2" 25 0
    tm mkswap 16 "host01:$SYS/25/disk.3" 25 0
    tm context /var/lib/one/context.sh "host01:$SYS/25/disk.4" 25 0
    assert_at_most host01 "$1" "$SYS/25"
}

@test "ssh: volatile disks and the context" {
    local mask
    for mask in 0027 0077; do
        LAB_UMASK=$mask new_disks "$(printf %o $((0666 & ~mask)))"
    done
}
