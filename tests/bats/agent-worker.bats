#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Operations of the host agent, in a process each, on a host with libvirt.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm
load lib/agent

setup_file() { lab_setup_suite --hosts 1; }
teardown_file() { lab_teardown_suite; }
teardown() { agent_end_all; }

@test "start: from the record, complete and paused; what it promises is there [B12 B13 B15]" {
    local disk
    disk=$(agent_disk u1)
    agent_op host01 VM.start u1 disk="$disk:xvdb::ReadOnly" disk="$(agent_disk u1b):xvda" \
        nic=52:54:00:01:02:03
    assert_success
    assert_answer 'a["result"]["power_state"]' Paused
    assert_answer 'len(a["result"]["domids"])' 1
    assert_answer 'all(d["plugged"] for c in a["result"]["devices"].values() for d in c.values())' True
    assert_answer 'len(a["result"]["consoles"]) >= 1' True
    assert_answer 'abs(a["result"]["last_start_time"] - __import__("time").time()) < 60' True
    assert_answer 'a["result"]["vcpu_target"], a["result"]["memory_target"]' '(1, 67108864)'
    assert_answer 'a["result"]["unsurvivable"]' None
    run lab_virsh host01 dumpxml u1
    [ "$(grep -o "target dev='vd[ab]'" <<<"$output" | head -n 1)" = "target dev='vda'" ]
    agent_op host01 VM.start u1 disk="$disk"
    assert_agent_error Bad_power_state
    assert_answer 'a["error"][1]' "['Paused', 'Halted']"
    agent_op host01 VM.unpause u1
    assert_answer 'a["result"]["power_state"]' Running
    agent_op host01 VM.pause u1
    assert_answer 'a["result"]["power_state"]' Paused
    agent_op host01 VM.shutdown u1
    assert_answer 'a["result"]["power_state"], a["result"]["domids"]' "('Halted', [])"
    assert_equal "$(agent_domains host01)" ""
    agent_op host01 VM.pause u1
    assert_agent_error Domain_not_built
}

@test "start: of a libvirt document; defined ones keep their definition; delete does not" {
    "$LAB_TOOLS/guest-xml" --memory 64 --no-agent --disk "$(agent_disk x1)" x1 >"$LAB/x1.xml"
    agent_op host01 VM.start x1 xml="$LAB/x1.xml" unpause=true vm.persistent=true
    assert_success
    assert_answer 'a["result"]["power_state"], a["result"]["persistent"]' "('Running', True)"
    run lab_virsh host01 dumpxml --inactive x1
    refute_output --partial unsurvivable
    agent_op host01 VM.shutdown x1 xml="$LAB/x1.xml" vm.persistent=true
    assert_equal "$(agent_domains host01)" x1
    agent_op host01 VM.delete x1 vm.persistent=true
    assert_success
    assert_equal "$(agent_domains host01)" ""
    agent_op host01 VM.delete x1
    assert_success
}

@test "start: what fails leaves nothing, and says why [B16]" {
    agent_op host01 VM.start u1 disk=/var/lib/one/datastores/0/missing
    assert_agent_error Internal_error "missing"
    assert_answer 'a["undone"]' "there is no domain"
    agent_op host01 VM.start u1 vm.persistent=true disk=/var/lib/one/datastores/0/missing
    assert_agent_error Internal_error "missing"
    assert_equal "$(agent_domains host01)" ""
    agent_op host01 VM.start u1 nic=52:54:00:01:02:03:nosuchbridge
    assert_agent_error Internal_error nosuchbridge
    assert_equal "$(agent_domains host01)" ""
}

@test "suspend to a file and resume: the file is there in between only [B18]" {
    local file=/var/lib/one/datastores/0/u1.save
    agent_op host01 VM.start u1 unpause=true
    assert_success
    agent_op host01 VM.suspend u1 file="$file"
    assert_success
    assert_answer 'a["result"]["power_state"], a["result"]["suspend_file"]' \
        "('Suspended', '$file')"
    assert_equal "$(agent_domains host01)" ""
    agent_op host01 VM.start u1 vm.suspend_file="$file"
    assert_agent_error Bad_power_state
    agent_op host01 VM.suspend u1 file="$file" # again: done already
    assert_success
    agent_op host01 VM.resume u1 vm.suspend_file="$file" unpause=true
    assert_success
    assert_answer 'a["result"]["power_state"], a["result"]["suspend_file"]' "('Running', None)"
    lab_exec host01 test ! -e "$file"
    agent_op host01 VM.resume u1 vm.suspend_file="$file"
    assert_agent_error Bad_power_state
    assert_answer 'a["error"][1]' "['Running', 'Suspended']"
}

