#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# drv, the command for people, and an agent that lies, breaks off or hangs.
# shellcheck disable=SC2154,SC2034 # run sets variables
load lib/drv
load lib/core
load lib/drv-command

teardown() { fake_agent_stop; }

# The control characters of a terminal, C1 as well, and what turns text around.
HOSTILE='\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eabc\r\n\u007f'

no_commands() { # TEXT: nothing in it commands a terminal
    ! LC_ALL=C.UTF-8 grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\x{9b}|\x{202e}' <<<"$1"
}

@test "without an agent: status 3, and which socket it was" {
    run_drv vm list
    assert_drv_error 3 "cannot reach the agent at '.*': No such file"
    run_drv --socket /nowhere vm list
    assert_drv_error 3 "/nowhere"
    run_drv --socket "$(printf '%0200d' 0)" vm list
    assert_drv_error 2 "more than 107 bytes"
}

@test "wrong use: status 2, and how it is right" {
    for words in "" "nothing" "vm" "vm nothing" "vm show" "vm show a b" "vm list a" \
        "--nothing" "vm start --nothing x" "task wait --timeout x y" \
        "--timeout-answer 0 vm list"; do
        # shellcheck disable=SC2086
        run_drv $words
        assert_equal "$words: $status" "$words: 2"
        assert_equal "$output" ""
        [[ $stderr == "drv: "* ]]
    done
}

@test "what it says of itself: --help, per noun, per verb; --version" {
    run_drv --help
    assert_success
    for noun in vm task events host diagnostics metrics ps cancel log doctor undelete; do
        assert_output --partial "drv $noun"
    done
    run_drv vm --help
    assert_output --partial "drv vm start VM"
    run_drv vm shutdown --help
    assert_output --partial "--delay=SECONDS"
    run_drv --version
    assert_output --regexp '^drv \(one-native\) [0-9]+\.[0-9]+\.[0-9]+-[0-9a-f]{8}$'
}

@test "every verb is in the man page, and nothing else" {
    diff <(drv --help | sed -nE 's/^  drv ([a-z]+( [a-z-]+)?).*/\1/p' | sort) \
        <(sed -nE 's/^\.It (Cm|Ic) ([a-z]+( [a-z-]+)?)( Ar.*| Op.*)?$/\2/p' \
            "$DRV_ROOT/docs/man/drv.1" | sort)
}

@test "every exit status is in the man page" {
    diff <(sed -nE 's/^    EXIT_[A-Z_]+ = ([0-9]+),/\1/p' "$DRV_ROOT/agent/drv/main.c") \
        <(sed -nE 's/^\.It ([0-9]+)$/\1/p' "$DRV_ROOT/docs/man/drv.1")
}

@test "texts of an agent cannot command a terminal" {
    fake_agent "{\"VM.list\": [{\"result\": [[{\"id\": \"u1\", \"name\": \"$HOSTILE\"}, {}]]}],
        \"VM.stat\": [{\"error\": [\"Internal_error\", \"$HOSTILE\"]}],
        \"get_metrics\": [{\"result\": \"$HOSTILE\"}],
        \"HOST.info\": [{\"result\": {\"$HOSTILE\": \"$HOSTILE\"}}],
        \"Task.list\": [{\"result\": [{\"id\": \"$HOSTILE\", \"state\": [\"$HOSTILE\"]}]}],
        \"EVENTS.list\": [{\"result\": [{\"event\": \"$HOSTILE\", \"name\": \"$HOSTILE\"}]}]}"
    for words in "vm list" "--json vm list" "vm show u1" "metrics" "host info" \
        "--json host info" "task list" "--json task list" "events" "--json events"; do
        # shellcheck disable=SC2086
        run_drv $words
        [ "$words" = "vm show u1" ] || assert_success
        no_commands "$output$stderr" || fail "'$words' passes it on"
        [[ $output$stderr == *owned* ]] || fail "'$words' does not show it"
    done
    run_drv --json vm list
    assert_equal "$(drv_json 'ascii(a[0][0]["name"])')" \
        "'\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202eabc\\r\\n\\x7f'"
    run_drv vm list
    assert_line --partial '\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}abc\x0d\x0a\x7f'
}

@test "an agent that sends what is not JSON, not UTF-8, or nothing" {
    fake_agent '{"VM.list": [{"raw": "nonsense\n"}], "Task.list": [{"raw": "{\"result\": \"\u00ff\"}\n"}],
        "get_metrics": [{"close": true}], "get_diagnostics": [{"hang": true}],
        "HOST.info": [{"raw": "{\"result\": '"$(printf '[%.0s' {1..100})"'}\n"}],
        "EVENTS.list": [{"result": "what?"}]}'
    run_drv vm list
    assert_drv_error 3 "not valid JSON"
    run_drv task list
    assert_drv_error 3 "not valid JSON"
    run_drv host info
    assert_drv_error 3 "not valid JSON: nesting too deep"
    run_drv metrics
    assert_drv_error 3 "the agent went away"
    run_drv --timeout-answer 1 diagnostics
    assert_drv_error 6 "does not answer"
    run_drv events
    assert_success
}

