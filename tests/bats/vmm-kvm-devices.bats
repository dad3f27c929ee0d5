#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# What a running domain gets and loses: disks, interfaces, CDs, memory, CPUs, snapshots.
load lib/drv
load lib/vmm

setup_file() {
    lab_setup_suite --hosts 1
    vmm_setup_suite
}

teardown_file() { lab_teardown_suite; }
teardown() {
    for id in $(lab_virsh host01 list --uuid); do lab_virsh host01 destroy "$id"; done
    lab_exec host01 find /var/lib/one/datastores/0 -mindepth 1 -delete
}

deploy_guest() { # ID [word...]
    local id=$1
    shift
    # shellcheck disable=SC2046
    deploy host01 "$id" $(with_kernel) "$@"
    guest_wait host01 "one-$id"
}

attach_disk() { # ID FILE TARGET [DISK-XML [TEMPLATE-XML]]
    local document
    document=$(vmm_document "$1" "<DISK><DISK_ID>7</DISK_ID><ATTACH>YES</ATTACH><DRIVER>qcow2</DRIVER>${4:-<TYPE>FILE</TYPE>}</DISK>${5-}")
    STDIN=$document run_vmm host01 attach_disk "one-$1" "$2" "$3" 1 \
        "$(base64 -w 0 <<<"$document")" "$1" host01
}

detach_disk() { # ID FILE TARGET
    STDIN=$(vmm_document "$1") run_vmm host01 detach_disk "one-$1" "$2" "$3" 1 "$1" host01
}

@test "the guest sees a disk come and go" {
    local file
    deploy_guest 1
    file=$(vm_dir 1)/disk.7
    lab_exec host01 qemu-img create -q -f qcow2 "$file" 64M
    attach_disk 1 "$file" vdc "<TYPE>FILE</TYPE><SERIAL>a b-1</SERIAL><TOTAL_IOPS_SEC>500</TOTAL_IOPS_SEC>"
    assert_success
    assert_output ""
    wait_until 10 guest_run host01 one-1 test -b /dev/vdb
    run guest_run host01 one-1 cat /sys/block/vdb/serial
    assert_output ab-1
    attach_disk 1 "$file" vdc "<TYPE>FILE</TYPE><SERIAL>a b-1</SERIAL>"
    assert_success
    detach_disk 1 "$file" vdc
    assert_success
    wait_until 10 guest_run host01 one-1 test ! -e /dev/vdb
    run lab_virsh host01 domblklist one-1
    refute_output --partial vdc
    detach_disk 1 "$file" vdc
    assert_success
}

@test "a disk that the guest keeps is never reported free" {
    local file
    deploy host01 1
    file=$(vm_dir 1)/disk.7
    lab_exec host01 qemu-img create -q -f qcow2 "$file" 64M
    attach_disk 1 "$file" vdc
    assert_success
    detach_disk 1 "$file" vdc
    assert_error "did not release it|refused"
    run lab_virsh host01 domblklist one-1
    assert_output --partial vdc
}

@test "a disk that is not there leaves no trace" {
    deploy host01 1
    attach_disk 1 "$(vm_dir 1)/absent" vdc
    assert_error "cannot attach a disk to VM 1: 'vdc': .*No such file"
    run lab_virsh host01 domblklist one-1
    refute_output --partial vdc
}

target_of() { # TARGET: its bus in the running domain
    lab_virsh host01 dumpxml one-1 --xpath "//disk/target[@dev='$1']/@bus" 2>/dev/null |
        sed 's/.*"\(.*\)".*/\1/'
}

@test "a disk is plugged in on the bus of a cold start, or not at all" {
    local dir
    dir=$(vm_dir 1)
    lab_exec host01 mkdir -p "$dir"
    for file in "$dir/disk.5" "$dir/disk.7"; do
        lab_exec host01 qemu-img create -q -f qcow2 "$file" 64M
    done
    lab_exec host01 sh -c "echo a CD >/var/tmp/f; genisoimage -quiet -V CD -o '$dir/disk.8' /var/tmp/f"
    # shellcheck disable=SC2046
    STDIN=$(vm_domain host01 1 $(with_kernel) --machine q35 --disk "$dir/disk.5:qcow2:sda" |
        sed "s|dev='sda' bus='scsi'|dev='sda' bus='sata'|; s|dev=\"sda\" bus='scsi'|dev='sda' bus='sata'|") \
        run_vmm host01 deploy "$dir/deployment.0" host01 1 host01
    assert_success
    guest_wait host01 one-1
    assert_equal "$(target_of sda)" sata
    # What the VM says, and where it says nothing, what it was started with.
    for os in "<OS><SD_DISK_BUS>sata</SD_DISK_BUS></OS>" ""; do
        attach_disk 1 "$dir/disk.7" sdb "" "$os"
        assert_error "cannot attach a disk to VM 1: 'sdb': power the VM off first: SATA disks cannot be added"
        assert_equal "$(target_of sdb)" ""
    done
    attach_disk 1 "$dir/disk.7" hdb
    assert_error "power the VM off first"
    attach_disk 1 "$dir/disk.7" sdb "" "<OS><SD_DISK_BUS>scsi</SD_DISK_BUS></OS>"
    assert_success
    assert_equal "$(target_of sdb)" scsi
    wait_until 10 guest_run host01 one-1 sh -c '[ "$(cat /sys/class/block/sd?/size)" = 131072 ]'
    detach_disk 1 "$dir/disk.7" sdb
    assert_success
    # A CD is not a disk of the VM: no bus but SCSI takes one while it runs.
    attach_disk 1 "$dir/disk.8" sdc "<TYPE>CDROM</TYPE><READONLY>YES</READONLY>" \
        "<OS><SD_DISK_BUS>sata</SD_DISK_BUS></OS>"
    assert_success
    assert_equal "$(target_of sdc)" scsi
    wait_until 20 guest_run host01 one-1 grep -q "a CD" /dev/sr0
}

