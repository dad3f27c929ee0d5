#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# run alone
# A libvirtd that does not answer any more, on either host in every phase of a migration,
# and while domains start, sleep and stop.
# shellcheck disable=SC2016,SC2034
load ../bats/lib/drv
load ../bats/lib/vmm
load ../bats/lib/phase

@test "libvirtd of the source hangs in each phase of a migration" { disturb hang host01; }
@test "libvirtd of the destination hangs in each phase of a migration" { disturb hang host02; }

@test "a libvirtd that hangs: each action ends in time and says so, and is good afterwards" {
    local action n=0 document file
    file=$(vm_dir 1)/checkpoint
    document=$(vmm_document 1)
    echo VIRT_TIMEOUT=4 >>"$LAB/host01/var-tmp/one/etc/one-native.conf"
    start_ticking
    hold host01
    for action in save shutdown cancel reboot reset migrate snapshot_create poll resize deploy; do
        case $action in
        save) set -- one-1 "$file" host01 1 host01 ;;
        migrate) set -- one-1 host02 host01 1 host01 ;;
        snapshot_create) set -- one-1 0 1 host01 ;;
        resize) set -- one-1 1 host01 ;;
        deploy) set -- "$(vm_dir 2)/deployment.0" host01 2 host01 ;;
        *) set -- one-1 host01 1 host01 ;;
        esac
        STDIN=$document
        [ $action != deploy ] || STDIN=$("$LAB_TOOLS/guest-xml" one-2)
        timed run_vmm host01 $action "$@"
        [ $action = poll ] || assert_error "libvirt did not answer within 4 s"
        [ "$elapsed" -lt 15000 ]
        n=$((n + 1))
    done
    release_all
    sed -i '/VIRT_TIMEOUT=4/d' "$LAB/host01/var-tmp/one/etc/one-native.conf"
    assert_ticking host01
    assert_state host01 2 ""
    told "$n actions at a libvirtd that hangs"
}