@test "errors of the interface are sentences, and have statuses" {
    fake_agent '{"VM.stat": [{"result": [{"id": "u1", "name": "web"}, {}]}],
        "VM.pause": [{"error": ["Bad_power_state", ["Halted", "Running"]]},
                     {"error": ["Does_not_exist", ["VM", "u1"]]},
                     {"error": ["Does_not_exist", ["VBD", ["u1", "vda"]]]},
                     {"error": "Domain_not_built"}, {"error": ["Strange", 1]}, {"error": 7}]}'
    run_drv vm pause u1
    assert_drv_error 1 "cannot pause VM 'web': the VM is Halted, not Running"
    run_drv vm pause u1
    assert_drv_error 4 "there is no VM 'u1'"
    run_drv vm pause u1
    assert_drv_error 4 "there is no VBD 'vda' of VM 'u1'"
    run_drv vm pause u1
    assert_drv_error 1 "the VM does not run"
    run_drv vm pause u1
    assert_drv_error 1 'Strange'
    run_drv vm pause u1
    assert_drv_error 1 '7'
}

@test "VMs are found by name, and two of one name are not guessed at" {
    fake_agent '{"VM.stat": [{"error": ["Does_not_exist", ["VM", "web"]]}],
        "VM.list": [{"result": [[{"id": "u1", "name": "web"}, {}], [{"id": "u2", "name": "db"}, {}],
                                [{"id": "u3", "name": "db"}, {}]]}],
        "VM.pause": [{"result": null}]}'
    run_drv vm pause web
    assert_success
    grep -q '"VM.pause".*"id": "u1"' "$BATS_TEST_TMPDIR/calls"
    run_drv vm pause db
    assert_drv_error 2 "several VMs are called 'db'"
    run_drv vm pause mail
    assert_drv_error 4 "there is no VM 'mail'"
}

@test "a task is followed by updates; --json has a line per change" {
    fake_agent '{"VM.stat": [{"result": [{"id": "u1", "name": "web"}, {}]}],
        "VM.pause": [{"result": "t-1"}], "UPDATES.last_id": [{"result": "i.1"}],
        "UPDATES.get": [{"result": [[], [["Task", "t-1"]], "i.2"]}],
        "Task.stat": [{"result": {"id": "t-1", "state": ["Pending", 0.5], "phase": "save"}},
                      {"result": {"id": "t-1", "state": ["Completed", {"duration": 1.5}]}}]}'
    run_drv vm pause u1
    assert_success
    assert_output "pause VM 'web': done in 1.50 s"
    fake_agent "$(cat "$BATS_TEST_TMPDIR/answers")"
    run_drv --json vm pause u1
    assert_success
    assert_equal "$(drv_json '[line["state"][0] for line in a]')" "['Pending', 'Completed']"
    grep -q '"UPDATES.get".*"last_id": "i.1"' "$BATS_TEST_TMPDIR/calls"
    fake_agent "$(cat "$BATS_TEST_TMPDIR/answers")"
    run_drv --no-wait vm pause u1
    assert_output t-1
}

@test "on a terminal there is a bar, and colour only where it is wanted" {
    local answers='{"Task.stat": [{"result": {"id": "t", "operation": "VM.save", "vm": "web",
        "state": ["Pending", 0.5], "phase": "disk \u001b[31m"}}, {"result": {"id": "t",
        "state": ["Pending", 0.5], "phase": "disk"}}, {"result": {"id": "t", "state": ["Failed",
        ["IO_error"]], "message": "disk full"}}], "UPDATES.last_id": [{"result": "i.1"}],
        "UPDATES.get": [{"result": [[], [], "i.2"]}]}'
    fake_agent "$answers"
    run script -qec "env -u NO_COLOR TERM=xterm '$DRV_OUT/agent/drv' task wait t" /dev/null
    assert_equal "$status" 1
    assert_output --partial '[###############...............]  50 % save VM '"'web'"': disk'
    assert_output --partial $'\e[31mdrv:\e[0m cannot save VM'
    refute_output --partial $'disk \e'
    fake_agent "$answers"
    run script -qec "env NO_COLOR=1 TERM=xterm '$DRV_OUT/agent/drv' task wait t" /dev/null
    refute_output --partial $'\e[31m'
    fake_agent "$answers"
    run script -qec "env TERM=dumb '$DRV_OUT/agent/drv' task wait t" /dev/null
    refute_output --partial $'\e'
    refute_output --partial '###'
}

