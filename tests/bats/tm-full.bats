#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# A system datastore that is full (ext4), on a host: errors say so, disks and images stay
# as they are, nothing is left.
load lib/drv
load lib/crowd
load lib/full

setup_file() { full_setup_suite ext4 48M; }
teardown_file() { lab_teardown_suite; }

VM=$SYS/25
AT=host01:$VM

setup() { facts LCM_STATE=2; }

teardown() {
    make_room
    lab_exec fe sh -c "rm -rf $VM $SYS/.drv* $DS/qcow2.snap; cmp $DS/raw /var/tmp/safe/raw && cmp $DS/qcow2 /var/tmp/safe/qcow2"
}

facts() { # [NAME=VALUE...]
    vm_put 25 HOSTNAME=host01 "$@" \
        -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=YES \
        SIZE="${SIZE-8}" ORIGINAL_SIZE=8 QCOW2_STANDALONE="${STANDALONE-}" \
        -- disk DISK_ID=1 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=raw TYPE=FILE CLONE=YES \
        SIZE="${SIZE-8}" ORIGINAL_SIZE=8 SPARSE="${SPARSE-}" \
        -- disk DISK_ID=2 IMAGE_ID=7 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=NO \
        SIZE=8 ORIGINAL_SIZE=8 \
        -- disk DISK_ID=4 FORMAT=raw FS=ext4 TYPE=fs SIZE=16
}

clone() { # IMAGE DISK
    run_tm qcow2 clone "fe:$DS/$1" "$AT/disk.$2" 25 1
}

has_disks() {
    clone qcow2 0
    clone raw 1
    run_tm qcow2 ln "fe:$DS/qcow2" "$AT/disk.2" 25 1
}

@test "clone: an overlay, a copy, a copy that is larger" {
    fails_for_lack_of_room 0 "^cannot clone image 7 to disk.0 of VM 25: " clone qcow2 0
    fails_for_lack_of_room 3000 "^cannot clone image 8 to disk.1 of VM 25: " clone raw 1
    lab_exec fe rm -r "$VM"
    SIZE=20 SPARSE=NO facts
    fails_for_lack_of_room 12000 "^cannot clone image 8 to disk.1 of VM 25: " clone raw 1
    lab_exec fe rm -r "$VM"
    STANDALONE=YES facts
    fails_for_lack_of_room 3000 "^cannot clone image 7 to disk.0 of VM 25: " clone qcow2 0
}

@test "clone: again, over the disk that is there" {
    clone raw 1
    fails_for_lack_of_room 3000 "^cannot clone image 8 to disk.1 of VM 25: " clone raw 1
    clone qcow2 0
    fails_for_lack_of_room 0 "^cannot clone image 7 to disk.0 of VM 25: " clone qcow2 0
}

@test "ln, mkimage, mkswap and context" {
    fails_for_lack_of_room 0 "^cannot link image 7 to disk.2 of VM 25: " \
        run_tm qcow2 ln "fe:$DS/qcow2" "$AT/disk.2" 25 1
    fails_for_lack_of_room 0 "^cannot make swap space disk.3 of VM 25: " \
        run_tm qcow2 mkswap 16 "$AT/disk.3" 25 0
    fails_for_lack_of_room 100 "^cannot make disk.4 of VM 25: " \
        run_tm qcow2 mkimage 16 raw "$AT/disk.4" 25 0
    fails_for_lack_of_room 100 "^cannot make disk.4 of VM 25: " \
        run_tm qcow2 mkimage 16 qcow2 "$AT/disk.4" 25 0
    lab_exec fe sh -c 'mkdir -p /var/lib/one/vms/25 && cd /var/lib/one/vms/25 &&
        echo A=1 >context.sh && head -c 300000 /dev/urandom >file'
    fails_for_lack_of_room 100 "^cannot make context of VM 25: " \
        run_tm qcow2 context /var/lib/one/vms/25/context.sh /var/lib/one/vms/25/file \
        "$AT/disk.5" 25 0
}

