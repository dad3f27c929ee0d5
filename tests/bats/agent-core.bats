#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The host agent's core with its simulator: objects, power, tasks, updates, queues.
# Numbers are those of the behaviours that docs/agent.md lists.
load lib/drv
load lib/core

setup() { core_start; }
teardown() { core_stop; }

# --- A: objects -------------------------------------------------------------------------

@test "A1: VM.remove of a VM that is not there is Does_not_exist" {
    py 'assert refused("Does_not_exist", "VM.remove", id="u") == ["VM", "u"]'
}

@test "A2: VM.add, then VM.list is one equal record, halted, without a domain" {
    py '
r = {"id": "u1", "name": "n", "memory_static_max": 2**40, "vcpu_max": 4, "vcpus": 2,
     "xsdata": {"k": "v"}, "on_crash": ["Coredump", "Shutdown"], "generation_id": "g"}
assert call("VM.add", vm=r) == "u1"
[[record, st]] = call("VM.list")
assert {k: record[k] for k in r} == r
assert (st["power_state"], st["domids"], st["unknown"]) == ("Halted", [], False)
assert call("VM.exists", id="u1") is True and call("VM.exists", id="u2") is False'
}

@test "A3: VM.remove takes its devices with it" {
    py '
add("u1", [("xvda", "ReadWrite"), ("xvdb", "ReadOnly")], ["0"])
call("VM.remove", id="u1")
assert call("VM.list") == []
for kind, name in (("VBD", "xvda"), ("VBD", "xvdb"), ("VIF", "0")):
    assert call(kind + ".list", id="u1") == []
    refused("Does_not_exist", kind + ".stat", id=["u1", name])
refused("Does_not_exist", "VM.stat", id="u1")'
    [ -z "$(ls "$AGENT_DIRECTORY/objects")" ]
}

@test "A4: VM.remove of an active VM is Bad_power_state, and nothing has changed" {
    py '
add("u1", [("xvda", "ReadWrite")])
ok("VM.start", id="u1")
before = call("VM.stat", id="u1")
assert refused("Bad_power_state", "VM.remove", id="u1") == ["Paused", "Halted"]
ok("VM.unpause", id="u1")
assert refused("Bad_power_state", "VM.remove", id="u1") == ["Running", "Halted"]
assert call("VM.stat", id="u1")[0] == before[0] and len(call("VBD.list", id="u1")) == 1
ok("VM.shutdown", id="u1")
call("VM.remove", id="u1")
assert call("VM.list") == []'
}

@test "A5: devices of each class: added, listed, removed, and not twice" {
    py '
add("u1")
address = {"domain": 0, "bus": 1, "dev": 2, "fn": 3}
for kind, key, record in (
        ("VBD", "vbd", {"id": ["u1", "xvda"], "mode": "ReadOnly", "ty": "CDROM",
                        "backend": ["Local", "/a b"]}),
        ("VIF", "vif", {"id": ["u1", "0"], "mac": "52:54:00:00:00:01", "mtu": 9000}),
        ("PCI", "pci", {"id": ["u1", "p/../p"], "address": address, "position": 1})):
    assert call(kind + ".add", **{key: record}) == record["id"]
    [[found, st]] = call(kind + ".list", id="u1")
    assert {k: found[k] for k in record} == record and st["plugged"] is False
    assert call(kind + ".stat", id=record["id"]) == [found, st]
    call(kind + ".remove", id=record["id"])
    assert call(kind + ".list", id="u1") == []
    refused("Does_not_exist", kind + ".remove", id=record["id"])'
}

@test "A6: a device of a VM that is not there is Does_not_exist" {
    py '
for kind, more in (("VBD", {}), ("VIF", {}), ("PCI", {"address": {"bus": 1}})):
    assert refused("Does_not_exist", kind + ".add",
                   **{kind.lower(): {"id": ["u", "d"], **more}}) == ["VM", "u"]'
}

@test "A7: a plugged device is not removed, and not replaced" {
    py '
add("u1", [("xvda", "ReadWrite")])
ok("VM.start", id="u1")
refused("Device_is_connected", "VBD.remove", id=["u1", "xvda"])
refused("Device_is_connected", "VBD.add", vbd={"id": ["u1", "xvda"]})
ok("VBD.unplug", id=["u1", "xvda"], force=False)
call("VBD.remove", id=["u1", "xvda"])
assert call("VBD.list", id="u1") == []'
}

