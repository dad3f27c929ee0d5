#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# The host agent on hosts with libvirt, when something goes wrong in the middle: what it
# was told to do is cancelled at each point, it or its worker is killed while a VM is on
# its way to another host, libvirt hangs or dies, a guest ends by itself.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm
load lib/agent
load lib/host-agent

setup_file() { lab_setup_suite; }
teardown_file() { lab_teardown_suite; }
setup() { host_agent_start host01; }
teardown() {
    lab_root host01 sh -c 'kill -CONT $(pidof libvirtd); true'
    host_agent_stop
    agent_end_all
}

FILE=/var/lib/one/datastores/0/u1.save
DESTINATION=qemu+tcp://host02/system

virsh() { lab_virsh host01 "$@"; }
told() { echo "# injected: $*" >&3; }

# A VM that may be asked for u1, and what is true whenever nothing works on it.
VM="
FILE, DESTINATION = '$FILE', '$DESTINATION'
def settled(vm='u1'):
    until(lambda: not diagnostics()['workers'] and not state(vm)['unknown'] and
          not [t for t in call('Task.list') if not final(t)], 90)
    st = state(vm)
    active = st['power_state'] in ('Running', 'Paused')
    assert len(st['domids']) == active and not st.get('unsurvivable'), st
    assert all(d['plugged'] == active for _, d in call('VBD.list', id=vm))
    return st['power_state']
def arrange(vm, power):
    now = settled(vm)
    if now == 'Suspended' and power != 'Suspended':
        ok('VM.resume', id=vm)
        now = 'Paused'
    if now == power:
        return
    if power == 'Halted':
        ok('VM.shutdown', id=vm)
    elif now == 'Paused':
        ok('VM.unpause', id=vm)
    elif now == 'Halted':
        ok('VM.start', id=vm), ok('VM.unpause', id=vm)
    if power == 'Suspended':
        ok('VM.suspend', id=vm, file=FILE)
"

@test "C25: start, suspend, resume and reboot, cancelled at each of their points: as before, up or down" {
    local disk
    disk=$(agent_disk u1)
    hpy "$VM
lab_vm('u1', disks=['$disk'])
report = []
for method, power, more in (('VM.start', 'Halted', {}), ('VM.suspend', 'Running', {'file': FILE}),
                            ('VM.resume', 'Suspended', {}), ('VM.reboot', 'Running', {})):
    arrange('u1', power)
    points = int(ok(method, id='u1', **more)['debug_info']['cancel_points_seen'])
    assert points >= 3, (method, points)
    ends = {}
    for n in range(1, points + 1):
        arrange('u1', power)
        call('DEBUG.trigger', cmd='set-cancel-trigger', args=[f'{method} {n}', str(n)])
        began = time.monotonic()
        task = run(method, id='u1', debug_info=f'{method} {n}', **more)
        assert time.monotonic() - began < 30, task
        # Past its point of no return it is completed: a stop is not an error then.
        assert task['state'][0] == 'Completed' or task['state'][1] == ['Cancelled', task['id']], task
        if task['state'][0] == 'Failed':
            assert task['found'] == state('u1')['power_state'], task
        end = (task['state'][0], settled('u1'))
        ends[end] = ends.get(end, 0) + 1
    report.append(f'{method} {points} times: ' + ', '.join(f'{n} {a} {b}' for (a, b), n in ends.items()))
arrange('u1', 'Halted')
print('; '.join(report))" >"$BATS_TEST_TMPDIR/report"
    lab_exec host01 test ! -e "$FILE"
    assert_equal "$(agent_domains host01)" ""
    told "cancel at each point: $(cat "$BATS_TEST_TMPDIR/report")"
}

