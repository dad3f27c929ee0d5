#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Migration on shared storage, and its proof on both ends.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm

PROBE=/var/tmp/one/im/kvm-probes.d/vm/execution/execution # tells how commands ended

setup_file() {
    lab_setup_suite
    vmm_setup_suite
    kvmrc host01 MIGRATE_OPTIONS=--unsafe
    kvmrc host02 MIGRATE_OPTIONS=--unsafe
}

teardown_file() { lab_teardown_suite; }
teardown() {
    vm_end_all
    [ -z "${USERFAULT-}" ] || set_userfault "$USERFAULT"
}

# Whether QEMU may do post-copy as a user who is not root: of the whole machine.
set_userfault() { lab_root host01 sysctl -q -w "vm.unprivileged_userfaultfd=$1"; }

migrate() { # ID FROM TO
    STDIN=$(vmm_document "$1") run_vmm "$2" migrate "$(vm_uuid "$1")" "$3" "$2" "$1" "$2"
}

@test "a guest moves to the other host and back, with its memory and snapshots" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    guest_run host01 one-1 write /tmp/state kept
    STDIN=$(vmm_document 1) run_vmm host01 snapshot_create one-1 3 1 host01
    assert_success
    migrate 1 host01 host02
    assert_success
    assert_output ""
    assert_state host01 1 ""
    assert_state host02 1 running
    run guest_run host02 one-1 cat /tmp/state
    assert_output kept
    run lab_virsh host02 snapshot-list --name one-1
    assert_output snap-3
    migrate 1 host02 host01
    assert_success
    assert_state host02 1 ""
    run guest_run host01 one-1 cat /tmp/state
    assert_output kept
    run lab_virsh host01 dominfo one-1
    assert_line --regexp 'Persistent: +no'
}

@test "a command that runs in the guest goes along, for who tells how it ended" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    STDIN=$(vmm_document 1) run_vmm host01 exec 1 host01 \
        "sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 5'"
    assert_success
    migrate 1 host01 host09 # there is none: it stays, and so does its command
    assert_error "^cannot migrate VM 1: host09: libvirt: Cannot recv data"
    lab_exec host01 test -e /run/one/one-1
    migrate 1 host01 host02
    assert_success
    run lab_exec host01 find /run/one -name '*one-1'
    assert_output ""
    run lab_exec host01 "$PROBE" kvm 0 host01
    assert_output ""
    run lab_exec host02 "$PROBE" kvm 1 host02
    assert_output ""
    guest_run host02 one-1 write /tmp/go now
    wait_until 10 ended_with 5
    migrate 1 host02 host01
    assert_success
    run lab_exec host01 find /run/one -name '*one-1'
    assert_output ""
}

ended_with() { # STATUS
    lab_exec host02 "$PROBE" kvm 1 host02 | grep "ID=\"1\", PID=.*RETURN_CODE=\"$1\""
}

@test "a guest may have to wait at the destination, and never does with post-copy" {
    deploy host01 1
    kvmrc host01 MIGRATE_ARRIVE_PAUSED=yes
    migrate 1 host01 host02
    assert_success
    assert_state host02 1 running
    USERFAULT=$(lab_root host01 sysctl -n vm.unprivileged_userfaultfd)
    set_userfault 0
    kvmrc host02 MIGRATE_ARRIVE_PAUSED=yes 'MIGRATE_OPTIONS="--unsafe --postcopy"'
    migrate 1 host02 host01
    assert_error "still runs on the source: .*[Pp]ostcopy"
    assert_state host02 1 running
    set_userfault 1
    migrate 1 host02 host01
    kvmrc host01 MIGRATE_ARRIVE_PAUSED=auto
    kvmrc host02 MIGRATE_ARRIVE_PAUSED=auto MIGRATE_OPTIONS=--unsafe
    assert_success
    assert_state host01 1 running
}

@test "what has arrived already is a success" {
    deploy host02 1
    migrate 1 host01 host02
    assert_success
    assert_state host02 1 running
}

@test "what is nowhere is an error" {
    migrate 1 host01 host02
    assert_error "not on the source: .*Domain not found"
}

@test "an unsafe or unknown wish leaves the domain, and its snapshots, where they are" {
    deploy host01 1
    STDIN=$(vmm_document 1) run_vmm host01 snapshot_create one-1 3 1 host01
    kvmrc host01 MIGRATE_OPTIONS=
    migrate 1 host01 host02
    assert_error "still runs on the source: .*[Uu]nsafe migration"
    kvmrc host01 'MIGRATE_OPTIONS="--unsafe --frobnicate"'
    migrate 1 host01 host02
    assert_error "migration option '--frobnicate' is not known"
    kvmrc host01 MIGRATE_OPTIONS=--unsafe
    assert_state host01 1 running
    assert_state host02 1 ""
    run lab_virsh host01 snapshot-list --name one-1
    assert_output snap-3
}

