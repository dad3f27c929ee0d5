#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# run alone: it measures delays and CPU time.
# The monitoring client of a host, seen by a front-end.
load lib/drv
load lib/im

setup_file() {
    lab_setup_suite --hosts 1
    im_setup_suite
}

teardown_file() { lab_teardown_suite; }

names_itself() { # for programs that send it SIGUSR1
    [ "$(lab_exec host01 cat /var/tmp/one_db/.monitor_client.pid)" = "$(im_pids)" ]
}

no_client() { [ -z "$(im_pids)" ]; }

teardown() {
    im_stop || true
    monitord_stop
    local name
    for name in $(lab_virsh host01 list --name); do
        lab_virsh host01 destroy "$name" >/dev/null
    done
    sed -i '/LIBVIRT_URI=test/d' "$LAB/host01/var-tmp/one/etc/vmm/kvm/kvmrc"
    rm -f "$LAB/host01/var-tmp/one/im/kvm-probes.d/vm/monitor/mine"
}

@test "START_MONITOR answers with a first pass that oned accepts" {
    local part
    monitord_start
    im_domain 3
    lab_virsh host01 create "$LAB/one-3.xml"
    im_start
    assert_success
    assert_equal "$stderr" ""
    for part in SYSTEM_HOST MONITOR_HOST STATE_VM MONITOR_VM; do
        first_pass $part <<<"$output" >"$BATS_TEST_TMPDIR/$part"
        "$DRV_ROOT/tests/lib/template" "$BATS_TEST_TMPDIR/$part"
    done
    run cat "$BATS_TEST_TMPDIR"/{SYSTEM_HOST,MONITOR_HOST,STATE_VM,MONITOR_VM}
    assert_line 'HOSTNAME="host01"'
    assert_line 'HYPERVISOR=kvm'
    assert_line 'VERSION="7.4.0"'
    assert_line --regexp '^TOTALCPU=[1-9]'
    assert_line --regexp '^KVM_MACHINES=".*pc'
    assert_line --regexp '^USEDCPU=[0-9]+$'
    assert_line 'SYNC_STATE=yes'
    assert_line --regexp '^VM = \[ ID="3", DEPLOY_ID="11111111-[-0-9]*", STATE="RUNNING" \]$'
    assert_line --regexp '^VM = \[ ID="3", DEPLOY_ID="11111111-[-0-9]*", MONITOR="'
}

@test "one client stays, a new start replaces it, stop ends it" {
    local first
    monitord_start
    im_start
    first=$(im_pids)
    assert_equal "$(wc -w <<<"$first")" 1
    im_start
    assert_equal "$(im_pids | wc -w)" 1
    [ "$(im_pids)" != "$first" ]
    wait_until 10 names_itself
    im_stop
    assert_equal "$(im_pids)" ""
}

@test "messages come at their periods, encrypted" {
    with_key
    monitord_start --key "$LAB/monitor.key"
    im_start BEACON_HOST=1 MONITOR_HOST=1 MONITOR_VM=1 STATE_VM=1 SYNC_STATE_VM=2
    assert_success
    wait_until 20 said 'sum(x["type"] == "BEACON_HOST" for x in m) >= 4'
    wait_until 20 said 'sum("SYNC_STATE" in x.get("data", "") for x in m) >= 2'
    wait_until 20 said '{"SYSTEM_HOST", "MONITOR_HOST"} <= {x["type"] for x in m}'
    assert_messages_good
    said 'all(x["status"] == "SUCCESS" for x in m)'
    said 'all(x["via"] == ("tcp" if x["type"] == "STATE_VM" else "udp") for x in m)'
    # Per type, older messages than the last would be dropped.
    said 'all([x["epoch"] for x in m if x["type"] == t] == sorted(x["epoch"] for x in m if x["type"] == t) for t in {x["type"] for x in m})'
}