@test "C29: a task that is destroyed while it runs stays visible until it is final, then goes" {
    hpy "$VM
lab_vm('u1')
arrange('u1', 'Running')
token = call('UPDATES.last_id', extended=True)
one = call('VM.shutdown', id='u1', delay=2)
until(lambda: call('Task.stat', id=one).get('phase') == 'ask')
call('Task.destroy', id=one)
task = call('Task.stat', id=one)
assert task['state'][0] == 'Pending' and one in [t['id'] for t in call('Task.list')], task
until(lambda: one not in [t['id'] for t in call('Task.list')])
refused('Does_not_exist', 'Task.stat', id=one)
assert ['Task', one] in call('UPDATES.get', last_id=token, timeout=0)[3]['removed']
assert settled('u1') == 'Running'"
}

# What the agent last knew of u1's start is so many seconds older.
age_start() { # SECONDS
    lab_root host01 python3 - "$HOST_AGENT_DIRECTORY/objects/vm,u1" "$1" <<'END'
import hashlib, json, sys
path, seconds = sys.argv[1:]
head, body = open(path).read().split("\n", 1)
record = json.loads(body)
record["state"]["last_start_time"] -= float(seconds)
body = json.dumps(record)
open(path, "w").write(f"{head.rsplit(' ', 1)[0]} {hashlib.sha256(body.encode()).hexdigest()}\n{body}\n")
END
}

# KILL is a crash; TERM an end in order, as when the guest powers off.
end_qemu() { # SIGNAL
    lab_root host01 sh -c "kill -$1 \$(pgrep -f 'guest=[u]1')"
}

@test "B17: a guest that reboots runs; one that crashes or powers off is started again as its record says" {
    hpy "$VM
size = 64 * 2**20
call('VM.add', vm={'id': 'u1', 'name': 'u1', 'memory_static_max': size, 'memory_dynamic_max': size,
                   'memory_dynamic_min': 0, 'platformdata': {'type': 'qemu'}, 'on_crash': ['Start'],
                   'ty': ['HVM', {'boot_order': 'c', 'video': 'Standard_VGA'}],
                   'on_shutdown': ['Start'], 'on_reboot': ['Start']})
arrange('u1', 'Running')"
    # It resets itself: the same domain goes on.
    virsh qemu-monitor-command u1 --hmp system_reset
    # It crashes soon after its start: not started again.
    end_qemu KILL
    hpy "$VM
until(lambda: power('u1') == 'Halted')
assert settled('u1') == 'Halted' and state('u1')['domids'] == []
assert not [t for t in call('Task.list') if t['dbg'].startswith('the guest')]
arrange('u1', 'Running')"
    grep -q "has crashed .* s after its start; it is not started again" "$LAB/agent-messages"
    # It crashes after it has run for a while.
    host_agent_kill
    age_start 200
    host_agent_start host01
    hpy "
until(lambda: not state('u1')['unknown'])
open('/run/old', 'w').write(json.dumps(state('u1')['domids']))"
    end_qemu KILL
    hpy "$VM
until(lambda: [t for t in call('Task.list') if t['dbg'].startswith('the guest') and final(t)])
[task] = [t for t in call('Task.list') if t['dbg'].startswith('the guest')]
assert task['operation'] == 'VM.start' and task['state'][0] == 'Completed', task
assert settled('u1') == 'Running' and state('u1')['domids'] != json.load(open('/run/old'))"
    # It powers off at once: it comes back after a pause, once.
    end_qemu TERM
    hpy "$VM
until(lambda: power('u1') == 'Halted')
def restarts():
    return [t for t in call('Task.list') if t['dbg'].startswith('the guest')]
until(lambda: [t for t in restarts() if t['operation'] == 'VM.delay'])
until(lambda: power('u1') == 'Running', 60)
assert settled('u1') == 'Running' and len(restarts()) == 3, restarts()"
    # What the agent is told to end does not come back.
    hpy "$VM
ok('VM.shutdown', id='u1')
assert settled('u1') == 'Halted'
call('VM.check_state', id='u1')
assert settled('u1') == 'Halted'
assert len([t for t in call('Task.list') if t['dbg'].startswith('the guest')]) == 3"
    told "QEMU killed twice, ended once, reset once"
}