@test "a host that cannot be reached is an error, and the domain goes on" {
    deploy host01 1
    migrate 1 host01 host07
    assert_error "host07"
    assert_state host01 1 running
}

@test "the same domain at both hosts is left alone" {
    deploy host01 1
    # The image is locked by the other one, so this one has none.
    "$LAB_TOOLS/guest-xml" --uuid "$(vm_uuid 1)" one-1 >"$LAB/twin.xml"
    lab_virsh host02 create "$LAB/twin.xml"
    migrate 1 host01 host02
    assert_error "active on both hosts"
    [[ "$stderr" == *"it was so before this call began"* ]]
    assert_state host01 1 running
    assert_state host02 1 running
}

@test "storage that is not shared goes along, and only the source is left behind" {
    local dir=/var/tmp/vms/5/1
    lab_exec host01 mkdir -p "$dir/disk.1.snap"
    lab_exec host01 qemu-img convert -O qcow2 "$GUEST/disk.raw" "$dir/disk.0"
    lab_exec host01 qemu-img create -q -f qcow2 "$dir/disk.1.snap/0" 32M
    lab_exec host01 sh -c "cd $dir/disk.1.snap && qemu-img create -q -f qcow2 -F qcow2 -b 0 1"
    lab_exec host01 ln -s disk.1.snap/1 "$dir/disk.1"
    lab_exec host01 truncate -s 1M "$dir/disk.2"
    # shellcheck disable=SC2046
    STDIN=$("$LAB_TOOLS/guest-xml" --uuid "$(vm_uuid 1)" $(with_kernel) --disk "$dir/disk.0" \
        --disk "$dir/disk.1" --cdrom "$dir/disk.2" one-1 | vm_decorate "$dir") \
        run_vmm host01 deploy "$dir/deployment.0" host01 1 host01
    assert_success
    guest_wait host01 one-1
    guest_run host01 one-1 write /state kept
    VMM_MORE="<DISK_TARGET_PATH>/var/tmp/vms/6/1</DISK_TARGET_PATH>"
    SHARED=NO migrate 1 host01 host02
    VMM_MORE=
    assert_success
    assert_state host01 1 ""
    assert_state host02 1 running
    run guest_run host02 one-1 cat /state
    assert_output kept
    assert_tree "$LAB/host02/var-tmp/vms/6/1" <<'END'
f deployment.0
f disk.0
f disk.2
d disk.1.snap
f disk.1.snap/0
f disk.1.snap/1
l disk.1 -> disk.1.snap/1
END
    run lab_virsh host02 domblklist one-1
    assert_output --partial /var/tmp/vms/6/1/disk.1.snap/1
    lab_virsh host02 destroy one-1
}

@test "what cannot be sent leaves the domain at the source and nothing at the other host" {
    local dir=/var/tmp/vms/5/1
    lab_exec host01 mkdir -p "$dir"
    lab_exec host01 qemu-img create -q -f qcow2 "$dir/disk.0" 32M
    lab_exec host01 qemu-img snapshot -c inside "$dir/disk.0"
    STDIN=$("$LAB_TOOLS/guest-xml" --uuid "$(vm_uuid 1)" --disk "$dir/disk.0" one-1 |
        vm_decorate "$dir") run_vmm host01 deploy "$dir/deployment.0" host01 1 host01
    assert_success
    VMM_MORE="<DISK_TARGET_PATH>/var/tmp/vms/7/1</DISK_TARGET_PATH>"
    SHARED=NO migrate 1 host01 host02
    VMM_MORE=
    assert_error "has 1 snapshots inside"
    assert_state host01 1 running
    assert_not_exists "$LAB/host02/var-tmp/vms/7/1"
}

