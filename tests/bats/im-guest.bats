#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# What guests say of themselves: system and addresses, commands of guestagent.conf, and an
# agent that hangs.  And what is predicted of guests and their host.
load lib/drv
load lib/vmm
load lib/im

setup_file() {
    lab_setup_suite --hosts 1
    vmm_setup_suite
    im_setup_suite
    mkdir -p "$(conf_dir)"
}

conf_dir() { echo "$LAB/host01/var-tmp/one/etc/im/kvm-probes.d"; }

teardown_file() { lab_teardown_suite; }

teardown() {
    local id
    im_stop || true
    monitord_stop
    for id in $(lab_virsh host01 list --uuid); do lab_virsh host01 destroy "$id"; done
    lab_exec host01 find /var/lib/one/datastores/0 -mindepth 1 -delete
}

in_guest() { guest_run host01 one-1 sh -c "$1"; }

deploy_guest() { # [PCI-DEVICES]
    local metadata="<metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'><one:pci_devices>${1-}</one:pci_devices></one:vm></metadata>"
    # shellcheck disable=SC2046
    STDIN=$(vm_domain host01 1 $(with_kernel) | sed "s|</name>|&$metadata|") \
        run_vmm host01 deploy "$(vm_dir 1)/deployment.0" host01 1 host01
    assert_success
    guest_wait host01 one-1
    in_guest 'printf "ID=tiny\nVERSION_ID=\"4 \\\\\"x\"\n" >/etc/os-release'
    in_guest 'ip address add 10.9.8.7/24 dev lo; ip address add fd00::7/64 dev lo'
}

guest_conf() { # true|false
    cat >"$(conf_dir)/guestagent.conf" <<END
:enabled: $1
:commands:
  :vm_qemu_ping: "one-\$vm_id '{\"execute\":\"guest-ping\"}' --timeout 2"
  :vm_users: "one-\$vm_id '{\"execute\":\"no-such-command\"}'"
END
}

# The newest value of KEY that was told of VM 1.
told() { # KEY
    messages "([''] + [v['MONITOR']['$1'] for x in m if x['type'] == 'MONITOR_VM'
              for v in x.get('vms', []) if v['ID'] == '1' and '$1' in v['MONITOR']])[-1]"
}

tells() { [ "$(told "$1")" = "$2" ]; } # KEY VALUE

@test "a guest's system and addresses are told, and what it is asked" {
    deploy_guest
    guest_conf false
    monitord_start
    im_start MONITOR_VM=1
    assert_success
    wait_until 10 tells GUEST_IP_ADDRESSES 10.9.8.7,fd00::7
    tells OS_ID tiny
    tells OS_TYPE linux
    tells OS_VERSION '4 "x'
    tells OS_MACHINE x86_64
    tells VM_QEMU_PING "QEMU Guest Agent monitoring disabled"
    guest_conf true
    wait_until 10 tells VM_QEMU_PING '{"return":{}}'
    [[ "$(told VM_USERS)" == "error: "*"no-such-command"* ]]
    assert_messages_good
}

@test "an agent that hangs is told, asked seldom, and keeps no message waiting" {
    deploy_guest
    guest_conf true
    monitord_start
    im_start MONITOR_VM=1
    wait_until 10 tells VM_QEMU_PING '{"return":{}}'
    in_guest '(sleep 1; kill -STOP $(cat /run/qga.pid)) >/dev/null 2>&1 </dev/null &'
    wait_until 30 agent_is_silent
    # The counters of VMs went on being told meanwhile.
    said "max(b - a for a, b in zip(${usage_times}, ${usage_times}[1:])) < 6"
    assert_messages_good
}

usage_times='[x["at"] for x in m if x["type"] == "MONITOR_VM" and "CPU" in x["vms"][0]["MONITOR"]]'
agent_is_silent() { [[ "$(told VM_QEMU_PING)" == "error: "* ]]; }

