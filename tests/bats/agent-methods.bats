#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rest of the interface, with the simulator: the steps of a start, changes of devices,
# metadata, the host, and what is answered where QEMU has no such thing.
load lib/drv
load lib/core

setup() { core_start; }
teardown() { core_stop; }

@test "B11: create, build, device model, unpause, destroy: the steps one by one, in order" {
    py '
add("u1", [("xvda", "ReadWrite")], vcpu_max=4)
assert fails("Does_not_exist", "VM.build", id="u1") == ["domain", "u1"]
fails("Domain_not_built", "VM.create_device_model", id="u1")
ok("VM.create", id="u1")
assert power("u1") == "Paused" and len(state("u1")["domids"]) == 1
for method, more in (("VM.pause", {}), ("VM.unpause", {}), ("VM.set_vcpus", {"vcpus": 2})):
    ok("VM.create", id="u1") if power("u1") == "Halted" else None
    fails("Domain_not_built", method, id="u1", **more)
    until(lambda: power("u1") == "Halted")   # the look that follows ended what was not complete
ok("VM.create", id="u1")
assert fails("Bad_power_state", "VM.create", id="u1") == ["Paused", "Halted"]
until(lambda: power("u1") == "Halted")
ok("VM.create", id="u1")
ok("VBD.plug", id=["u1", "xvda"])
ok("VM.build", id="u1", force=False)
ok("VM.create_device_model", id="u1", save_state=False)
call("VM.check_state", id="u1")
ok("VM.set_vcpus", id="u1", vcpus=3)
assert power("u1") == "Paused" and call("VBD.stat", id=["u1", "xvda"])[1]["plugged"]
ok("VM.build", id="u1", force=False)
ok("VM.unpause", id="u1")
assert power("u1") == "Running"
ok("VM.destroy", id="u1")
assert power("u1") == "Halted" and state("u1")["domids"] == []
ok("VM.destroy", id="u1")'
}

@test "F45: a VM that was created and not built does not survive the agent" {
    py 'add("u1"); ok("VM.create", id="u1"); add("u2"); ok("VM.create", id="u2"); ok("VM.build", id="u2", force=False)'
    core_kill
    core_start
    py '
call("VM.check_state", id="u1")
until(lambda: power("u1") == "Halted")
call("VM.check_state", id="u2")
assert power("u2") == "Paused"'
}

@test "a drive: eject and insert, only of a running VM, never of a disk; the record follows" {
    py '
iso, other = ["Local", "/a.iso"], ["Local", "/b.iso"]
add("u1", [("xvda", "ReadWrite")])
call("VBD.add", vbd={"id": ["u1", "hdc"], "ty": "CDROM", "mode": "ReadOnly", "backend": iso})
backend = lambda: call("VBD.stat", id=["u1", "hdc"])[0].get("backend")
assert fails("Bad_power_state", "VBD.eject", id=["u1", "hdc"]) == ["Halted", "Running"]
fails("Media_not_ejectable", "VBD.eject", id=["u1", "xvda"])
ok("VM.start", id="u1")
fails("Media_not_ejectable", "VBD.eject", id=["u1", "xvda"])
fails("Media_present", "VBD.insert", id=["u1", "hdc"], disk=other)
assert backend() == iso
token = call("UPDATES.last_id", extended=True)
ok("VBD.eject", id=["u1", "hdc"])
assert backend() is None
assert ["Vbd", ["u1", "hdc"]] in call("UPDATES.get", last_id=token, timeout=1)[1]
fails("Media_not_present", "VBD.eject", id=["u1", "hdc"])
ok("VBD.insert", id=["u1", "hdc"], disk=other)
assert backend() == other
refused("Does_not_exist", "VBD.eject", id=["u1", "hdd"])
for disk in (None, 7, "Local", ["Local"], ["Local", 7], ["Rbd", "x"], []):
    refused("Internal_error", "VBD.insert", id=["u1", "hdc"], disk=disk)'
    core_kill
    core_start
    py 'assert call("VBD.stat", id=["u1", "hdc"])[0]["backend"] == ["Local", "/b.iso"]'
}

