#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# The monitoring client beside its messages: addresses, signals, a libvirtd that hangs, and
# the probe that looks into guests.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm
load lib/im

setup_file() {
    lab_setup_suite --hosts 1
    vmm_setup_suite
    im_setup_suite
}

teardown_file() { lab_teardown_suite; }

teardown() {
    local id
    lab_root host01 sh -c 'kill -CONT $(pidof libvirtd)' || true
    im_stop || true
    monitord_stop
    sed -i '/VIRT_TIMEOUT/d' "$LAB/host01/var-tmp/one/etc/one-native.conf"
    for id in $(lab_virsh host01 list --uuid); do lab_virsh host01 destroy "$id"; done
    lab_exec host01 find /var/lib/one/datastores/0 -mindepth 1 -delete
}

virt_timeout() { echo "VIRT_TIMEOUT=$1" >>"$LAB/host01/var-tmp/one/etc/one-native.conf"; }
libvirtd_signal() { lab_root host01 sh -c "kill -$1 \$(pidof libvirtd)"; }

@test "the address auto is that of whoever started the client" {
    monitord_start
    IM_ADDRESS=auto im_start BEACON_HOST=1
    assert_success
    wait_until 10 said 'any(x["type"] == "BEACON_HOST" for x in m)'
    assert_messages_good
}

@test "SIGUSR1 has the host's facts told at once" {
    monitord_start
    im_start SYSTEM_HOST=600
    wait_until 20 said 'sum(x["type"] == "SYSTEM_HOST" for x in m) == 1'
    wait_until 10 lab_exec host01 test -e /var/tmp/one_db/.monitor_client.pid
    lab_exec host01 sh -c 'kill -USR1 $(cat /var/tmp/one_db/.monitor_client.pid)'
    wait_until 20 said 'sum(x["type"] == "SYSTEM_HOST" for x in m) == 2'
    said 'all(x["status"] == "SUCCESS" for x in m)'
}

# The client has at most N threads.  It may just be giving way to its successor, as it does
# when libvirt has hung for long: then it is asked.
few_threads() { # N
    wait_until 20 threads_read
    [ "$(cat "$BATS_TEST_TMPDIR/threads")" -le "$1" ]
}
threads_read() {
    local pid
    pid=$(im_pids) && [[ $pid =~ ^[0-9]+$ ]] &&
        lab_exec host01 sed -n 's/^Threads:[^0-9]*//p' "/proc/$pid/status" >"$BATS_TEST_TMPDIR/threads" &&
        [ -s "$BATS_TEST_TMPDIR/threads" ]
}

@test "a libvirtd that hangs: told, nothing piles up, and all is well when it goes on" {
    virt_timeout 2
    monitord_start
    im_domain 5
    lab_virsh host01 create "$LAB/one-5.xml" >/dev/null
    im_start STATE_VM=1 SYNC_STATE_VM=1 MONITOR_VM=1 BEACON_HOST=1
    wait_until 10 said 'states'
    libvirtd_signal STOP
    wait_until 40 said 'any(x["type"] == "STATE_VM" and x["status"] == "FAILURE" for x in m)'
    wait_until 40 said 'any(x["type"] == "MONITOR_VM" and x["status"] == "FAILURE" for x in m)'
    wait_until 40 said 'sum(x["status"] == "FAILURE" for x in m) >= 6'
    said 'all("answer" in x["data"] for x in m if x["status"] == "FAILURE")'
    said 'm[-1]["at"] - max(x["at"] for x in m if x["type"] == "BEACON_HOST") < 3'
    few_threads 40
    said 'all(s[1] == "RUNNING" for s in states)'
    libvirtd_signal CONT
    wait_until 60 said '[x for x in m if x["type"] == "STATE_VM"][-1]["status"] == "SUCCESS"'
    wait_until 60 said '[x for x in m if x["type"] == "MONITOR_VM"][-1]["status"] == "SUCCESS"'
    said 'all(s[1] == "RUNNING" for s in states)'
    lab_virsh host01 destroy one-5
    wait_until 5 said 'states[-1][:2] == ("5", "POWEROFF")'
}

@test "START_MONITOR at a libvirtd that hangs ends in time, with the reason" {
    virt_timeout 2
    libvirtd_signal STOP
    timed im_start
    libvirtd_signal CONT
    assert_failure
    [[ $stderr == *"libvirt did not answer within 2 s"* ]]
    [ "$elapsed" -lt 4000 ]
    assert_equal "$(im_pids)" ""
}