@test "a guest that ignores the request runs on; it is destroyed when that is asked [B19 B20]" {
    local id
    agent_op host01 VM.start u1 unpause=true
    id=$(answer 'a["result"]["domids"][0]')
    agent_op host01 VM.shutdown u1 delay=2
    assert_agent_error Failed_to_shutdown
    assert_answer 'a["error"][1]' "['u1', 2.0]"
    agent_op host01 VM.reboot u1 delay=1
    assert_agent_error Failed_to_shutdown
    agent_op host01 VM.stat u1
    assert_answer 'a["result"]["power_state"], a["result"]["domids"]' "('Running', [$id])"
    agent_op host01 VM.reboot u1 delay=1 force=true
    assert_success
    assert_answer 'a["result"]["power_state"], a["result"]["domids"] != ['"$id"']' \
        "('Running', True)"
}

@test "devices: plugged, again, unplugged by a guest that listens or not" {
    local disk
    disk=$(agent_disk u1)
    agent_op host01 VM.start u1 unpause=true
    agent_op host01 VBD.plug u1 disk="$disk:vdc" device=vdc
    assert_success
    assert_answer 'a["result"]["devices"]["vbd"]["vdc"]["plugged"]' True
    agent_op host01 VBD.plug u1 disk="$disk:vdc" device=vdc
    assert_success
    agent_op host01 VIF.plug u1 nic=52:54:00:01:02:03 device='["u1","0"]'
    assert_success
    agent_op host01 VBD.unplug u1 disk="$disk:vdc" device='["u1","vdd"]'
    assert_agent_error Does_not_exist
    agent_op host01 VBD.unplug u1 disk="$disk:vdd" device=vdd
    assert_agent_error Device_not_connected
    agent_op host01 VBD.unplug u1 disk="$disk:vdc" device=vdc # firmware does not listen
    assert_agent_error Device_detach_rejected "did not release"
}

# A worker on host01 waits for signals: before that, one would just end it.
takes_signals() {
    STOPPED=$(lab_root host01 pgrep -x drv-agent-worke) &&
        lab_root host01 grep -qE '^SigBlk:.*[4-7c-f][0-9a-f]{3}$' "/proc/$STOPPED/status"
}

@test "a drive: ejected, filled, filled again; what is in it is looked up, not believed" {
    local a=/var/lib/one/datastores/0/a.iso b=/var/lib/one/datastores/0/b.iso
    lab_exec host01 sh -c "echo a >$a; echo b >$b"
    agent_op host01 VBD.eject u1 "cd=$a:hdc" device='["u1","hdc"]' field=backend
    assert_agent_error Bad_power_state
    agent_op host01 VM.start u1 "cd=$a:hdc" disk="$(agent_disk u1):vdb"
    assert_success
    assert_answer 'a["result"]["devices"]["vbd"]["hdc"]["path"]' "$a"
    agent_op host01 VBD.insert u1 "cd=$a:hdc" device='["u1","hdc"]' field=backend \
        value="[\"Local\",\"$b\"]"
    assert_agent_error Media_present 'drive hdc is not empty'
    agent_op host01 VBD.eject u1 "cd=$a:hdc" disk="$(agent_disk u1):vdb" \
        device='["u1","vdb"]' field=backend
    assert_agent_error Media_not_ejectable
    agent_op host01 VBD.eject u1 "cd=$a:hdc" device='["u1","hdc"]' field=backend
    assert_success
    assert_answer 'a["result"]["devices"]["vbd"]["hdc"]' "{'plugged': True}"
    # The same again is done, while the record says that it is full.
    agent_op host01 VBD.eject u1 "cd=$a:hdc" device='["u1","hdc"]' field=backend
    assert_success
    agent_op host01 VBD.eject u1 cd=:hdc device='["u1","hdc"]' field=backend
    assert_agent_error Media_not_present
    for _ in 1 2; do
        agent_op host01 VBD.insert u1 cd=:hdc device='["u1","hdc"]' field=backend \
            value="[\"Local\",\"$b\"]"
        assert_success
        assert_answer 'a["result"]["devices"]["vbd"]["hdc"]["path"]' "$b"
    done
    agent_op host01 VBD.eject u1 "cd=$b:hdd" device='["u1","hdd"]' field=backend
    assert_agent_error Device_not_connected
    agent_op host01 VBD.insert u1 cd=:hdc device='["u1","hdc"]' field=backend \
        value='["VDI","pool/x"]'
    assert_agent_error Unimplemented
    agent_op host01 VBD.eject u1 "cd=$b:hdc" device='["u1","hdc"]' field=backend
    agent_op host01 VBD.insert u1 cd=:hdc device='["u1","hdc"]' field=backend \
        value='["Local","/missing"]'
    assert_agent_error Internal_error
    agent_op host01 VM.stat u1 cd=:hdc
    assert_answer 'a["result"]["devices"]["vbd"]["hdc"]' "{'plugged': True}"
}