@test "A8: records survive SIGKILL of the agent; an empty directory has none" {
    py '
for i in range(20):
    add(f"vm {i}/\u00e4", [("xvda", "ReadWrite")], ["0"])
open("'"$BATS_TEST_TMPDIR"'/before", "w").write(json.dumps(
    sorted(call("VM.list"), key=lambda e: e[0]["id"])))'
    core_kill
    core_start
    py '
before = json.load(open("'"$BATS_TEST_TMPDIR"'/before"))
assert sorted(call("VM.list"), key=lambda e: e[0]["id"]) == before
assert all(len(call(k + ".list", id=e[0]["id"])) == 1 for e in before for k in ("VBD", "VIF"))'
    AGENT_KEEP=1 core_stop
    rm -rf "$AGENT_DIRECTORY"
    core_start
    py 'assert call("VM.list") == []'
}

@test "A9: a damaged record is reported, kept aside and not absent; the others load" {
    py '
for i in range(3):
    add(f"u{i}", [("xvda", "ReadWrite")])'
    core_kill
    truncate -s -20 "$AGENT_DIRECTORY/objects/vm,u1"
    printf 'x' | dd of="$AGENT_DIRECTORY/objects/vbd,u2,xvda" bs=1 seek=100 conv=notrunc status=none
    for _ in 1 2; do # and it stays so
        core_start
        py '
assert sorted(e[0]["id"] for e in call("VM.list")) == ["u0", "u2"]
assert call("VM.exists", id="u1") is True
refused("Internal_error", "VM.stat", id="u1")
refused("Internal_error", "VM.start", id="u1")
refused("Already_exists", "VM.add", vm={"id": "u1"})
damaged = diagnostics()["damaged"]
assert sorted(d.split("/")[-1] for d in damaged) == ["vbd,u2,xvda", "vm,u1"], damaged'
        core_kill
    done
    [ -s "$AGENT_DIRECTORY/damaged/vm,u1" ]
    core_start
}

@test "A10: defaults, keys in another case, integers as text; null is absent" {
    py '
call("VM.add", vm={"ID": "u1", "VCPU_max": "4", "Vcpus": "2", "generation_id": None})
record = call("VM.stat", id="u1")[0]
assert (record["id"], record["vcpu_max"], record["vcpus"], record["name"]) == ("u1", 4, 2, "unnamed")
assert "generation_id" not in record and record["on_reboot"] == ["Start"]
call("VIF.add", vif={"id": ["u1", "0"]})
assert call("VIF.stat", id=["u1", "0"])[0]["mac"] == "fe:ff:ff:ff:ff:ff"
for bad in ({}, {"id": ""}, {"id": 7}, {"id": "x" * 81}, {"id": "u2", "vcpus": "two"},
            {"id": "u2", "vcpus": 1.5}, {"id": "u2", "on_crash": "Start"}, "u2", None, []):
    refused("Internal_error", "VM.add", vm=bad)
assert len(call("VM.list")) == 1'
}

# --- B: power ---------------------------------------------------------------------------

@test "B11: what needs a domain is Domain_not_built without one" {
    py '
add("u1", vcpu_max=4)
for method, more in (("pause", {}), ("unpause", {}), ("set_vcpus", {"vcpus": 1}),
                     ("suspend", {"suspend_vdi": ["Local", "/x"]})):
    fails("Domain_not_built", "VM." + method, id="u1", **more)
assert power("u1") == "Halted"'
}

@test "B12: start: paused, one domain, all plugged, console, times and targets; then unpause" {
    py '
add("u1", [("xvda", "ReadWrite"), ("xvdb", "ReadWrite")], ["0"], vcpus=2, vcpu_max=2)
before = time.time()
ok("VM.start", id="u1", paused=True)
st = state("u1")
assert st["power_state"] == "Paused" and len(st["domids"]) == 1 and len(st["consoles"]) >= 1
assert before - 1 <= st["last_start_time"] <= time.time() + 1
assert st["vcpu_target"] == 2 and st["memory_target"] == 128 * 2**20
for kind in ("VBD", "VIF"):
    for _, device in call(kind + ".list", id="u1"):
        assert device["plugged"] and device["active"]
ok("VM.unpause", id="u1")
after = state("u1")
assert after["power_state"] == "Running"
assert {k: v for k, v in after.items() if k != "power_state"} == \
       {k: v for k, v in st.items() if k != "power_state"}'
}

@test "B13: the task of a start of a running VM fails, and the VM is untouched" {
    py '
add("u1")
ok("VM.start", id="u1")
ok("VM.unpause", id="u1")
before = state("u1")
assert fails("Bad_power_state", "VM.start", id="u1", paused=False) == ["Running", "Halted"]
until(lambda: not diagnostics()["workers"])
assert state("u1") == before'
}

@test "B14: set_vcpus: 0 or more than the maximum is Invalid_vcpus" {
    py '
add("u1", vcpu_max=4, vcpus=1)
ok("VM.start", id="u1")
for n in (0, 5, -1):
    assert fails("Invalid_vcpus", "VM.set_vcpus", id="u1", vcpus=n) == 4
ok("VM.set_vcpus", id="u1", vcpus=2)
assert state("u1")["vcpu_target"] == 2'
}