# shellcheck disable=SC2034
nic() { # attach_nic|detach_nic ID MAC [NIC-XML]
    STDIN=$(vmm_document "$2" "<NIC><NIC_ID>0</NIC_ID><ATTACH>YES</ATTACH><MAC>$3</MAC>${4-}</NIC>")
    if [ "$1" = attach_nic ]; then
        run_vmm host01 attach_nic "one-$2" "$3" br-test - bridge "one-$2-0" "$2" host01
    else
        run_vmm host01 detach_nic "one-$2" "$3" "$2" host01
    fi
}

@test "the guest sees an interface come and go" {
    lab_root host01 ip link add br-test type bridge
    deploy_guest 1
    nic attach_nic 1 02:00:0A:00:00:01 "<BRIDGE>br-test</BRIDGE><TARGET>one-1-0</TARGET><MODEL>virtio</MODEL>"
    assert_success
    wait_until 10 guest_run host01 one-1 grep -qi 02:00:0a:00:00:01 /sys/class/net/eth0/address
    run lab_virsh host01 domiflist one-1
    assert_output --partial one-1-0
    nic attach_nic 1 02:00:0a:00:00:01 "<BRIDGE>br-test</BRIDGE>"
    assert_success
    nic detach_nic 1 02:00:0A:00:00:01
    assert_success
    wait_until 10 guest_run host01 one-1 test ! -e /sys/class/net/eth0
    nic detach_nic 1 02:00:0a:00:00:01
    assert_success
}

@test "the context CD is ejected and another one inserted" {
    local dir
    dir=$(vm_dir 1)
    lab_exec host01 mkdir -p "$dir"
    lab_exec host01 sh -c "echo one >/var/tmp/f; genisoimage -quiet -V CONTEXT -o '$dir/disk.1' /var/tmp/f"
    lab_exec host01 sh -c "echo the second one >/var/tmp/f; genisoimage -quiet -V CONTEXT -o '$dir/disk.2' /var/tmp/f"
    deploy_guest 1 --cdrom "$dir/disk.1"
    STDIN=$(vmm_document 1) run_vmm host01 prereconfigure one-1 hdb 1 host01
    assert_success
    run lab_virsh host01 domblklist one-1
    refute_output --partial disk.1
    STDIN=$(vmm_document 1) run_vmm host01 prereconfigure one-1 hdb 1 host01
    assert_success
    STDIN=$(vmm_document 1) run_vmm host01 reconfigure one-1 hdb "$dir/disk.2" 1 host01
    assert_success
    run lab_virsh host01 domblklist one-1
    assert_output --partial "$dir/disk.2"
    wait_until 20 guest_run host01 one-1 grep -q "the second one" /dev/sr0
    STDIN=$(vmm_document 1) run_vmm host01 reconfigure one-1 '' '' 1 host01
    assert_success
}

resize() { # TEMPLATE-XML
    STDIN=$(vmm_document 1 "$1") run_vmm host01 resize one-1 1 host01
}

assert_cpus() {
    run lab_virsh host01 vcpucount --live --active one-1
    assert_output "$1"
}

@test "memory and CPUs change while the guest runs" {
    # shellcheck disable=SC2046
    STDIN=$(vm_domain host01 1 $(with_kernel) | sed -e "s|<vcpu><!\[CDATA\[1\]\]></vcpu>|<vcpu current='1'>2</vcpu>|") \
        run_vmm host01 deploy "$(vm_dir 1)/deployment.0" host01 1 host01
    assert_success
    guest_wait host01 one-1
    resize "<VCPU>2</VCPU><MEMORY>192</MEMORY><RESIZE><VCPU>1</VCPU><MEMORY>256</MEMORY></RESIZE>"
    assert_success
    run lab_virsh host01 vcpucount --live --active one-1
    assert_output 2
    run lab_virsh host01 dominfo one-1
    # shellcheck disable=SC2016
    wait_until 10 eval '[ "$(lab_virsh host01 dommemstat one-1 | sed -n "s/^actual //p")" -le 200000 ]'
    resize "<VCPU>2</VCPU><MEMORY>many</MEMORY><RESIZE><VCPU>1</VCPU><MEMORY>256</MEMORY></RESIZE>"
    assert_error "MEMORY: not a number: 'many'"
    resize "<VCPU>9</VCPU><RESIZE><VCPU>2</VCPU></RESIZE>"
    assert_error "CPUs to 9: the domain was started with 2 at most"
    # Both or neither: what is known before, what libvirt refuses, what the guest keeps.
    resize "<VCPU>1</VCPU><MEMORY>4096</MEMORY><RESIZE><VCPU>2</VCPU><MEMORY>192</MEMORY></RESIZE>"
    assert_error "memory to 4096 MiB: the domain was started with 256 MiB at most"
    assert_cpus 2
    timed resize "<VCPU>1</VCPU><MEMORY>256</MEMORY><RESIZE><VCPU>2</VCPU><MEMORY>192</MEMORY></RESIZE>"
    assert_error "CPUs to 1: .*[Tt]imed out"
    # libvirt alone gives it 5 s, devices have 20 s.
    [ "$elapsed" -ge 19000 ] && [ "$elapsed" -le 60000 ]
    run lab_virsh host01 dumpxml --xpath '/domain/currentMemory/text()' one-1
    assert_output $((192 * 1024))
}

