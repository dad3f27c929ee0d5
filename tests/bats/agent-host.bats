#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# The host agent on hosts with libvirt: core, workers and watcher together.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm
load lib/agent
load lib/host-agent

setup_file() { lab_setup_suite; }
teardown_file() { lab_teardown_suite; }
setup() { host_agent_start host01; }
teardown() {
    host_agent_stop
    agent_end_all
}

virsh() { lab_virsh host01 "$@"; }

@test "B12 B13 F46: start, pause, reboot, suspend, resume, shutdown; the guest outlives the agent" {
    local disk
    disk=$(agent_disk u1)
    hpy "
lab_vm('u1', disks=['$disk'], nics=['52:54:00:01:02:03'])
before = time.time()
ok('VM.start', id='u1')
st = state('u1')
assert st['power_state'] == 'Paused' and len(st['domids']) == 1 and st['consoles'], st
assert all(d['plugged'] for k in ('VBD', 'VIF') for _, d in call(k + '.list', id='u1'))
assert st['last_start_time'] >= before - 1 and st['memory_target'] == 64 * 2**20
ok('VM.unpause', id='u1')
assert fails('Bad_power_state', 'VM.start', id='u1') == ['Running', 'Halted']
assert power('u1') == 'Running'
ok('VM.pause', id='u1'), ok('VM.unpause', id='u1')"
    local pid
    pid=$(lab_root host01 pgrep -f 'guest=u1' | head -n 1)
    [ -n "$pid" ]
    host_agent_kill
    host_agent_start host01
    hpy "
until(lambda: not state('u1')['unknown'])
assert power('u1') == 'Running'"
    assert_equal "$(lab_root host01 pgrep -f 'guest=u1' | head -n 1)" "$pid"
    hpy "
old = state('u1')['domids']
ok('VM.reboot', id='u1')
assert power('u1') == 'Running' and state('u1')['domids'] != old
ok('VM.suspend', id='u1', file='/var/lib/one/datastores/0/u1.save')
assert power('u1') == 'Suspended' and state('u1')['domids'] == []
ok('VM.resume', id='u1')
assert power('u1') == 'Paused'
ok('VM.shutdown', id='u1')
assert power('u1') == 'Halted'
call('VM.remove', id='u1')"
    assert_equal "$(agent_domains host01)" ""
}

@test "G49 G57: a stream of exact events for what others do, with where they come from" {
    "$LAB_TOOLS/guest-xml" --memory 32 --no-agent t1 >"$LAB/t1.xml"
    hpy "
assert call('EVENTS.capabilities')['STARTED'] == 'native'
assert call('EVENTS.capabilities')['REMOVED'] == 'derived'"
    host_agent_follow
    virsh create "$LAB/t1.xml"
    virsh suspend t1
    virsh destroy t1
    wait_until 20 grep -q '"event":"REMOVED"' "$LAB/stream"
    run python3 -c 'import json, sys
e = [e["event"] for e in map(json.loads, open(sys.argv[1])) if e.get("name") == "t1"]
print(e[0], e[-1], e.count("ADDED"), e.count("REMOVED"), "STARTED" in e, "SUSPENDED" in e, "STOPPED" in e)' "$LAB/stream"
    assert_output "ADDED REMOVED 1 1 True True True"
}

@test "G54: libvirtd is restarted, the watcher and the core are killed: nothing is REMOVED that lives" {
    "$LAB_TOOLS/guest-xml" --memory 32 --no-agent t1 >"$LAB/t1.xml"
    virsh create "$LAB/t1.xml"
    hpy "
lab_vm('u1')
ok('VM.start', id='u1'), ok('VM.unpause', id='u1')
until(lambda: len([e for e in call('VM.list') if e[1].get('foreign')]) == 1)"
    host_agent_follow
    hpy "os.kill(diagnostics()['events']['pid'], 9)"
    wait_until 30 grep -q '"connected":false' "$LAB/stream"
    hpy "
until(lambda: diagnostics()['events']['connected'] and not state('u1')['unknown'])
assert power('u1') == 'Running'"
    lab_root host01 sh -c 'kill -9 $(pidof libvirtd); true'
    hpy "
until(lambda: state('u1')['unknown'])
assert state('u1')['unknown_since'] > 0 and not diagnostics()['events']['connected']"
    lab_root host01 sh -c "rm -f /run/libvirtd.pid; libvirtd --listen --daemon" 3>&-
    hpy "
until(lambda: diagnostics()['events']['connected'] and not state('u1')['unknown'], 90)
assert power('u1') == 'Running'"
    host_agent_kill
    host_agent_start host01
    hpy "
until(lambda: not state('u1')['unknown'])
assert power('u1') == 'Running'
assert [e for e in call('EVENTS.list') if e['event'] in ('ADDED', 'REMOVED')] == [], call('EVENTS.list')"
    refute grep -qE '"event":"(ADDED|REMOVED)"' "$LAB/stream"
}

