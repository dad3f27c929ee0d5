# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# drv-command.bash - drv, the command for people, and an agent that lies.
#
#     load lib/drv
#     load lib/core
#     load lib/drv-command

export DRV_SOCKET=$AGENT_SOCKET
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