@test "a resize whose memory cannot be had leaves the CPUs as they are" {
    # shellcheck disable=SC2046
    STDIN=$(vm_domain host01 1 $(with_kernel) | sed -e "s|<vcpu><!\[CDATA\[1\]\]></vcpu>|<vcpu current='1'>2</vcpu>|") \
        run_vmm host01 deploy "$(vm_dir 1)/deployment.0" host01 1 host01
    assert_success
    guest_wait host01 one-1
    resize "<VCPU>2</VCPU><MEMORY>384</MEMORY><MEMORY_RESIZE_MODE>HOTPLUG</MEMORY_RESIZE_MODE>
        <RESIZE><VCPU>1</VCPU><MEMORY>256</MEMORY></RESIZE>"
    assert_error "memory to 384 MiB"
    assert_cpus 1
}

snapshot() { # ACTION WORD
    STDIN=$(vmm_document 1) run_vmm host01 "snapshot_$1" "$(vm_uuid 1)" "$2" 1 host01
}

@test "snapshots bring memory back, and outlive libvirt's knowledge of them" {
    deploy_guest 1
    guest_run host01 one-1 write /tmp/state before
    snapshot create 0
    assert_success
    assert_output snap-0
    guest_run host01 one-1 write /tmp/state after
    snapshot create 1
    assert_output snap-1
    assert_only "$LAB/shared/0/1" disk.0 deployment.0 snap-0.xml snap-1.xml
    snapshot revert snap-0
    assert_success
    run guest_run host01 one-1 cat /tmp/state
    assert_output before
    STDIN=$(vmm_document 1) run_vmm host01 save one-1 "$(vm_dir 1)/checkpoint" host01 1 host01
    assert_success
    STDIN=$(vmm_document 1) run_vmm host01 restore "$(vm_dir 1)/checkpoint" host01 one-1 1 host01
    assert_success
    run lab_virsh host01 snapshot-list --name one-1
    assert_line snap-0
    assert_line snap-1
    snapshot delete snap-0
    assert_success
    snapshot delete snap-0
    assert_success
    run lab_virsh host01 snapshot-list --name one-1
    assert_output snap-1
    assert_only "$LAB/shared/0/1" disk.0 deployment.0 snap-1.xml
    snapshot revert snap-9
    assert_error "no domain snapshot with matching name"
    assert_state host01 1 running
}

exec_in() { # [arg...]
    local action=$1
    shift
    STDIN=$(vmm_document 1) run_vmm host01 "$action" 1 host01 "$@"
}

@test "a command runs in the guest, gets its input, and is killed on demand" {
    deploy_guest 1
    exec_in exec "sh -c 'cat >/tmp/out; echo \"a b\" >>/tmp/out'" "$(base64 <<<input)"
    assert_success
    assert_output ""
    wait_until 10 guest_run host01 one-1 grep -q 'a b' /tmp/out
    run guest_run host01 one-1 cat /tmp/out
    assert_line --index 0 input
    exec_in exec "sleep 1000"
    assert_success
    guest_run host01 one-1 pidof sleep
    local before
    before=$(guest_run host01 one-1 pidof sleep | wc -w)
    exec_in exec_cancel
    assert_success
    wait_until 10 eval "[ \$(guest_run host01 one-1 pidof sleep | wc -w) -lt $before ]"
    exec_in exec_cancel
    assert_success
    exec_in exec "'unfinished"
    assert_error "the command: "
}

@test "poll tells state and usage to old front-ends" {
    deploy host01 1
    run_vmm host01 poll one-1 host01 1 host01
    assert_success
    assert_output --regexp '^STATE=a CPU=[0-9.]+ MEMORY=[0-9]+ .*DISKRDBYTES=[0-9]+ '
    run_vmm host01 poll one-7 host01 7 host01
    assert_success
    assert_output "STATE=-"
    run_vmm host01 poll -t
    assert_success
    assert_line --index 0 VM_POLL=YES
    assert_line "  DEPLOY_ID=one-1,"
}
