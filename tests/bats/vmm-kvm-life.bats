#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# A domain's life: deploy, reboot, reset, shutdown, cancel, save, restore, resize_disk.
load lib/drv
load lib/vmm

setup_file() {
    lab_setup_suite
    vmm_setup_suite
}

teardown_file() { lab_teardown_suite; }
teardown() { vm_end_all; }

stop() { # ACTION ID
    STDIN=$(vmm_document "$2") run_vmm host01 "$1" "$(vm_uuid "$2")" host01 "$2" host01
}

@test "deploy answers with the UUID, cancel ends it, and again is fine" {
    deploy host01 1
    assert_output "$(vm_uuid 1)"
    assert_equal "$stderr" ""
    assert_state host01 1 running
    deploy host01 1 # as after a kill
    assert_output "$(vm_uuid 1)"
    STDIN=$(vm_domain host01 1 --memory 128) run_vmm host01 deploy \
        "$(vm_dir 1)/deployment.1" host01 1 host01
    assert_error "cannot deploy VM 1: .*already active"
    run lab_virsh host01 dominfo one-1
    assert_line --regexp 'Persistent: +no'
    stop cancel 1
    assert_success
    assert_output ""
    assert_state host01 1 ""
    stop cancel 1
    assert_success
}

@test "deploy keeps the XML it was given, with title, for nobody else's eyes" {
    deploy host01 1
    run lab_exec host01 stat -c %a "$(vm_dir 1)/deployment.0"
    assert_output 600
    run lab_exec host01 grep -c 'a &amp; &lt;b>\|a &amp; &lt;b&gt;' "$(vm_dir 1)/deployment.0"
    assert_output 1
    run lab_virsh host01 desc --title one-1
    assert_output --partial 'a & <b>'
}

@test "deploy of half an XML does nothing" {
    local xml
    xml=$(vm_domain host01 1)
    STDIN=${xml:0:700} run_vmm host01 deploy "$(vm_dir 1)/deployment.0" host01 1 host01
    assert_error "cannot deploy VM 1: the dump is not XML"
    assert_state host01 1 ""
    lab_exec host01 test ! -e "$(vm_dir 1)/deployment.0"
}

@test "deploy opens what a disk's link leads to" {
    local dir
    dir=$(vm_dir 1)
    lab_exec host01 mkdir -p "$dir" /var/lib/one/datastores/1
    lab_exec host01 qemu-img create -q -f qcow2 "/var/lib/one/datastores/1/image" 16M
    lab_exec host01 ln -s ../../1/image "$dir/disk.0"
    deploy host01 1
    run lab_virsh host01 domblklist one-1
    assert_output --partial "$dir/../../1/image"
}

@test "errors reach the user in each release's form" {
    local release
    for release in 5.4.15 6.4.6 7.4.0; do
        echo "$release" >"$LAB/host01/var-tmp/one/VERSION"
        DRV_RELEASE=$release
        stop reboot 7
        assert_error "^cannot reboot VM 7: .*[Dd]omain not found"
    done
    DRV_RELEASE=5.4.15
    echo $DRV_RELEASE >"$LAB/host01/var-tmp/one/VERSION"
    deploy host01 1
    assert_output one-1
    echo 7.4.0 >"$LAB/host01/var-tmp/one/VERSION"
}

@test "a guest is asked to power off, and its end is noticed at once" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    timed stop shutdown 1
    assert_success
    [ "$elapsed" -lt 10000 ]
    assert_state host01 1 ""
    timed stop shutdown 1
    assert_success
    [ "$elapsed" -lt 1000 ]
}

@test "a guest that does not listen is destroyed, or is an error" {
    deploy host01 1
    kvmrc host01 SHUTDOWN_TIMEOUT=2 FORCE_DESTROY=no
    stop shutdown 1
    assert_error "the guest did not power off within 2 s"
    assert_state host01 1 running
    kvmrc host01 FORCE_DESTROY=yes
    timed stop shutdown 1
    assert_success
    [ "$elapsed" -ge 2000 ]
    assert_state host01 1 ""
    kvmrc host01 SHUTDOWN_TIMEOUT=180
}

@test "what has no ACPI is not waited for, if so configured" {
    STDIN=$(vm_domain host01 1 | sed 's|<features><acpi/></features>||') \
        run_vmm host01 deploy "$(vm_dir 1)/deployment.0" host01 1 host01
    assert_success
    kvmrc host01 CANCEL_NO_ACPI=yes
    timed stop shutdown 1
    assert_success
    [ "$elapsed" -lt 10000 ]
    kvmrc host01 CANCEL_NO_ACPI=no
}

@test "an imported, persistent domain is off, and stays defined" {
    vm_domain host01 1 | sed 's|<title>.*</title>||' >"$LAB/domain.xml"
    lab_virsh host01 define "$LAB/domain.xml"
    lab_virsh host01 start one-1
    stop cancel 1
    assert_success
    assert_state host01 1 "shut off"
    stop shutdown 1
    assert_success
    lab_virsh host01 undefine one-1
}

