#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2154,SC2034 # set and read by the library
# Transfers between hosts as drv shows and cancels them: on the front-end, and on the hosts.
load lib/drv
load lib/far
load lib/crowd

LIMIT=2000000 # bytes a second

setup_file() {
    far_setup_suite
    lab_exec fe sh -c "dd if=/dev/urandom of=$DS/img.keep bs=1M count=40 seek=3 conv=notrunc status=none"
    for node in host01 host02; do
        lab_exec "$node" sh -c "echo TRANSFER_LIMIT=$LIMIT >>/var/tmp/one/etc/one-native.conf"
    done
}

teardown_file() { lab_teardown_suite; }

setup() { far_setup; }

teardown() { finish; }

drv_on() { # NODE word...
    local node=$1
    shift
    lab_exec "$node" timeout 60 "$DRV_OUT/agent/drv" "$@"
}

# One value of the first action that drv ps shows.
shown() { # NODE NAME
    drv_on "$1" --json ps | head -n 1 |
        python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())[sys.argv[1]])' "$2"
}

is_idle() { [ -z "$(drv_on "$1" --json ps)" ]; } # NODE
is_shown() { [ "$(shown "$1" "$2")" = "$3" ]; } # NODE NAME VALUE
has_moved() { [ "$(shown "$1" bytes_moved)" -gt "$2" ]; } # NODE BYTES

begin_mv() {
    clone_to host01
    begin mv ssh mv "host01:$SYS/25" "host02:$SYS/25" 25 0
    wait_until 20 is_shown fe phase sending
}

cancel_on() { # NODE: the first action there; $ms
    local id begin
    id=$(shown "$1" id)
    begin=${EPOCHREALTIME/./}
    run drv_on "$1" cancel "$id"
    ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
}

@test "the front-end shows what the hosts do; each host shows its own part" {
    begin_mv
    wait_until 20 has_moved fe 4000000
    run drv_on fe ps
    assert_line --regexp "^[0-9]+-[0-9a-f]{4} +VM 25 +tm/ssh/mv +sending at host01 +[0-9]+ % +4[0-9]\.[0-9] MiB +[12]\.[0-9] MiB/s +0:[0-9]{2} +0:[0-9]{2} +"
    assert_equal "$(shown fe action) $(shown fe object) $(shown fe at)" "tm/ssh/mv VM 25 host01"
    assert_equal "$(shown fe from) $(shown fe to)" "host01 host02"
    local total
    total=$(shown fe bytes_total)
    [ "$total" -ge $((40 << 20)) ] && [ "$total" -le $((46 << 20)) ]
    wait_until 20 is_shown fe waits_for limit
    wait_until 20 is_shown host01 phase sending
    assert_equal "$(shown host01 action) $(shown host01 waits_for)" "ssh.mv_push limit"
    assert_equal "$(shown host02 action) $(shown host02 phase)" "ssh.mv_receive receiving"
    finish mv
    result mv
    assert_success
    assert_disk_on host02
    for node in fe host01 host02; do
        run drv_on "$node" --json ps
        assert_output ""
    done
}

@test "cancel: within a second, what has arrived stays, and the next try sends the rest" {
    begin_mv
    wait_until 40 has_moved fe 20000000
    local moved
    moved=$(shown fe bytes_moved)
    cancel_on fe
    echo "# $ms ms" >&3 # some 30 of which it takes to enter the lab
    assert_success
    assert_output --regexp "^cancelled: tm/ssh/mv of VM 25: .*what has arrived stays in '.incoming-25' for the next try"
    [ "$ms" -le 1500 ]
    finish mv
    result mv
    assert_error "cancelled"
    assert_disk_on host01
    move host01 host02
    assert_success
    assert_disk_on host02
    assert_nothing_on host01
    echo "# $moved bytes before, $(sent_bytes) after" >&3
    [ $((moved + $(sent_bytes))) -le $(((45 << 20) * 13 / 10)) ]
}

