#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The lab itself: what the other tests stand on.
load lib/drv

setup_file() {
    lab_setup_suite
}

teardown_file() {
    lab_teardown_suite
}

@test "every node reaches every other by name and ssh" {
    local from to
    for from in fe host01 host02; do
        for to in fe host01 host02; do
            run lab_exec "$from" ssh "$to" hostname
            assert_success
            assert_output "$to"
        done
    done
}

@test "nodes share the datastores and nothing else" {
    lab_exec host01 touch /var/lib/one/datastores/1/shared /var/lib/one/own
    run lab_exec host02 find /var/lib/one -type f -not -path '*/.ssh/*'
    assert_output /var/lib/one/datastores/1/shared
    lab_exec fe rm /var/lib/one/datastores/1/shared
}

@test "oned answers on fe" {
    vm_put 25 LCM_STATE=57
    run lab_exec fe python3 -c 'import xmlrpc.client
core = xmlrpc.client.ServerProxy("http://localhost:2633/RPC2")
print(core.one.vm.info(open("/var/lib/one/.one/one_auth").read().strip(), 25, False))'
    assert_success
    assert_output --partial "<LCM_STATE>57</LCM_STATE>"
}

@test "a host that lost power is gone, and comes back" {
    "$LAB_TOOLS/lab" kill "$LAB" host02
    run lab_exec fe ssh -o ConnectTimeout=1 host02 true
    assert_failure 255
    "$LAB_TOOLS/lab" boot "$LAB" host02 3>&-
    run lab_exec fe ssh host02 hostname
    assert_output host02
}

@test "a guest boots from a disk, keeps what it writes and obeys the power button" {
    local files disk=/var/lib/one/datastores/0/guest.qcow2
    files=$(guest_files)
    lab_exec host01 qemu-img create -q -f qcow2 -F raw -b "$files/disk.raw" "$disk"
    "$LAB_TOOLS/guest-xml" --kernel "$files/vmlinuz" --initrd "$files/initrd" \
        --disk "$disk" one-1 >"$LAB/guest.xml"
    lab_virsh host01 create "$LAB/guest.xml"
    guest_wait host01 one-1
    guest_run host01 one-1 write /kept "some text"
    lab_virsh host01 shutdown one-1
    wait_until 20 eval '! lab_virsh host01 domstate one-1'
    lab_virsh host01 create "$LAB/guest.xml"
    guest_wait host01 one-1
    run guest_run host01 one-1 cat /kept
    assert_output "some text"
    lab_virsh host01 destroy one-1
}
