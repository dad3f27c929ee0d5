#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# drv-mqttd with a real broker and the agent's simulator: messages, results, delivery.
# shellcheck disable=SC2154,SC2034 # run sets variables
load lib/drv
load lib/core
load lib/drv-command
load lib/mqtt

teardown() { mqtt_down; }

XML='<domain type="test"><name>NAME</name><memory>65536</memory><os><type>hvm</type></os></domain>'

start_document() { # ID NAME...
    local id=$1 name
    shift
    printf 'host: node\ntask: start vm\nid: %s\nvm-configurations:\n' "$id"
    for name; do
        printf '  - xml: |\n      %s\n    transient: true\n    probe-with-ssh: false\n' \
            "${XML/NAME/$name}"
    done
}

power() { # NAME
    drv --json vm show "$1" | python3 -c 'import json, sys
print(json.load(sys.stdin)["state"]["power_state"])'
}

@test "58: start, suspend, resume, stop: title, id and items of each" {
    mqtt_up
    start_document 1 web db | publish
    assert_result 1 'only["result"]' "vm started"
    assert_result 1 '[(i["vm-name"], i["status"]) for i in only["list"]]' \
        "[('web', 'success'), ('db', 'success')]"
    assert_equal "$(power web)" Running
    printf 'task: suspend vm\nid: 2\nlist:\n  - vm-name: web\n' | publish
    assert_result 2 '(only["result"], only["list"])' \
        "('vm suspended', [{'vm-name': 'web', 'status': 'success'}])"
    assert_equal "$(power web)" Paused
    printf 'task: resume vm\nid: 3\nlist:\n  - vm-name: web\n' | publish
    assert_result 3 'only["result"]' "vm resumed"
    assert_equal "$(power web)" Running
    printf 'task: stop vm\nid: 4\nlist:\n  - vm-name: web\n    force: true\n  - vm-name: nix\n' |
        publish
    assert_result 4 'only["result"]' "vm stopped"
    assert_result 4 '[i["status"] for i in only["list"]]' "['success', 'error']"
    assert_result 4 'only["list"][1]["details"]' "there is no VM 'nix'"
}

@test "59: not YAML, no task, unknown task, empty list: four errors, the id where it was read" {
    mqtt_up
    printf 'a: [\n' | publish
    assert_result '' '(only["result"], only["list"][0]["status"])' "('unknown', 'error')"
    assert_result '' '"Exception while parsing message: " in only["list"][0]["details"]' True
    printf 'id: a1\nfoo: bar\n' | publish
    assert_result a1 'only["list"][0]["details"]' "Parsed message not being a Task_container."
    printf 'id: a2\ntask: dance\n' | publish
    assert_result a2 '"Unknown type of Task while loading" in only["list"][0]["details"]' True
    printf 'id: a3\ntask: stop vm\nlist: []\n' | publish
    assert_result a3 'only["list"][0]["details"]' "Empty task container executed."
    printf 'id: a4\ntask: stop vm\nlist: [a: {b\n' | publish
    assert_result a4 'only["result"]' unknown
    printf 'id: "7"\ntask: stop vm\nlist:\n  - vm-name: x\n    force: perhaps\n' | publish
    assert_result 7 'only["list"][0]["details"]' \
        "Exception while parsing message: 'list[0].force' has to be true or false (line 5)"
    assert_result 7 'only["id"]' 7
}

@test "60: stop by regex: an item per VM that matches as a whole, an error of one is visible" {
    mqtt_up
    start_document 1 a1 a2 ba1 | publish
    result 1 'None'
    printf 'task: stop vm\nid: 2\nlist:\n  - regex: "a[12]"\n    force: true\n' | publish
    assert_result 2 'sorted((i["vm-name"], i["status"]) for i in only["list"])' \
        "[('a1', 'success'), ('a2', 'success')]"
    assert_equal "$(power ba1)" Running
    printf 'task: stop vm\nid: 3\nlist:\n  - regex: "a("\n' | publish
    assert_result 3 '"list[0].regex" in only["list"][0]["details"]' True
}

@test "61: start with a probe: success when ssh answers, an error with what is known when not" {
    mqtt_up hypervisor.probe-port=2222 hypervisor.start-timeout=2
    printf 'task: start vm\nid: 1\nvm-configurations:\n  - xml: %s\n    probe-hostname: 127.0.0.1\n' \
        "'${XML/NAME/web}'" | publish
    assert_result 1 'only["list"][0]["status"]' error
    assert_result 1 'only["list"][0]["details"].split(".")[0]' \
        "Timeout while trying to reach domain with SSH"
    assert_result 1 '"The VM runs" in only["list"][0]["details"]' True
    assert_equal "$(power web)" Running
    python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 2222))
