#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# The host agent's events: what came into existence, what is gone, exactly.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm
load lib/agent

setup_file() { lab_setup_suite --hosts 1; }
teardown_file() { lab_teardown_suite; }
setup() {
    xml t1 t1
    watch_start host01
}
teardown() {
    watch_stop
    agent_end_all
}

xml() { # FILE NAME [UUID]
    "$LAB_TOOLS/guest-xml" --memory 32 --no-agent ${3:+--uuid "$3"} "$2" >"$LAB/$1.xml"
}

virsh() { lab_virsh host01 "$@"; }

@test "transient: ADDED first, REMOVED last, once each [G49]" {
    virsh create "$LAB/t1.xml"
    virsh suspend t1
    virsh resume t1
    virsh destroy t1
    wait_event t1 REMOVED
    run events_of t1
    assert_output --regexp '^ADDED (.*)STARTED(.*)SUSPENDED(.*)RESUMED(.*)STOPPED (CHANGED )?REMOVED$'
    assert_equal "$(tr ' ' '\n' <<<"$output" | grep -cxE 'ADDED|REMOVED')" 2
    assert_event t1 STARTED 'e["source"] == "native" and e["persistent"] is False'
    assert_event t1 REMOVED 'e["source"] == "derived" and e["incarnation"] > 0'
}

@test "transient, many quick lives: each is one ADDED and one REMOVED, in order [G49 G53]" {
    local i
    for i in 1 2 3 4 5; do
        virsh create "$LAB/t1.xml"
        virsh destroy t1
    done
    wait_event t1 REMOVED 5
    run python3 -c 'import json, sys
said = [(e["event"], e["incarnation"]) for e in map(json.loads, open(sys.argv[1]))
        if e.get("event") in ("ADDED", "REMOVED") and e.get("name") == "t1"]
print([e for e, _ in said] == ["ADDED", "REMOVED"] * 5,
      all(said[i][1] == said[i + 1][1] for i in range(0, 10, 2)), len({n for _, n in said}))' \
        "$LAB/events"
    assert_output "True True 5"
}

@test "persistent: start and stop are neither ADDED nor REMOVED; undefine while it runs [G50]" {
    virsh define "$LAB/t1.xml"
    virsh start t1
    virsh destroy t1
    virsh start t1
    wait_event t1 STARTED 2
    assert_event t1 STARTED 'e["persistent"] is True'
    virsh undefine t1
    wait_event t1 UNDEFINED
    assert_event t1 CHANGED 'e["persistent"] is False and e["state"] == "Running"'
    virsh destroy t1
    wait_event t1 REMOVED
    run events_of t1
    assert_output --regexp '^ADDED DEFINED .* REMOVED$'
    assert_equal "$(tr ' ' '\n' <<<"$output" | grep -cxE 'ADDED|REMOVED')" 2
}

@test "define over a running transient is CHANGED; rename is CHANGED with the same UUID [G51 G52]" {
    virsh create "$LAB/t1.xml"
    wait_event t1 STARTED
    virsh dumpxml t1 >"$LAB/running.xml"
    virsh define "$LAB/running.xml"
    wait_event t1 DEFINED
    assert_event t1 CHANGED 'e["persistent"] is True'
    virsh destroy t1
    wait_event t1 STOPPED
    virsh domrename t1 t2
    wait_event t2 CHANGED
    assert_equal "$(events_of t1 | tr ' ' '\n' | grep -cx ADDED)" 1
    assert_equal "$(events_of t2)" CHANGED
    virsh undefine t2
    wait_event t2 REMOVED
    assert_equal "$(events_of t2)" "CHANGED UNDEFINED REMOVED"
}

@test "save and restore are named; the same name with another UUID is another VM" {
    virsh create "$LAB/t1.xml"
    virsh save t1 /var/lib/one/datastores/0/t1.save
    wait_event t1 REMOVED
    virsh restore /var/lib/one/datastores/0/t1.save
    wait_event t1 RESTORED
    run events_of t1
    assert_output --regexp 'SAVED (CHANGED )?REMOVED ADDED'
    virsh destroy t1
    wait_event t1 REMOVED 2
    xml t3 t1 11111111-2222-3333-4444-000000000009
    virsh create "$LAB/t3.xml"
    wait_event t1 ADDED 3
    assert_event t1 ADDED 'e["uuid"].endswith("0009")'
}