@test "a NIC: moved, carrier, locking, trunks: changed on or off, and in the record after a restart" {
    py '
add("u1", nics=["0"])
nic = lambda: call("VIF.stat", id=["u1", "0"])[0]
locked = ["Locked", {"ipv4": ["10.0.0.1"], "ipv6": []}]
changes = (("move", "network", "backend", ["Local", "br1"]), ("set_carrier", "carrier", "carrier", False),
           ("set_locking_mode", "locking_mode", "locking_mode", locked), ("set_trunks", "trunks", "trunks", [1, 4095]))
for method, option, field, value in changes[:2]:
    ok("VIF." + method, id=["u1", "0"], **{option: value})
    assert nic()[field] == value
ok("VM.start", id="u1")
for method, option, field, value in changes[2:]:
    ok("VIF." + method, id=["u1", "0"], **{option: value})
    assert nic()[field] == value
for method, option, bad in (("move", "network", ["Local", 7]), ("move", "network", "br0"),
        ("set_carrier", "carrier", "no"), ("set_locking_mode", "locking_mode", "Open"),
        ("set_locking_mode", "locking_mode", ["Locked", {"ipv4": ["10.0.0.1/8<x>"], "ipv6": []}]),
        ("set_locking_mode", "locking_mode", ["Locked", {}]), ("set_trunks", "trunks", [4096]),
        ("set_trunks", "trunks", ["1"]), ("set_trunks", "trunks", 1)):
    refused("Internal_error", "VIF." + method, id=["u1", "0"], **{option: bad})
assert nic()["locking_mode"] == locked'
    core_kill
    core_start
    py '
record = call("VIF.stat", id=["u1", "0"])[0]
assert (record["backend"], record["carrier"], record["trunks"]) == (["Local", "br1"], False, [1, 4095])'
}

@test "a change that fails leaves the record; one whose core was killed is in it" {
    py '
add("u1", nics=["0"], sim_fail="change")
fails("IO_error", "VIF.set_carrier", id=["u1", "0"], carrier=False)
assert call("VIF.stat", id=["u1", "0"])[0]["carrier"] is True
add("u2", nics=["0"], sim_delay_ms=1500)
call("VIF.set_carrier", id=["u2", "0"], carrier=False)
until(lambda: diagnostics()["workers"])'
    core_kill
    core_start
    py 'until(lambda: call("VIF.stat", id=["u2", "0"])[0]["carrier"] is False)'
}

@test "two changes in one queue: the second does not undo the first" {
    py '
add("u1", nics=["0"], sim_delay_ms=100)
wait(call("VIF.set_carrier", id=["u1", "0"], carrier=False),
     call("VIF.move", id=["u1", "0"], network=["Local", "br7"]))
record = call("VIF.stat", id=["u1", "0"])[0]
assert (record["carrier"], record["backend"]) == (False, ["Local", "br7"])'
}

@test "MACs: random, derived and always the same, given; nonsense is refused" {
    py '
add("u1")
def mac(name, value, **more):
    call("VIF.add", vif={"id": ["u1", name], "mac": value, **more})
    return call("VIF.stat", id=["u1", name])[0]["mac"]
first, second = mac("0", "random"), mac("1", "random")
assert first != second and all(int(m[:2], 16) & 3 == 2 for m in (first, second)), (first, second)
derived = mac("2", "", position=5)
assert derived == mac("3", "", position=5) != mac("4", "", position=6)
assert mac("5", "52:54:00:AB:cd:ef") == "52:54:00:AB:cd:ef"
for bad in ("52:54", "RANDOM", "52:54:00:00:00:00:00", "52-54-00-00-00-00", "gg:00:00:00:00:00", "\u202e"):
    refused("Internal_error", "VIF.add", vif={"id": ["u1", "9"], "mac": bad})'
}

@test "metadata: out as text, in again with all devices, whole or not at all" {
    py '
add("u1", [("xvda", "ReadWrite"), ("a/../b c\n", "ReadOnly")], ["0"], xsdata={"k": "v"})
call("PCI.add", pci={"id": ["u1", "p"], "address": {"domain": 0, "bus": 1, "dev": 2, "fn": 3}})
text = call("VM.export_metadata", id="u1")
data = json.loads(text)
assert sorted(data) == ["pcis", "vbds", "vgpus", "vifs", "vm", "vusbs"] and len(data["vbds"]) == 2
before = [call("VM.stat", id="u1")[0]] + [[r for r, _ in call(k + ".list", id="u1")] for k in ("VBD", "VIF", "PCI")]
assert refused("Already_exists", "VM.import_metadata", metadata=text) == ["VM", "u1"]
call("VM.remove", id="u1")
assert call("VM.import_metadata", metadata=text) == "u1"
after = [call("VM.stat", id="u1")[0]] + [[r for r, _ in call(k + ".list", id="u1")] for k in ("VBD", "VIF", "PCI")]
assert json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True) or \
    [sorted(map(str, x)) for x in before[1:]] == [sorted(map(str, x)) for x in after[1:]]
call("VM.remove", id="u1")
task = wait(call("VM.import_metadata_async", metadata=text))
assert task["state"][1]["result"] == "u1" and task["vm"] == "u1"
call("VM.remove", id="u1")
for bad in ("", "{", "[]", "null", "7", "{}", "{\"vm\":{}}", "[" * 100, json.dumps(data | {"vm": {"id": ""}}),
            json.dumps(data | {"vbds": [{"id": ["other", "x"]}]}), json.dumps(data | {"vifs": [7]}),
            json.dumps(data | {"vifs": [{"id": ["u1", "0"], "mac": "x"}]}),
            json.dumps(data | {"pcis": [{"id": ["u1", "0"]}]})):
    refused("Internal_error", "VM.import_metadata", metadata=bad)
    refused("Internal_error", "VM.import_metadata_async", metadata=bad)
