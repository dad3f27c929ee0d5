#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Guests whose disks are in a pool: two hosts, three monitors with addresses of IPv6.
# shellcheck disable=SC2086 # numbers and names
load lib/drv
load lib/vmm
load lib/ceph-lab

setup_file() { ceph_lab_setup_suite; }
teardown_file() { lab_teardown_suite; }
setup() {
    HERE=host01
    ceph_vm 3
    tm clone fe:$IMAGE "$(D)" $VM 100
    ceph_deploy
}
teardown() { ceph_lab_end; }

attach() { # attach_disk|detach_disk
    local document action=$1 address disk
    for address in $MONITORS; do disk+="[$address] "; done
    document=$(vmm_document $VM "<DISK><DISK_ID>3</DISK_ID><ATTACH>YES</ATTACH><DRIVER>raw</DRIVER><TYPE>fs</TYPE><DISK_TYPE>RBD</DISK_TYPE><POOL_NAME>one</POOL_NAME><CEPH_HOST>$disk</CEPH_HOST><CEPH_USER>one</CEPH_USER><CEPH_SECRET>$SECRET</CEPH_SECRET></DISK>")
    STDIN=$document run_vmm $HERE "$action" "$(vm_uuid $VM)" "$(vm_dir $VM)/disk.3" vdc 3 \
        "$(base64 -w 0 <<<"$document")" $VM $HERE
}

@test "deployed, a disk plugged in and out, with a monitor down" {
    run in_guest sh -c 'mount | grep " / "; size /dev/vda'
    assert_output --partial "/dev/vda on / type ext4"
    assert_output --partial $((64 << 20))
    tm mkimage 16 raw "$HERE:$(vm_dir $VM)/disk.3" $VM 100
    ceph_tool stop "$CEPH" mon.b
    attach attach_disk
    assert_success
    wait_until 10 in_guest test -b /dev/vdb
    in_guest sh -c 'echo from-guest >/dev/vdb && sync'
    attach attach_disk
    assert_success
    attach detach_disk
    assert_success
    wait_until 10 in_guest test ! -e /dev/vdb
    ceph_tool start "$CEPH" mon.b
    assert_equal "$(rbd export --no-progress one/one-sys-$VM-3 - | head -c 10)" from-guest
    tm delete "$HERE:$(vm_dir $VM)/disk.3" $VM 100
    assert_equal "$(rbd ls one | paste -sd ' ')" "one-5 one-5-7-0"
}