@test "snapshots: a new overlay, a copy of a raw disk" {
    has_disks
    fails_for_lack_of_room 0 "^cannot create snapshot 0 of disk.0 of VM 25: " \
        run_tm qcow2 snap_create "$AT/disk.0" 0 25 1
    fails_for_lack_of_room 3000 "^cannot create snapshot 0 of disk.1 of VM 25: " \
        run_tm qcow2 snap_create "$AT/disk.1" 0 25 1
    fails_for_lack_of_room 0 "^cannot create snapshot 0 of disk.2 of VM 25: " \
        run_tm qcow2 snap_create "$AT/disk.2" 0 25 1
    run lab_exec fe qemu-img compare -f raw -F qcow2 "$DS/raw" "$VM/disk.0"
    assert_success
}

@test "snapshots: going back to one" {
    has_disks
    run_tm qcow2 snap_create "$AT/disk.0" 0 25 1
    run_tm qcow2 snap_create "$AT/disk.1" 0 25 1
    fails_for_lack_of_room 0 "^cannot revert to snapshot 0 of disk.0 of VM 25: " \
        run_tm qcow2 snap_revert "$AT/disk.0" 0 25 1
    fails_for_lack_of_room 3000 "^cannot revert to snapshot 0 of disk.1 of VM 25: " \
        run_tm qcow2 snap_revert "$AT/disk.1" 0 25 1
}

@test "saving disks as images" {
    has_disks
    fails_for_lack_of_room 3000 "^cannot save disk.0 of VM 25 as image '$DS/saved': " \
        run_tm qcow2 cpds "$AT/disk.0" "$DS/saved" -1 25 1
    fails_for_lack_of_room 3000 "^cannot save disk.1 of VM 25 as image '$DS/other': " \
        run_tm qcow2 cpds "$AT/disk.1" "$DS/other" -1 25 1
    lab_exec fe rm "$DS/saved" "$DS/other"
}

@test "growing a disk" {
    SPARSE=NO facts
    has_disks
    fails_for_lack_of_room 3000 "^cannot resize disk.1 of VM 25: " \
        run_tm qcow2 resize "$AT/disk.1" 14 25 1
    run lab_exec fe stat -c %s "$VM/disk.1"
    assert_output $((14 * 1048576))
}

@test "moving a VM's directory from another file system" {
    lab_exec fe sh -c "mkdir -p $DATASTORES/0/26 && cp /var/tmp/safe/raw $DATASTORES/0/26/disk.0"
    mount_tmpfs host01 "$DATASTORES/9"
    lab_exec host01 sh -c "mkdir $DATASTORES/9/25 && head -c 8000000 /dev/urandom >$DATASTORES/9/25/disk.7 &&
        cp $DATASTORES/9/25/disk.7 /var/lib/one/want"
    fails_for_lack_of_room 3000 "^cannot move .*VM 25.*: " \
        run_tm qcow2 mv "host01:$DATASTORES/9/25" "host01:$SYS/25" 25 0
    lab_exec host01 cmp "$SYS/25/disk.7" /var/lib/one/want
    lab_root host01 sh -c "[ ! -e $DATASTORES/9/25 ] && umount $DATASTORES/9"
    lab_exec fe sh -c "rm -r $DATASTORES/0/26; rmdir $DATASTORES/9"
}

@test "what is full can be emptied" {
    lab_exec fe sh -c "cp $DS/raw $DS/image && mkdir $DS/image.snap && echo 0 >$DS/image.snap/0"
    DUMP=$(ds_dump SOURCE="$DS/image")
    works_without_room run_ds fs/rm 7
    lab_exec fe sh -c "[ ! -e $DS/image ] && [ ! -e $DS/image.snap ]"
    has_disks
    run_tm qcow2 snap_create "$AT/disk.0" 0 25 1
    run_tm qcow2 snap_create "$AT/disk.0" 1 25 1
    run_tm qcow2 snap_create "$AT/disk.1" 0 25 1
    leave 200
    run_tm qcow2 snap_delete "$AT/disk.0" 0 25 1
    assert_success
    run_tm qcow2 snap_delete "$AT/disk.1" 0 25 1
    assert_success
    works_without_room run_tm qcow2 delete "$AT/disk.0" 25 1
    works_without_room run_tm qcow2 delete "$AT/disk.1" 25 1
    works_without_room run_tm qcow2 mvds "$AT/disk.2" "$DS/qcow2" 25 1
    works_without_room run_tm qcow2 delete "$AT" 25 0
    run lab_exec fe ls -A "$SYS"
    assert_output ""
}