nic_of_u1() { # XPATH: of the running domain's NIC
    lab_virsh host01 dumpxml u1 | xmllint --xpath "string(/domain/devices/interface/$1)" -
}

@test "a NIC: carrier, another bridge, locked addresses; VLANs where the switch has none" {
    local nic="nic=52:54:00:01:02:03:br-a" device='["u1","0"]'
    lab_root host01 ip link add br-a type bridge
    lab_root host01 ip link add br-b type bridge
    agent_op host01 VIF.set_carrier u1 $nic device="$device" field=carrier value=false
    assert_success # it is off: only the record changes
    agent_op host01 VM.start u1 $nic nic.carrier=false
    assert_success
    assert_answer 'a["result"]["devices"]["vif"]["0"]["up"]' False
    assert_equal "$(nic_of_u1 link/@state)" down
    agent_op host01 VIF.set_carrier u1 $nic nic.carrier=false device="$device" \
        field=carrier value=true
    assert_success
    assert_answer 'a["result"]["devices"]["vif"]["0"]["up"]' True
    agent_op host01 VIF.move u1 $nic device="$device" field=backend value='["Local","br-b"]'
    assert_success
    assert_equal "$(nic_of_u1 source/@bridge)" br-b
    run lab_root host01 ip -o link show master br-b
    assert_output --partial "$(nic_of_u1 target/@dev)"
    agent_op host01 VIF.move u1 $nic device="$device" field=backend value='["Local","missing"]'
    assert_agent_error Internal_error missing
    assert_equal "$(nic_of_u1 source/@bridge)" br-b
    agent_op host01 VIF.move u1 $nic device="$device" field=backend \
        value='["Remote",["u2","br0"]]'
    assert_agent_error Unimplemented
    agent_op host01 VIF.set_locking_mode u1 "${nic%a}b" device="$device" \
        field=locking_mode value='"Disabled"'
    assert_success
    assert_equal "$(nic_of_u1 link/@state)" down
    agent_op host01 VIF.set_trunks u1 "${nic%a}b" device="$device" field=trunks value='[5,6]'
    assert_agent_error Internal_error vlan
    agent_op host01 VM.shutdown u1
    agent_op host01 VM.start u1 $nic nic.vlan=5
    assert_agent_error Internal_error vlan
    assert_equal "$(agent_domains host01)" ""
    lab_root host01 ip link del br-a
    lab_root host01 ip link del br-b
}

@test "the steps of a start: created and marked, plugged, built and complete [B11]" {
    local disk
    disk=$(agent_disk u1)
    agent_op host01 VM.build u1
    assert_agent_error Does_not_exist
    agent_op host01 VM.create u1 disk="$disk:vdb"
    assert_success
    assert_answer 'a["result"]["power_state"], a["result"]["unsurvivable"]' "('Paused', 't-1')"
    for op in VM.pause VM.unpause VM.set_vcpus VM.create_device_model; do
        agent_op host01 $op u1 vcpus=1
        assert_agent_error Domain_not_built
    done
    agent_op host01 VM.create u1
    assert_agent_error Bad_power_state
    agent_op host01 VBD.plug u1 disk="$disk:vdb" device=vdb
    assert_success
    agent_op host01 VM.build u1 disk="$disk:vdb"
    assert_success
    assert_answer 'a["result"]["unsurvivable"], a["result"]["devices"]["vbd"]["vdb"]["plugged"]' \
        "(None, True)"
    agent_op host01 VM.create_device_model u1
    assert_success
    agent_op host01 VM.check_state u1
    agent_op host01 VM.unpause u1
    assert_answer 'a["result"]["power_state"]' Running
    agent_op host01 VM.destroy u1
    assert_answer 'a["result"]["power_state"]' Halted
    # What is created and not built is ended by the next look.
    agent_op host01 VM.create u1
    agent_op host01 VM.check_state u1
    assert_answer 'a["result"]["power_state"]' Halted
    agent_op host01 VM.create u1 disk=/missing vm.memory_static_max=0
    assert_agent_error Internal_error
    assert_equal "$(agent_domains host01)" ""
}