@test "changes of state are told within half a second" {
    local id changes=() want
    monitord_start
    im_start STATE_VM=60
    wait_until 10 said '"SYNC_STATE" in str(m)'
    for id in 1 2 3; do
        im_domain $id
        lab_virsh host01 create "$LAB/one-$id.xml" >/dev/null
        changes+=("('$id', 'RUNNING', $EPOCHREALTIME)")
        wait_until 5 said "len(states) == $((id * 4 - 3))"
        lab_virsh host01 suspend one-$id
        changes+=("('$id', 'SUSPENDED', $EPOCHREALTIME)")
        wait_until 5 said "len(states) == $((id * 4 - 2))"
        lab_virsh host01 resume one-$id
        changes+=("('$id', 'RUNNING', $EPOCHREALTIME)")
        wait_until 5 said "len(states) == $((id * 4 - 1))"
        lab_virsh host01 destroy one-$id
        changes+=("('$id', 'POWEROFF', $EPOCHREALTIME)")
        wait_until 5 said "len(states) == $((id * 4))"
    done
    want=$(IFS=,; echo "[${changes[*]}]")
    assert_equal "$(messages "[a[:2] == b[:2] for a, b in zip(states, $want)] == [True] * 12")" True
    echo "# delays in ms: $(messages "[round(1000 * (a[2] - b[2])) for a, b in zip(states, $want)]")" >&3
    said "max(a[2] - b[2] for a, b in zip(states, $want)) <= 0.5"
    assert_messages_good
}

@test "no VM is powered off because libvirt cannot be asked" {
    monitord_start
    im_domain 5
    lab_virsh host01 create "$LAB/one-5.xml" >/dev/null
    im_start STATE_VM=1 SYNC_STATE_VM=1 MONITOR_VM=1
    wait_until 10 said 'states'
    # shellcheck disable=SC2046
    lab_root host01 kill -9 $(lab_exec host01 pidof libvirtd)
    wait_until 30 said 'any(x["status"] == "FAILURE" and x["type"] == "STATE_VM" for x in m)'
    wait_until 30 said 'sum(x["status"] == "FAILURE" for x in m) >= 3'
    said 'all(s[1] == "RUNNING" for s in states)'
    lab_root host01 sh -c 'libvirtd --listen -d >/dev/null 2>&1 </dev/null'
    wait_until 30 lab_virsh host01 list
    wait_until 30 said 'm[-1]["type"] == "STATE_VM" and m[-1]["status"] == "SUCCESS"'
    said 'all(s[1] == "RUNNING" for s in states)'
    lab_virsh host01 destroy one-5
    wait_until 5 said 'states[-1][:2] == ("5", "POWEROFF")'
    assert_messages_good
}

@test "a front-end that was away is told all when it is back" {
    monitord_start
    im_start STATE_VM=1
    wait_until 10 said '"SYNC_STATE" in str(m)'
    monitord_stop
    im_domain 6
    lab_virsh host01 create "$LAB/one-6.xml" >/dev/null
    monitord_start
    wait_until 30 said '[s[:2] for s in states] == [("6", "RUNNING")]'
    said 'any("SYNC_STATE=yes" in x["data"] for x in m if x["type"] == "STATE_VM")'
}

@test "an admin's own probe runs too, and what is too large goes by TCP" {
    local probe=$LAB/host01/var-tmp/one/im/kvm-probes.d/vm/monitor/mine
    monitord_start
    cat >"$probe" <<'END'
#!/usr/bin/env python3
import base64, os, sys
assert sys.argv[1:] == ["kvm", "0", "host01"] and "<MONITOR_CONF" in sys.stdin.read()
for n in range(1000):
    text = 'NOISE="%s"' % os.urandom(40).hex()
    print('VM = [ ID="%d", MONITOR="%s" ]' % (n, base64.b64encode(text.encode()).decode()))
END
    chmod +x "$probe"
    im_start MONITOR_VM=1
    assert_success
    wait_until 20 said 'any(x["type"] == "MONITOR_VM" and len(x["vms"]) == 1000 for x in m)'
    said 'all(x["via"] == "tcp" for x in m if x["size"] > 60000)'
    said 'any(x["size"] > 60000 for x in m)'
    assert_messages_good
}

