#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# The host agent's worker is killed at each step of an operation, on hosts with libvirt:
# after check_state, the VM is down or intact, and it is there once.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm
load lib/agent

setup_file() {
    need strace
    lab_setup_suite
}
teardown_file() { lab_teardown_suite; }
teardown() {
    lab_root host01 sh -c 'kill -CONT $(pidof libvirtd); true'
    agent_end_all
}

FILE=/var/lib/one/datastores/0/u1.save
DESTINATION=qemu+tcp://host02/system

state() { answer 'a["result"]["power_state"]'; }

# The state, after what a core would do when a worker has died.
check_state() { # HOST [word...]
    local host=$1
    shift
    agent_op "$host" VM.check_state u1 "$@"
    assert_success
    assert_answer 'a["result"].get("unsurvivable")' None
}

told() { echo "# injected: $*" >&3; }

@test "start, killed before each of its lines: off with nothing left, or complete [F45]" {
    local n=1 off=0 intact=0
    while agent_kill_at $n host01 VM.start u1 && [ "$killed" = 1 ]; do
        check_state host01
        case $(state) in
        Halted)
            assert_equal "$(agent_domains host01)" ""
            off=$((off + 1))
            ;;
        Paused) intact=$((intact + 1)) ;;
        *) fail "$ANSWER" ;;
        esac
        agent_op host01 VM.shutdown u1
        assert_success
        n=$((n + 1))
    done
    [ $n -gt 6 ]
    told "SIGKILL of start at $((n - 1)) steps: $off times off, $intact times intact"
}

@test "suspend, killed before each of its lines: the guest runs, or its memory is whole [F45]" {
    local n=1 suspended=0 intact=0
    agent_op host01 VM.start u1 unpause=true
    while agent_kill_at $n host01 VM.suspend u1 file=$FILE && [ "$killed" = 1 ]; do
        check_state host01 vm.suspend_file=$FILE
        case $(state) in
        Suspended)
            agent_op host01 VM.resume u1 vm.suspend_file=$FILE unpause=true
            assert_success
            suspended=$((suspended + 1))
            ;;
        Running)
            lab_exec host01 test ! -e $FILE
            intact=$((intact + 1))
            ;;
        *) fail "$ANSWER" ;;
        esac
        n=$((n + 1))
    done
    [ $n -gt 4 ]
    told "SIGKILL of suspend at $((n - 1)) steps: $suspended times suspended, $intact times intact"
}

@test "resume, killed before each of its lines: still suspended, or back and the file gone [F45]" {
    local n=1 suspended=0 intact=0
    agent_op host01 VM.start u1 unpause=true
    agent_op host01 VM.suspend u1 file=$FILE
    while agent_kill_at $n host01 VM.resume u1 vm.suspend_file=$FILE unpause=true &&
        [ "$killed" = 1 ]; do
        check_state host01 vm.suspend_file=$FILE
        case $(state) in
        Suspended)
            assert_equal "$(agent_domains host01)" ""
            suspended=$((suspended + 1))
            ;;
        Running | Paused)
            lab_exec host01 test ! -e $FILE
            intact=$((intact + 1))
            agent_op host01 VM.unpause u1
            agent_op host01 VM.suspend u1 file=$FILE
            assert_success
            ;;
        *) fail "$ANSWER" ;;
        esac
        n=$((n + 1))
    done
    [ $n -gt 6 ]
    told "SIGKILL of resume at $((n - 1)) steps: $suspended times suspended, $intact times intact"
}

@test "reboot, killed before each of its lines: off, or up, once [F45]" {
    local n=1 off=0 intact=0
    agent_op host01 VM.start u1 unpause=true
    while agent_kill_at $n host01 VM.reboot u1 && [ "$killed" = 1 ]; do
        check_state host01
        case $(state) in
        Halted)
            assert_equal "$(agent_domains host01)" ""
            off=$((off + 1))
            agent_op host01 VM.start u1 unpause=true
            assert_success
            ;;
        Running) intact=$((intact + 1)) ;;
        Paused)
            intact=$((intact + 1))
            agent_op host01 VM.unpause u1
            ;;
        *) fail "$ANSWER" ;;
        esac
        n=$((n + 1))
    done
    [ $n -gt 8 ]
    told "SIGKILL of reboot at $((n - 1)) steps: $off times off, $intact times up"
}

# Running at exactly one host.
assert_once() {
    local here there
    here=$(lab_virsh host01 list --name --state-running)
    there=$(lab_virsh host02 list --name --state-running)
    assert_equal "$here$there" u1
    assert_equal "$(agent_domains host01)$(agent_domains host02)" u1
}

@test "migrate: proof at both hosts, with its definition; an unreachable host changes nothing [I71]" {
    agent_op host01 VM.start u1 unpause=true vm.persistent=true
    agent_op host01 VM.migrate u1 vm.persistent=true destination=qemu+tcp://host09/system
    assert_agent_error Failed_to_contact_remote_service
    agent_op host01 VM.migrate u1 vm.persistent=true destination=$DESTINATION words=--unsafe
    assert_success
    assert_answer 'a["result"]["migrated_to"], a["result"]["retries"]' "('$DESTINATION', 0)"
    assert_once
    assert_equal "$(lab_virsh host02 list --persistent --name)" u1
    # Killed after it had arrived: the record still says that it is on its way.
    agent_op host01 VM.start u1 vm.migrating_to=$DESTINATION
    assert_agent_error Bad_power_state
    check_state host01 vm.migrating_to=$DESTINATION
    assert_answer 'a["result"]["migrated_to"]' $DESTINATION
    agent_op host01 VM.check_state u1 vm.migrating_to=qemu+tcp://host09/system
    assert_agent_error Failed_to_contact_remote_service unknown
    assert_once
}

@test "migrate, killed before each of its lines: the VM runs at one host [F45]" {
    local n=1 here=0 there=0
    agent_op host01 VM.start u1 unpause=true
    while agent_kill_at $n host01 VM.migrate u1 destination=$DESTINATION words=--unsafe &&
        [ "$killed" = 1 ]; do
        check_state host01 vm.migrating_to=$DESTINATION
        wait_until 60 assert_once
        if [ "$(answer '"migrated_to" in a["result"]')" = True ]; then
            there=$((there + 1))
            agent_op host02 VM.migrate u1 destination=qemu+tcp://host01/system words=--unsafe
            assert_success
        else
            here=$((here + 1))
            assert_equal "$(state)" Running
        fi
        n=$((n + 1))
    done
    [ $n -gt 4 ]
    told "SIGKILL of migrate at $((n - 1)) steps: $here times here, $there times there"
}

@test "not live: off here before it starts there; a start that fails leaves it off, and says so [I72]" {
    agent_op host01 VM.start u1 unpause=true disk="$(agent_disk u1):vda"
    agent_op host01 VM.migrate u1 live=false delay=1 destination=$DESTINATION
    assert_agent_error Failed_to_shutdown
    assert_once
    agent_op host01 VM.shutdown u1
    agent_op host01 VM.migrate u1 live=false destination=$DESTINATION
    assert_agent_error Bad_power_state
}