@test "told to stop: it unwinds and says what it undid; libvirtd gone: unknown, not off [C]" {
    local pid
    mkfifo "$LAB/in"
    "$AGENT_DOCUMENT" VM.start u1 >"$LAB/document"
    # The document does not end before the signal has come.
    lab_exec host01 "$WORKER" <"$LAB/in" >"$LAB/out" 2>/dev/null 3>&- &
    pid=$!
    exec 4>"$LAB/in"
    cat "$LAB/document" >&4
    wait_until 10 takes_signals
    lab_root host01 kill -TERM "$STOPPED"
    exec 4>&-
    wait $pid || true
    ANSWER=$(tail -n 1 "$LAB/out")
    assert_answer 'a["error"][0]' Cancelled
    assert_equal "$(agent_domains host01)" ""
    "$AGENT_DOCUMENT" VM.check_state u1 | sed 's|qemu:///system|qemu+unix:///system?socket=/none|' \
        >"$LAB/document"
    run --separate-stderr lab_exec host01 "$WORKER" <"$LAB/document"
    ANSWER=${lines[-1]}
    assert_agent_error Internal_error
    refute_line --partial '"state"'
}

@test "init-model and the host's numbers, under a foreign locale [I73 I74]" {
    "$LAB_TOOLS/guest-xml" --memory 64 --no-agent f1 >"$LAB/f1.xml"
    sed -i "s|<memballoon|<interface type='user'><mac address='52:54:00:aa:bb:cc'/></interface><memballoon|" "$LAB/f1.xml"
    lab_virsh host01 define "$LAB/f1.xml"
    agent_op host01 VM.start u1
    agent_op host01 HOST.init_model ""
    assert_success
    assert_answer 'sorted((v["name"], v["macs"], v.get("vm_id")) for v in a["result"])' \
        "[('f1', ['52:54:00:aa:bb:cc'], None), ('u1', [], 'u1')]"
    agent_op host01 VM.list ""
    assert_answer 'sorted((v["name"], v["power_state"], v["persistent"]) for v in a["result"])' \
        "[('f1', 'Halted', True), ('u1', 'Paused', False)]"
    agent_op host01 HOST.info ""
    assert_answer 'a["result"]["cpu_count"] > 0 and a["result"]["hypervisor"]' QEMU
    "$AGENT_DOCUMENT" HOST.statistics "" >"$LAB/document"
    run --separate-stderr lab_exec host01 env LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 "$WORKER" \
        <"$LAB/document"
    ANSWER=${lines[-1]}
    assert_answer 'a["result"]["vms_paused"], a["result"]["vms_off"]' "(1, 1)"
    assert_answer 'a["result"]["memory_kib"] > a["result"]["memory_free_kib"] > 0' True
    assert_answer 'sorted(a["result"]["cpu_ticks"])' \
        "['hi', 'id', 'ni', 'si', 'st', 'sy', 'us', 'wa']"
}

@test "documents one by one on one connection, until one fails; none is nothing to do" {
    local id
    for id in w1 w2 w3; do "$AGENT_DOCUMENT" VM.start $id; done >"$LAB/document"
    "$AGENT_DOCUMENT" VM.start w2 >>"$LAB/document"
    "$AGENT_DOCUMENT" VM.shutdown w1 >>"$LAB/document"
    run --separate-stderr lab_exec host01 timeout -k 5 60 "$WORKER" <"$LAB/document"
    assert_equal "$status" 1
    assert_equal "$(grep -c '^{"result"' <<<"$output")" 3
    ANSWER=${lines[-1]}
    assert_agent_error Bad_power_state
    assert_equal "$(agent_domains host01)" "w1 w2 w3"
    run -0 lab_exec host01 "$WORKER" </dev/null
    assert_output ""
}

@test "bad documents: an error, and nothing done" {
    local text
    for text in '[]' '{"operation":"VM.start"}' '{"operation":"VM.nothing","vm":{"id":"u"}}' \
        '{"operation":"VM.start","vm":{"id":"u"}} x' '{"operation":"VM.start","vm":{"id":"\xff"}}' \
        "$(printf '{"a":%s' "$(printf '[%.0s' {1..100})")" \
        '{"operation":"VM.start","vm":{"id":"u","xml":"<network/>"},"uri":"qemu:///system"}' \
        '{"operation":"VM.start","vm":{"id":"u","xml":"<!DOCTYPE x><domain/>"},"uri":"qemu:///system"}' \
        '{"operation":"VM.start","vm":{"id":"u"},"uri":"qemu:///system"}'; do
        printf '%b' "$text" >"$LAB/document"
        run --separate-stderr lab_exec host01 "$WORKER" <"$LAB/document"
        echo "$text: $output"
        assert_equal "$status" 1
        ANSWER=${lines[-1]}
        assert_answer '"error" in a and len(a["message"]) > 10' True
    done
    assert_equal "$(agent_domains host01)" ""
}
