#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# drv-mqttd gives VMs devices of the host by vendor and device.  The host's devices are
# made by the test, in the form of /sys/bus/pci/devices.
# shellcheck disable=SC2154,SC2034 # run sets variables
load lib/drv
load lib/core
load lib/drv-command
load lib/mqtt

teardown() { mqtt_down; }

host_device() { # ADDRESS VENDOR DEVICE
    mkdir -p "$BATS_TEST_TMPDIR/pci/$1"
    echo "0x$2" >"$BATS_TEST_TMPDIR/pci/$1/vendor"
    echo "0x$3" >"$BATS_TEST_TMPDIR/pci/$1/device"
}

pci_up() {
    host_device 0000:3b:00.1 15b3 1004
    host_device 0000:3b:00.2 15b3 1004
    host_device 0000:00:1f.0 8086 1004
    mqtt_up "hypervisor.pci-devices=$BATS_TEST_TMPDIR/pci"
}

start_with() { # ID NAME DEVICE...: ids of devices of the vendor 15b3
    local id=$1 name=$2
    shift 2
    printf 'task: start vm\nid: %s\nvm-configurations:\n  - xml: %s\n    probe-with-ssh: false\n' \
        "$id" "'<domain type=\"test\"><name>$name</name></domain>'"
    [ $# -gt 0 ] && printf '    pci-ids:\n' || printf '    pci-ids: []\n'
    [ $# -eq 0 ] || printf '      - vendor: 0x15b3\n        device: %s\n' "$@"
}

addresses() { # NAME: "bus:dev.fn" of each device that it has
    drv --json vm show "$1" | python3 -c 'import json, sys
pairs = json.load(sys.stdin)["pcis"]
print(*sorted("%x:%x.%x" % tuple(r["address"][k] for k in ("bus", "dev", "fn")) for r, s in pairs))'
}

@test "start with pci-ids: each gets a free one; when none is left, an error has the id" {
    pci_up
    start_with 1 a 0x1004 | publish
    assert_result 1 'only["list"][0]["status"]' success
    assert_equal "$(addresses a)" 3b:0.1
    start_with 2 b 1004 | publish
    assert_result 2 'only["list"][0]["status"]' success
    assert_equal "$(addresses b)" 3b:0.2
    start_with 3 c 0x1004 | publish
    assert_result 3 'only["list"][0]["details"]' \
        "no PCI device 15b3:1004 is free: 'b' has the last of 2"
    start_with 4 d 0x1017 | publish
    assert_result 4 'only["list"][0]["details"]' "this host has no PCI device 15b3:1017"
    start_with 5 e | publish
    assert_result 5 'only["list"][0]["status"]' success
    assert_equal "$(addresses e)" ""
}

@test "what is stopped gives its devices back; a start that fails half way keeps none" {
    pci_up
    start_with 1 a 0x1004 0x1004 | publish
    assert_result 1 'only["list"][0]["status"]' success
    assert_equal "$(addresses a)" "3b:0.1 3b:0.2"
    printf 'task: stop vm\nid: 2\nlist:\n  - vm-name: a\n    force: true\n' | publish
    assert_result 2 'only["list"][0]["status"]' success
    assert_equal "$(addresses a)" ""
    start_with 3 b 0x1004 0x1004 0x1004 | publish
    assert_result 3 'only["list"][0]["details"]' \
        "no PCI device 15b3:1004 is free: 'b' has the last of 2"
    assert_equal "$(addresses b)" ""
    start_with 4 a 0x1004 0x1004 | publish
    assert_result 4 'only["list"][0]["status"]' success
}

@test "several starts at once: no device is given twice" {
    local n
    for n in $(seq 0 7); do host_device "0000:5e:00.$n" 15b3 101a; done
    pci_up
    for n in $(seq 8); do start_with "$n" "vm$n" 0x101a | publish; done
    for n in $(seq 8); do
        assert_result "$n" 'only["list"][0]["status"]' success
        addresses "vm$n"
    done >"$BATS_TEST_TMPDIR/given"
    assert_equal "$(sort -u "$BATS_TEST_TMPDIR/given" | wc -l)" 8
}

@test "a VM with a device of the host does not migrate, and says why" {
    pci_up
    start_with 1 a 0x1004 | publish
    assert_result 1 'only["list"][0]["status"]' success
    printf 'task: migrate vm\nid: 2\nvm-name: a\ndestination: c2\n' | publish
    assert_result 2 'only["details"]' \
        "it has the PCI device 0000:3b:00.1 of this host, and cannot leave with it"
    assert_equal "$(drv --json vm show a | python3 -c 'import json, sys
print(json.load(sys.stdin)["state"]["power_state"])')" Running
}
