#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The host agent is killed at every step, its workers are, its disk is full or read-only,
# its records are damaged, the clock steps.  With the simulator.
load lib/drv
load lib/core

setup() { core_start --grace 1; }
teardown() {
    chmod -R u+rwX "$AGENT_DIRECTORY" 2>/dev/null || true
    core_stop
}

told() { echo "# injected: $*" >&3; }

# What must be true of a VM whenever nothing works on it: off with nothing plugged, or
# complete.
WHOLE='
def whole(vm):
    until(lambda: not diagnostics()["workers"] and not state(vm)["unknown"] and
          not [t for t in call("Task.list") if not final(t)])
    st = state(vm)
    plugged = [d["plugged"] for _, d in call("VBD.list", id=vm)]
    active = st["power_state"] in ("Running", "Paused")
    assert len(st["domids"]) == active and all(p == active for p in plugged), (st, plugged)
    assert not st.get("unsurvivable"), st
    return st["power_state"]
def prepare(vm, method, delay=60):
    """Up to where the operation can be called; the args."""
    add(vm, [("xvda", "ReadWrite")], sim_delay_ms=delay)
    if method != "VM.start":
        ok("VM.start", id=vm), ok("VM.unpause", id=vm)
    if method == "VM.resume":
        ok("VM.suspend", id=vm)
'

@test "F45: SIGKILL of the agent at each step of start, suspend, resume, reboot, shutdown" {
    local method n total=0 outcomes=
    for method in start suspend resume reboot shutdown; do
        for n in 0 1 2 3 4; do
            py "$WHOLE
prepare('u-$method-$n', 'VM.$method')
one = call('VM.$method', id='u-$method-$n')
open('$BATS_TEST_TMPDIR/task', 'w').write(one)
end = time.monotonic() + 10
while time.monotonic() < end:
    task = call('Task.stat', id=one)
    if final(task) or int(task['debug_info']['cancel_points_seen']) >= $n:
        break"
            core_kill
            core_start --grace 1
            run -0 py "$WHOLE
task = wait(open('$BATS_TEST_TMPDIR/task').read())
print(task['state'][0], whole('u-$method-$n'))"
            outcomes+="$method $output"$'\n'
            total=$((total + 1))
        done
    done
    told "SIGKILL of the agent, $total times: $(sort <<<"$outcomes" | uniq -c | tr -s ' \n' ' ')"
}

@test "F45: SIGKILL of the agent and its worker together, at each step" {
    local method n total=0 outcomes=
    for method in start suspend resume reboot; do
        for n in 1 2; do
            py "$WHOLE
prepare('u-$method-$n', 'VM.$method', delay=800)
one = call('VM.$method', id='u-$method-$n')
open('$BATS_TEST_TMPDIR/task', 'w').write(one)
until(lambda: final(t := call('Task.stat', id=one)) or int(t['debug_info']['cancel_points_seen']) >= $n)"
            core_kill
            core_workers | xargs -r kill -KILL
            core_start --grace 1
            run -0 py "$WHOLE
task = wait(open('$BATS_TEST_TMPDIR/task').read())
print(task['state'][0], whole('u-$method-$n'))"
            outcomes+="$method $output"$'\n'
            total=$((total + 1))
        done
    done
    told "SIGKILL of agent and worker, $total times: $(sort <<<"$outcomes" | uniq -c | tr -s ' \n' ' ')"
}

@test "F45: a worker dies at each step: the task says so, and the VM is off or complete" {
    py "$WHOLE"'
for name in ("create", "build", "plug", "device model"):
    add(name, [("xvda", "ReadWrite")], sim_die=name)
    task = run("VM.start", id=name)
    assert task["state"][1] == ["Internal_error", "the worker was killed"], task
    assert whole(name) == "Halted"
for method, at in (("VM.suspend", "save"), ("VM.resume", "restore"), ("VM.reboot", "build"),
                   ("VM.shutdown", "destroy"), ("VM.reboot", "destroy")):
    vm = add(method + at, [("xvda", "ReadWrite")], sim_die=f"{method} {at}")
    ok("VM.start", id=vm)
    if method == "VM.resume":
        ok("VM.suspend", id=vm)
    assert run(method, id=vm)["state"][0] == "Failed"
    whole(vm)'
    told "a worker killed itself at 9 steps"
}

@test "a worker writes what is not JSON: it is ended, the task fails, and the VM is looked at" {
    py "$WHOLE"'
for name in ("create", "device model"):
    add(name, [("xvda", "ReadWrite")], sim_garble=name, sim_delay_ms=50)
    task = run("VM.start", id=name)
    assert task["state"][0] == "Failed" and task["found"] == "Halted", task
    assert whole(name) == "Halted"
ok("VM.shutdown", id="create")'
    told "a line that is not UTF-8, at 2 steps"
}

@test "F46: the worker of a killed agent goes on, is adopted, and can be cancelled" {
    py '
add("u1", sim_delay_ms=2000)
one = call("VM.start", id="u1")
until(lambda: diagnostics()["workers"])
json.dump([one, diagnostics()["workers"][0]["pid"]], open("'"$BATS_TEST_TMPDIR"'/it", "w"))'
    core_kill
    core_start --grace 1
    py '
one, pid = json.load(open("'"$BATS_TEST_TMPDIR"'/it"))
assert [w["pid"] for w in diagnostics()["workers"]] == [pid]
call("Task.cancel", id=one)
task = wait(one)
assert task["state"][1] == ["Cancelled", one], task
until(lambda: power("u1") == "Halted" and not state("u1")["unknown"])'
}