@test "an agent that goes away while a task runs is waited for" {
    local answers='{"Task.stat": [{"result": {"id": "t", "operation": "VM.start", "vm": "web",
        "state": ["Pending", 0.5]}}, {"result": {"id": "t", "operation": "VM.start",
        "state": ["Pending", 0.5]}}, {"close": true}, {"result": {"id": "t", "state": ["Failed",
        ["Internal_error", "interrupted: the VM is down"]]}}],
        "UPDATES.last_id": [{"result": "i.1"}], "UPDATES.get": [{"result": [[], [], "i.2"]}]}'
    fake_agent "$answers"
    run_drv task wait t
    assert_equal "$status" 1
    [[ $stderr == *"the agent went away; waiting for it (task t)"* ]]
    [[ $stderr == *"cannot start VM 'web': interrupted: the VM is down"* ]]
}

@test "Ctrl-C leaves the task alone, and says how to go on" {
    fake_agent '{"Task.stat": [{"result": {"id": "t", "operation": "VM.start", "vm": "web",
        "state": ["Pending", 0.5]}}], "UPDATES.last_id": [{"result": "i.1"}],
        "UPDATES.get": [{"hang": true}]}'
    "$DRV_OUT/agent/drv" task wait t >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local job=$! rc=0
    wait_until 20 grep -q UPDATES.get "$BATS_TEST_TMPDIR/calls"
    kill -TERM $job
    wait $job || rc=$?
    assert_equal "$rc" 130
    assert_file_contains "$BATS_TEST_TMPDIR/out" "the task goes on: drv task wait t"
}

@test "events are followed as they come, and the end of the stream is an error" {
    fake_agent '{"EVENTS.subscribe": [{"result": {"events": [{"event": "DEFINED"}]}, "then": [
        {"result": {"event": "ADDED", "uuid": "5eed", "name": "web", "time": 1.25}},
        {"event": "STARTED", "uuid": "5eed", "name": "web", "detail": "booted"},
        {"note": 1}, {"error": ["Internal_error", "the client does not read"]}]}]}'
    run_drv events --follow
    assert_drv_error 1 "the client does not read"
    assert_line --regexp '^1970-01-01 .*\.250  ADDED  +5eed  web$'
    assert_line --regexp 'STARTED  +5eed  web  booted$'
    assert_line --partial DEFINED
    assert_equal "${#lines[@]}" 3
    run_drv --json events --follow
    assert_equal "$(drv_json '[line["event"] for line in a]')" "['DEFINED', 'ADDED', 'STARTED']"
}

@test "add: in one call, so that it is there whole or not at all" {
    fake_agent '{"VM.stat": [{"error": ["Does_not_exist", ["VM", "x"]]}],
        "VM.import_metadata": [{"error": ["Internal_error", "No space left"]}]}'
    run_drv vm add --name web --disk /a.raw --disk /b.qcow2
    assert_drv_error 1 "cannot add VM 'web': No space left"
    assert_equal "$(grep -o '"method": "[A-Za-z._]*"' "$BATS_TEST_TMPDIR/calls" | cut -d'"' -f4 | tr '\n' ' ')" \
        "VM.stat VM.import_metadata "
    fake_agent '{"VM.stat": [{"result": [{"id": "x"}, {}]}]}'
    run_drv vm add --name web
    assert_drv_error 1 "it exists"
}

added() { # KEY: what of it the agent was asked to add last
    python3 -c 'import json, sys
last = [json.loads(line) for line in open(sys.argv[1])][-1]
metadata = json.loads(last["params"][0]["metadata"])
print(json.dumps(metadata[sys.argv[2]], sort_keys=True))' "$BATS_TEST_TMPDIR/calls" "$1"
}