@test "a running domain moves to another datastore of its host" {
    local dir
    dir=$(vm_dir 1)
    lab_exec host01 mkdir -p "$dir"
    lab_exec host01 qemu-img create -q -f raw "$dir/disk.1" 16M
    lab_exec host01 truncate -s 1M "$dir/disk.2"
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel) --disk "$dir/disk.1:raw" --cdrom "$dir/disk.2"
    guest_wait host01 one-1
    guest_run host01 one-1 write /state kept
    VMM_MORE="<DISK_TARGET_PATH>/var/lib/one//datastores/5/1</DISK_TARGET_PATH>"
    SHARED=YES migrate 1 host01 host01
    VMM_MORE=
    assert_success
    run lab_virsh host01 domblklist one-1
    assert_output --partial /datastores/5/1/disk.0
    assert_output --partial /datastores/5/1/disk.1
    assert_output --partial /datastores/5/1/disk.2
    refute_output --partial /datastores/0/1/
    run lab_virsh host01 metadata one-1 http://opennebula.org/xmlns/libvirt/1.0
    assert_output --partial "/var/lib/one//datastores/5/1"
    run guest_run host01 one-1 cat /state
    assert_output kept
    lab_exec host01 rm -rf /var/lib/one/datastores/5
}

move_1() {
    VMM_MORE="<DISK_TARGET_PATH>/var/lib/one//datastores/5/1</DISK_TARGET_PATH>"
    SHARED=YES migrate 1 host01 host01
    VMM_MORE=
}

# KiB that FILE takes on host01.
used() { lab_exec host01 du -k "$1" | cut -f 1; }

@test "disks that move while the guest runs stay thin, and keep their chain" {
    local dir to=/var/lib/one/datastores/5/1 images=/var/lib/one/datastores/1
    dir=$(vm_dir 1)
    lab_exec host01 mkdir -p "$dir/disk.1.snap" $images
    lab_exec host01 qemu-img create -q -f qcow2 $images/image 64M
    lab_exec host01 qemu-io -f qcow2 -c 'write -P 1 0 40M' $images/image
    lab_exec host01 qemu-img create -q -f qcow2 -F qcow2 -b $images/image "$dir/disk.1.snap/0"
    lab_exec host01 qemu-io -f qcow2 -c 'write -P 2 1M 64k' "$dir/disk.1.snap/0"
    lab_exec host01 ln -s . "$dir/disk.1.snap/disk.1.snap"
    lab_exec host01 ln -s disk.1.snap/1 "$dir/disk.1"
    lab_exec host01 bash -c "cd '$dir' && qemu-img create -q -f qcow2 -F qcow2 -b disk.1.snap/0 disk.1.snap/1"
    lab_exec host01 qemu-io -f qcow2 -c 'write -P 3 2M 64k' "$dir/disk.1.snap/1"
    lab_exec host01 truncate -s 64M "$dir/disk.2"
    lab_exec host01 qemu-io -f raw -c 'write -P 4 1M 1M' "$dir/disk.2"
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel) --disk "$dir/disk.1" --disk "$dir/disk.2:raw"
    move_1
    assert_success
    run lab_virsh host01 dumpxml --xpath '//disk[target/@dev="vdb"]//source/@file' one-1
    assert_line --index 0 --partial "datastores/5/1/disk.1.snap/1"
    assert_line --index 1 --partial "datastores/5/1/disk.1.snap/disk.1.snap/0"
    assert_line --index 2 --partial "$images/image"
    [ "$(used $to/disk.1.snap/1)" -lt 2048 ]
    [ "$(used $to/disk.1.snap/0)" -lt 2048 ]
    [ "$(used $to/disk.2)" -lt 4096 ]
    lab_exec host01 rm -rf "$dir"
    lab_virsh host01 destroy one-1
    lab_exec host01 bash -c "cd $to && for at in '1 0' '2 1M' '3 2M' '1 39M'; do
        set -- \$at; said=\$(qemu-io -r -f qcow2 -c \"read -P \$1 \$2 64k\" disk.1) || exit 1
        [[ \$said == 'read 65536'* ]] || exit 1 # a pattern that differs is reported before
    done"
    lab_exec host01 rm -rf $to $images
}

@test "a running domain that has more than disks in its directory does not move" {
    local dir what
    dir=$(vm_dir 1)
    lab_exec host01 mkdir -p "$dir"
    lab_exec host01 touch "$dir/vars.fd" "$dir/console.log"
    for what in "<serial type='file'><source path='$dir/console.log'/></serial>" \
        "<serial type='pty'><log file='$dir/console.log'/></serial>" \
        "<channel type='unix'><source mode='bind' path='$dir/socket'/><target type='virtio' name='extra'/></channel>"; do
        # shellcheck disable=SC2046
        STDIN=$(vm_domain host01 1 $(with_kernel) | sed "0,\|</devices>|s||$what&|") \
            run_vmm host01 deploy "$dir/deployment.0" host01 1 host01
        assert_success
        move_1
        assert_error "its <(source|log)> cannot move while it runs, power it off first"
        lab_exec host01 test ! -e /var/lib/one/datastores/5/1
        assert_state host01 1 running
        lab_virsh host01 destroy one-1
    done
}