@test "a probe that fails makes START_MONITOR fail, and says why" {
    local probe=$LAB/host01/var-tmp/one/im/kvm-probes.d/vm/monitor/mine
    printf '#!/bin/sh\necho out of order >&2\nexit 3\n' >"$probe"
    chmod +x "$probe"
    im_start
    assert_failure
    [[ $stderr == *"Error executing mine"*"out of order"* ]]
    assert_equal "$(im_pids)" ""
}

@test "200 domains cost no process, and little time" {
    local n pid ticks cycles
    {
        echo '<node>'
        for n in $(seq 200); do
            echo "<domain type='test'><name>one-$n</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        done
        echo '</node>'
    } >"$LAB/host01/var-tmp/many.xml"
    echo 'LIBVIRT_URI=test:///var/tmp/many.xml' >>"$LAB/host01/var-tmp/one/etc/vmm/kvm/kvmrc"
    monitord_start
    im_start STATE_VM=1 SYNC_STATE_VM=1 MONITOR_VM=1
    assert_success
    wait_until 60 said 'len(states) >= 200'
    pid=$(im_pids)
    # shellcheck disable=SC2016
    cpu_of() { lab_exec host01 awk '{ print $14 + $15, $16 + $17 }' "/proc/$pid/stat"; }
    read -r before _ < <(cpu_of)
    cycles=$(messages 'sum(x["type"] == "STATE_VM" for x in m)')
    wait_until 30 said "sum(x['type'] == 'STATE_VM' for x in m) >= $((cycles + 10))"
    read -r after children < <(cpu_of)
    ticks=$((after - before))
    echo "# CPU per cycle of 200 domains: $((ticks * 1000 / $(getconf CLK_TCK) / 10)) ms" >&3
    assert_equal "$children" 0
    case $DRV_OUT in *-san*) return ;; esac # whose programs are several times slower
    [ $((ticks * 1000 / $(getconf CLK_TCK) / 10)) -le 50 ]
}

@test "front-ends up to 5.10 get flat probes, and datagrams of their form" {
    echo 'LIBVIRT_URI=test:///default' >>"$LAB/host01/var-tmp/one/etc/vmm/kvm/kvmrc"
    monitord_start
    echo 5.4.15 >"$LAB/host01/var-tmp/one/VERSION"
    run --separate-stderr lab_exec host01 env SSH_CLIENT="$FE_ADDRESS 1 22" timeout 60 \
        "$IM/run_probes" kvm /var/lib/one//datastores 4124 1 0 host01
    echo 7.4.0 >"$LAB/host01/var-tmp/one/VERSION"
    drv_show
    assert_success
    assert_line VM_POLL=YES
    assert_line --regexp '^TOTALCPU='
    assert_line --regexp '^USEDCPU='
    "$DRV_ROOT/tests/lib/template" - <<<"$output"
    wait_until 20 said 'sum(x["type"] == "MONITOR" and x["status"] == "SUCCESS" for x in m) >= 2'
    said 'all("VM_POLL=YES" in x["data"] for x in m)'
    assert_messages_good
    lab_exec host01 touch /var/tmp/one/.update
    wait_until 10 no_client
}

@test "stock probes that are left on a host do not run, an admin's own do" {
    local tree=$LAB/host01/var-tmp/one/im file own=kvm-probes.d/host/system/cpu.py
    while read -r file; do
        printf '%s\n' '#!/bin/sh' 'exit 1' >"$tree/$file"
        chmod 755 "$tree/$file"
    done < <(awk '!/^#/ { print $1 }' "$DRV_ROOT/packaging/stock-probes")
    printf '%s\n' '#!/bin/sh' 'echo OWN=yes' >"$tree/$own"
    chmod 755 "$tree/$own"
    im_start
    awk -v tree="$tree" '!/^#/ { print tree "/" $1 }' "$DRV_ROOT/packaging/stock-probes" | xargs rm
    rm "$tree/$own"
    assert_success
    run first_pass SYSTEM_HOST <<<"$output"
    assert_line OWN=yes
    assert_line 'HYPERVISOR=kvm'
}