@test "B16: a start that fails at any step has that error, and leaves nothing" {
    py '
for name in ("create", "build", "plug", "device model"):
    add(name, [("xvda", "ReadWrite")], sim_fail=name)
    task = run("VM.start", id=name)
    assert task["state"] == ["Failed", "IO_error"] and task["found"] == "Halted", task
    assert task["message"].endswith("told to fail; the VM is Halted"), task
    assert list(task["subtasks"].values())[-2:] == [["Failed", "IO_error"], ["Completed",
        task["subtasks"]["look"][1]]], task
    # It is final after the look: nothing is left to wait for.
    assert power(name) == "Halted" and not state(name)["unsurvivable"]
    assert state(name)["domids"] == [] and not call("VBD.list", id=name)[0][1]["plugged"]
    assert "told to fail" in json.dumps(diagnostics()["queues"])'
}

@test "B18: suspend and resume; resume of a running VM is Bad_power_state" {
    py '
add("u1", [("xvda", "ReadWrite")])
ok("VM.start", id="u1")
assert fails("Bad_power_state", "VM.resume", id="u1") == ["Paused", "Suspended"]
ok("VM.suspend", id="u1", suspend_vdi=["Local", "/x"])
assert power("u1") == "Suspended" and state("u1")["domids"] == []
assert not call("VBD.list", id="u1")[0][1]["plugged"]
ok("VM.resume", id="u1", suspend_vdi=["Local", "/x"])
assert power("u1") == "Paused"
ok("VM.reboot", id="u1")
assert power("u1") == "Running"'
}

@test "B21: a thousand VMs start at once, followed by updates only" {
    AGENT_KEEP=1 core_stop
    core_start --workers 4
    DRV_TIMEOUT=300 py '
client = Raw()
token = client.call("UPDATES.last_id", extended=True)
for i in range(1000):
    add(f"u{i}")
began = time.monotonic()
tasks = {call("VM.start", id=f"u{i}") for i in range(1000)}
left, empty, paused = set(tasks), 0, set()
while left:
    news = client.call("UPDATES.get", last_id=token, timeout=60)
    token = news[2]
    empty += not news[1]
    for kind, name in news[1]:
        if kind == "Task" and name in left:
            task = call("Task.stat", id=name)
            assert task["state"][0] != "Failed", task
            if final(task):
                left.discard(name)
assert empty == 0
assert all(power(f"u{i}") == "Paused" for i in range(1000))
print("1000 starts in %.1f s" % (time.monotonic() - began))' >"$BATS_TEST_TMPDIR/figure"
    echo "# $(cat "$BATS_TEST_TMPDIR/figure")" >&3
}

# --- C: tasks ---------------------------------------------------------------------------

@test "C22: a task: pending at 0, progress never goes back, completed with a duration" {
    py '
add("u1", sim_delay_ms=30)
now = time.time()
first = call("VM.delay", id="u1", delay=0.2)
one = call("VM.start", id="u1")
task = call("Task.stat", id=one)
assert task["state"] == ["Pending", 0.0] and now - 1 <= task["ctime"] <= time.time()
assert task["dbg"] == "test" and task["cancellable"] is True
seen = [0.0]
while not final(task := call("Task.stat", id=one)):
    seen.append(task["state"][1])
assert seen == sorted(seen) and len(set(seen)) >= 3, set(seen)
assert task["state"][0] == "Completed" and task["state"][1]["duration"] > 0.1'
}

@test "C23: a failed task says why until it is destroyed" {
    py '
add("u1")
one = call("VM.pause", id="u1")
wait(one)
for _ in range(2):
    assert call("Task.stat", id=one)["state"] == ["Failed", "Domain_not_built"]
call("Task.destroy", id=one)
for method in ("stat", "cancel", "destroy", "destroy_on_finish"):
    assert refused("Does_not_exist", "Task." + method, id=one) == ["task", one]
until(lambda: call("TASK.list") == [])'
}

@test "C24: a task that is cancelled before it runs does nothing" {
    py '
add("u1")
call("VM.delay", id="u1", delay=30)
one = call("VM.start", id="u1")
call("Task.cancel", id=one)
task = call("Task.stat", id=one)
assert task["state"] == ["Failed", ["Cancelled", one]], task
assert task["debug_info"]["cancel_points_seen"] == "0" and power("u1") == "Halted"'
}