@test "I75: delete while libvirt hangs: bounded, the state unknown, the VM not forgotten" {
    host_agent_stop
    host_agent_start host01 --deadline 3
    hpy "$VM
lab_vm('u1')
arrange('u1', 'Running')"
    lab_root host01 sh -c 'kill -STOP $(pidof libvirtd)'
    hpy "
began = time.monotonic()
one = call('VM.delete', id='u1')
task = wait(one)
assert time.monotonic() - began < 20, time.monotonic() - began
assert task['state'][0] == 'Failed' and task['found'] == 'unknown', task
assert state('u1')['unknown'] and call('VM.exists', id='u1')
assert refused('Bad_power_state', 'VM.remove', id='u1') == ['Running', 'Halted']
assert [e[0]['id'] for e in call('VM.list')] == ['u1']"
    lab_root host01 sh -c 'kill -CONT $(pidof libvirtd)'
    hpy "$VM
assert settled('u1') in ('Running', 'Halted')
ok('VM.delete', id='u1')
assert call('VM.list') == []"
    assert_equal "$(agent_domains host01)" ""
    told "libvirtd stopped in the middle of a delete"
}

# At exactly one host, and running there.
assert_once() {
    local here there
    here=$(virsh list --name --state-running)
    there=$(lab_virsh host02 list --name --state-running)
    assert_equal "$here$there" u1
    assert_equal "$(agent_domains host01)$(agent_domains host02)" u1
}

# Begin to move u1, slowly, and wait until so many points have passed.
begin_migration() { # POINTS
    hpy "$VM
one = call('VM.migrate', id='u1', destination=DESTINATION, words='--unsafe --bandwidth 16')
open('/run/task', 'w').write(one)
until(lambda: final(t := call('Task.stat', id=one)) or int(t['debug_info']['cancel_points_seen']) >= $1)"
}

# What the agent says of it is true: $where is "here" or "there".
assert_known() {
    wait_until 60 assert_once
    hpy "$VM
task = wait(open('/run/task').read(), timeout=90)
now = settled('u1')
st = state('u1')
print('here' if now == 'Running' else 'there' if now == 'Halted' and st.get('migrated_to') else st,
      task['state'][0])" >"$BATS_TEST_TMPDIR/known"
    where=$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/known")
    if [ "$where" = here ]; then
        assert_equal "$(agent_domains host01)" u1
    else
        assert_equal "$where" there
        assert_equal "$(agent_domains host02)" u1
    fi
}

# Back on host01, running, for the next time.
bring_back() {
    [ "$where" = there ] || return 0
    lab_virsh host02 destroy u1
    hpy "$VM
arrange('u1', 'Running')"
}

@test "F45: the agent, its worker, or both are killed in the middle of a migration: the VM runs once" {
    local n what outcomes='' total=0
    hpy "$VM
lab_vm('u1')
arrange('u1', 'Running')"
    for what in agent worker both; do
        for n in 1 2 3 4; do
            begin_migration $n
            hpy "open('/run/pids', 'w').write(' '.join(str(w['pid']) for w in diagnostics()['workers']))"
            [ $what = worker ] || host_agent_kill
            [ $what = agent ] || lab_root host01 sh -c 'kill -KILL $(cat /run/pids) 2>/dev/null; true'
            [ $what = worker ] || host_agent_start host01
            assert_known
            outcomes+="$what: $(cat "$BATS_TEST_TMPDIR/known")"$'\n'
            total=$((total + 1))
            bring_back
        done
    done
    told "SIGKILL in a migration $total times: $(sort <<<"$outcomes" | uniq -c | tr -s ' \n' ' ')"
}

