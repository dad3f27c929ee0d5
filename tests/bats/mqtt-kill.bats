#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# drv-mqttd killed before its Nth call of a kind, and started again: a start task is
# executed once (a second start would be refused), and its result arrives.
# shellcheck disable=SC2154,SC2034 # run sets variables
load lib/drv
load lib/core
load lib/drv-command
load lib/mqtt

teardown() { mqtt_down; }

# As mqttd_start, and it is killed before its Nth CALL after that.
mqttd_start_doomed() { # CALL N [PATH]: only calls that are about it
    local seen
    seen=$(broker_log_counts "Sending SUBACK to node")
    strace -D -f -qq -o /dev/null ${3:+-P "$3"} -e trace="$1" -e inject="$1:signal=KILL:when=$2" \
        "$MQTTD" -c "$MQTT_DIR/config" 2>>"$MQTT_DIR/messages" 3>&- &
    MQTTD_JOB=$!
    wait_until 20 either mqttd_is_dead broker_logged_more "Sending SUBACK to node" "$seen"
}

# One that was killed and not waited for is a process still, but not of a program.
mqttd_is_dead() { ! readlink "/proc/$MQTTD_JOB/exe"; }

either() { # cmd OTHER [word...]
    "$1" || "${@:2}"
}

start_task() { # ID NAME
    printf 'task: start vm\nid: %s\nvm-configurations:\n  - probe-with-ssh: false\n    xml: %s\n' \
        "$1" "'<domain type=\"test\"><name>$2</name></domain>'" | publish
}

# Killed before each of the first COUNT calls; so many times it came to that, at least.
kill_at_each() { # CALL COUNT KILLED [PATH]
    local n id killed=0
    for n in $(seq "$2"); do
        id=$1-$n-${4##*/}
        mqttd_start_doomed "$1" "$n" "${4-}"
        start_task "$id" "vm-$id"
        wait_until 20 either mqttd_is_dead has_result "$id"
        ! mqttd_is_dead || killed=$((killed + 1))
        mqttd_stop
        mqttd_start
        assert_result "$id" 'set(i["list"][0]["status"] for i in r)' "{'success'}"
        mqttd_stop
        assert_equal "$(drv --json vm show "vm-$id" | python3 -c 'import json, sys
print(json.load(sys.stdin)["state"]["power_state"])')" Running
    done
    echo "$1 ${4-}: killed $killed times"
    assert [ "$killed" -ge "$3" ]
}

up() {
    core_start
    broker_start
    mqttd_config
    scheduler_start
    mqttd_start # from now on the broker keeps messages for it
    mqttd_stop
}

# strace counts the calls of each thread: one accepts tasks and talks to the broker, others
# do the work.
@test "68: SIGKILL before the task, its directory, and the result are synchronised" {
    up
    kill_at_each fsync 2 2
    kill_at_each fsync 1 1 "$MQTT_DIR/spool/results"
}

@test "68: SIGKILL before a task or a result gets its name, and before the one goes" {
    up
    kill_at_each renameat 1 1 "$MQTT_DIR/spool/tasks"
    kill_at_each renameat 2 1 "$MQTT_DIR/spool/results"
    kill_at_each unlinkat 1 1
}

@test "68: SIGKILL before each write: to the broker, to the agent, to the spool" {
    up
    kill_at_each write 12 8
}

task_runs() { drv --json task list | grep -q VM.start; }

@test "68: SIGKILL of the agent while a task runs: it is waited for, the task is answered once" {
    up
    mqttd_start
    printf '{"name": "slow", "id": "slow", "platform": {"sim-delay-ms": "300"}}' | drv vm add -
    printf 'task: start vm\nid: 1\nvm-configurations:\n  - vm-name: slow\n    probe-with-ssh: false\n' |
        publish
    wait_until 20 task_runs
    AGENT_KEEP=1 core_kill
    core_start
    assert_result 1 'len(r)' 1
    mqttd_stop
    mqttd_start
    assert_result 1 'len(r)' 1
}

active() { drv --json vm list | grep -c Running; }
some_are_gone() { [ "$(active)" -lt "$1" ]; } # OF

# Killed when some are done and others under way; each has one item, and there is one result.
kill_half_way() { # ID OF
    wait_until 30 some_are_gone "$2"
    assert [ "$(active)" -gt 0 ]
    mqttd_kill
    mqttd_start
    assert_result "$1" 'sorted((i["vm-name"], i["status"]) for i in only["list"])' \
        "$(python3 -c "print([(f'vm{n}', 'success') for n in range($2)])")"
    assert_equal "$(active)" 0
    assert_equal "$(results "$1" 'len(r)')" 1
}

slow_vms() { # COUNT
    local n names=()
    for n in $(seq 0 $(($1 - 1))); do names+=("vm$n={\"sim-delay-ms\": \"100\"}"); done
    vms "${names[@]}"
}

@test "68: SIGKILL in the middle of an evacuation: it goes on, what had moved is in its result" {
    up
    mqttd_start
    slow_vms 8
    evacuate_document 1 auto true c2 c4 | publish
    kill_half_way 1 8
}

@test "68: SIGKILL in the middle of a stop by regex: it goes on, what had stopped is in its result" {
    up
    mqttd_start
    slow_vms 6
    printf 'task: stop vm\nid: 1\nlist:\n  - regex: vm.*\n    force: true\n' | publish
    kill_half_way 1 6
}
