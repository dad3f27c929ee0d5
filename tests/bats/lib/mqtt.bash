# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# mqtt.bash - a broker (mosquitto) on loopback, drv-mqttd, and a scheduler: what it was
# sent is in $RESULTS, a YAML document each.
#
#     load lib/drv
#     load lib/core
#     load lib/drv-command
#     load lib/mqtt

MQTTD=$DRV_OUT/agent/drv-mqttd
MQTT_DIR=$BATS_TEST_TMPDIR/mqtt
RESULTS=$BATS_TEST_TMPDIR/results
SCHEDULER_OPTIONS=() # of mosquitto_pub and mosquitto_sub
TOPIC=fast/migfra/node/task

# --- broker -----------------------------------------------------------------------------

broker_start() { # BROKER_SETTINGS: lines of mosquitto.conf
    if [ -z "${MQTT_PORT-}" ]; then
        # Not one that a client's end of a connection may get.
        MQTT_PORT=$((RANDOM % 10000 + 20000))
        printf '%s\n' "user $(id -un)" "listener $MQTT_PORT 127.0.0.1" "persistence true" "max_queued_messages 0" \
            "persistence_location $BATS_TEST_TMPDIR/" "log_dest stderr" "log_type all" \
            "${BROKER_SETTINGS-allow_anonymous true}" >"$BATS_TEST_TMPDIR/broker.conf"
    fi
    local before
    before=$(broker_log_counts ' running$')
    /usr/sbin/mosquitto -c "$BATS_TEST_TMPDIR/broker.conf" </dev/null \
        >>"$BATS_TEST_TMPDIR/broker.log" 2>&1 3>&- &
    BROKER=$!
    wait_until 20 broker_logged_more ' running$' "$before" ||
        fail "$(tail -n 5 "$BATS_TEST_TMPDIR/broker.log")"
}

broker_log_counts() { grep -c "$1" "$BATS_TEST_TMPDIR/broker.log" 2>/dev/null || true; } # PATTERN

broker_logged_more() { [ "$(broker_log_counts "$1")" -gt "${2:-0}" ]; } # PATTERN BEFORE

broker_stop() {
    [ -n "${BROKER-}" ] || return 0
    kill "$BROKER" 2>/dev/null || true
    end_job "$BROKER"
    BROKER=
}

# --- drv-mqttd --------------------------------------------------------------------------

mqttd_config() { # [section.key=value...]: $MQTT_DIR/config
    mkdir -p "$MQTT_DIR"
    python3 - "$MQTT_DIR/config" "$MQTT_PORT" "$DRV_SOCKET" "$MQTT_DIR" "$@" <<'PY'
import sys, yaml
path, port, agent, directory, *more = sys.argv[1:]
config = {
    "communicator": {"type": "mqtt", "host": "127.0.0.1", "port": int(port), "id": "node",
                     "subscribe-topic": "fast/migfra/node/task",
                     "publish-topic": "fast/migfra/node/result", "reconnect-max": 1},
    "hypervisor": {"type": "libvirt", "stop-timeout": 20},
    "agent": {"socket": agent},
    "tasks": {"directory": directory + "/spool"},
}
for word in more:
    name, value = word.split("=", 1)
    section, key = name.split(".", 1)
    config.setdefault(section, {})[key] = yaml.safe_load(value)
open(path, "w").write(yaml.safe_dump(config))
PY
}

# Start it with the configuration, and wait until the broker has its subscription.
mqttd_start() {
    local seen
    seen=$(broker_log_counts "Sending SUBACK to node")
    "$MQTTD" -c "$MQTT_DIR/config" 2>>"$MQTT_DIR/messages" 3>&- &
    MQTTD_JOB=$!
    wait_until 20 broker_logged_more "Sending SUBACK to node" "$seen" || fail "$(cat "$MQTT_DIR/messages")"
}

mqttd_stop() {
    [ -n "${MQTTD_JOB-}" ] || return 0
    kill "$MQTTD_JOB" 2>/dev/null || true
    end_job "$MQTTD_JOB"
    MQTTD_JOB=
}

mqttd_kill() {
    kill -KILL "$MQTTD_JOB"
    end_job "$MQTTD_JOB"
    MQTTD_JOB=
}

# --- a scheduler ------------------------------------------------------------------------

scheduler_start() {
    : >>"$RESULTS"
    mosquitto_sub "${SCHEDULER_OPTIONS[@]}" -h 127.0.0.1 -p "$MQTT_PORT" -i scheduler -c -q 1 -t 'fast/migfra/+/result' \
        -F '%p' >>"$RESULTS" 2>/dev/null 3>&- &
    SCHEDULER=$!
    wait_until 20 grep -q "Sending SUBACK to scheduler" "$BATS_TEST_TMPDIR/broker.log"
}

scheduler_stop() {
    [ -n "${SCHEDULER-}" ] || return 0
    kill "$SCHEDULER" 2>/dev/null || true
    end_job "$SCHEDULER"
    SCHEDULER=
}

publish() { # < document
    mosquitto_pub "${SCHEDULER_OPTIONS[@]}" -h 127.0.0.1 -p "$MQTT_PORT" -q 1 -t "$TOPIC" -s "$@"
}

# Value of a Python expression on r, the results with this id, of which there is one more than
# before; R: all.  Waits for at least one.
result() { # ID EXPRESSION
    wait_until "${RESULT_TIMEOUT:-60}" has_result "$1" || fail "no result of '$1'"
    results "$1" "$2"
}

results() { # ID EXPRESSION, now
    python3 - "$RESULTS" "$1" "$2" <<'PY'
import sys, yaml
path, wanted, expression = sys.argv[1:]
R = [r for r in yaml.safe_load_all(open(path)) if r]
r = [r for r in R if str(r.get("id")) == wanted] if wanted else [r for r in R if "id" not in r]
only = r[0] if r else None
print(eval(expression))
PY
}

# Cheaper than reading them all, as often as it is asked.
has_result() { # ID [HOW-MANY]
    local count
    if [ -n "$1" ]; then
        count=$(grep -cxE "id: ['\"]?$1['\"]?" "$RESULTS")
    else
        count=$(results "" 'len(r)' 2>/dev/null)
    fi
    [ "${count:-0}" -ge "${2-1}" ]
}

assert_result() { # ID EXPRESSION VALUE
    assert_equal "$(result "$1" "$2")" "$3"
}

# --- VMs --------------------------------------------------------------------------------

# VMs of the simulator, known to the agent by name; they run.
vms() { # NAME[=JSON of platform]...
    local word
    for word; do
        printf '{"name": "%s", "id": "%s", "platform": %s}' "${word%%=*}" "${word%%=*}" \
            "$(if [[ $word == *=* ]]; then echo "${word#*=}"; else echo '{}'; fi)" |
            drv vm add - >/dev/null
        drv --quiet vm start "${word%%=*}"
    done
}

evacuate_document() { # ID MODE OVERBOOKING HOST...
    printf 'task: evacuate node\nid: %s\nparameter:\n  mode: %s\n  overbooking: %s\ndestinations:\n' \
        "$1" "$2" "$3"
    shift 3
    printf '  - %s\n' "$@"
}

# --- all --------------------------------------------------------------------------------

mqtt_up() { # [section.key=value...]
    core_start
    broker_start
    mqttd_config "$@"
    scheduler_start
    mqttd_start
}

mqtt_down() {
    mqttd_stop
    scheduler_stop
    broker_stop
    core_stop
    cat "$MQTT_DIR/messages" 2>/dev/null || true
}
