#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# drv-mqttd and a broker that is careful: TLS, user and password, rights on topics; and
# configurations that are wrong.
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # run sets variables, each test is a process
load lib/drv
load lib/core
load lib/drv-command
load lib/mqtt

teardown() { mqtt_down; }

authority() { # NAME: a CA, and a certificate of 127.0.0.1
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$1-ca.key" -out "$1-ca.pem" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout "$1.key" -out "$1.csr" 2>/dev/null
    echo subjectAltName=IP:127.0.0.1 >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$1-ca.pem" -CAkey "$1-ca.key" -CAcreateserial -days 2 \
        -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}

# "node" may read its tasks and write its results, "scheduler" the other way round.
careful_broker() {
    cd "$BATS_TEST_TMPDIR" || return
    authority good
    authority other
    touch passwords && chmod 600 passwords
    mosquitto_passwd -b passwords node secret
    mosquitto_passwd -b passwords scheduler other
    printf '%s\n' "user node" "topic read fast/migfra/node/task" \
        "topic write fast/migfra/node/result" "user scheduler" \
        "topic write fast/migfra/+/task" "topic read fast/migfra/+/result" >rights
    chmod 600 rights
    BROKER_SETTINGS=$(printf '%s\n' "allow_anonymous false" "password_file $PWD/passwords" \
        "acl_file $PWD/rights" "cafile $PWD/good-ca.pem" "certfile $PWD/good.pem" "keyfile $PWD/good.key")
    broker_start
    SCHEDULER_OPTIONS=(--cafile "$PWD/good-ca.pem" -u scheduler -P other)
    scheduler_start
    echo secret >password && chmod 600 password
}

as_node() { # [CA]: settings
    mqttd_config communicator.username=node "communicator.password-file=$BATS_TEST_TMPDIR/password" \
        "communicator.tls={ca-file: $BATS_TEST_TMPDIR/${1-good}-ca.pem}" "${@:2}"
}

said_times() { [ "$(grep -c "$2" "$MQTT_DIR/messages")" -ge "$1" ]; } # COUNT PATTERN

# It goes on trying, with pauses: three attempts take at least a quarter and half a second,
# and a loop without pauses would take all of that of a processor.
refused() { # PATTERN
    local began=$EPOCHREALTIME ticks stat
    : >"$MQTT_DIR/messages"
    "$MQTTD" -c "$MQTT_DIR/config" 2>>"$MQTT_DIR/messages" 3>&- &
    MQTTD_JOB=$!
    wait_until 20 said_times 3 "$1"
    read -r -a stat <"/proc/$MQTTD_JOB/stat"
    ticks=$((stat[13] + stat[14]))
    assert [ $(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) -ge 700 ]
    assert [ "$ticks" -lt 50 ]
    assert_equal "$(grep -vc "$1" "$MQTT_DIR/messages")" 0
    mqttd_stop
}

start_and_see() { # ID
    printf 'task: start vm\nid: %s\nvm-configurations:\n  - probe-with-ssh: false\n    xml: %s\n' \
        "$1" "'<domain type=\"test\"><name>vm-$1</name></domain>'" | publish
    assert_result "$1" 'only["list"][0]["status"]' success
}

@test "TLS, user, password and rights: a task is received, its result is sent" {
    core_start
    careful_broker
    as_node
    mqttd_start
    start_and_see 1
}

@test "a wrong password, a wrong authority, no TLS: the log says so, and it goes on trying" {
    core_start
    careful_broker
    echo wrong >password
    as_node
    refused "the broker at '127.0.0.1' refuses the connection: Connection Refused: not authorised"
    echo secret >password
    as_node other
    refused "cannot reach the broker at '127.0.0.1': certificate verify failed"
    mqttd_config communicator.username=node communicator.password=secret
    refused "cannot reach the broker at '127.0.0.1': The connection was lost"
    as_node
    mqttd_start
    start_and_see 1
}

# --- configurations -----------------------------------------------------------------------

assert_wrong() { # REASON, a configuration on stdin
    cat >"$BATS_TEST_TMPDIR/config"
    run --separate-stderr "$MQTTD" --check -c "$BATS_TEST_TMPDIR/config"
    assert_equal "$status" 4
    assert_equal "$output" ""
    [[ $stderr == "ERROR: drv-mqttd: $BATS_TEST_TMPDIR/config: $1" ]] || fail "'$stderr'"
}

@test "--check: each error has the key and the line; a good one is good" {
    local good="communicator: {type: mqtt, host: h}"
    assert_wrong "'communicator.port' has to be a number from 1 to 65535 (line 4)" \
        <<<$'communicator:\n  type: mqtt\n  host: h\n  port: many'
    assert_wrong "'communicator.prot' is not a known key (line 2)" <<<$'communicator:\n  prot: 1'
    assert_wrong "'hypervisor.type' has to be one of libvirt (line 2)" <<<"$good"$'\nhypervisor: {type: dummy}'
    assert_wrong "'hypervisor.type' is missing" <<<"$good"
    assert_wrong "'communicator.host' is missing (in the section of line 1)" <<<"communicator: {type: mqtt}"
    assert_wrong "'mail' is not a known section (line 1)" <<<"mail: {}"
    assert_wrong "'communicator.tls.ca' is not a known key (line 1)" <<<"communicator: {tls: {ca: x}}"
    assert_wrong "'communicator.tls' has only one of cert-file and key-file" \
        <<<$'communicator: {type: mqtt, host: h, tls: {ca-file: a, cert-file: b}}\nhypervisor: {type: libvirt}'
    assert_wrong "line 2: the key 'mail' is there twice" <<<$'mail: {}\nmail: {}'
    printf '%s\nhypervisor: {type: libvirt}\n' "$good" >"$BATS_TEST_TMPDIR/config"
    run --separate-stderr "$MQTTD" --check -c "$BATS_TEST_TMPDIR/config"
    assert_equal "$status" 0
    assert_equal "$output" "$BATS_TEST_TMPDIR/config: good"
    run --separate-stderr "$MQTTD" --check -c "$BATS_TEST_TMPDIR/none"
    assert_equal "$status" 1
    [[ $stderr == *"No such file"* ]] || fail "$stderr"
}