c = s.accept()[0]; c.sendall(b"SSH-2.0-guest\r\n"); c.recv(1)' 3>&- &
    printf 'task: start vm\nid: 2\nvm-configurations:\n  - xml: %s\n    probe-hostname: 127.0.0.1\n' \
        "'${XML/NAME/db}'" | publish
    assert_result 2 'only["list"][0]["status"]' success
}

@test "68: the broker restarts between task and result: it arrives once, the next task is received" {
    mqtt_up
    start_document 1 web | publish
    result 1 None
    broker_stop
    broker_start
    wait_until 20 grep -c "Sending SUBACK to scheduler" "$BATS_TEST_TMPDIR/broker.log"
    start_document 2 db | publish
    assert_result 2 'len(r)' 1
    assert_equal "$(results 1 'len(r)')" 1
}

@test "68: the same task twice: executed once, its result is sent again" {
    mqtt_up
    start_document 1 web | publish
    assert_result 1 'only["list"][0]["status"]' success
    start_document 1 web | publish
    wait_until 20 has_result 1 2
    assert_equal "$(results 1 '[i["list"][0]["status"] for i in r]')" "['success', 'success']"
}

@test "69: tasks for one VM in a burst: in order" {
    mqtt_up
    start_document 1 web | publish
    for i in 2 4 6 8; do
        printf 'task: suspend vm\nid: %s\nlist:\n  - vm-name: web\n' $i | publish
        printf 'task: resume vm\nid: %s\nlist:\n  - vm-name: web\n' $((i + 1)) | publish
    done
    printf 'task: stop vm\nid: 10\nlist:\n  - regex: .*\n    force: true\n' | publish
    assert_result 10 'only["list"][0]["status"]' success
    assert_equal "$(results 10 '[x["id"] for x in R]')" "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
}

@test "drv-mqttd is killed while a task runs: it is not run twice, the result arrives once" {
    mqtt_up
    start_document 1 web | publish
    wait_until 20 test -n "$(ls "$MQTT_DIR/spool/tasks" "$MQTT_DIR/spool/results" "$MQTT_DIR/spool/done")"
    mqttd_kill
    mqttd_start
    assert_result 1 'only["list"][0]["status"]' success
    start_document 2 db | publish
    result 2 None
    assert_equal "$(results 1 'len(r)')" 1
    assert_equal "$(power web)" Running
}

@test "quit: answered, and the daemon ends with status 0" {
    mqtt_up
    printf 'task: quit\nid: bye\n' | publish
    assert_result bye '(only["result"], only["list"])' \
        "('quit', [{'vm-name': 'n/a', 'status': 'success'}])"
    wait "$MQTTD_JOB"
    MQTTD_JOB=
}

migrate_document() { # ID NAME DESTINATION [line of parameter...]
    printf 'host: node\ntask: migrate vm\nid: %s\nvm-name: %s\ndestination: %s\n' "$1" "$2" "$3"
    shift 3
    printf 'parameter:\n'
    printf '  %s\n' "${@-retry-counter: 0}"
}

@test "58: migrate and repin: shapes; the VM is not the agent's any more; time-measurement" {
    mqtt_up
    vms web
    printf 'task: repin vm\nid: 1\nvm-name: web\nvcpu-map: [[0],[1]]\n' | publish
    assert_result 1 '(only["result"], only["list"])' \
        "('vm repinned', [{'vm-name': 'web', 'status': 'success'}])"
    (echo 'time-measurement: true' && migrate_document 2 web c2 "migration-type: live") | publish
    assert_result 2 '(only["result"], only["vm-name"], only["status"])' \
        "('vm migrated', 'web', 'success')"
    assert_result 2 'sorted(only["time-measurement"])' "['migrate', 'overall']"
    assert_result 2 'all(isinstance(s, float) for s in only["time-measurement"].values())' True
    run_drv vm show web
    assert_drv_error 4 "there is no VM 'web'"
}

@test "70: retry-counter 2 and two failures: success, details are the 2 retries; one less: an error" {
    mqtt_up
    vms web='{"sim-fail-tries": "2"}' db='{"sim-fail-tries": "2"}'
    migrate_document 1 web c2 "retry-counter: 2" | publish
    assert_result 1 '(only["status"], only["details"])' "('success', 2)"
    migrate_document 2 db c2 "retry_counter: 1" | publish
    assert_result 2 '(only["status"], only["details"])' \
        "('error', 'still runs on the source: told to fail; at this host the VM is Running')"
}