@test "it migrates to the other host and back, and its disk has one writer" {
    in_guest write /state kept
    in_guest write /run/state kept-too
    local before files
    before=$(files_of host01)
    ceph_migrate host02
    assert_state host01 $VM ""
    # Its directory went along, nothing is left, and no probe was asked for.
    assert_equal "$(files_of host02)" "$before"
    assert_equal "$(files_of host01)" ""
    assert_state host02 $VM running
    run in_guest cat /state /run/state /mnt/context/context.sh
    assert_output $'kept\nkept-too\nWORD=context'
    # The destination's client alone has it open.
    run rbd status one/one-5-$VM-0 --format json
    assert_equal "$(grep -o '"address":"\[fd5e:ed::[0-9]*' <<<"$output")" '"address":"[fd5e:ed::12'
    tm snap_create_live "$(D)" 0 $VM 100
    ceph_migrate host01
    in_guest write /state again
    run in_guest cat /state
    assert_output again
}

files_of() { # HOST: of VMs there
    lab_exec "$1" find /var/lib/one/datastores/0 -mindepth 1 -printf '%P\n' | sort
}

@test "a snapshot while it runs is of one moment, and the guest goes on" {
    in_guest write /state before
    # Not yet on disk when the snapshot is asked for: freezing writes it.
    in_guest sh -c 'echo dirty >/dirty'
    ceph_vm 57
    tm snap_create_live "$(D)" 0 $VM 100
    assert_state $HERE $VM running
    in_guest write /state after
    ceph_vm 26
    tm cpds "$(D)" one/one-9 -1 $VM 100
    tm cpds "$(D)" one/one-10 0 $VM 100
    STDIN=$(vmm_document $VM) run_vmm $HERE cancel "$(vm_uuid $VM)" $HERE $VM $HERE
    assert_success
    assert_equal "$(content one-9 /state)" after
    assert_equal "$(content one-10 /state) $(content one-10 /dirty)" "before dirty"
    run rbd snap ls one/one-5-$VM-0 --format json
    refute_output --partial cpds
    ceph_vm 3
    tm snap_revert "$(D)" 0 $VM 100
    ceph_deploy
    run in_guest cat /state /dirty
    assert_output $'before\ndirty'
    tm snap_delete "$(D)" 0 $VM 100
    run in_guest cat /state
    assert_output before
}

# A file in an image's file system, which needs no repair: it was frozen.
content() { # IMAGE PATH
    local file=$BATS_TEST_TMPDIR/$1
    [ -e "$file" ] || rbd export --no-progress "one/$1" - >"$file"
    e2fsck -fn "$file" >/dev/null
    debugfs -R "cat $2" "$file" 2>/dev/null
}
debugfs() { /usr/sbin/debugfs "$@"; }

@test "its disk grows while it runs, and the guest sees it" {
    ceph_vm 62
    tm resize "$(D)" 80 $VM 100
    local document
    document=$(vmm_document $VM "<DISK><DISK_ID>0</DISK_ID><TARGET>vda</TARGET></DISK>")
    STDIN=$document run_vmm $HERE resize_disk "$(vm_uuid $VM)" 0 80 "$(base64 -w 0 <<<"$document")" \
        $HERE $VM $HERE
    assert_success
    wait_until 10 test "$(in_guest size /dev/vda)" = $((80 << 20))
    run rbd info one/one-5-$VM-0
    assert_output --partial "size 80 MiB"
}

@test "a snapshot of the whole VM needs a disk for its memory: refused in a sentence" {
    STDIN=$(vmm_document $VM) run_vmm $HERE snapshot_create "$(vm_uuid $VM)" 0 $VM $HERE
    assert_error "internal snapshot .*raw"
    assert_state $HERE $VM running
}

@test "what runs is not deleted, and the message names the client" {
    ceph_vm 3
    run_tm ceph delete "$(D)" $VM 100
    assert_error "image 'one/one-5-7-0' is in use: a client at \[?fd5e:ed::11"
    run in_guest cat /etc/passwd
    assert_success
}

# A guest that writes for ever, at its host.
write_on() { # HOST
    guest_run "$1" one-$VM sh -c 'n=0
        while :; do n=$((n + 1)); echo $n >/count; sync; echo $n >/run/count; done \
            </dev/null >/dev/null 2>&1 &'
    wait_until 10 counted "$1" 3
}
counted() { # HOST N
    [ "$(guest_run "$1" one-$VM cat /run/count)" -ge "$2" ]
}

@test "a host that is silent but alive is fenced before its VM starts elsewhere" {
    write_on host01
    ceph_vm 60 # PROLOG_MIGRATE_UNKNOWN
    run_tm ceph mv "$(D)" "host02:$(vm_dir $VM)/disk.0" $VM 100
    assert_success
    assert_regex "$stderr" "fenced client [^ ]*fd5e:ed::11"
    assert_regex "$stderr" "host01 can no longer write to the disk, even if it is alive"
    # It is alive, and thinks that it writes; nothing of it arrives.
    assert_state host01 $VM running
    local before
    before=$(rbd export --no-progress one/one-5-$VM-0 - | md5sum)
    guest_run host01 one-$VM sh -c '(echo late >/late; sync) >/dev/null 2>&1 &'
    wait_until 20 guest_run host01 one-$VM sh -c 'dmesg | grep "I/O error"'
    assert_equal "$(rbd export --no-progress one/one-5-$VM-0 - | md5sum)" "$before"
    HERE=host02
    ceph_vm 3
    ceph_deploy
    in_guest write /state here
    run in_guest sh -c 'cat /state; ls /late'
    assert_output --partial here
    assert_output --partial "No such file"
    # Again, as after an attempt that failed later: nobody is harmed who is not there.
    STDIN=$(vmm_document $VM) run_vmm host02 cancel "$(vm_uuid $VM)" host02 $VM host02
    ceph_vm 61
    run_tm ceph mv "host01:$(vm_dir $VM)/disk.0" "$(D)" $VM 100
    assert_success
    assert_regex "$stderr" "host01 does not have the disk open"
}

@test "who may not fence is not sure, and says so" {
    ceph auth get-or-create client.plain mon 'allow r' osd 'profile rbd pool=one' >/dev/null
    ceph auth print-key client.plain >"$CEPH/plain.key"
    ceph_vm 60 CEPH_USER=plain CEPH_KEY="$CEPH/plain.key"
    run_tm ceph mv "$(D)" "host02:$(vm_dir $VM)/disk.0" $VM 100
    assert_error "client.plain may not fence clients of 'one/one-5-7-0'"
    assert_regex "$stderr" "host01 may still write to the disk"
    run in_guest write /state alive
    assert_success
}
