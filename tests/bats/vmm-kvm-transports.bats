#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# The three ways in which a front-end calls actions: through a shell that stays open, by an
# ssh of its own, and on the front-end itself.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm

setup_file() {
    lab_setup_suite
    vmm_setup_suite
    kvmrc host01 MIGRATE_OPTIONS=--unsafe
    echo MIGRATE_OPTIONS=--unsafe >>"$LAB/fe/one/remotes/etc/vmm/kvm/kvmrc"
}

teardown_file() { lab_teardown_suite; }
teardown() { vm_end_all; }

# $STDIN is the payload.  Afterwards: $status, $output, $stderr.
call() { # [option...] HOW HOST ACTION [arg...]
    local options=()
    while [[ $1 = --* ]]; do
        options+=("$1")
        if [ "$1" = --cut ]; then options+=("$2") && shift; fi
        shift
    done
    run --separate-stderr call_with "${options[@]}" "$LAB" "$@"
    drv_show
}
call_with() {
    printf '%s' "${STDIN-}" | timeout -k 5 150 "$DRV_ROOT/tests/lib/front-end-call" "$@"
}

deploy_by_stream() { # ID [guest-xml word...]
    local id=$1
    STDIN=$(vm_domain host01 "$@") call stream host01 deploy "$(vm_dir "$id")/deployment.0" \
        host01 "$id" host01
    assert_success
    assert_output "$(vm_uuid "$id")"
    assert_equal "$stderr" ""
}

@test "through a stream: the answer, and nothing else, before the marks" {
    local document
    # shellcheck disable=SC2046
    deploy_by_stream 1 $(with_kernel)
    guest_wait host01 one-1
    lab_exec host01 qemu-img create -q -f qcow2 "$(vm_dir 1)/disk.7" 64M
    document=$(vmm_document 1 "<DISK><DISK_ID>7</DISK_ID><ATTACH>YES</ATTACH><DRIVER>qcow2</DRIVER><TYPE>FILE</TYPE></DISK>")
    STDIN=$document call stream host01 attach_disk one-1 "$(vm_dir 1)/disk.7" vdc 2 \
        "$(base64 -w 0 <<<"$document")" 1 host01
    assert_success
    assert_output ""
    STDIN=$document call stream host01 detach_disk one-1 "$(vm_dir 1)/disk.7" vdc 2 1 host01
    assert_success
    STDIN=$(vmm_document 1) call stream host01 prereconfigure one-1 '' 1 host01
    assert_success
    for action in save restore; do
        words=("$(vm_uuid 1)" "$(vm_dir 1)/checkpoint" host01)
        [ $action = save ] || words=("$(vm_dir 1)/checkpoint" host01 "$(vm_uuid 1)")
        STDIN=$(vmm_document 1) call stream host01 $action "${words[@]}" 1 host01
        assert_success
        assert_output ""
    done
    STDIN=$(vmm_document 1) call stream host01 migrate "$(vm_uuid 1)" host02 host01 1 host01
    assert_success
    assert_state host02 1 running
    STDIN=$(vmm_document 1) call stream host02 shutdown "$(vm_uuid 1)" host02 1 host02
    assert_success
    assert_state host02 1 ""
}

@test "through a stream: errors, and a program that is not there" {
    STDIN=$(vmm_document 1) call stream host01 reboot "$(vm_uuid 1)" host01 1 host01
    assert_error "cannot reboot VM 1: .*[Dd]omain not found"
    STDIN='' call stream host01 no_such_action one-1 1 host01
    assert_equal "$status" 42
}

@test "a stream that is cut within the payload does nothing" {
    local xml
    xml=$(vm_domain host01 1)
    STDIN=$xml call --cut 600 stream host01 deploy "$(vm_dir 1)/deployment.0" host01 1 host01
    assert_failure # the front-end's shell says so: no action was run
    assert_state host01 1 ""
}

@test "a shell of old front-ends expands the payload: what is left of it counts" {
    STDIN=$(vm_domain host01 1 | sed 's|</title>| \\$HOME $$ \\\\</title>|') \
        call --unquoted stream host01 deploy "$(vm_dir 1)/deployment.0" host01 1 host01
    assert_success
    STDIN=$(vmm_document 1 '<NOTE>$(hostname) `id` \\</NOTE>') \
        call --unquoted stream host01 cancel "$(vm_uuid 1)" host01 1 host01
    assert_success
    assert_state host01 1 ""
}

@test "by an ssh of its own: with a payload or none, and nobody is waited for" {
    # shellcheck disable=SC2046
    deploy_by_stream 1 $(with_kernel)
    guest_wait host01 one-1
    STDIN='' call once host01 poll one-1 host01 1 host01
    assert_success
    assert_output --regexp '^STATE=a CPU='
    STDIN=$(vmm_document 1) call once host01 snapshot_create one-1 0 1 host01
    assert_success
    assert_output snap-0
    STDIN='' call once host01 snapshot_revert one-1 snap-0 1 host01
    assert_success
    STDIN='' call once host01 snapshot_delete one-1 snap-0 1 host01
    assert_success
    STDIN=$(vmm_document 1 "<MEMORY>200</MEMORY><RESIZE><MEMORY>256</MEMORY></RESIZE>") \
        call once host01 resize one-1 1 host01
    assert_success
    STDIN=$(vmm_document 1) call once host01 exec 1 host01 "'sh -c \"cat >/tmp/o\"'" \
        "$(base64 <<<text)"
    assert_success
    assert_output ""
    wait_until 10 guest_run host01 one-1 grep -q text /tmp/o
    STDIN=$(vmm_document 1) call once host01 exec_cancel "" 1 host01
    assert_success
    # The guest's clock is set by a child that stays behind: ssh must not wait for it.
    STDIN=$(vmm_document 1) call once host01 save one-1 "$(vm_dir 1)/checkpoint" host01 1 host01
    assert_success
    kvmrc host01 SYNC_TIME=yes
    STDIN=$(vmm_document 1) timed call once host01 restore "$(vm_dir 1)/checkpoint" host01 \
        one-1 1 host01
    assert_success
    assert_equal "$stderr" ""
    [ "$elapsed" -lt 15000 ]
    STDIN='' call once host01 no_such_action one-1
    assert_equal "$status" 42
}

@test "on the front-end: a migration from there, base64 in one line or many" {
    # shellcheck disable=SC2046
    deploy_by_stream 1 $(with_kernel)
    guest_wait host01 one-1
    guest_run host01 one-1 write /tmp/state kept
    STDIN=$(vmm_document 1) call local - migrate_local "$(vm_uuid 1)" host02 host01 1 host01
    assert_success
    assert_output ""
    assert_state host01 1 ""
    assert_state host02 1 running
    STDIN=$(vmm_document 1) call --wrapped local - migrate_local "$(vm_uuid 1)" host01 host02 \
        1 host02
    assert_success
    assert_state host02 1 ""
    run guest_run host01 one-1 cat /tmp/state
    assert_output kept
    STDIN=$(vmm_document 7) call local - migrate_local "$(vm_uuid 7)" host02 host01 7 host01
    assert_error "no domain with matching name"
}
