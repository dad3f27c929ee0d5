# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# core.bash - the host agent with the simulator, on this machine: no lab, no root.
#
#     load lib/drv
#     load lib/core

export AGENT_SOCKET=$BATS_TEST_TMPDIR/agent.sock
# As /run is: in memory.
AGENT_DIRECTORY=/dev/shm/agent-$BATS_ROOT_PID-$BATS_SUITE_TEST_NUMBER
AGENT=$DRV_OUT/agent/drv-agentd
export PYTHONPATH=$DRV_ROOT/tests/lib PYTHONDONTWRITEBYTECODE=1

AGENT_OPTIONS=(--backend simulator --directory "$AGENT_DIRECTORY" --group "$(id -gn)")

# The first client starts it.
core_activate() {
    systemd-socket-activate -l "$AGENT_SOCKET" "$AGENT" "${AGENT_OPTIONS[@]}" \
        2>>"$BATS_TEST_TMPDIR/messages" 3>&- &
    AGENT_JOB=$!
    wait_until 20 test -S "$AGENT_SOCKET"
}

# Start it and wait until it answers; its messages are in $BATS_TEST_TMPDIR/messages.
core_start() { # [option...]
    "$AGENT" "${AGENT_OPTIONS[@]}" --socket "$AGENT_SOCKET" "$@" \
        2>>"$BATS_TEST_TMPDIR/messages" 3>&- &
    AGENT_JOB=$!
    wait_until 20 core_answers || fail "$(cat "$BATS_TEST_TMPDIR/messages")"
}

core_answers() {
    kill -0 "$AGENT_JOB" && py 'call("query")' 2>/dev/null
}

# The worker processes of this test's agent end as well.
core_stop() {
    if [ -n "${AGENT_JOB-}" ]; then
        kill "$AGENT_JOB" 2>/dev/null || true
        end_job "$AGENT_JOB"
    fi
    AGENT_JOB=
    core_workers | xargs -r kill -KILL
    [ -n "${AGENT_KEEP-}" ] || rm -rf "$AGENT_DIRECTORY"
}

core_kill() {
    kill -KILL "$AGENT_JOB"
    end_job "$AGENT_JOB"
    AGENT_JOB=
}

# It ends by itself, with status 0, when told to.
core_end() {
    kill "$AGENT_JOB"
    wait "$AGENT_JOB"
    AGENT_JOB=
}

# Pids of the workers whose answers go to this test's directory.
core_workers() {
    local out
    for out in /proc/[0-9]*/fd/1; do
        case $(readlink "$out" 2>/dev/null) in
        "$AGENT_DIRECTORY"/*) out=${out#/proc/} && echo "${out%%/*}" ;;
        esac
    done
}

# A client, in Python, with all of tests/lib/agent_client.py.
py() { # CODE
    AGENT_PID=${AGENT_JOB-} timeout -k 5 "${DRV_TIMEOUT:-120}" python3 -c "from agent_client import *
$1"
}
