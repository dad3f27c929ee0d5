#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Recovery snapshots of VMs whose datastore has a replica: the probe that has them made.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm
load lib/im

PROBE=/var/tmp/one/im/kvm-probes.d/vm/snapshot/recovery

setup_file() {
    lab_setup_suite --hosts 2
    vmm_setup_suite
    im_setup_suite
}

teardown_file() { lab_teardown_suite; }

teardown() {
    local id
    im_stop || true
    monitord_stop
    for id in $(lab_virsh host01 list --uuid); do lab_virsh host01 destroy "$id"; done
    lab_exec host01 find /var/lib/one/datastores/0 -mindepth 1 -delete
    rm -rf "$LAB/host01/var-tmp/one/tm/shared/recovery_snap_create_live"
}

# The VM's and its datastore's XML, in its directory as the front-end puts them there.
describe_vm() { # ID REPLICA SECONDS
    echo "<VM><TEMPLATE><DISK><DISK_ID>0</DISK_ID><RECOVERY_SNAPSHOT_FREQ>$3</RECOVERY_SNAPSHOT_FREQ></DISK><DISK><DISK_ID>1</DISK_ID></DISK></TEMPLATE></VM>" |
        lab_exec host01 tee "$(vm_dir "$1")/vm.xml" >/dev/null
    echo "<DATASTORE><TM_MAD>shared</TM_MAD><TEMPLATE><REPLICA_HOST>$2</REPLICA_HOST></TEMPLATE></DATASTORE>" |
        lab_exec host01 tee "$(vm_dir "$1")/ds.xml" >/dev/null
}

install_program() { # FILE
    local program=$LAB/host01/var-tmp/one/tm/shared/recovery_snap_create_live
    mkdir -p "${program%/*}"
    install -m 755 "$1" "$program"
}

run_probe() { # its MONITOR, decoded, in $output
    lab_exec host01 $PROBE kvm 0 host01 >"$BATS_TEST_TMPDIR/said"
    "$DRV_ROOT/tests/lib/template" "$BATS_TEST_TMPDIR/said"
    run sh -c "sed -n 's/.*MONITOR=\"\([^\"]*\)\".*/\1/p' '$BATS_TEST_TMPDIR/said' | base64 -d"
}

@test "the storage's program is asked, and what it says is told" {
    local fake=$BATS_TEST_TMPDIR/fake
    deploy host01 1
    run lab_exec host01 $PROBE kvm 0 host01
    assert_success
    assert_output ""
    describe_vm 1 replica1 60
    run_probe
    assert_output --regexp 'ID = "0", MSG = "there is no recovery_snap_create_live" \]'
    printf '%s\n' '#!/bin/sh' 'echo "$@" >/var/tmp/called' 'echo 1234567' >"$fake"
    install_program "$fake"
    run_probe
    assert_output 'DISK_RECOVERY_SNAPSHOT = [ ID = "0", TIMESTAMP = "1234567" ]'
    run cat "$LAB/host01/var-tmp/called"
    assert_output "1 $(vm_dir 1)/disk.0 60 replica1"
    printf '%s\n' '#!/bin/sh' 'echo no space >&2; exit 1' >"$fake"
    install_program "$fake"
    run_probe
    assert_output --regexp 'MSG = ".*no space" \]'
}

COPIES='[v["MONITOR"]["DISK_RECOVERY_SNAPSHOT"] for x in m if x["type"] == "MONITOR_VM"
          for v in x["vms"] if "DISK_RECOVERY_SNAPSHOT" in v["MONITOR"]]'

# A disk in two parts: base, which the replica has too, and what was written since.
make_parts() { # ID
    local dir
    dir=$(vm_dir "$1")
    lab_exec host01 mkdir -p "$dir/disk.0.snap"
    lab_exec host01 qemu-img convert -O qcow2 "$GUEST/disk.raw" "$dir/disk.0.snap/base"
    lab_exec host01 qemu-img create -q -f qcow2 -F qcow2 -b "$dir/disk.0.snap/base" \
        "$dir/disk.0.snap/base.1"
    lab_exec host01 ln -s "$dir/disk.0.snap/base.1" "$dir/disk.0"
    lab_exec host02 mkdir -p "/var/tmp/replica_snaps/$1/disk.0"
}

@test "a running guest's disk gets to the replica, and the front-end is told when" {
    local dir there=/var/tmp/replica_snaps/1/disk.0
    dir=$(vm_dir 1)
    install_program "$DRV_ROOT/tests/lib/recovery_snap_create_live"
    make_parts 1
    # shellcheck disable=SC2046
    deploy host01 1 $(with_kernel)
    describe_vm 1 host02 3600
    guest_wait host01 one-1
    guest_run host01 one-1 sh -c 'echo kept >/kept && sync'
    monitord_start
    im_start
    assert_success
    wait_until 60 said "$COPIES"
    assert_messages_good
    # It is that of the copy, which has what the guest wrote and is a proper disk.
    wanted=$(lab_exec host02 stat -c %Y $there/base.1)
    assert_equal "$(messages "$COPIES")" "[{'ID': '0', 'TIMESTAMP': '$wanted'}]"
    lab_exec host02 qemu-img check -q $there/base.1
    lab_exec host02 qemu-img map --output=json $there/base.1 | grep -q '"depth": 0'
    # The guest went on, on one disk of two parts.
    guest_run host01 one-1 cat /kept | grep -qx kept
    lab_virsh host01 domblklist one-1 | grep -q "$dir/disk.0.snap/base.1\$"
    lab_exec host01 test ! -e "$dir/disk.0.snap/rs_tmp"
    # Not due again: the same copy is told of.
    run_probe
    assert_output "DISK_RECOVERY_SNAPSHOT = [ ID = \"0\", TIMESTAMP = \"$wanted\" ]"
    # The replica is away: that is told, and the guest goes on.
    "$LAB_TOOLS/lab" unplug "$LAB" host02
    run_probe
    "$LAB_TOOLS/lab" plug "$LAB" host02
    assert_output --regexp 'ID = "0", MSG = ".*" \]'
    guest_run host01 one-1 cat /kept | grep -qx kept
}