@test "a guest that ends itself: REMOVED, though libvirt still knows it when it says so [G49]" {
    virsh create "$LAB/t1.xml"
    wait_event t1 STARTED
    # QEMU quits as for a guest that powers off.
    virsh qemu-monitor-command t1 '{"execute":"quit"}' || true # it ends before it answers
    wait_event t1 REMOVED
    run events_of t1
    assert_output --regexp 'STOPPED (CHANGED )?REMOVED$'
}

@test "libvirtd restarted: unknown, then known; no REMOVED for what lives, one for what died [G54]" {
    local pid
    xml t4 t4 11111111-2222-3333-4444-000000000004
    virsh create "$LAB/t1.xml"
    virsh create "$LAB/t4.xml"
    wait_event t4 STARTED
    pid=$(lab_root host01 pgrep -f '[q]emu-system.*guest=t4,')
    lab_root host01 sh -c 'kill -9 $(pidof libvirtd); true'
    wait_until 30 grep -q '"connected":false' "$LAB/events"
    lab_root host01 kill -9 "$pid"
    lab_root host01 sh -c "rm -f /run/libvirtd.pid; libvirtd --listen --daemon" 5>&-
    wait_until 60 has_lines '"connected":true' 2
    wait_event t4 REMOVED
    wait_until 20 has_lines '"relist"' 2
    run events_of t1
    refute_output --partial REMOVED
    assert_equal "$(events_of t4 | tr ' ' '\n' | tail -n 2 | tr '\n' ' ')" "STOPPED REMOVED "
    assert_event t4 STOPPED 'e["source"] == "derived"'
    tail -n 5 "$LAB/events" | grep '"relist"' | grep -q '"name":"t1"'
    virsh suspend t1
    wait_event t1 SUSPENDED
}

@test "libvirtd hangs: nothing is reported removed, and what happened then comes [G54]" {
    virsh create "$LAB/t1.xml"
    wait_event t1 STARTED
    lab_root host01 sh -c 'kill -STOP $(pidof libvirtd); true'
    wait_until 60 grep -q '"connected":false' "$LAB/events"
    lab_root host01 sh -c 'kill -CONT $(pidof libvirtd); true'
    wait_until 60 has_lines '"relist"' 2
    run events_of t1
    refute_output --partial REMOVED
}

@test "the watcher is killed: the next one says what happened in between, from what was known" {
    local known
    virsh create "$LAB/t1.xml"
    xml t5 t5 11111111-2222-3333-4444-000000000005
    virsh define "$LAB/t5.xml"
    wait_event t5 DEFINED
    wait_event t1 STARTED
    lab_root host01 sh -c 'kill -9 $(pidof drv-agent-watcher)'
    watch_stop
    known=$(python3 -c 'import json, sys
last, seq = {}, 0
for e in map(json.loads, open(sys.argv[1])):
    if "event" in e:
        seq = e["seq"]
        last[e["uuid"]] = e
print(json.dumps({"uri": "qemu:///system", "known": list(last.values()), "seq": seq}))' "$LAB/events")
    virsh destroy t1
    virsh start t5
    watch_start host01 "$known"
    wait_event t1 REMOVED
    assert_equal "$(events_of t1)" "STOPPED REMOVED"
    assert_equal "$(events_of t5)" "STARTED CHANGED"
    assert_event t5 STARTED 'e["source"] == "derived" and e["seq"] > 2'
}

capability() { # EVENT: of the last connection
    grep '"connected":true' "$LAB/events" | tail -n 1 | python3 -c '
import json, sys
print(json.load(sys.stdin)["events"].get(sys.argv[1]))' "$1"
}

@test "asked instead of told: changes come by polling, and capabilities say so [G55 G57]" {
    assert_equal "$(capability STARTED)" native
    assert_equal "$(capability REMOVED)" derived
    watch_stop
    watch_start host01 '{"uri":"qemu:///system","poll":true,"poll_s":1}'
    assert_equal "$(capability STARTED)" polled
    assert_equal "$(capability REMOVED)" polled
    assert_equal "$(capability SAVED)" None
    virsh create --paused "$LAB/t1.xml" # one that runs may be seen before it does
    wait_event t1 ADDED
    virsh resume t1
    wait_event t1 RESUMED
    virsh destroy t1
    wait_event t1 REMOVED
    assert_equal "$(events_of t1)" "ADDED RESUMED CHANGED STOPPED REMOVED"
    assert_event t1 REMOVED 'e["source"] == "polled"'
}

@test "the end of stdin ends it; what is no JSON object is refused" {
    exec 5>&-
    timeout 10 tail -s 0.05 --pid="$WATCHER_JOB" -f /dev/null
    run lab_exec host01 "$WATCHER" <<<'[]'
    assert_failure
    assert_output --partial "not a JSON object"
}