@test "C25: cancelled at each of its points, a start leaves the VM up or down, nothing between" {
    py '
add("u0", [("xvda", "ReadWrite")], sim_delay_ms=40)
points = int(ok("VM.start", id="u0")["debug_info"]["cancel_points_seen"])
assert points >= 4
for n in range(1, points + 1):
    vm = add(f"u{n}", [("xvda", "ReadWrite")], sim_delay_ms=40)
    call("DEBUG.trigger", cmd="set-cancel-trigger", args=[f"dbg {n}", str(n)])
    began = time.monotonic()
    task = run("VM.start", id=vm, debug_info=f"dbg {n}")
    assert task["state"] == ["Failed", ["Cancelled", task["id"]]] and time.monotonic() - began < 5
    assert task["found"] == "Halted", task
    st = state(vm)
    assert (st["power_state"], st["domids"], st["unsurvivable"]) == ("Halted", [], None)
    assert not call("VBD.list", id=vm)[0][1]["plugged"]
    ok("VM.start", id=vm)
print(points)'
}

@test "C26: a trigger for one debug text is not one for another" {
    py '
add("u1", sim_delay_ms=20)
call("DEBUG.trigger", cmd="set-cancel-trigger", args=["A", "1"])
ok("VM.start", id="u1", debug_info="B")
refused("Unimplemented", "DEBUG.trigger", cmd="nothing", args=[])'
}

@test "C27: a delay is cancelled within a second, and holds back no worker" {
    AGENT_KEEP=1 core_stop
    core_start --workers 1
    py '
add("u1"), add("u2")
one = call("VM.delay", id="u1", delay=15)
ok("VM.start", id="u2")
began = time.monotonic()
call("Task.cancel", id=one)
task = wait(one)
assert time.monotonic() - began < 1 and task["state"][1] == ["Cancelled", one]
ok("VM.start", id="u1")'
}

@test "C28: a worker that hangs: cancel ends it within its bound; the VM is unknown, then known" {
    AGENT_KEEP=1 core_stop
    core_start --grace 1
    py '
add("u1", sim_hang="build"), add("u2")
one = call("VM.start", id="u1")
until(lambda: call("Task.stat", id=one).get("phase") == "build")
began = time.monotonic()
call("Task.cancel", id=one)
ok("VM.start", id="u2")
assert time.monotonic() - began < 1
task = wait(one)
assert time.monotonic() - began < 5 and task["state"][1] == ["Cancelled", one], task
assert "without an answer" in task["message"] and task["found"] == "Halted"
assert power("u1") == "Halted" and not state("u1")["unknown"]
# The look hangs as well: the task does not wait for it longer than for a worker to end.
add("u3", sim_fail="build", sim_hang="look")
one = call("VM.start", id="u3")
ok("VM.shutdown", id="u2")
task = wait(one)
assert task["state"] == ["Failed", "IO_error"] and task["found"] == "unknown", task
assert state("u3")["unknown"]'
}

@test "C29: a running task that is destroyed stays visible until it is final" {
    py '
add("u1", sim_delay_ms=100)
one = call("VM.start", id="u1")
call("Task.destroy", id=one)
assert call("Task.stat", id=one)["state"][0] == "Pending"
until(lambda: one not in [t["id"] for t in call("Task.list")])
assert power("u1") == "Paused"'
}

@test "C30: after a restart the task is known and final; no id comes twice" {
    py '
add("u1", sim_delay_ms=150)
ids = [call("VM.delay", id="u1", delay=0.1), call("VM.start", id="u1"), call("VM.unpause", id="u1")]
until(lambda: call("Task.stat", id=ids[1])["state"][1] > 0.2)
json.dump(ids, open("'"$BATS_TEST_TMPDIR"'/ids", "w"))'
    core_kill
    core_start
    py '
ids = json.load(open("'"$BATS_TEST_TMPDIR"'/ids"))
done, adopted, waited = wait(*ids)
assert done["state"][0] == "Completed"
assert adopted["state"][0] == waited["state"][0] == "Completed", (adopted, waited)
assert power("u1") == "Running"
new = [call("VM.delay", id="u1", delay=0) for _ in range(20)]
assert len(set(new + ids)) == 23'
}

@test "C31: destroy_on_finish: gone from the list when it ends, and a tombstone says so" {
    py '
add("u1", sim_delay_ms=20)
token = call("UPDATES.last_id", extended=True)
one = call("VM.start", id="u1")
call("Task.destroy_on_finish", id=one)
until(lambda: call("Task.list") == [])
news = call("UPDATES.get", last_id=token, timeout=0)
assert ["Task", one] in news[3]["removed"]'
}

# --- D: updates -------------------------------------------------------------------------

@test "D32: nothing changed: empty, after the timeout, and the same token" {
    py '
token = call("UPDATES.get")[2]
began = time.monotonic()
assert call("UPDATES.get", last_id=token, timeout=1) == [[], [], token]
assert 0.9 < time.monotonic() - began < 2.5
assert isinstance(token, int)'
}