@test "a pid that was given to another process is not adopted" {
    py '
add("u1", sim_delay_ms=5000)
one = call("VM.start", id="u1")
until(lambda: diagnostics()["workers"])
open("'"$BATS_TEST_TMPDIR"'/task", "w").write(one)'
    core_kill
    core_workers | xargs -r kill -KILL
    python3 - "$AGENT_DIRECTORY/tasks/$(cat "$BATS_TEST_TMPDIR/task")" $$ <<'PY'
import hashlib, json, sys
path, pid = sys.argv[1:]
head, body = open(path).read().split("\n", 1)
record = json.loads(body)
record["pid"] = int(pid)
body = json.dumps(record)
magic = head.rsplit(" ", 1)[0]
open(path, "w").write(f"{magic} {hashlib.sha256(body.encode()).hexdigest()}\n{body}\n")
PY
    core_start --grace 1
    py '
task = wait(open("'"$BATS_TEST_TMPDIR"'/task").read())
assert task["state"] == ["Failed", ["Internal_error", "interrupted"]], task
until(lambda: power("u1") == "Halted" and not state("u1")["unknown"])'
    kill -0 $$
}

@test "run directory read-only: calls that need it fail with the reason, others are answered" {
    [ "$(id -u)" != 0 ] || skip "root may write everywhere"
    py 'add("u1"), ok("VM.start", id="u1")'
    chmod 500 "$AGENT_DIRECTORY/objects" "$AGENT_DIRECTORY/tasks" "$AGENT_DIRECTORY/output"
    py '
for method, more in (("VM.add", {"vm": {"id": "u2"}}), ("VBD.add", {"vbd": {"id": ["u1", "x"]}}),
                     ("VM.unpause", {"id": "u1"})):
    assert "Permission denied" in refused("Internal_error", method, **more)
assert [e[0]["id"] for e in call("VM.list")] == ["u1"] and call("VBD.list", id="u1") == []
assert power("u1") == "Paused"'
    chmod 700 "$AGENT_DIRECTORY/objects" "$AGENT_DIRECTORY/tasks" "$AGENT_DIRECTORY/output"
    py 'ok("VM.unpause", id="u1"), add("u2")'
    told "read-only objects, tasks and output"
}

@test "run directory full: nothing half written; with space it goes on; a restart reads all" {
    core_stop
    # The limit of a file's size stands for a full disk: each write of a record fails.
    ulimit -S -f 0
    "$AGENT" --backend simulator --socket "$AGENT_SOCKET" --directory "$AGENT_DIRECTORY" \
        --group "$(id -gn)" 2>>"$BATS_TEST_TMPDIR/none" 3>&- && fail "it started without its directory"
    ulimit -S -f unlimited
    core_start
    py '
add("u1", [("xvda", "ReadWrite")])
import resource
resource.prlimit(int(os.environ["AGENT_PID"]), resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
for method, more in (("VM.add", {"vm": {"id": "u2"}}), ("VM.add", {"vm": {"id": "u1", "vcpus": 3}}),
                     ("VBD.add", {"vbd": {"id": ["u1", "y"]}}), ("VM.start", {"id": "u1"})):
    assert "File too large" in refused("Internal_error", method, **more)
assert [e[0]["vcpus"] for e in call("VM.list")] == [1] and call("Task.list") == []
resource.prlimit(int(os.environ["AGENT_PID"]), resource.RLIMIT_FSIZE,
                 (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ok("VM.start", id="u1")'
    run ls "$AGENT_DIRECTORY/objects"
    refute_output --partial '~'
    core_kill
    core_start
    py 'assert power("u1") == "Paused" and diagnostics()["damaged"] == []'
    told "no space for any record"
}

@test "damaged: every record in turn, cut, flipped or empty: set aside, never absent" {
    py '
for i in range(6):
    add(f"u{i}")'
    core_kill
    truncate -s 0 "$AGENT_DIRECTORY/objects/vm,u0"
    truncate -s 30 "$AGENT_DIRECTORY/objects/vm,u1"
    printf 'X' | dd of="$AGENT_DIRECTORY/objects/vm,u2" conv=notrunc status=none
    printf 'X' | dd of="$AGENT_DIRECTORY/objects/vm,u3" bs=1 seek=90 conv=notrunc status=none
    echo trailing >>"$AGENT_DIRECTORY/objects/vm,u4"
    printf 'half' >"$AGENT_DIRECTORY/objects/vm,u5~"
    echo what >"$AGENT_DIRECTORY/objects/nothing of ours"
    core_start
    py '
assert [e[0]["id"] for e in call("VM.list")] == ["u5"]
assert all(call("VM.exists", id=f"u{i}") for i in range(6))
assert len(diagnostics()["damaged"]) == 6, diagnostics()["damaged"]'
    told "six damaged records"
}

@test "the clock steps back: ids and tokens do not come again" {
    py '
add("u1")
json.dump([[call("VM.delay", id="u1", delay=0) for _ in range(5)], call("UPDATES.last_id"),
           call("query")["instance_id"]], open("'"$BATS_TEST_TMPDIR"'/before", "w"))'
    core_kill
    # As if the agent had run when the clock was a month ahead.
    echo $(($(cat "$AGENT_DIRECTORY/instance") + 30 * 86400)) >"$AGENT_DIRECTORY/instance"
    core_start --grace 1
    py '
ids, token, instance = json.load(open("'"$BATS_TEST_TMPDIR"'/before"))
new = [call("VM.delay", id="u1", delay=0) for _ in range(5)]
assert not set(new) & set(ids) and call("UPDATES.last_id") > token
assert int(call("query")["instance_id"]) == int(instance) + 30 * 86400 + 1'
}
