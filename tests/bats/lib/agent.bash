# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# agent.bash - the host agent's worker and watcher on the hosts of a lab.
#
#     load lib/drv
#     load lib/vmm
#     load lib/agent

AGENT_DOCUMENT=$DRV_ROOT/tests/lib/agent-document
WORKER=$DRV_OUT/agent/drv-agent-worker
WATCHER=$DRV_OUT/agent/drv-agent-watcher

# A VM's disk on the hosts' shared directory.
agent_disk() { # ID: its path
    local file=/var/lib/one/datastores/0/$1.qcow2
    lab_exec host01 test -e "$file" || lab_exec host01 qemu-img create -q -f qcow2 "$file" 16M
    echo "$file"
}

# One operation; afterwards $status, $output: the last line, $lines: all of them.
agent_op() { # HOST OPERATION ID [word...]
    local host=$1
    shift
    "$AGENT_DOCUMENT" "$@" >"$LAB/document"
    run --separate-stderr lab_exec "$host" timeout -k 5 "${DRV_TIMEOUT:-120}" "$WORKER" \
        <"$LAB/document"
    drv_show
    ANSWER=${lines[-1]-}
}

# A value of the answer, by a Python expression on "a": answer 'a["result"]["domids"]'
answer() { # EXPRESSION
    python3 -c 'import json, sys; a = json.loads(sys.argv[1]); print(eval(sys.argv[2]))' \
        "$ANSWER" "$1"
}

assert_answer() { # EXPRESSION VALUE
    assert_equal "$(answer "$1")" "$2"
}

assert_agent_error() { # VARIANT [message-regex]
    assert_equal "$status" 1
    assert_answer 'a["error"][0] if isinstance(a["error"], list) else a["error"]' "$1"
    [[ $(answer 'a["message"]') =~ ${2-} ]] || fail "no '$2' in $ANSWER"
}

# Names of the domains that HOST's libvirt has, active or not.
agent_domains() { # HOST
    lab_virsh "$1" list --all --name | sort | tr '\n' ' ' | sed 's/^ *//; s/ *$//'
}

# The same operation, and the worker is killed before it writes its Nth line.  $killed
# says whether it came to that.
agent_kill_at() { # N HOST OPERATION ID [word...]
    local n=$1 host=$2 file=/var/lib/one/datastores/lines
    shift 2
    "$AGENT_DOCUMENT" "$@" >"$LAB/document"
    lab_exec "$host" timeout -k 5 60 sh -c 'out=$1; shift; : >"$out"; exec "$@" >>"$out"' \
        sh $file strace -f -qq -o /dev/null -P $file -e trace=write \
        -e inject=write:signal=KILL:when="$n" "$WORKER" <"$LAB/document" 2>/dev/null || true
    killed=1
    if lab_exec "$host" grep -qE '^\{"(result|error)"' $file; then killed=0; fi
    echo "killed=$killed before line $n, after: $(lab_exec "$host" tail -n 1 $file | cut -c1-100)"
}

agent_end_all() {
    local host uuid
    for host in $("$LAB_TOOLS/lab" list "$LAB" | grep -o 'host[0-9]*'); do
        for uuid in $(lab_virsh "$host" list --all --uuid); do
            lab_virsh "$host" destroy "$uuid" >/dev/null 2>&1 || true
            lab_virsh "$host" undefine "$uuid" >/dev/null 2>&1 || true
        done
    done
    lab_exec host01 find /var/lib/one/datastores/0 -mindepth 1 -delete
}

# --- the watcher --------------------------------------------------------------------------

# Start it; what it says is in $LAB/events.  Its stdin stays open at descriptor 5.
watch_start() { # HOST [JSON]
    [ -p "$LAB/watcher-in" ] || mkfifo "$LAB/watcher-in"
    : >"$LAB/events"
    lab_exec "$1" "$WATCHER" <"$LAB/watcher-in" >>"$LAB/events" 2>"$LAB/watcher-errors" 3>&- &
    WATCHER_JOB=$!
    exec 5>"$LAB/watcher-in"
    echo "${2-"{\"uri\":\"qemu:///system\"}"}" >&5
    wait_until 30 grep -q '"relist"' "$LAB/events"
}

watch_stop() {
    [ -n "${WATCHER_JOB-}" ] || return 0
    exec 5>&-
    end_job "$WATCHER_JOB"
    WATCHER_JOB=
}

# The events of a domain so far, on one line: "ADDED STARTED CHANGED"
events_of() { # NAME
    python3 -c 'import json, sys
print(*(e["event"] for e in map(json.loads, open(sys.argv[1]))
        if e.get("name") == sys.argv[2] and "event" in e))' "$LAB/events" "$1"
}

has_events() { # NAME EVENT HOW-MANY
    [ "$(events_of "$1" | tr ' ' '\n' | grep -cx "$2")" -ge "$3" ]
}

# Wait for an event of a domain.
wait_event() { # NAME EVENT [how many]
    wait_until 20 has_events "$1" "$2" "${3:-1}"
}

has_lines() { # PATTERN HOW-MANY
    [ "$(grep -c "$1" "$LAB/events")" -ge "$2" ]
}

assert_event() { # NAME EVENT PYTHON-EXPRESSION: true of the last such event, "e"
    python3 -c 'import json, sys
path, name, event, expression = sys.argv[1:]
e = [e for e in map(json.loads, open(path)) if e.get("name") == name and e.get("event") == event][-1]
assert eval(expression), e' "$LAB/events" "$1" "$2" "$3"
}