@test "add: by options, by a short description, by records, by libvirt's XML" {
    local file=$BATS_TEST_TMPDIR/vm
    fake_agent '{"VM.stat": [{"error": ["Does_not_exist", ["VM", "x"]]}],
        "VM.import_metadata": [{"result": "x"}]}'
    run_drv vm add --name web --memory 1G --vcpus 2 --disk /a.img:qcow2 --nic br0
    assert_success
    run added vm
    assert_output --partial '"memory_static_max": 1073741824'
    assert_output --partial '"vcpus": 2'
    run added vbds
    assert_output --partial '"backend": ["Local", "/a.img"]'
    assert_output --partial '"format": "qcow2"'
    run added vifs
    assert_output --regexp '"backend": \["Local", "br0"\].*"mac": "52:54:00:'
    echo '{"name": "db", "id": "d1", "disks": [{"path": "/cd.iso", "cdrom": true}],
        "boot": {"kernel": "/k", "initrd": "/i"}}' >"$file"
    run_drv vm add - <"$file"
    assert_output d1
    run added vm
    assert_output --partial '"ty": ["PV", {"boot": ["Direct", {"cmdline": "", "kernel": "/k", "ramdisk": "/i"}]}]'
    echo '{"vm": {"id": "r1", "name": "own", "ssidref": 5}}' >"$file"
    run_drv vm add "$file"
    assert_output r1
    echo '<domain type="kvm"><name>x</name><uuid>5eed0000-0000-4000-8000-000000000001</uuid>
        <memory unit="GiB">2</memory><currentMemory>65536</currentMemory><vcpu current="1">4</vcpu>
        </domain>' >"$file"
    run_drv vm add --persistent "$file"
    assert_output 5eed0000-0000-4000-8000-000000000001
    run added vm
    assert_output --partial '"memory_dynamic_max": 67108864'
    assert_output --partial '"memory_static_max": 2147483648'
    assert_output --partial '"persistent": true'
    assert_output --partial '"vcpu_max": 4, "vcpus": 1'
}

@test "add: what is wrong with a description is said, and nothing is added" {
    local file=$BATS_TEST_TMPDIR/vm text
    fake_agent '{"VM.stat": [{"error": ["Does_not_exist", ["VM", "x"]]}]}'
    while IFS='|' read -r text why; do
        printf '%s' "$text" >"$file"
        run_drv vm add "$file"
        assert_drv_error 2 "$why"
    done <<'END'
|not valid JSON
[|not valid JSON
{}|no 'name'
[]|not a JSON object
{"name":"x","memorie":1}|no key 'memorie'
{"name":"x","memory":"1X"}|'1X' is not a valid size
{"name":"x","memory":"99999999999999999999"}|not a valid size
{"name":"x","memory":-1}|not a valid size
{"name":"x","vcpus":0}|not from 1 to
{"name":"x","disks":["relative"]}|has to be absolute
{"name":"x","disks":"/a"}|are JSON arrays
{"name":"x","disks":[{"path":"/a","mode":1}]}|no key 'mode'
{"name":"x","nics":[{}]}|no 'bridge'
{"name":"x","boot":{}}|no 'kernel'
<domain/>|not a libvirt domain
<!DOCTYPE x [<!ENTITY a "b">]><domain><name>&a;</name></domain>|document type
END
    run_drv vm add /nonexistent
    assert_drv_error 2 "cannot read '/nonexistent'"
    run_drv vm add
    assert_drv_error 2 "say a FILE, or --name"
    run grep -q VM.import "$BATS_TEST_TMPDIR/calls"
    assert_failure
}

@test "a full disk for the output is an error" {
    fake_agent '{"VM.list": [{"result": []}]}'
    run bash -c '"$0" vm list >/dev/full' "$DRV_OUT/agent/drv"
    assert_failure 1
    assert_output --partial "cannot write to stdout: No space left on device"
}

@test "metrics replace a file at once" {
    local file=$BATS_TEST_TMPDIR/agent.prom
    fake_agent '{"get_metrics": [{"result": "a 1\nb 2\n"}]}'
    run_drv metrics
    assert_output $'a 1\nb 2'
    echo old >"$file"
    run_drv metrics --output "$file"
    assert_success
    assert_equal "$(cat "$file")" $'a 1\nb 2'
    run_drv metrics --output /nonexistent/file
    assert_drv_error 1 "cannot write 'file': No such file"
}

# Bash's completion of a command line; candidates on stdout.
completion() { # word...
    bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _drv
        printf "%s\n" "${COMPREPLY[@]}"' "$DRV_ROOT/packaging/drv.bash-completion" "$@"
}

@test "bash completes nouns, verbs, options, and names that are only data" {
    fake_agent '{"VM.list": [{"result": [[{"id": "u1", "name": "web"}, {}],
        [{"id": "w2", "name": "w$(touch owned); x"}, {}]]}],
        "Task.list": [{"result": [{"id": "t-7"}]}]}'
    cd "$BATS_TEST_TMPDIR"
    run completion "$DRV_OUT/agent/drv" ""
    assert_output $'vm\ntask\nevents\nhost\ndiagnostics\nmetrics\nps\ncancel\nlog\ndoctor\nundelete'
    run completion "$DRV_OUT/agent/drv" vm re
    assert_output $'reboot\nresume'
    run completion "$DRV_OUT/agent/drv" vm shutdown --d
    assert_output -- --delay
    run completion "$DRV_OUT/agent/drv" vm start w
    assert_output 'web
w2
w\$\(touch\ owned\)\;\ x'
    assert_file_not_exists owned
    run completion "$DRV_OUT/agent/drv" task wait ""
    assert_output t-7
}
