# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# agentd.bash - drv and the agent on this machine, with the simulator: no lab, no root.
#
#     load lib/drv
#     load lib/agentd

export DRV_SOCKET=$BATS_TEST_TMPDIR/agent.sock
FAKE_AGENT=$DRV_ROOT/tests/lib/fake-agent

drv() { timeout -k 5 "${DRV_TIMEOUT:-60}" "$DRV_OUT/agent/drv" "$@"; }

# Run drv; afterwards $status, $output, $stderr.
run_drv() { # word...
    run --separate-stderr drv "$@"
    drv_show
}

# A line of the answer, by a Python expression on "a", which is all of its lines.
drv_json() { # EXPRESSION
    python3 -c 'import json, sys
a = [json.loads(line) for line in sys.argv[1].splitlines()]
print(eval(sys.argv[2]))' "$output" "$1"
}

assert_drv_error() { # STATUS REGEX
    assert_equal "$status" "$1"
    [[ $stderr =~ ^drv:\ .*$2 ]] || fail "no '$2' in '$stderr'"
    assert_reason_shows "$stderr" "$2"
}

# --- an agent that lies -----------------------------------------------------------------

fake_agent() { # JSON: see tests/lib/fake-agent
    fake_agent_stop
    echo "$1" >"$BATS_TEST_TMPDIR/answers"
    "$FAKE_AGENT" "$DRV_SOCKET" "$BATS_TEST_TMPDIR/answers" \
        >"$BATS_TEST_TMPDIR/calls" 2>/dev/null 3>&- &
    FAKE_JOB=$!
    wait_until 20 test -S "$DRV_SOCKET"
}

fake_agent_stop() {
    [ -n "${FAKE_JOB-}" ] || return 0
    kill "$FAKE_JOB" 2>/dev/null || true
    end_job "$FAKE_JOB"
    FAKE_JOB=
    rm -f "$DRV_SOCKET"
}

# --- the agent --------------------------------------------------------------------------

AGENTD=$DRV_OUT/agent/drv-agentd
AGENTD_DIR=$BATS_TEST_TMPDIR/records
AGENTD_OPTIONS=(--backend simulator --directory "$AGENTD_DIR" --group "$(id -gn)")

# Start it, and wait until it answers; its messages are in $BATS_TEST_TMPDIR/messages.
agentd_start() { # [option...]
    "$AGENTD" "${AGENTD_OPTIONS[@]}" --socket "$DRV_SOCKET" "$@" \
        2>>"$BATS_TEST_TMPDIR/messages" 3>&- &
    AGENTD_JOB=$!
    wait_until 20 drv vm list || fail "$(cat "$BATS_TEST_TMPDIR/messages")"
}

# Its workers outlive it, by design; not this test.
agentd_stop() {
    [ -n "${AGENTD_JOB-}" ] || return 0
    kill "$AGENTD_JOB" 2>/dev/null || true
    end_job "$AGENTD_JOB"
    AGENTD_JOB=
    agentd_workers | xargs -r kill -KILL
}

# It was started otherwise.
agentd_is() { # PID
    AGENTD_JOB=$1
}

# It ends by itself, with status 0, when told to.
agentd_end() {
    kill "$AGENTD_JOB"
    wait "$AGENTD_JOB"
    AGENTD_JOB=
}

agentd_kill() {
    kill -KILL "$AGENTD_JOB"
    end_job "$AGENTD_JOB"
    AGENTD_JOB=
}

# Pids of the workers whose answers go to this test's directory.
agentd_workers() {
    local out
    for out in /proc/[0-9]*/fd/1; do
        case $(readlink "$out" 2>/dev/null) in
        "$AGENTD_DIR"/*) out=${out#/proc/} && echo "${out%%/*}" ;;
        esac
    done
}