refused("Internal_error", "VM.import_metadata", metadata=7)
refused("Does_not_exist", "VM.export_metadata", id="u1")
assert call("VM.list") == [] and call("VBD.list", id="u1") == []'
    [ -z "$(ls "$AGENT_DIRECTORY/objects")" ]
}

@test "metadata and query in the old form, where parameters have places" {
    py '
add("u1")
text = call("VM.export_metadata", id="u1")
call("VM.remove", id="u1")
status, body = post(json.dumps({"method": "VM.import_metadata", "params": ["dbg", text], "id": 1}))
assert (status, json.loads(body)["result"]) == (200, "u1"), body
status, body = post(json.dumps({"method": "query", "params": ["dbg", None], "id": 1}))
assert json.loads(body)["result"]["name"] == "drv-agentd"
assert xml().query("dbg", None)["Value"]["vendor"] == "one-native"
call("VM.remove", id="u1")
assert xml().VM.import_metadata("dbg", text)["Value"] == "u1"
for method in ("VM.list", "VM.start"):
    status, body = post(json.dumps({"method": method, "params": ["dbg", "u1"], "id": 1}))
    assert "named" in json.loads(body)["error"][1], body
    assert xml().__getattr__(method)("dbg", "u1")["Status"] == "Failure"'
}

@test "a state string is equal for equal VMs, and not for others" {
    py '
string = lambda **more: call("VM.generate_state_string", vm={"id": "u", **more})
assert string() == string(vcpus=1, name="other") == string(VCPUS="1")
assert string() != string(vcpus=2)
refused("Internal_error", "VM.generate_state_string", vm={})'
}

