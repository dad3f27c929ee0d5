#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Files of running domains on shared storage, and checkpoints: readable by no more than their
# source, nor than the umask of the front-end allows.
# shellcheck disable=SC2030,SC2031,SC2153,SC2154
load lib/drv
load lib/vmm
load lib/live
load lib/rights

setup_file() {
    live_setup_suite
    vmm_setup_suite
}
teardown_file() { lab_teardown_suite; }
teardown() {
    live_end
    lab_virsh host01 destroy one-1 >/dev/null 2>&1 || true
}

begin() { # KIND FORMAT
    live_end
    start_vm "$1" "$2" link
    lab_virsh host01 destroy one-"$VM"
    lab_exec host01 chmod "$IMAGE_MODE" "$IMAGE.img"
    core_state 2
    if [ "$1" = non-persistent ]; then
        run_tm shared clone "fe:$IMAGE.img" "host01:$DISK" "$VM" 1
    else
        run_tm shared ln "fe:$IMAGE.img" "host01:$DISK" "$VM" 1
    fi
    assert_success
    run_domain
}

taken_and_saved() { # MODE
    begin "$KIND" "$FORMAT"
    take 0
    assert_success
    core_state 26
    run_tm shared cpds "host01:$DISK" "$IMAGE.img-saved" -1 "$VM" 1
    assert_success
    run_tm shared cpds "host01:$DISK" "$IMAGE.img-saved0" 0 "$VM" 1
    assert_success
    delete 0
    assert_at_most host01 "$1" "$IMAGE.img-saved" "$IMAGE.img-saved0"
    [ "$KIND" = persistent ] || assert_at_most host01 "$1" "$SYS/$VM"
    lab_virsh host01 destroy one-"$VM"
}

@test "qcow2 disks that are in use, not persistent" {
    KIND=non-persistent FORMAT=qcow2
    with_all_rights taken_and_saved
}

@test "raw disks that are in use, persistent" {
    KIND=persistent FORMAT=raw
    with_all_rights taken_and_saved
}

@test "a checkpoint is its owner's, while it is written and afterwards" {
    local file look
    file=$(vm_dir 1)/checkpoint
    lab_exec host01 rm -rf "$(vm_dir 1)"
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    lab_exec host01 python3 -c '
import os, sys, time
file, seen = sys.argv[1], set()
end = time.monotonic() + 60
while time.monotonic() < end and not os.path.exists(file + ".done"):
    try:
        seen.add(os.stat(file).st_mode & 0o044)
    except FileNotFoundError:
        pass
print(sorted(seen))' "$file" >"$BATS_TEST_TMPDIR/seen" 3>&- &
    look=$!
    STDIN=$(vmm_document 1) run_vmm host01 save one-1 "$file" host01 1 host01
    assert_success
    lab_exec host01 touch "$file.done"
    wait $look
    assert_equal "$(cat "$BATS_TEST_TMPDIR/seen")" "[0]"
    lab_exec host01 rm "$file.done"
    assert_at_most host01 600 "$file"
    STDIN=$(vmm_document 1) run_vmm host01 restore "$file" host01 one-1 1 host01
    assert_success
    # Nobody restored these: a save sets aside what is in its way, and all of them go when
    # the VM runs again.
    lab_exec host01 touch "$file" "$file.1600000000" "$file.1700000001" "$file.1x"
    STDIN=$(vmm_document 1) run_vmm host01 save one-1 "$file" host01 1 host01
    assert_success
    [ "$(lab_exec host01 find "$(vm_dir 1)" -name 'checkpoint.[0-9]*[0-9]' | wc -l)" = 3 ]
    STDIN=$(vmm_document 1) run_vmm host01 restore "$file" host01 one-1 1 host01
    assert_success
    assert_only "$LAB/shared/0/1" checkpoint.1x deployment.0 disk.0
}