@test "RDMA: the URI is the host's with -ib; where that fails, it migrates without and says so" {
    mqtt_up
    vms web db
    migrate_document 1 web c2 "rdma-migration: true" | publish
    assert_result 1 '(only["status"], only.get("details"))' "('success', None)"
    migrate_document 2 db noib2 "rdma-migration: true" | publish
    assert_result 2 '(only["status"], only["details"])' "('success', \"migrated without RDMA, \
which failed: no way to 'rdma://noib2-ib'; at this host the VM is Running\")"
}

@test "a migration that fails after the arrival does not call the VM off" {
    mqtt_up
    vms web='{"sim-fail": "VM.migrate arrived"}'
    migrate_document 1 web c2 "vcpu-map: [[0]]" | publish
    assert_result 1 '(only["status"], only["details"])' "('error', 'it has arrived, \
without vcpu-map: told to fail; at this host the VM is Halted')"
}

@test "a value that is not known names its key; a destination that is not a host is refused" {
    mqtt_up
    migrate_document 1 web c2 "migration-type: hot" | publish
    assert_result 1 'only["list"][0]["details"]' "Exception while parsing message: \
'parameter.migration-type' has to be one of warm, live, offline (line 7)"
    migrate_document 2 web '"h/x?command=/bin/sh"' | publish
    assert_result 2 '"has to be a host" in only["list"][0]["details"]' True
}

@test "65: evacuate: success means that nothing runs any more; none left is an error of that VM" {
    mqtt_up
    vms a b c d
    evacuate_document 1 compact false c1 c2 | publish
    assert_result 1 'only["result"]' "node evacuated"
    assert_result 1 'sorted(i["status"] for i in only["list"])' \
        "['error', 'success', 'success', 'success']"
    assert_result 1 '[i["details"] for i in only["list"] if i["status"] == "error"]' \
        "['No destination host left to evacuate to.']"
    evacuate_document 2 auto true down1 c2 | publish
    assert_result 2 '[i["status"] for i in only["list"]]' "['success']"
    evacuate_document 3 auto true c2 | publish
    assert_result 3 'only["list"]' "[]"
}

@test "65: two evacuations at once: each VM moves once, the second finds what is left" {
    mqtt_up
    vms a b c d
    evacuate_document 1 scatter false c2 c3 | publish
    evacuate_document 2 compact false c2 c3 | publish
    assert_result 1 'sorted((i["vm-name"], i["status"]) for i in only["list"])' \
        "[('a', 'success'), ('b', 'success'), ('c', 'success'), ('d', 'success')]"
    assert_result 2 'only["list"]' "[]"
    assert_equal "$(drv --json vm list)" ""
}

pscom_peers() { # NUMBER: so many processes answer each request of VM "web"
    python3 - "$MQTT_PORT" "$1" >"$BATS_TEST_TMPDIR/pscom" 2>&1 3>&- <<'PY' &
import sys
import paho.mqtt.client as mqtt
port, n = map(int, sys.argv[1:])
def on_message(client, userdata, message):
    text = message.payload.decode()
    print(message.topic, text.strip(), flush=True)
    if "suspend" in text:
        for i in range(n):
            client.publish(f"fast/pscom/web/{i}/response", "suspended")
            client.publish(f"fast/pscom/web/{i}/response", "suspended again")
def on_subscribe(*args):
    print("ready", flush=True)
client = mqtt.Client()
client.on_message, client.on_subscribe = on_message, on_subscribe
client.connect("127.0.0.1", port)
client.subscribe("fast/pscom/web/any_proc/request")
client.loop_forever()
PY
    PSCOM=$!
    wait_until 20 grep -q ready "$BATS_TEST_TMPDIR/pscom"
}

@test "66: pscom: all answer, then it migrates; one is missing: an error, resume is sent, it stays" {
    mqtt_up pscom-handler.timeout=2
    vms web
    pscom_peers 2
    migrate_document 1 web c2 "pscom-hook-procs: 3" | publish
    assert_result 1 '(only["status"], only["details"])' \
        "('error', '2 of 3 pscom processes have suspended')"
    assert_equal "$(power web)" Running
    wait_until 10 grep -q "task: resume" "$BATS_TEST_TMPDIR/pscom"
    (echo 'time-measurement: true' && migrate_document 2 web c2 "pscom-hook-procs: 2") | publish
    assert_result 2 'only["status"]' success
    assert_result 2 'sorted(only["time-measurement"])' \
        "['migrate', 'overall', 'pscom-resume-web', 'pscom-suspend-web']"
    wait_until 10 test "$(grep -c "task: resume" "$BATS_TEST_TMPDIR/pscom")" = 2
    kill "$PSCOM"
    end_job "$PSCOM"
}
