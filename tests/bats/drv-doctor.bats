#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034 # run sets variables
# run as root: it builds a lab
# drv doctor: says nothing of a front-end and hosts that fit together, and finds each fault
# that is planted.
load lib/drv

setup_file() { lab_setup_suite --hosts 2; }
teardown_file() { lab_teardown_suite; }

host_xml() { # ID NAME [VM_MAD]
    printf '<HOST><ID>%s</ID><NAME>%s</NAME><STATE>2</STATE><CLUSTER_ID>0</CLUSTER_ID>%s</HOST>' \
        "$1" "$2" "<IM_MAD>kvm</IM_MAD><VM_MAD>${3-none}</VM_MAD>"
}

datastore() { # ID TYPE TM_MAD DS_MAD
    printf '<DATASTORE><ID>%s</ID><TYPE>%s</TYPE><TM_MAD>%s</TM_MAD><DS_MAD>%s</DS_MAD>%s%s</DATASTORE>' \
        "$1" "$2" "$3" "$4" "<BASE_PATH>$DATASTORES/$1</BASE_PATH>" \
        "<CLUSTERS><ID>0</ID></CLUSTERS>" | core_put datastore "$1"
}

setup() {
    rm -f "$CORE"/{host,datastore}/*
    host_xml 0 host01 | core_put host 0
    host_xml 1 host02 | core_put host 1
    datastore 0 1 shared -
    datastore 1 0 qcow2 fs
    datastore 100 1 ssh -
    lab_exec fe mkdir -p "$SYS" "$DS"
}

# Whatever a test planted and did not get to take away.
teardown() {
    local node
    core_fault
    for node in fe host01 host02; do
        lab_root "$node" sh -c "
            for at in $DS $SYS $DATASTORES/100 /usr/bin/qemu-img $LIBRARIES; do
                ! mountpoint -q \$at || umount \$at
            done
            rm -rf $DATASTORES/100 $SYS/25 /run/libvirt/libvirt-sock /etc/one/oned.conf \
                /var/tmp/one/$STOCK_PROBE"
    done
    lab_exec fe sh -c "cd $REMOTES && sed -i '/^LOCK_TIMEOUTS/d' etc/one-native.conf
        [ ! -e tm/ssh/clone.ours ] || mv tm/ssh/clone.ours tm/ssh/clone"
}
STOCK_PROBE=im/kvm-probes.d/host/beacon/date.sh
LIBRARIES=$(/sbin/ldconfig -p | awk '/lib(archive.so.13|rbd.so.1) / { print $NF }' | tr '\n' ' ')

doctor() {
    run --separate-stderr drv_run "$DRV_ROOT/${OUT:-out}/agent/drv" "$@" doctor
    drv_show
}

# One finding, at that machine, with this in its lines.
finds() { # WHERE LEVEL TEXT
    doctor
    assert_line --partial "$1: $2: $3"
    assert_equal "$(grep -cE '^[a-z0-9-]+: (error|warning): ' <<<"$output")" 1
    if [ "$2" = error ]; then
        assert_equal "$status" 1
        assert_equal "$stderr" "drv: 1 errors were found"
    else
        assert_success
    fi
}

fits() {
    doctor
    assert_success
    assert_equal "$output" "2 hosts, 3 datastores: 0 errors, 0 warnings"
    assert_equal "$stderr" ""
}

@test "nothing is found where all fits, and nothing is left behind" {
    fits
    run lab_exec fe find "$SYS" "$DS" -name '.drv-doctor*'
    assert_output ""
    doctor --json
    assert_success
    assert_equal "$output" ""
}

@test "no oned: one error, at once" {
    core_fault down
    doctor
    core_fault
    assert_equal "$status" 1
    assert_equal "$output" ""
    [[ $stderr == "drv: "*oned* ]]
}

@test "a host that cannot be reached: the hop is named, the other hosts are looked at" {
    host_xml 2 host03 | core_put host 2
    doctor --json
    assert_equal "$status" 1
    assert_line --regexp '"subject":"worker".*"where":"host03"'
    assert_line --regexp '"subject":"ssh to host03".*"where":"host02"'
    assert_equal "${#lines[@]}" 2
}

@test "a shared datastore that is not there, on one host" {
    lab_root host02 mount -t tmpfs -o mode=755 none "$DATASTORES"
    doctor
    lab_root host02 umount "$DATASTORES"
    assert_equal "$status" 1
    assert_line --partial "host02: error: datastore 0: there is no directory"
    assert_line --partial "host02: error: datastore 1: there is no directory"
    assert_line --partial "to mend it: mount the share at"
    fits
}

@test "a directory of the host's own in place of the share" {
    mount_tmpfs host01 "$DS"
    finds host01 error "datastore 1: $(realpath -m "$DS") is not the front-end's"
    lab_root host01 umount "$DS"
    fits
}

@test "a share that is read-only here" {
    lab_root host01 sh -ec "mount --bind $SYS $SYS && mount -o remount,bind,ro $SYS"
    finds host01 error "datastore 0: $(realpath -m "$SYS"): Read-only file system"
    lab_root host01 umount "$SYS"
    fits
}

@test "a directory that is another user's" {
    lab_exec host01 mkdir "$DATASTORES/100"
    lab_root host01 mount -t tmpfs -o mode=700 tmpfs "$DATASTORES/100"
    finds host01 error "datastore 100: $(realpath -m "$DATASTORES/100"): Permission denied"
    lab_root host01 umount "$DATASTORES/100"
    fits
}

@test "little room, few inodes" {
    lab_exec host02 mkdir "$DATASTORES/100"
    mount_tmpfs host02 "$DATASTORES/100" size=8m,nr_inodes=40
    lab_exec host02 sh -c "head -c 7900k /dev/zero >$DATASTORES/100/full"
    finds host02 warning "datastore 100: 0 MiB are free of 8 MiB"
    lab_exec host02 sh -c "rm $DATASTORES/100/full; cd $DATASTORES/100; seq 38 | xargs touch"
    finds host02 warning "datastore 100: 1 inodes are free of 40"
    lab_root host02 umount "$DATASTORES/100"
    fits
}

@test "a tool and a library that are not installed" {
    local library
    library=$(/sbin/ldconfig -p | awk '/libarchive.so.13 / { print $NF; exit }')
    lab_root host01 mount --bind /dev/null /usr/bin/qemu-img
    finds host01 error "qemu-img: qemu-img is not installed"
    assert_line --partial "to mend it: apt-get install qemu-utils"
    lab_root host01 umount /usr/bin/qemu-img
    lab_root fe mount --bind /dev/null "$library"
    finds front-end error "libarchive.so.13: libarchive.so.13 is not installed"
    lab_root fe umount "$library"
    fits
}

@test "a pool is used, and a host has no librbd" {
    local library
    library=$(/sbin/ldconfig -p | awk '/librbd.so.1 / { print $NF; exit }')
    datastore 2 0 ceph ceph
    lab_root host02 mount --bind /dev/null "$library"
    finds host02 error "librbd.so.1: librbd.so.1 is not installed"
    lab_root host02 umount "$library"
}

@test "libvirt is not there, and is not for our user" {
    host_xml 0 host01 kvm | core_put host 0
    finds host01 error "libvirt: /run/libvirt/libvirt-sock: No such file or directory"
    assert_line --partial "to mend it: systemctl start libvirtd"
    lab_root host01 python3 -c "import os, socket
os.umask(0o077)
os.makedirs('/run/libvirt', exist_ok=True)
socket.socket(socket.AF_UNIX).bind('/run/libvirt/libvirt-sock')
os.chmod('/run/libvirt', 0o755)"
    finds host01 error "libvirt: /run/libvirt/libvirt-sock: Permission denied"
    assert_line --partial "to mend it: usermod -a -G libvirt oneadmin"
    lab_root host01 rm /run/libvirt/libvirt-sock
}

@test "a stock probe beside ours" {
    lab_exec host01 touch "/var/tmp/one/$STOCK_PROBE"
    finds host01 warning "${STOCK_PROBE#im/}: the stock probe $STOCK_PROBE runs beside ours"
    lab_exec host01 rm "/var/tmp/one/$STOCK_PROBE"
    fits
}

@test "what a dead action left: not while it works, not when it is young" {
    lab_exec host01 sh -ec "mkdir -p $SYS/25/.drv-disk.0; cd $SYS/25/.drv-disk.0; touch lock"
    doctor # young
    refute_output --partial "left"
    lab_exec host01 touch -d '1 hour ago' "$SYS/25/.drv-disk.0"
    lab_exec host01 flock "$SYS/25/.drv-disk.0/lock" sleep 100 &
    local holder=$!
    wait_until 10 eval '! lab_exec host01 flock -n "$SYS/25/.drv-disk.0/lock" true'
    doctor # works
    refute_output --partial "left"
    lab_exec host01 pkill -f "^sleep 100" || true
    wait "$holder" || true
    doctor
    assert_success
    assert_line --partial "front-end: warning: datastore 0: an action on 25/disk.0 died and left .drv-disk.0"
    lab_exec host01 rm -r "$SYS/25"
    fits
}

@test "oned.conf lacks a driver that a datastore has" {
    lab_root fe sh -ec 'mkdir -p /etc/one
        printf "%s\n" "TM_MAD = [" "  EXECUTABLE = \"one_tm\"," \
        "  ARGUMENTS = \"-t 15 -d dummy,shared,qcow2\" ]" "# -d ssh" \
        "DATASTORE_MAD = [ EXECUTABLE = \"one_datastore\", ARGUMENTS = \"-t 15 -d dummy,fs\" ]" \
        >/etc/one/oned.conf; chmod 644 /etc/one/oned.conf'
    finds front-end error "datastore 100: its driver ssh is not in the list of TM_MAD"
    lab_root fe sed -i 's/dummy,shared,qcow2/dummy,shared,qcow2,ssh/; s/dummy,fs/dummy,dev/' /etc/one/oned.conf
    finds front-end error "datastore 1: its driver fs is not in the list of DATASTORE_MAD"
    lab_root fe rm /etc/one/oned.conf
    fits
}

@test "a stock action in the place of ours" {
    lab_exec fe sh -c "cd $REMOTES/tm/ssh && mv clone clone.ours && echo '#!/bin/sh' >clone"
    finds front-end error "tm/ssh/clone: $(realpath -m "$REMOTES")/tm/ssh/clone is not a program of one-native"
    lab_exec fe sh -c "cd $REMOTES/tm/ssh && mv clone.ours clone"
    fits
}

@test "a setting that nothing reads" {
    lab_exec fe sh -c "echo LOCK_TIMEOUTS=20 >>$REMOTES/etc/one-native.conf"
    finds front-end warning "one-native.conf: LOCK_TIMEOUTS is a setting that nothing reads"
    lab_exec fe sed -i '/^LOCK_TIMEOUTS/d' "$REMOTES/etc/one-native.conf"
    fits
}