@test "D33: a blocked get returns when something changes, with that id" {
    py '
reader = Raw()
token = reader.call("UPDATES.last_id")
reader.send("UPDATES.get", last_id=token)
time.sleep(0.2)
began = time.monotonic()
add("u1")
answer = reader.line()["result"]
print("%.1f ms" % ((time.monotonic() - began) * 1000))
assert time.monotonic() - began < 0.1 and answer[1] == [["Vm", "u1"]] and answer[2] > token'
}

@test "D34: a hundred changes of an object are one id; order is that of the last change" {
    py '
add("a"), add("b")
token = call("UPDATES.last_id")
for _ in range(100):
    call("UPDATES.refresh_vm", id="a")
assert call("UPDATES.get", last_id=token, timeout=0)[1] == [["Vm", "a"]]
call("UPDATES.refresh_vm", id="b"), call("UPDATES.refresh_vm", id="a")
assert call("UPDATES.get", last_id=token, timeout=0)[1] == [["Vm", "b"], ["Vm", "a"]]'
}

@test "D35: barriers come in order, in each get until removed, with that VM's objects" {
    py '
add("a", [("xvda", "ReadWrite")]), add("b")
token = call("UPDATES.last_id")
for n, vm in ((1, "a"), (2, "b"), (3, "a")):
    call("UPDATES.inject_barrier", vm_id=vm, id=n)
add("c", [("xvda", "ReadWrite")])
for _ in range(2):
    barriers = call("UPDATES.get", last_id=token, timeout=0)[0]
    assert [b[0] for b in barriers] == [1, 2, 3]
    assert barriers[0][1] == [["Vm", "a"], ["Vbd", ["a", "xvda"]]] and barriers[1][1] == [["Vm", "b"]]
call("UPDATES.remove_barrier", id=2)
assert [b[0] for b in call("UPDATES.get", last_id=token, timeout=0)[0]] == [1, 3]
blocked = Raw()
blocked.send("UPDATES.get", last_id=blocked.call("UPDATES.last_id"))
call("UPDATES.inject_barrier", vm_id="a", id=4)
assert [b[0] for b in blocked.line()["result"][0]] == [4]'
}

@test "D36: two clients with two tokens each get all after their own" {
    py '
add("a")
first = call("UPDATES.last_id")
add("b")
second = call("UPDATES.last_id")
add("c")
assert call("UPDATES.get", last_id=first, timeout=0)[1] == [["Vm", "b"], ["Vm", "c"]]
assert call("UPDATES.get", last_id=second, timeout=0)[1] == [["Vm", "c"]]'
}

@test "D37: a removed VM is delivered as removed, also to who comes late" {
    py '
add("a")
token = call("UPDATES.last_id", extended=True)
call("VM.remove", id="a")
for _ in range(2):
    news = call("UPDATES.get", last_id=token, timeout=5)
    assert news[1] == [["Vm", "a"]] and news[3]["removed"] == [["Vm", "a"]]
plain = call("UPDATES.get", last_id=None, timeout=0)
assert ["Vm", "a"] in plain[1] and len(plain) == 3'
}

@test "D38: a token of another instance or of nonsense: all there is, flagged, at once" {
    py '
add("a"), add("b"), call("VM.remove", id="b")
json.dump([call("UPDATES.last_id", extended=True), call("UPDATES.last_id")],
          open("'"$BATS_TEST_TMPDIR"'/tokens", "w"))'
    core_kill
    core_start
    py '
for token in json.load(open("'"$BATS_TEST_TMPDIR"'/tokens")) + ["1.1", "9999999999.1", 0, 17, "17"]:
    news = call("UPDATES.get", last_id=token, extended=True)
    assert ["Vm", "a"] in news[1] and news[3]["complete"] is True, (token, news)
    assert call("UPDATES.get", last_id=news[2], timeout=0)[1] == []'
}

# --- E: queues --------------------------------------------------------------------------

@test "E40: one worker per VM and in order; two VMs at a time" {
    py '
add("u1", sim_delay_ms=50), add("u2", sim_delay_ms=50)
ids = [call("VM." + m, id="u1") for m in ("start", "unpause", "pause", "shutdown", "start")]
other = call("VM.start", id="u2")
most = both = 0
while not all(final(call("Task.stat", id=i)) for i in ids):
    vms = [w["vm"] for w in diagnostics()["workers"]]
    most = max(most, vms.count("u1"))
    both += set(vms) == {"u1", "u2"}
assert most == 1 and both > 0
assert all(t["state"][0] == "Completed" for t in wait(*ids, other))'
}