@test "F45: the destination's libvirtd is killed in the middle of a migration: the VM runs once" {
    local n
    hpy "$VM
lab_vm('u1')
arrange('u1', 'Running')"
    for n in 2 4; do
        begin_migration $n
        lab_root host02 sh -c 'kill -KILL $(pidof libvirtd); true'
        lab_root host02 sh -c "rm -f /run/libvirtd.pid; libvirtd --listen --daemon" 3>&-
        wait_until 30 lab_virsh host02 list
        assert_known
        bring_back
    done
    told "SIGKILL of the destination's libvirtd, 2 times, last: $(cat "$BATS_TEST_TMPDIR/known")"
}

@test "F45: the destination's agent is killed while a VM arrives: it arrives, and the next agent finds it" {
    local job=$HOST_AGENT_JOB
    hpy "$VM
lab_vm('u1')
arrange('u1', 'Running')"
    host_agent_start host02
    HOST_AGENT_HOST=host01
    begin_migration 3
    HOST_AGENT_HOST=host02
    host_agent_kill
    host_agent_start host02
    HOST_AGENT_HOST=host01
    assert_known
    assert_equal "$where" there
    HOST_AGENT_HOST=host02
    hpy "
until(lambda: [e[1]['power_state'] for e in call('VM.list') if e[1].get('foreign')] == ['Running'])
assert not [e for e in call('EVENTS.list') if e['event'] == 'REMOVED']"
    host_agent_stop
    HOST_AGENT_HOST=host01 HOST_AGENT_JOB=$job
    told "SIGKILL of the destination's agent"
}

# The power of u1 that the agent reports last in $BATS_TEST_TMPDIR/end is libvirt's.
assert_as_in_libvirt() {
    case $(tail -n 1 "$BATS_TEST_TMPDIR/end") in
    *Running) assert_equal "$(virsh list --name --state-running | tr -d '\n')" u1 ;;
    *Paused) assert_equal "$(virsh list --name --state-paused | tr -d '\n')" u1 ;;
    *) assert_equal "$(agent_domains host01)" "" ;;
    esac
}

@test "F45: the agent and its worker are killed at each point of start, suspend, resume, reboot: off or intact" {
    local method power more n points outcomes='' total=0
    hpy "$VM
lab_vm('u1')"
    for method in start/Halted suspend/Running resume/Suspended reboot/Running; do
        power=${method#*/} method=${method%/*} n=0 points=1
        while [ $((n += 1)) -le "$points" ]; do
            hpy "$VM
arrange('u1', '$power')
more = {'file': FILE} if '$method' == 'suspend' else {}
one = call('VM.$method', id='u1', **more)
open('/run/task', 'w').write(one)
until(lambda: final(t := call('Task.stat', id=one)) or int(t['debug_info']['cancel_points_seen']) >= $n)
open('/run/pids', 'w').write(' '.join(str(w['pid']) for w in diagnostics()['workers']))"
            host_agent_kill
            [ $((n % 2)) = 0 ] || lab_root host01 sh -c 'kill -KILL $(cat /run/pids) 2>/dev/null; true'
            host_agent_start host01
            hpy "$VM
task = wait(open('/run/task').read())
print(task['debug_info']['cancel_points_seen'])
print('$method', task['state'][0], settled('u1'))" >"$BATS_TEST_TMPDIR/end"
            # As many as there are, which is known once it has got to its end.
            [ "$(head -n 1 "$BATS_TEST_TMPDIR/end")" -le "$points" ] ||
                points=$(head -n 1 "$BATS_TEST_TMPDIR/end")
            assert_as_in_libvirt
            outcomes+="$(tail -n 1 "$BATS_TEST_TMPDIR/end")"$'\n'
            total=$((total + 1))
        done
    done
    [ $total -ge 12 ]
    told "SIGKILL of the agent $total times, every other time with its worker: \
$(sort <<<"$outcomes" | uniq -c | tr -s ' \n' ' ')"
}
