# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# host-agent.bash - the whole host agent on a host of a lab.  After lib/agent.
#
# hpy runs Python on that host, with tests/lib/agent_client.py and lab_vm().

HOST_AGENT_DIRECTORY=/run/one-agent
HOST_AGENT_SOCKET=/run/one-agent.sock

# Its messages are in $LAB/agent-messages.
host_agent_start() { # HOST [option...]
    HOST_AGENT_HOST=$1
    shift
    lab_root "$HOST_AGENT_HOST" "$DRV_OUT/agent/drv-agentd" --socket $HOST_AGENT_SOCKET \
        --directory $HOST_AGENT_DIRECTORY --grace 2 --uri qemu:///system "$@" \
        2>>"$LAB/agent-messages" 3>&- &
    HOST_AGENT_JOB=$!
    wait_until 20 hpy 'assert diagnostics()["events"]["connected"]' ||
        fail "$(cat "$LAB/agent-messages")"
}

host_agent_pid() {
    lab_root "$HOST_AGENT_HOST" pgrep -f "drv-agentd --socket $HOST_AGENT_SOCKET"
}

host_agent_kill() {
    lab_root "$HOST_AGENT_HOST" sh -c "kill -KILL $(host_agent_pid | tr '\n' ' ')"
    end_job "$HOST_AGENT_JOB"
}

host_agent_stop() {
    [ -n "${HOST_AGENT_JOB-}" ] || return 0
    host_agent_kill || true
    HOST_AGENT_JOB=
    [ -z "${FOLLOW_JOB-}" ] || kill "$FOLLOW_JOB" 2>/dev/null || true
    FOLLOW_JOB=
    lab_root "$HOST_AGENT_HOST" rm -rf $HOST_AGENT_DIRECTORY $HOST_AGENT_SOCKET
}

# The stream of events, in $LAB/stream.
host_agent_follow() {
    : >"$LAB/stream"
    hpy '
client = Raw(timeout=None)
print(json.dumps(client.call("EVENTS.subscribe")), flush=True)
try:
    while True:
        print(json.dumps(client.line(), separators=(",", ":")), flush=True)
except (EOFError, ConnectionResetError):
    pass' >>"$LAB/stream" 3>&- &
    FOLLOW_JOB=$!
    wait_until 20 test -s "$LAB/stream"
}

hpy() { # CODE
    lab_root "$HOST_AGENT_HOST" env AGENT_SOCKET=$HOST_AGENT_SOCKET \
        PYTHONPATH="$DRV_ROOT/tests/lib" PYTHONDONTWRITEBYTECODE=1 \
        timeout -k 5 "${DRV_TIMEOUT:-120}" python3 -c "from agent_client import *
def lab_vm(vm, disks=(), nics=()):
    size = 64 * 2**20
    call('VM.add', vm={'id': vm, 'name': vm, 'memory_static_max': size, 'memory_dynamic_max': size,
                       'memory_dynamic_min': 0, 'platformdata': {'type': 'qemu'},
                       'ty': ['HVM', {'boot_order': 'c', 'video': 'Standard_VGA'}]})
    for i, path in enumerate(disks):
        call('VBD.add', vbd={'id': [vm, f'vd{chr(97 + i)}'], 'backend': ['Local', path],
                             'extra_backend_keys': {'format': 'qcow2'}})
    for i, mac in enumerate(nics):
        call('VIF.add', vif={'id': [vm, str(i)], 'position': i, 'mac': mac, 'backend': ['Local', 'user']})
$1"
}