@test "E41: a hundred for one VM and one for another with one worker: that one is second" {
    AGENT_KEEP=1 core_stop
    core_start --workers 1
    py '
add("a", sim_delay_ms=300), add("b", sim_delay_ms=300)
many = [call("VM.start", id="a")] + [call("VM.set_vcpus", id="a", vcpus=1) for _ in range(99)]
one = call("VM.start", id="b")
wait(one)
done = sum(final(call("Task.stat", id=i)) for i in many)
assert 1 <= done <= 2, done'
}

@test "E42: check_state waits once; one that runs already does not count; starts are not merged" {
    AGENT_KEEP=1 core_stop
    core_start --workers 1
    py '
add("u1", sim_delay_ms=300), add("u2", sim_delay_ms=300)
start = call("VM.start", id="u2")
checks = lambda: [t for t in call("Task.list") if t["operation"] == "VM.check_state"]
for _ in range(5):
    call("VM.check_state", id="u1")
assert len(checks()) == 1
wait(start)
until(lambda: any(w["operation"] == "VM.check_state" for w in diagnostics()["workers"]))
call("VM.check_state", id="u1"), call("VM.check_state", id="u1")
assert len(checks()) == 2, checks()
until(lambda: checks() == [])
a, b = wait(call("VM.start", id="u1"), call("VM.start", id="u1"))
assert (a["state"][0], b["state"][0]) == ("Completed", "Failed")'
}

@test "E43: diagnostics answer while every worker hangs: queues, workers, ages, deadlines, pids" {
    AGENT_KEEP=1 core_stop
    core_start --workers 2 --grace 1
    py '
for i in range(4):
    add(f"u{i}", sim_hang="create")
ids = [call("VM.start", id=f"u{i}") for i in range(4)] + [call("VM.unpause", id="u0")]
until(lambda: len(diagnostics()["workers"]) == 2)
time.sleep(0.3)
began = time.monotonic()
d = diagnostics()
assert time.monotonic() - began < 0.2
for w in d["workers"]:
    os.kill(w["pid"], 0)
    assert w["age_s"] > 0.2 and 0 < w["deadline_in_s"] <= 1200 and w["phase"] == "create"
    assert w["task"] in ids
assert [q["works"][0]["id"] for q in d["queues"] if q["tag"] == "u0"] == [ids[4]]
assert len(d["queues"]) == 4'
}

@test "E44: a worker that is stuck is replaced; its VM stays blocked, the others go on" {
    AGENT_KEEP=1 core_stop
    core_start --workers 1 --stuck 1
    py '
add("u1", sim_hang="build"), add("u2")
one, blocked = call("VM.start", id="u1"), call("VM.unpause", id="u1")
ok("VM.start", id="u2")
d = diagnostics()
assert [w["state"] for w in d["workers"]] == ["stuck"], d
assert call("Task.stat", id=blocked)["state"][0] == "Pending"'
}

@test "a forced shutdown does not wait: what runs is cancelled, what waits comes after it" {
    AGENT_KEEP=1 core_stop
    core_start --workers 1 --grace 1
    py '
add("u1", sim_delay_ms=100)
ok("VM.start", id="u1"), ok("VM.unpause", id="u1")
# What runs can be cancelled, and two others wait.
running = call("VM.reboot", id="u1")
until(lambda: diagnostics()["workers"])
waiting = [call("VM.unpause", id="u1"), call("VM.pause", id="u1")]
ok("VM.shutdown", id="u1", force=True)
assert call("Task.stat", id=running)["state"] == ["Failed", ["Cancelled", running]]
assert power("u1") == "Halted"
for one in waiting:
    assert wait(one)["state"] == ["Failed", "Domain_not_built"], one
# A delay, and a worker that hangs and ignores SIGTERM.
add("u2", sim_hang="VM.reboot build"), ok("VM.start", id="u2")
delay = call("VM.delay", id="u2", delay=60)
ok("VM.shutdown", id="u2", force=True)
assert wait(delay)["state"][1] == ["Cancelled", delay]
ok("VM.start", id="u2")
hung = call("VM.reboot", id="u2")
until(lambda: call("Task.stat", id=hung).get("phase") == "build")
began = time.monotonic()
ok("VM.shutdown", id="u2", force=True)
assert time.monotonic() - began < 5 and power("u2") == "Halted"
assert call("Task.stat", id=hung)["state"] == ["Failed", ["Cancelled", hung]]
# Without force it waits for its turn.
first = call("VM.delay", id="u2", delay=0.3)
ok("VM.shutdown", id="u2", force=False)
assert wait(first)["state"][0] == "Completed"'
}

# A program that stands in for the simulator, with --programs $BATS_TEST_TMPDIR/programs;
# its text is on stdin.
worker_is() {
    mkdir -p "$BATS_TEST_TMPDIR/programs"
    cat - >"$BATS_TEST_TMPDIR/programs/drv-agent-simulator"
    chmod +x "$BATS_TEST_TMPDIR/programs/drv-agent-simulator"
}