@test "a host's admin cancels there: the action fails, and says so" {
    begin_mv
    wait_until 20 is_shown host02 phase receiving
    cancel_on host02
    assert_success
    assert_output --regexp "^cancelled: ssh.mv_receive of VM 25: .*'.incoming-25'"
    finish mv
    result mv
    assert_error "cancelled"
    assert_disk_on host01
    move host01 host02
    assert_success
}

@test "a front-end that is killed: the hosts stop, and nobody shows anything" {
    begin_mv
    lab_exec fe kill -9 "$(shown fe pid)"
    finish mv
    for node in fe host01 host02; do
        wait_until 10 is_idle "$node"
    done
    assert_disk_on host01
    move host01 host02
    assert_success
    assert_disk_on host02
}

@test "a limit that is set while it runs" {
    begin_mv
    local id
    wait_until 20 is_shown host01 phase sending
    id=$(shown host01 id)
    lab_exec host01 sh -c "echo 0 >/run/one/drv-status/$id.limit"
    id=$(shown host02 id)
    lab_exec host02 sh -c "echo 0 >/run/one/drv-status/$id.limit"
    wait_until 12 eval '! crowd_runs mv'
    result mv
    assert_success
}

crowd_runs() { [ ! -e "$CROWD/$1.rc" ]; }

# For the tests below.
no_limit() {
    lab_exec host01 sed -i /TRANSFER_LIMIT/d /var/tmp/one/etc/one-native.conf
    lab_exec host02 sed -i /TRANSFER_LIMIT/d /var/tmp/one/etc/one-native.conf
}

one_waits_for_lock() { # NODE
    drv_on "$1" --json ps | grep -q '"waits_for": *"lock"'
}

slow_to_end() { # NODE
    local pid
    begin_mv
    wait_until 20 has_moved fe 4000000
    pid=$(shown "$1" pid)
    lab_exec "$1" kill -STOP "$pid"
    cancel_on fe
    finish mv
    result mv
    assert_error "cancelled"
    assert_disk_on host01
    no_limit
    begin next ssh mv "host01:$SYS/25" "host02:$SYS/25" 25 0
    wait_until 15 one_waits_for_lock "$1"
    lab_exec "$1" kill -CONT "$pid"
    finish next
    result next
    assert_success
    assert_disk_on host02
    assert_nothing_on host01
    assert_there host02 25 25/disk.0
    for node in host01 host02; do
        lab_exec "$node" sh -c "echo TRANSFER_LIMIT=$LIMIT >>/var/tmp/one/etc/one-native.conf"
    done
}

@test "a sender that is slow to end after a cancel: the next action waits for it" {
    slow_to_end host01
}

@test "a receiver that is slow to end after a cancel: the next action waits for it" {
    slow_to_end host02
}

@test "what an unfinished transfer has left beside the source goes with it" {
    clone_to host01
    no_limit
    lab_exec host01 sh -c "mkdir -p $SYS/.incoming-25/25 && echo half >$SYS/.incoming-25/25/disk.0"
    move host01 host02
    assert_success
    assert_disk_on host02
    assert_nothing_on host01
}

@test "30 cancels at random moments: old or new state, nothing else, usable at once" {
    local n cancelled=0 from=host01 to=host02
    no_limit
    clone_to host01
    for n in $(seq 30); do
        begin mv ssh mv "$from:$SYS/25" "$to:$SYS/25" 25 0
        sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
        lab_exec fe pkill -TERM -f "^$REMOTES/tm/ssh/mv " || true
        finish mv
        result mv
        if [ "$status" = 0 ]; then
            assert_disk_on "$to"
            assert_nothing_on "$from"
            read -r from to <<<"$to $from"
        else
            ((cancelled += 1))
            # 143: before it had set up how it takes a signal
            [ "$status" = 143 ] || assert_error "cancelled"
            assert_disk_on "$from" # whatever has arrived
        fi
    done
    echo "# $cancelled of 30 were cancelled" >&3
    [ "$cancelled" -gt 5 ]
    move "$from" "$to"
    assert_success
    assert_nothing_on "$from"
    assert_there "$to" 25 25/disk.0
}