@test "reboot and reset keep the domain" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    local action
    for action in reboot reset; do
        STDIN='' run_vmm host01 $action one-1 host01 1 host01
        assert_success
        assert_state host01 1 running
    done
}

save() { # ID
    STDIN=$(vmm_document "$1") run_vmm host01 save "$(vm_uuid "$1")" \
        "$(vm_dir "$1")/checkpoint" host01 "$1" host01
}

restore() { # HOST ID [DIR]
    STDIN=$(vmm_document "$2") run_vmm "$1" restore "${3:-$(vm_dir "$2")}/checkpoint" \
        "$1" "$(vm_uuid "$2")" "$2" "$1"
}

@test "save and restore keep memory and the console's password, on another host too" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    guest_run host01 one-1 write /tmp/in-memory kept
    save 1
    assert_success
    assert_state host01 1 ""
    lab_exec host01 test -s "$(vm_dir 1)/checkpoint"
    save 1 # as after a kill
    assert_success
    lab_exec host01 touch -d '+1 hour' "$(vm_dir 1)/deployment.1"
    save 1
    assert_error "[Dd]omain not found"
    lab_exec host01 rm "$(vm_dir 1)/deployment.1"
    restore host02 1
    assert_success
    assert_state host02 1 running
    guest_wait host02 one-1
    run guest_run host02 one-1 cat /tmp/in-memory
    assert_output kept
    run lab_virsh host02 dumpxml --security-info one-1
    assert_output --partial "passwd='geheim'"
    assert_only "$LAB/shared/0/1" disk.0 deployment.0
    restore host02 1
    assert_success
}

@test "restore finds disks that moved to another datastore" {
    deploy host01 1
    save 1
    lab_exec host01 mkdir -p /var/lib/one/datastores/5
    lab_exec host01 mv "$(vm_dir 1)" /var/lib/one/datastores/5/1
    restore host01 1 /var/lib/one//datastores/5/1
    assert_success
    run lab_virsh host01 domblklist one-1
    assert_output --partial "/var/lib/one//datastores/5/1/disk.0"
    run lab_virsh host01 metadata one-1 http://opennebula.org/xmlns/libvirt/1.0
    assert_output --partial "/var/lib/one//datastores/5/1"
}

@test "hooks of the storage run, and a failing one is told" {
    local dir=$LAB/host01/var-tmp/one/vmm/kvm
    printf '%s\n' '#!/bin/sh' 'echo "$@" >/var/tmp/hook; cat >>/var/tmp/hook' >"$dir/save.shared"
    chmod +x "$dir/save.shared"
    deploy host01 1
    save 1
    assert_success
    run cat "$LAB/host01/var-tmp/hook"
    assert_line --index 0 "$(vm_uuid 1) $(vm_dir 1)/checkpoint host01 1 host01"
    assert_output --partial "<TM_MAD>shared</TM_MAD>"
    printf '%s\n' '#!/bin/sh' 'echo no storage >&2; exit 3' >"$dir/restore.shared"
    chmod +x "$dir/restore.shared"
    restore host01 1
    assert_error "restore.shared: .*no storage"
    assert_state host01 1 ""
    lab_exec host01 test -s "$(vm_dir 1)/checkpoint"
    rm "$dir"/*.shared
    restore host01 1
    assert_success
}

@test "a save that cannot be written leaves the domain running" {
    deploy host01 1
    mount_tmpfs host01 /tmp/small size=64k
    STDIN=$(vmm_document 1) run_vmm host01 save one-1 /tmp/small/checkpoint host01 1 host01
    lab_exec host01 ls /tmp/small
    lab_root host01 umount /tmp/small
    assert_error "cannot save VM 1: .*No space left on device"
    assert_state host01 1 running
}

@test "a paused guest without checkpoint goes on" {
    deploy host01 1
    lab_virsh host01 suspend one-1
    restore host01 1
    assert_success
    assert_state host01 1 running
}

@test "the guest sees its disk grow" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    local document
    document=$(vmm_document 1 "<DISK><DISK_ID>0</DISK_ID><TARGET><![CDATA[vda]]></TARGET></DISK>")
    STDIN='' run_vmm host01 resize_disk one-1 0 320 "$(base64 -w 0 <<<"$document")" \
        host01 1 host01
    assert_success
    run guest_run host01 one-1 size /dev/vda
    assert_output $((320 << 20))
}

@test "libvirtd that is down is an error, never an end" {
    deploy host01 1
    local pid
    pid=$(lab_exec host01 cat /run/libvirtd.pid)
    lab_root host01 kill -STOP "$pid"
    kvmrc host01 X=1
    echo VIRT_TIMEOUT=2 >>"$LAB/host01/var-tmp/one/etc/one-native.conf"
    timed stop cancel 1
    assert_error "did not answer within 2 s"
    [ "$elapsed" -lt 8000 ]
    lab_root host01 kill -CONT "$pid"
    stop reboot 1
    STDIN='' run_vmm host01 reset one-1 host01 1 host01
    assert_success
    assert_state host01 1 running
    sed -i '/VIRT_TIMEOUT/d' "$LAB/host01/var-tmp/one/etc/one-native.conf"
}