# Six operations, the first of which has a worker that waits for the gate; then the core
# is killed.  Their ids are in $BATS_TEST_TMPDIR/ids, $worker is that one's pid.
fill_queue() {
    py '
add("u1"), add("u2")
ids = [call("VM." + m, id="u1") for m in ("start", "unpause", "pause", "shutdown", "start")]
ids.append(call("VM.start", id="u2"))
until(lambda: [w["task"] for w in diagnostics()["workers"]] == ids[:1])
json.dump(ids, open("'"$BATS_TEST_TMPDIR"'/ids", "w"))
print(diagnostics()["workers"][0]["pid"])' >"$BATS_TEST_TMPDIR/pid"
    worker=$(cat "$BATS_TEST_TMPDIR/pid")
    core_kill
}

@test "C30: what waits when the core is killed goes on in its order, unless the host has booted" {
    AGENT_KEEP=1 core_stop
    worker_is <<END
#!/bin/bash
flock "$BATS_TEST_TMPDIR/gate" true && exec "$DRV_OUT/agent/drv-agent-simulator"
END
    exec 7>"$BATS_TEST_TMPDIR/gate"
    flock 7
    core_start --workers 1 --programs "$BATS_TEST_TMPDIR/programs"
    local worker check='
ids = json.load(open("'"$BATS_TEST_TMPDIR"'/ids"))
tasks = wait(*ids)
results = [t["state"][0] for t in tasks]'
    fill_queue
    flock -u 7
    core_start --workers 1 --programs "$BATS_TEST_TMPDIR/programs"
    py "$check"'
assert results == ["Completed"] * 6, tasks
ctimes = [t["ctime"] for t in tasks]
assert ctimes == sorted(ctimes) and power("u1") == power("u2") == "Paused"
ok("VM.shutdown", id="u1"), ok("VM.shutdown", id="u2")'
    AGENT_KEEP=1 core_stop # and with it the process that waits
    core_start --workers 1 --programs "$BATS_TEST_TMPDIR/programs"
    flock 7
    fill_queue
    kill -KILL -- "-$worker"
    echo 00000000-another-boot >"$AGENT_DIRECTORY/boot"
    core_start --workers 1
    py "$check"'
assert results == ["Failed"] * 6, tasks
assert all(t["state"][1] == ["Internal_error", "interrupted"] for t in tasks)
assert [("nothing was done" in t["message"]) for t in tasks] == [False] + [True] * 5
assert tasks[0]["found"] == "Halted" and power("u2") == "Halted"'
    echo "# injected: SIGKILL of the core with 5 tasks waiting, twice; a boot" >&3
}

@test "subtasks: the steps of an operation, each with its result and weight, also after a restart" {
    py '
add("u1", sim_delay_ms=30)
one = call("VM.start", id="u1")
until(lambda: len(call("Task.stat", id=one)["subtasks"]) >= 2)
seen = call("Task.stat", id=one)["subtasks"]
assert list(seen.values())[0][0] == "Completed" and list(seen.values())[-1][0] in ("Pending", "Completed")
task = wait(one)
steps = task["subtasks"]
assert list(steps) == ["create", "build", "plug", "device model"], steps
assert all(s[0] == "Completed" and s[1]["duration"] > 0.02 for s in steps.values()), steps
assert sum(s[1]["weight"] for s in steps.values()) == 1
json.dump(task, open("'"$BATS_TEST_TMPDIR"'/task", "w"))'
    core_kill
    core_start
    py '
task = json.load(open("'"$BATS_TEST_TMPDIR"'/task"))
assert call("Task.stat", id=task["id"])["subtasks"] == task["subtasks"]'
}

@test "a worker's process has one operation after the other; one that failed has no more" {
    AGENT_KEEP=1 core_stop
    core_start --workers 1
    py '
def pid_of(method, vm):
    one = call(method, id=vm)
    until(lambda: final(call("Task.stat", id=one)) or diagnostics()["workers"])
    pids = [w["pid"] for w in diagnostics()["workers"]]
    wait(one)
    return pids[0]
add("u1", sim_delay_ms=50), add("u2", sim_delay_ms=50, sim_fail="VM.start build")
first = pid_of("VM.start", "u1")
assert pid_of("VM.shutdown", "u1") == first
assert pid_of("VM.start", "u2") == first
until(lambda: not diagnostics()["workers"])
second = pid_of("VM.start", "u1")
assert second != first and not os.path.exists(f"/proc/{first}")
# One that dies while nobody needs it costs nothing.
os.kill(second, 9)
until(lambda: not os.path.exists(f"/proc/{second}"))
third = pid_of("VM.shutdown", "u1")
assert third not in (first, second) and power("u1") == "Halted"
print(third)' >"$BATS_TEST_TMPDIR/third"
    # With the core goes the stdin of those that wait.
    core_kill
    wait_until 20 test ! -e "/proc/$(cat "$BATS_TEST_TMPDIR/third")"
}