@test "the probe by itself: all guests, once, and nothing of those without an agent" {
    local text
    deploy_guest
    deploy host01 2 --memory 32 --no-agent
    guest_conf false
    rm "$(conf_dir)/guestagent.conf"
    run lab_exec host01 "$IM/kvm-probes.d/vm/guest/guest" kvm 0 host01
    assert_success
    assert_equal "${#lines[@]}" 1
    text=$(sed -n 's/.*MONITOR="\([^"]*\)".*/\1/p' <<<"$output" | base64 -d)
    [[ "$text" == *'GUEST_IP_ADDRESSES="10.9.8.7,fd00::7"'* ]]
    [[ "$output" == *'ID="1"'* ]]
    # Without libvirt it is not this one that says so.
    kvmrc host01 'LIBVIRT_URI="qemu+unix:///system?socket=/nonexistent"'
    run lab_exec host01 "$IM/kvm-probes.d/vm/guest/guest" kvm 0 host01
    kvmrc host01 LIBVIRT_URI=qemu:///system
    assert_success
    assert_output ""
}

@test "what a VM and its host will use is predicted, after a while" {
    local stock=$LAB/host01/var-tmp/one/im/kvm-probes.d/host/monitor/prediction.sh
    printf 'host: { forecast: { period: 1 } }\nvirtualmachine: { forecast: { period: 1 } }\n' \
        >"$(conf_dir)/forecast.conf"
    printf '#!/bin/sh\nexit 1\n' >"$stock" # ours takes its place
    chmod 755 "$stock"
    im_domain 5
    lab_virsh host01 create "$LAB/one-5.xml"
    monitord_start
    im_start MONITOR_VM=1 MONITOR_HOST=1
    assert_success
    wait_until 10 foretold_of_vm DISKRDBYTES_BW
    wait_until 40 foretold_of_vm CPU_FORECAST
    wait_until 10 foretold_of_vm MEMORY_FORECAST
    wait_until 10 foretold_of_vm NETRX_BW_FORECAST
    wait_until 10 said 'any("FREEMEMORY_FORECAST=" in x["data"] for x in m if x["type"] == "MONITOR_HOST")'
    said 'any("NETRX_BW=" in x["data"] for x in m if x["type"] == "MONITOR_HOST")'
    said 'not any("_FAR" in x["data"] for x in m if x["type"].startswith("MONITOR"))'
    assert_messages_good
    rm "$stock"
}

foretold_of_vm() { # KEY: a number that is not negative
    said "any(float(v['MONITOR'].get('$1', -1)) >= 0 for x in m if x['type'] == 'MONITOR_VM'
             for v in x['vms'])"
}

@test "the load of a guest's graphics processors is told by its own nvidia-smi" {
    deploy_guest 8086:1572:0200,10de:1eb8:0302
    in_guest 'echo "#!/bin/sh" >/bin/nvidia-smi; chmod 755 /bin/nvidia-smi
        echo "cat /run/gpus; exec sleep 1" >>/bin/nvidia-smi; echo "10, 4, 100, 20.5" >/run/gpus'
    monitord_start
    im_start MONITOR_VM=1
    wait_until 20 tells GPU_UTILIZATION 10.00
    tells GPU_COUNT 1
    tells GPU_MEMORY_UTILIZATION 4.00
    tells GPU_MEMORY_FREE 100.00
    tells GPU_POWER_USAGE 20.50
    in_guest 'echo "40, 4, 100, 20.5" >/run/gpus'
    wait_until 20 tells GPU_UTILIZATION 40.00
    assert_messages_good
}

@test "a guest without graphics processors is not asked for their load" {
    deploy_guest 8086:1572:0200
    in_guest 'echo "#!/bin/sh" >/bin/nvidia-smi; chmod 755 /bin/nvidia-smi
        echo "touch /run/was-run" >>/bin/nvidia-smi'
    monitord_start
    im_start MONITOR_VM=1 BEACON_HOST=1
    wait_until 20 tells OS_ID tiny
    wait_until 20 said 'sum(x["type"] == "BEACON_HOST" for x in m) >= 5'
    in_guest 'test ! -e /run/was-run'
}