@test "front-ends up to 5.10: nothing piles up at a libvirtd that hangs" {
    local first
    virt_timeout 1
    monitord_start
    echo 5.4.15 >"$LAB/host01/var-tmp/one/VERSION"
    run --separate-stderr lab_exec host01 env SSH_CLIENT="$FE_ADDRESS 1 22" timeout 60 \
        "$IM/run_probes" kvm /var/lib/one//datastores 4124 1 0 host01
    drv_show
    assert_success
    wait_until 20 said 'any(x["status"] == "SUCCESS" for x in m)'
    first=$(im_pids)
    libvirtd_signal STOP
    wait_until 40 said 'sum(x["status"] == "FAILURE" for x in m) >= 6'
    wait_until 40 began_anew "$first"
    few_threads 20
    libvirtd_signal CONT
    wait_until 30 said 'm[-1]["status"] == "SUCCESS"'
    echo 7.4.0 >"$LAB/host01/var-tmp/one/VERSION"
    lab_exec host01 touch /var/tmp/one/.update
    wait_until 10 no_client
}

began_anew() { [[ "$(im_pids)" =~ ^[0-9]+$ ]] && [ "$(im_pids)" != "$1" ]; }
no_client() { [ -z "$(im_pids)" ]; }

run_exec() { # COMMAND
    STDIN=$(vmm_document 1) run_vmm host01 exec 1 host01 "$1"
    assert_success
}

@test "how a command in a guest ended is told, once" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    monitord_start
    im_start EXEC_VM=1
    run_exec "sh -c 'echo out; echo err >&2; exit 3'"
    wait_until 20 said 'any(x["type"] == "EXEC_VM" for x in m)'
    assert_equal "$(messages '[(v["ID"], v["STATUS"], v["RETURN_CODE"], v["STDOUT"], v["STDERR"]) for x in m if x["type"] == "EXEC_VM" for v in x["vms"]]')" \
        "[('1', 'DONE', '3', 'b3V0Cg==', 'ZXJyCg==')]"
    run_exec "sh -c 'kill -9 \$\$'"
    wait_until 20 said '[v["RETURN_CODE"] for x in m if x["type"] == "EXEC_VM" for v in x["vms"]] == ["3", "137"]'
    lab_exec host01 test ! -e /run/one/one-1
    # A guest that was restarted knows of no such command.
    run_exec "sleep 1000"
    STDIN='' run_vmm host01 reset one-1 host01 1 host01
    wait_until 90 said '[v["RETURN_CODE"] for x in m if x["type"] == "EXEC_VM" for v in x["vms"]][2:] == ["255"]'
    # Nor does a host that no longer has the guest.
    run_exec "sleep 1000"
    run_vmm host01 cancel one-1 host01 1 host01
    assert_success
    wait_until 20 said '[v["RETURN_CODE"] for x in m if x["type"] == "EXEC_VM" for v in x["vms"]][3:] == ["255"]'
    lab_exec host01 test ! -e /run/one/one-1
    assert_messages_good
}

@test "a migration that was killed leaves the command of its guest to be told" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    run_exec "sh -c 'exit 7'"
    lab_exec host01 mv /run/one/one-1 /run/one/.migrating-one-1
    monitord_start
    lab_exec host01 sh -c 'exec 8</run/one/.migrating-one-1 && flock 8 && echo $$ >/var/tmp/holder &&
        exec sleep 1000' &
    wait_until 10 lab_exec host01 test -s /var/tmp/holder
    im_start EXEC_VM=1 BEACON_HOST=1
    wait_until 20 said 'sum(x["type"] == "BEACON_HOST" for x in m) >= 3'
    said 'not any(x["type"] == "EXEC_VM" for x in m)' # it is on its way
    lab_exec host01 sh -c 'kill $(cat /var/tmp/holder)'
    wait_until 20 said '[v["RETURN_CODE"] for x in m if x["type"] == "EXEC_VM" for v in x["vms"]] == ["7"]'
    lab_exec host01 test ! -e /run/one/.migrating-one-1
    assert_messages_good
}

@test "how a command ended is reported as soon as somebody listens" {
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    guest_wait host01 one-1
    monitord_start
    im_start EXEC_VM=1
    monitord_stop
    run_exec "head -c 100000 /dev/urandom" # too much for a datagram
    wait_until 20 lab_exec host01 test ! -e /run/one/one-1
    monitord_start
    wait_until 20 said '[len(v["STDOUT"]) for x in m if x["type"] == "EXEC_VM" for v in x["vms"]] == [133336]'
    assert_messages_good
}
