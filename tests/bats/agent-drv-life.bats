#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# drv and the agent, with the simulator: what people do, also with kills in between.
# shellcheck disable=SC2154,SC2034 # run sets variables
load lib/drv
load lib/core
load lib/drv-command

setup() { core_start; }
teardown() { core_stop; }

# Add a VM that the simulator treats so; its id is its name.
add() { # NAME [KEY=VALUE of the simulator...]
    local name=$1 platform='' word
    shift
    for word; do platform+="${platform:+,}\"${word%%=*}\":\"${word#*=}\""; done
    echo "{\"name\":\"$name\",\"id\":\"$name\",\"platform\":{$platform},
        \"disks\":[\"/$name.qcow2\"],\"nics\":[\"br0\"]}" | drv vm add - >/dev/null
}

power() { # NAME
    drv --json vm show "$1" | python3 -c 'import json, sys
print(json.load(sys.stdin)["state"]["power_state"])'
}

task_state() { # TASK
    drv --json task show "$1" | python3 -c 'import json, sys
print(json.load(sys.stdin)["state"][0])'
}

phase_is() { # TASK PHASE
    drv --json task show "$1" | grep -q "\"phase\":\"$2\""
}

@test "the life of a VM" {
    run_drv vm add --name web --disk /web.qcow2 --nic br0
    assert_success
    local id=$output
    run_drv vm list
    assert_line --regexp "^$id  web +Halted +1 +512.0.MiB"
    run_drv vm start web
    assert_output --regexp "^start VM 'web': done in [0-9.]+ s$"
    assert_equal "$(power web)" Running
    run_drv vm show web
    assert_line --regexp "^id +$id$"
    assert_line --regexp '^state +Running, started 2[0-9]{3}-[0-9-]+ [0-9:]+$'
    assert_line --regexp '^console +VNC, port 5900$'
    assert_line --regexp '^vda +plugged +read-write +qcow2 +/web.qcow2$'
    assert_line --regexp '^0 +up +52:54:00:[0-9a-f:]+ +- +br0$'
    run_drv task list
    assert_line --regexp ' VM.start +web +Completed$'
    for verb in pause unpause "suspend web /web.save" "resume web" reboot shutdown; do
        # shellcheck disable=SC2086
        case $verb in *web*) run_drv vm $verb ;; *) run_drv vm $verb web ;; esac
        assert_success
        echo "$verb: $(power web)"
    done | tee "$BATS_TEST_TMPDIR/states"
    run cat "$BATS_TEST_TMPDIR/states"
    assert_line "pause: Paused"
    assert_line "unpause: Running"
    assert_line "suspend web /web.save: Suspended"
    assert_line "resume web: Running"
    assert_line "reboot: Running"
    assert_line "shutdown: Halted"
    run_drv vm delete web
    assert_success
    run_drv vm show web
    assert_drv_error 4 "there is no VM 'web'"
}

@test "start --paused leaves it so; --no-wait prints the task, which is waited for" {
    add web
    run_drv vm start --paused web
    assert_equal "$(power web)" Paused
    drv vm shutdown --force web
    run_drv --no-wait vm start web
    assert_drv_error 2 "say --paused too"
    run_drv --no-wait vm start --paused web
    assert_success
    run_drv task wait "$output"
    assert_success
    assert_equal "$(power web)" Paused
}

@test "what fails says why, with its status, and the task can be looked up" {
    add web sim-fail=plug
    run_drv vm start web
    assert_drv_error 1 "cannot start VM 'web': the simulator was told to fail"
    assert_equal "$(power web)" Halted
    run_drv task list
    assert_line --regexp 'VM.start +web +Failed +the simulator was told to fail'
    add db
    drv vm start db
    run_drv vm start db
    assert_drv_error 1 "cannot start VM 'db': the VM is Running, not Halted"
    run_drv vm delete db
    assert_drv_error 1 "it is Running"
    assert_equal "$(power db)" Running
    run_drv vm delete --force db
    assert_success
}

@test "a cancel is waited for, and says what it was" {
    add web sim-delay-ms=3000
    run_drv --no-wait vm start --paused web
    local task=$output
    wait_until 20 phase_is "$task" create
    run_drv task cancel "$task"
    assert_success
    assert_output --regexp "^cancelled: cannot start VM 'web'"
    assert_equal "$(power web)" Halted
    run_drv task wait "$task"
    assert_equal "$status" 5
    run_drv task cancel nothing
    assert_drv_error 4 "there is no task 'nothing'"
}

@test "--json: a line per change, progress only grows, the last one is final" {
    add web sim-delay-ms=100
    run_drv --json vm start web
    assert_success
    [ "$(drv_json 'len(a) > 3')" = True ]
    assert_equal "$(drv_json '(lambda p: p == sorted(p))([line["state"][1] for line in a
        if line["operation"] == "VM.start" and line["state"][0] == "Pending"])')" True
    assert_equal "$(drv_json 'a[-1]["state"][0]')" Completed
}

@test "the agent is killed in the middle of a start: drv waits, and says what became of it" {
    add web sim-delay-ms=700
    drv vm start --paused web >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local job=$! rc=0
    wait_until 20 bash -c "'$DRV_OUT/agent/drv' --json task list | grep -q '\"phase\":\"build\"'"
    core_kill
    core_start
    wait $job || rc=$?
    cat "$BATS_TEST_TMPDIR/out"
    assert_file_contains "$BATS_TEST_TMPDIR/out" "the agent went away; waiting for it"
    # Intact or down, and the status says which.
    case $rc in
    0) assert_equal "$(power web)" Paused ;;
    1) assert_equal "$(power web)" Halted ;;
    *) fail "status $rc" ;;
    esac
}

@test "a worker is killed in the middle of a start: the task fails, the VM is down" {
    add web sim-die=build
    run_drv vm start web
    assert_equal "$status" 1
    wait_until 20 bash -c "! '$DRV_OUT/agent/drv' vm list | grep -q unknown"
    assert_equal "$(power web)" Halted
}

@test "diagnostics and lists answer while every worker hangs" {
    local n
    for n in 1 2 3 4; do
        add "h$n" sim-hang=build
        drv --no-wait vm start --paused "h$n"
    done
    add web
    drv --no-wait vm start --paused web
    run_drv --timeout-answer 2 --json diagnostics
    assert_success
    assert_equal "$(drv_json 'len(a[0]["workers"])')" 4
    run_drv --timeout-answer 2 vm list
    assert_success
    run_drv metrics
    assert_line 'drv_agent_workers{state="busy"} 4'
}

@test "a VM whose name commands a terminal is shown, and does not" {
    printf '{"name":"a\\u001b[31m\\u202e","id":"x"}' | drv vm add -
    run_drv vm list
    assert_line --partial 'a\x1b[31m\u{202e}'
    run_drv vm start x
    assert_output --partial 'a\x1b[31m\u{202e}'
}

@test "fifty at once: each adds, starts and deletes its own" {
    local n job jobs=()
    for n in {1..50}; do
        (add "m$n" && drv -q vm start --paused "m$n" && drv -q vm delete --force "m$n") \
            >>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do wait "$job"; done
    run cat "$BATS_TEST_TMPDIR/out"
    assert_output ""
    run_drv --json vm list
    assert_output ""
}