@test "I73 F48: foreign domains are listed, watched and not touched; adopted ones are VMs" {
    "$LAB_TOOLS/guest-xml" --memory 32 --no-agent t1 >"$LAB/t1.xml"
    virsh create "$LAB/t1.xml"
    local uuid
    uuid=$(virsh domuuid t1 | tr -d '[:space:]')
    hpy "
uuid = '$uuid'
until(lambda: call('VM.list'))
[[record, st]] = call('VM.list')
assert record['id'] == uuid and record['name'] == 't1' and st['foreign'] and st['power_state'] == 'Running'
for method in ('VM.shutdown', 'VM.pause', 'VM.delete', 'VM.remove'):
    try:
        call(method, id=uuid)
        raise AssertionError(method)
    except ApiError as error:
        assert error.name in ('Internal_error', 'Does_not_exist')
task = ok('HOST.info')
assert task['state'][1]['result']['cpu_count'] >= 1
assert ok('HOST.statistics')['state'][1]['result']"
    assert_equal "$(virsh domstate t1 | head -n 1)" running
    hpy "
uuid = '$uuid'
task = ok('VM.adopt', id=uuid)
assert [r['adopted'] for r in task['state'][1]['result']] == [True] and 'xml' not in json.dumps(task)
until(lambda: power(uuid) == 'Running' and not state(uuid)['unknown'])
assert 'foreign' not in state(uuid) and 'macs' in state(uuid)
call('VM.set_ip', id=uuid, ip='10.0.0.7')"
    host_agent_kill
    host_agent_start host01
    hpy "
uuid = '$uuid'
until(lambda: power(uuid) == 'Running' and not state(uuid)['unknown'])
assert call('VM.stat', id=uuid)[0]['ip'] == '10.0.0.7'
ok('VM.shutdown', id=uuid)
assert power(uuid) == 'Halted'
ok('VM.start', id=uuid), ok('VM.delete', id=uuid)
assert call('VM.list') == []"
    assert_equal "$(agent_domains host01)" ""
}

@test "F47 B17 G56: a VM that ends, also while the agent is down, is seen as halted, its devices released" {
    local disk
    disk=$(agent_disk u1)
    hpy "
lab_vm('u1', disks=['$disk'])
ok('VM.start', id='u1'), ok('VM.unpause', id='u1')"
    virsh destroy u1
    hpy "
until(lambda: power('u1') == 'Halted')
assert not call('VBD.list', id='u1')[0][1]['plugged']
ok('VM.start', id='u1')
until(lambda: not diagnostics()['workers'])"
    host_agent_kill
    virsh destroy u1
    host_agent_start host01
    hpy "
until(lambda: power('u1') == 'Halted' and not state('u1')['unknown'])
assert not call('VBD.list', id='u1')[0][1]['plugged']"
}

@test "E43 C28: libvirtd hangs: the core answers, tasks end within their bound, then all is known" {
    hpy "
lab_vm('u1')
ok('VM.start', id='u1')"
    lab_root host01 sh -c 'kill -STOP $(pidof libvirtd)'
    hpy "
one = call('VM.unpause', id='u1')
until(lambda: diagnostics()['workers'])
began = time.monotonic()
assert [w['task'] for w in diagnostics()['workers']] == [one]
assert len(call('VM.list')) == 1 and time.monotonic() - began < 0.3
call('Task.cancel', id=one)
task = wait(one, timeout=30)
assert task['state'][0] == 'Failed', task" || {
        lab_root host01 sh -c 'kill -CONT $(pidof libvirtd)'
        false
    }
    lab_root host01 sh -c 'kill -CONT $(pidof libvirtd)'
    hpy "
until(lambda: not state('u1')['unknown'] and power('u1') in ('Paused', 'Running'), 60)
ok('VM.shutdown', id='u1')"
}

@test "I71: migrate: at the destination once, gone at the source" {
    local disk
    disk=$(agent_disk u1)
    hpy "
lab_vm('u1', disks=['$disk'])
ok('VM.start', id='u1'), ok('VM.unpause', id='u1')
ok('VM.migrate', id='u1', destination='qemu+tcp://host02/system', words='--unsafe')
until(lambda: not diagnostics()['workers'])
assert power('u1') == 'Halted' and state('u1')['domids'] == [], state('u1')"
    assert_equal "$(agent_domains host01)" ""
    assert_equal "$(agent_domains host02)" u1
    assert_equal "$(lab_virsh host02 domstate u1 | head -n 1)" running
}

@test "who may connect: the group, root, nobody else" {
    lab_root host01 chmod 711 /run
    lab_root host01 chmod 666 "$HOST_AGENT_SOCKET"
    run lab_root host01 setpriv --reuid 65534 --regid 65534 --clear-groups \
        curl -sS --unix-socket "$HOST_AGENT_SOCKET" -o /dev/null -w '%{http_code}' http://x/ -d '{"method":"query"}'
    assert_output --partial 403
    run lab_exec host01 curl -sS --unix-socket "$HOST_AGENT_SOCKET" http://x/ -d '{"method":"query"}'
    assert_output --partial drv-agentd
}