@test "a kept process that died, or reads no more, is not given an operation: another is" {
    AGENT_KEEP=1 core_stop
    # Reads one document and no other, and does not end.
    worker_is <<END
#!/bin/bash
IFS= read -r line
exec <&-
"$DRV_OUT/agent/drv-agent-simulator" <<<"\$line"
exec sleep 300
END
    core_start --workers 1 --grace 1 --programs "$BATS_TEST_TMPDIR/programs"
    py '
add("u1")
for _ in range(5):
    ok("VM.start", id="u1"), ok("VM.shutdown", id="u1")'
    AGENT_KEEP=1 core_stop
    core_start --workers 1
    # Dead, and its end is perhaps not seen yet.
    py '
def kept():
    with open("/proc/{0}/task/{0}/children".format(os.environ["AGENT_PID"])) as file:
        return [int(pid) for pid in file.read().split()]
def ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True
for _ in range(50):
    ok("VM.start", id="u1")
    for pid in kept():
        os.kill(pid, 9)
        while not ended(pid):
            pass
    ok("VM.shutdown", id="u1")'
    echo "# injected: SIGKILL of an idle worker, 50 times; one that reads no more, 9 times" >&3
}

@test "metrics: what was done, by operation, result and time; what waits, works and is unknown" {
    AGENT_KEEP=1 core_stop
    core_start --workers 1 --stuck 1 --grace 1
    py '
import re
def metrics():
    found = {}
    for line in call("get_metrics").splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert re.fullmatch(r"drv_agent_\w+(\{(\w+=\"[\w.+]+\",?)+\})?", name), line
            assert name not in found, name
            found[name] = float(value)
    return found
def tasks(operation, result):
    return metrics()["drv_agent_tasks_total{operation=\"%s\",result=\"%s\"}" % (operation, result)]
add("u1", sim_delay_ms=20), add("u2", sim_hang="VM.shutdown destroy")
ok("VM.start", id="u1"), ok("VM.unpause", id="u1"), ok("VM.start", id="u2")
fails("Bad_power_state", "VM.start", id="u1")
gone = call("VM.delay", id="u1", delay=60)
call("Task.cancel", id=gone)
m = metrics()
assert (tasks("VM.start", "completed"), tasks("VM.start", "failed")) == (2, 1)
assert (tasks("VM.delay", "cancelled"), tasks("VM.delay", "failed")) == (1, 0)
name = "drv_agent_task_seconds%s{operation=\"VM.start\"%s}"
buckets = [m[name % ("_bucket", ",le=\"%s\"" % le)] for le in
           ("0.01", "0.05", "0.1", "0.5", "1", "5", "10", "60", "600", "+Inf")]
assert buckets == sorted(buckets) and buckets[1] < 3 and buckets[-1] == 3, buckets
assert m[name % ("_count", "")] == 3 and 0.08 < m[name % ("_sum", "")] < 60
assert m["drv_agent_vms{power_state=\"Running\"}"] == 1 and m["drv_agent_vms{power_state=\"Paused\"}"] == 1
assert m["drv_agent_workers{state=\"busy\"}"] == 0 and m["drv_agent_workers{state=\"idle\"}"] == 1
assert m["drv_agent_clients"] >= 1 and m["drv_agent_unknown_vms"] == m["drv_agent_waiting_tasks"] == 0
hung = call("VM.shutdown", id="u2")
for _ in range(3):
    call("VM.pause", id="u2")
until(lambda: metrics()["drv_agent_workers{state=\"stuck\"}"] == 1)
assert metrics()["drv_agent_waiting_tasks"] == metrics()["drv_agent_longest_queue"] == 3
os.kill(diagnostics()["workers"][0]["pid"], 9)
until(lambda: metrics()["drv_agent_waiting_tasks"] == 0 and not diagnostics()["workers"])
blocked = Raw()
blocked.send("UPDATES.get", last_id=blocked.call("UPDATES.last_id"))
until(lambda: metrics()["drv_agent_blocked_readers"] == 1)
text = call("get_metrics")
print(*sorted(set(re.findall("^# TYPE (\\w+) ", text, re.M))), sep="\n")' >"$BATS_TEST_TMPDIR/names"
    diff "$BATS_TEST_TMPDIR/names" <(awk '/^\.\\" begin agent-metrics/ { on = 1 } /^\.\\" end/ { on = 0 }
        on && /^\.It / { print $2 }' "$DRV_ROOT/docs/man/drv-agent-protocol.7" | sort)
}
