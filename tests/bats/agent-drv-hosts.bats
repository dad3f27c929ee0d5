#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# The command line as oneadmin has it, on two hosts with an agent each, and with guests
# that listen.
# shellcheck disable=SC2034,SC2154,SC2086
load lib/drv
load lib/vmm

SOCKET=/run/one/agent.sock

setup_file() {
    lab_setup_suite --hosts 2
    vmm_setup_suite
    local host
    for host in host01 host02; do
        # libvirt cannot know that the lab's directory is shared.
        lab_exec "$host" sh -c 'mkdir -p /var/tmp/one/etc/vmm/kvm
            echo MIGRATE_OPTIONS=--unsafe >/var/tmp/one/etc/vmm/kvm/kvmrc'
        lab_root "$host" install -d -o oneadmin /run/one
    done
}
teardown_file() { lab_teardown_suite; }

setup() {
    local host
    AGENT_JOBS=()
    for host in host01 host02; do
        lab_exec "$host" "$DRV_OUT/agent/drv-agentd" --socket $SOCKET --directory /run/one/agent \
            2>>"$LAB/agent-$host" 3>&- &
        AGENT_JOBS+=($!)
        wait_until 20 is_connected "$host"
    done
    DIR=/var/lib/one/datastores/0/7
    lab_exec host01 mkdir -p $DIR
    lab_exec host01 qemu-img convert -O qcow2 "$GUEST/disk.raw" $DIR/web.qcow2
    lab_exec host01 cp "$GUEST/vmlinuz" "$GUEST/initrd" $DIR/
}

teardown() {
    local host job uuid
    "$LAB_TOOLS/lab" plug "$LAB" host02 2>/dev/null || true # a test may have ended before
    for host in host01 host02; do
        lab_exec "$host" sh -c 'pgrep -x drv-agentd | xargs -r kill'
        for uuid in $(lab_virsh "$host" list --all --uuid); do
            lab_virsh "$host" destroy "$uuid" >/dev/null 2>&1 || true
            lab_virsh "$host" undefine "$uuid" >/dev/null 2>&1 || true
        done
        lab_root "$host" rm -rf /run/one/agent
    done
    for job in "${AGENT_JOBS[@]}"; do end_job "$job"; done
    lab_exec host01 rm -rf $DIR
}

is_connected() { # HOST
    drv_on "$1" --json diagnostics | grep -q '"connected":true'
}

drv_on() { # HOST word...
    local host=$1
    shift
    lab_exec "$host" timeout -k 5 "${DRV_TIMEOUT:-120}" env DRV_SOCKET=$SOCKET TZ=UTC \
        "$DRV_OUT/agent/drv" "$@"
}

# Run it; afterwards $status, $output, $stderr.
run_on() { # HOST word...
    run --separate-stderr drv_on "$@"
    drv_show
}

assert_says() { # STATUS REGEX: of stderr, its first 90 characters
    assert_equal "$status" "$1"
    [[ ${stderr:0:95} =~ ^drv:\ .*$2 ]] || fail "no '$2' in '$stderr'"
}

# The guest, as a document of libvirt's: it has a channel for its agent.
web() {
    "$LAB_TOOLS/guest-xml" --memory 128 --kernel $DIR/vmlinuz --initrd $DIR/initrd \
        --disk $DIR/web.qcow2 web |
        sed 's|</devices>|<interface type="user"><mac address="52:54:00:00:00:07"/></interface>&|'
}

state() { # HOST VM EXPRESSION: of "vm show", as Python has it
    drv_on "$1" --json vm show "$2" | python3 -c 'import json, sys
a = json.load(sys.stdin); print(eval(sys.argv[1]))' "$3"
}

power() { state "$1" web 'a["state"]["power_state"]'; }
answers() { guest_run "$1" web true; }

@test "the life of a VM: added, started, shut down, rebooted, suspended, resumed, deleted" {
    run_on host01 vm add - < <(web)
    assert_success
    local id=$output number
    run_on host01 vm start web
    assert_success
    wait_until 60 answers host01
    run_on host01 vm list
    assert_line --regexp "^$id  web +Running +1 +128.0 MiB +-$"
    run_on host01 vm start web
    assert_says 1 "cannot start VM 'web': the VM is Running, not Halted"
    guest_run host01 web sh -c 'echo since-boot >/run/alive'
    run_on host01 vm suspend web $DIR/memory
    assert_success
    assert_equal "$(power host01)$(lab_virsh host01 list --all --name | tr -d '[:space:]')" Suspended
    run_on host01 vm delete web
    assert_says 1 "it is Suspended; --force ends and deletes it"
    run_on host01 vm resume web
    assert_success
    wait_until 60 answers host01
    assert_equal "$(guest_run host01 web cat /run/alive)" since-boot
    run lab_exec host01 test -e $DIR/memory
    [ "$status" = 1 ]
    number=$(state host01 web 'a["state"]["domids"]')
    run_on host01 vm reboot web --delay 60
    assert_success
    wait_until 60 answers host01
    run guest_run host01 web test -e /run/alive # another boot
    [ "$status" != 0 ]
    [ "$(state host01 web 'a["state"]["domids"]')" != "$number" ]
    run_on host01 vm set-ip web 10.0.0.7
    run_on host01 vm shutdown web --delay 60
    assert_success
    run_on host01 vm show web
    assert_line --regexp '^state +Halted$'
    assert_line --regexp '^address +10.0.0.7$'
    assert_line --regexp '^MAC +52:54:00:00:00:07$'
    run_on host01 vm delete web
    assert_success
    run_on host01 vm list
    assert_output "ID  NAME  STATE  VCPUS  MEMORY  ADDRESS"
    run_on host01 events
    assert_equal "$(grep -cE ' (ADDED|REMOVED) ' <<<"$output")" 6
}