@test "the host: CPUs and memory as the kernel has them; policies are sets of words" {
    py '
stat = call("HOST.stat")
cpu = stat["cpu_info"]
assert cpu["cpu_count"] == os.cpu_count() or cpu["cpu_count"] >= 1
for key in ("vendor speed modelname family model stepping flags features features_pv features_hvm "
            "features_pv_host features_hvm_host").split():
    assert isinstance(cpu[key], str), key
assert min(cpu[k] for k in ("socket_count", "threads_per_core", "nr_nodes")) >= 1
assert set(stat["hypervisor"]) == {"version", "capabilities"}
assert set(map(type, stat["chipset_info"].values())) == {bool}
total = next(int(l.split()[1]) for l in open("/proc/meminfo") if l.startswith("MemTotal"))
assert abs(call("HOST.get_total_memory_mib") - total // 1024) <= 1
both = call("HOST.combine_cpu_policies", policy1="a b  c", policy2="c x a")
assert both == "a c"
for vm, host, want in (("a c", "c b a", True), ("a d", "a", False), ("", "a", True), ("a", "", False)):
    assert call("HOST.is_compatible", vm_policy=vm, host_policy=host) is want
assert call("HOST.is_compatible", vm_policy=both, host_policy="c x a") is True
refused("Internal_error", "HOST.combine_cpu_policies", policy1="a")
refused("Internal_error", "HOST.is_compatible", vm_policy=7, host_policy="a")'
}

@test "what QEMU has not is Unimplemented, with the reason; no method is another error" {
    py '
add("u1", nics=["0"])
for method in ("HOST.get_console_data HOST.send_debug_keys HOST.update_guest_agent_features "
               "HOST.set_numa_affinity_policy VM.fast_resume VM.s3suspend VM.s3resume "
               "VM.set_shadow_multiplier VM.set_xsdata VM.request_rdp VM.run_script "
               "VIF.set_ipv4_configuration VIF.set_ipv6_configuration VIF.set_pvs_proxy "
               "VUSB.add VUSB.plug VGPU.add VGPU.stat Observer.create Observer.set_enabled").split():
    why = refused("Unimplemented", method, id="u1")
    assert why.startswith(method + ": ") and len(why) > len(method) + 10, why
    status, body = post(json.dumps({"jsonrpc": "2.0", "method": method, "params": {}, "id": 1}))
    assert json.loads(body)["error"]["code"] == -32000, body
assert refused("Unimplemented", "VM.nonsense", id="u1") == "VM.nonsense"
status, body = post(json.dumps({"jsonrpc": "2.0", "method": "VUS.list", "params": {}, "id": 1}))
assert json.loads(body)["error"]["code"] == -32601, body
assert call("VUSB.list", id="u1") == call("VGPU.list", id="u1") == []
assert call("PCI.dequarantine", pci_addr={"domain": 0, "bus": 0, "dev": 0, "fn": 0}) is None
refused("Internal_error", "PCI.dequarantine")'
}

@test "migrate: a xenopsd is no destination; what the interface has besides is accepted" {
    py '
add("u1")
refused("Unimplemented", "VM.migrate", id="u1", xenops_url="http://root:pw@10.0.0.1/services/xenops")
refused("Internal_error", "VM.migrate", id="u1")
refused("Does_not_exist", "VM.migrate", id="u2", destination="qemu+ssh://h/system")
ok("VM.start", id="u1"), ok("VM.unpause", id="u1")
ok("VM.migrate", id="u1", xenops_url="qemu+ssh://h/system", vdi_map={}, vif_map={}, pci_map={},
           compress=False, verify_dest=True, localhost_migration=False)'
}

@test "migrate: maps of devices that stay where they are; another place is an error that names it" {
    py '
add("u1")
call("VBD.add", vbd={"id": ["u1", "xvda"], "backend": ["Local", "/d/a.qcow2"]})
call("VIF.add", vif={"id": ["u1", "0"], "backend": ["Local", "br0"]})
call("VIF.add", vif={"id": ["u1", "1"]})
address = {"domain": 0, "bus": 1, "dev": 2, "fn": 3}
call("PCI.add", pci={"id": ["u1", "p"], "address": address, "position": 0})
def migrate(method, *want, **maps):
    return method(*want, "VM.migrate", id="u1", destination="qemu+ssh://h/system", **maps)
for key, name, other in (("vif_map", "0", ["Local", "br1"]), ("vif_map", "1", "br0"),
                         ("vdi_map", "xvda", "/d/b.qcow2"), ("pci_map", "p", {**address, "bus": 2}),
                         ("vif_map", "0", None)):
    why = migrate(refused, "Unimplemented", **{key: {name: other}})
    assert f"{key} of " + repr(name) in why[:90], why
assert migrate(refused, "Does_not_exist", vif_map={"0": "br0", "7": "br0"}) == ["Vif", "7"]
assert migrate(refused, "Does_not_exist", vdi_map={"0": "br0"}) == ["Vbd", "0"]
assert "vif_map" in migrate(refused, "Internal_error", vif_map=["0"])
assert call("Task.list") == []
ok("VM.start", id="u1"), ok("VM.unpause", id="u1")
migrate(ok, vdi_map={"xvda": "/d/a.qcow2"}, pci_map={"p": address},
        vif_map={"0": ["Local", "br0"], "1": ["Local", "xenbr0"]})'
}

@test "DEBUG.shutdown: answered, then status 0; workers go on" {
    py '
add("u1", sim_delay_ms=300)
task = call("VM.start", id="u1")
until(lambda: diagnostics()["workers"])
print(task)
assert call("DEBUG.shutdown") is None' >"$BATS_TEST_TMPDIR/task"
    wait "$AGENT_JOB"
    core_start
    AGENT_TASK=$(<"$BATS_TEST_TMPDIR/task") py '
assert wait(os.environ["AGENT_TASK"])["state"][0] == "Completed" and power("u1") == "Paused"'
}

@test "B17: DEBUG.trigger: a simulated guest reboots or halts by itself, and its record says what follows" {
    py '
add("u1"), ok("VM.start", id="u1")
assert refused("Bad_power_state", "DEBUG.trigger", cmd="halt", args=["u1"]) == ["Paused", "Running"]
ok("VM.unpause", id="u1")
before = state("u1")["domids"]
assert call("DEBUG.trigger", cmd="reboot", args=["u1"]) is None
until(lambda: len(state("u1")["domids"]) == 1 and state("u1")["domids"] != before)
ok("VM.unpause", id="u1")
assert call("DEBUG.trigger", cmd="halt", args=["u1"]) is None
assert (power("u1"), state("u1")["domids"]) == ("Halted", [])
add("u2", on_reboot=["Shutdown"], on_shutdown=["Start"])
for cmd, follows in (("reboot", []), ("halt", ["VM.delay", "VM.start"])):
    ok("VM.start", id="u2"), ok("VM.unpause", id="u2")
    call("DEBUG.trigger", cmd=cmd, args=["u2"])
    waiting = [t for t in call("Task.list") if t["vm"] == "u2" and t["state"][0] == "Pending"]
    assert sorted(t["operation"] for t in waiting) == follows, waiting
    for task in waiting:
        call("Task.cancel", id=task["id"])
refused("Does_not_exist", "DEBUG.trigger", cmd="halt", args=["u3"])
for cmd in ("check-vbd-plug-ordering", ""):
    refused("Unimplemented", "DEBUG.trigger", cmd=cmd, args=[])
for args in (None, 7, [], ["a"], ["a", 0], ["a", "x"]):
    refused("Internal_error", "DEBUG.trigger", cmd="set-cancel-trigger", args=args)'
}