@test "by libvirt's XML, by a description, by options; transient, or defined: kept while it is off" {
    local words
    echo '{"name":"web","memory":"64M","platform":{"type":"qemu"},"nics":["user"],
        "disks":["'$DIR'/web.qcow2"]}' >"$LAB/web.json"
    "$LAB_TOOLS/guest-xml" --memory 64 --no-agent --disk $DIR/web.qcow2 web >"$LAB/web.xml"
    for words in "- <$LAB/web.xml" "- <$LAB/web.json" \
        "--name web --memory 64M --disk $DIR/web.qcow2 --nic user </dev/null"; do
        for persistent in "" --persistent; do
            eval "run_on host01 vm add $persistent $words"
            assert_success
            run_on host01 vm start web --paused
            assert_success
            assert_equal "$(power host01)" Paused
            drv_on host01 vm shutdown web --force
            assert_equal "$(lab_virsh host01 list --all --name | tr -d '[:space:]')" \
                "${persistent:+web}"
            run_on host01 vm show web
            [ -z "$persistent" ] || assert_line --regexp '^domain .*, defined$'
            assert_line --regexp '^memory +64.0 MiB$'
            drv_on host01 vm delete web
            assert_equal "$(lab_virsh host01 list --all --name | tr -d '[:space:]')" ""
        done
    done
}

@test "migrate: with proof at both ends; what was moved is not started here while it runs there" {
    local id
    id=$(web | drv_on host01 vm add -)
    drv_on host01 vm start web
    wait_until 60 answers host01
    run_on host01 vm migrate web nowhere.invalid --tries 2
    assert_says 1 "cannot migrate VM 'web'.*nowhere.invalid"
    assert_equal "$(power host01)" Running
    run_on host01 vm migrate web host02 --tries 0
    assert_says 2 "--tries is from 1 to 100"
    guest_run host01 web sh -c 'echo since-boot >/run/alive'
    run_on host01 vm migrate web host02
    assert_success
    assert_equal "$(guest_run host02 web cat /run/alive)" since-boot
    run_on host01 vm list
    assert_line --regexp "^$id  web +moved to qemu\+ssh://host02/system "
    run_on host01 vm start web
    assert_says 1 "cannot start VM 'web': it runs at qemu.ssh://host02/system, where it was moved"
    assert_equal "$(lab_virsh host01 list --all --name | tr -d '[:space:]')" ""
    # There it is another's until it is adopted, with its MACs.
    run_on host02 vm list
    assert_line --regexp "^$id  web +Running, foreign +- +- +-$"
    run_on host02 vm shutdown web
    assert_says 1 'foreign; adopt it first'
    run_on host02 vm adopt web
    assert_success
    run_on host02 vm adopt web
    assert_says 1 "cannot adopt VM 'web': the agent owns it already"
    assert_equal "$(state host02 web '(a["state"]["power_state"], a["state"]["domids"] != [])')" \
        "('Running', True)" # at once, not when it was looked at
    assert_equal "$(state host02 web 'a["state"]["macs"][0]')" \
        52:54:00:00:00:07
    # The host that has it cannot be asked: nothing is known, so nothing is started.
    "$LAB_TOOLS/lab" unplug "$LAB" host02
    DRV_TIMEOUT=180 run_on host01 vm start web
    assert_says 1 "cannot start VM 'web': it was moved to qemu.ssh://host02/system, which cannot be asked"
    "$LAB_TOOLS/lab" plug "$LAB" host02
    drv_on host02 vm shutdown web --delay 60
    run_on host01 vm start web
    assert_success
    assert_equal "$(power host01)" Running
    [ "$(state host01 web 'a["state"].get("migrated_to")')" = None ]
}

@test "migrate --offline: off here, proven, before it starts there" {
    web | drv_on host01 vm add -
    run_on host01 vm migrate web host02 --offline
    assert_says 1 "cannot migrate VM 'web': the VM is Halted, not Running"
    drv_on host01 vm start web
    wait_until 60 answers host01
    guest_run host01 web sh -c 'echo since-boot >/run/alive'
    run_on host01 vm migrate web host02 --offline --delay 60
    assert_success
    wait_until 60 answers host02
    run guest_run host02 web test -e /run/alive
    [ "$status" != 0 ]
    assert_equal "$(lab_virsh host01 list --all --name | tr -d '[:space:]')" ""
    run_on host01 vm list
    assert_output --partial "moved to qemu+ssh://host02/system"
}

@test "host, diagnostics, tasks: what a person asks first" {
    run_on host01 host info
    assert_line --regexp '^hypervisor: QEMU$'
    run_on host01 host stats
    assert_line 'vms_running: 0'
    run_on host01 task list # a question is no task to be remembered
    assert_output "ID  QUEUED  OPERATION  VM  STATE  MORE"
    run_on host01 diagnostics
    assert_line --regexp '^  since: 2[0-9]{3}-[0-9-]+ [0-9:]+$'
    run_on host01 events --capabilities
    assert_line "ADDED: derived"
}
