#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# Many actions at once, on a host whose sshd has the limits it is shipped with.
load lib/drv
load lib/crowd

setup_file() {
    lab_setup_suite --hosts 1
    # What sshd does without any setting: 10 sessions a connection, 10 greeting at once.
    lab_root host01 sh -c 'sed -i "/^Max/d" /run/sshd_config && kill -HUP $(cat /run/sshd.pid)'
    lab_exec fe sh -c "head -c 3000000 /dev/urandom >$DS/raw && truncate -s 16M $DS/raw &&
        qemu-img convert -f raw -O qcow2 $DS/raw $DS/qcow2 &&
        cd $DS && sha256sum raw qcow2 >/var/tmp/sums-of-images"
    vm_template
}

teardown_file() { lab_teardown_suite; }

setup() {
    DRV_TIMEOUT=100
}

teardown() {
    finish
    lab_exec fe sh -c "cd $DS && sha256sum --quiet -c /var/tmp/sums-of-images && rm -rf $SYS/* &&
        find . -mindepth 1 -maxdepth 1 ! -name raw ! -name qcow2 -exec rm -r {} +"
    assert_idle fe host01
}

# VMs 1 to 60, all alike: disk 0 a qcow2 clone, 1 a raw clone, 2 and 3 persistent, 4
# volatile, 5 swap.
vm_template() {
    local id
    vm_put 1 LCM_STATE=2 HOSTNAME=host01 \
        -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=YES \
        SIZE=16 ORIGINAL_SIZE=16 \
        -- disk DISK_ID=1 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=raw TYPE=FILE CLONE=YES \
        SIZE=16 ORIGINAL_SIZE=16 \
        -- disk DISK_ID=2 IMAGE_ID=9 SOURCE="$DS/own" FORMAT=qcow2 TYPE=FILE CLONE=NO \
        SIZE=16 ORIGINAL_SIZE=16 \
        -- disk DISK_ID=3 IMAGE_ID=9 SOURCE="$DS/own" FORMAT=raw TYPE=FILE CLONE=YES \
        SIZE=16 ORIGINAL_SIZE=16 \
        -- disk DISK_ID=4 FORMAT=qcow2 TYPE=fs SIZE=16 \
        -- disk DISK_ID=5 FORMAT=raw TYPE=swap SIZE=16
    for id in $(seq 2 60); do
        sed "s|<ID>1</ID>|<ID>$id</ID>|" "$CORE/vm/1.xml" >"$CORE/vm/$id.xml"
    done
}

begin_clone() { # NAME HOST IMAGE VM DISK
    begin "$1" qcow2 clone "fe:$DS/$3" "$2:$SYS/$4/disk.$5" "$4" 1
}

clone() { # IMAGE VM DISK
    run_tm qcow2 clone "fe:$DS/$1" "host01:$SYS/$2/disk.$3" "$2" 1
    assert_success
}

snap() { # VERB ID
    run_tm qcow2 "snap_$1" "host01:$SYS/1/disk.0" "$2" 1 1
    assert_success
}

# Every disk.N of the VMs is sound and equals the image.
assert_clones() { # DISK FORMAT VM...
    local disk=$1 format=$2
    shift 2
    run lab_exec host01 bash -eu -c 'disk=$1 format=$2 sys=$3 raw=$4; shift 4
        for vm; do
            [ "$format" = raw ] || qemu-img check -q -f "$format" "$sys/$vm/disk.$disk"
            qemu-img compare -q -f raw -F "$format" "$raw" "$sys/$vm/disk.$disk"
        done' bash "$disk" "$format" "$SYS" "$DS/raw" "$@"
    assert_success
}

masters() { # connections that fe keeps to host01
    lab_exec fe sh -c 'ls /var/lib/one/.drv-ssh /run/one/drv-ssh 2>/dev/null | grep -c "\.[0-9]$"' || true
}

fifty() { # HOST IMAGE DISK FORMAT
    local vm
    for vm in $(seq 50); do begin_clone "$vm" "$1" "$2" "$vm" "$3"; done
    finish
    for vm in $(seq 50); do assert_all_well "$vm"; done
    assert_clones "$3" "$4" $(seq 50)
    assert_tidy
}

@test "50 clones of one qcow2 image over ssh, with no connection there yet" {
    lab_exec fe sh -c 'rm -rf /var/lib/one/.drv-ssh /run/one/drv-ssh'
    fifty host01 qcow2 0 qcow2
    [ "$(masters)" -le 5 ]
}

@test "50 clones of one raw image over connections that are there" {
    clone raw 60 1
    [ "$(masters)" -ge 1 ]
    fifty host01 raw 1 raw
    [ "$(masters)" -le 5 ]
}

@test "50 clones of one qcow2 image on this machine" {
    fifty fe qcow2 0 qcow2
}

@test "50 clones, each with a connection of its own" {
    lab_exec fe sh -c 'echo SSH_MULTIPLEX=no >>/var/lib/one/remotes/etc/one-native.conf'
    fifty host01 qcow2 0 qcow2
    lab_exec fe sed -i /SSH_MULTIPLEX=no/d /var/lib/one/remotes/etc/one-native.conf
}

@test "the same clone ten times at once: one whole disk" {
    local n
    for n in $(seq 10); do begin_clone "$n" host01 qcow2 1 0; done
    finish
    assert_all_well $(seq 10)
    assert_clones 0 qcow2 1
    assert_tidy
    run lab_exec fe ls -A "$SYS/1"
    assert_output $'disk.0\ndisk.0.snap'
}

@test "all disks of a VM at once" {
    lab_exec fe cp "$DS/qcow2" "$DS/own"
    begin_clone a host01 qcow2 1 0
    begin_clone b host01 raw 1 1
    begin c qcow2 ln "fe:$DS/own" "host01:$SYS/1/disk.2" 1 1
    begin d qcow2 mkimage 16 qcow2 "host01:$SYS/1/disk.4" 1 0
    begin e qcow2 mkswap 16 "host01:$SYS/1/disk.5" 1 0
    finish
    assert_all_well a b c d e
    assert_clones 0 qcow2 1
    assert_clones 1 raw 1
    assert_clones 2 qcow2 1
    assert_tidy
}

@test "images registered at once, twice under one number" {
    local n
    lab_exec fe sh -c "mkdir -p /var/tmp/safe && cp $DS/raw /var/tmp/safe/raw"
    DUMP=$(ds_dump PATH=/var/tmp/safe/raw SAFE_DIRS=/var/tmp/safe RESTRICTED_DIRS=/)
    for n in 1 2 3 4 5 6 7; do begin_ds "$n" fs/cp "$n"; done
    begin_ds 8 fs/cp 7
    finish
    assert_all_well $(seq 8)
    run bash -c 'cut -d " " -f 1 '"$CROWD"'/*.out | sort -u | wc -l'
    assert_output 8
    for n in $(seq 8); do
        read -r source _ <"$CROWD/$n.out"
        lab_exec fe cmp "$DS/raw" "$source"
    done
    run lab_exec fe sh -c "ls -A $DS | wc -l"
    assert_output 10
}

@test "images made, registered, cloned and removed at once" {
    local n source
    DUMP=$(ds_dump SIZE=16 FORMAT=qcow2)
    for n in a b c; do begin_ds "$n" fs/mkfs 1; done
    DUMP=$(ds_dump PATH="$DS/qcow2" FORMAT=qcow2)
    for n in d e f; do begin_ds "$n" fs/clone 2; done
    finish
    assert_all_well a b c d e f
    for n in a b c; do
        read -r source _ <"$CROWD/$n.out"
        DUMP=$(ds_dump SOURCE="$source")
        begin_ds "$n-1" fs/rm 1
        begin_ds "$n-2" fs/rm 1
        DUMP=$(ds_dump PATH="$DS/qcow2" FORMAT=qcow2)
        begin_ds "$n-3" fs/clone 3
    done
    finish
    assert_all_well {a,b,c}-{1,2,3}
    run lab_exec fe sh -c "ls -A $DS | wc -l"
    assert_output 8
    assert_tidy
}

@test "two snapshots of one disk at once" {
    clone qcow2 1 0
    lab_exec host01 qemu-io -f qcow2 -c "write -P 1 1M 64k" "$SYS/1/disk.0"
    begin a qcow2 snap_create "host01:$SYS/1/disk.0" 0 1 1
    begin b qcow2 snap_create "host01:$SYS/1/disk.0" 0 1 1
    finish
    assert_all_well a b # the second finds it taken
    run lab_exec host01 sh -c "readlink $SYS/1/disk.0; ls -A $SYS/1/disk.0.snap"
    assert_output $'disk.0.snap/1\n0\n1\ndisk.0.snap'
    begin a qcow2 snap_create "host01:$SYS/1/disk.0" 1 1 1
    begin b qcow2 snap_create "host01:$SYS/1/disk.0" 2 1 1
    finish
    assert_all_well a b
    run lab_exec host01 sh -c "qemu-img info --backing-chain -f qcow2 $SYS/1/disk.0 | grep -c ^image"
    assert_output 5
    run lab_exec host01 qemu-img check -f qcow2 "$SYS/1/disk.0"
    assert_success
    lab_exec host01 qemu-io -f qcow2 -c "read -P 1 1M 64k" "$SYS/1/disk.0"
    assert_tidy
}

@test "snapshots taken, deleted and reverted at once" {
    clone qcow2 1 0
    snap create 0
    snap create 1
    begin a qcow2 snap_create "host01:$SYS/1/disk.0" 2 1 1
    begin b qcow2 snap_delete "host01:$SYS/1/disk.0" 1 1 1
    begin c qcow2 snap_revert "host01:$SYS/1/disk.0" 0 1 1
    begin d qcow2 resize "host01:$SYS/1/disk.0" 16 1 1
    finish
    for n in a b c d; do
        result "$n" # what stands in another's way may be refused
        [ "$status" = 0 ] || assert_error "snapshot|disk.0"
    done
    run lab_exec host01 qemu-img check -f qcow2 "$SYS/1/disk.0"
    assert_success
    assert_clones 0 qcow2 1
    assert_tidy
}

@test "two deletes of one disk and of one VM at once" {
    clone qcow2 1 0
    begin a qcow2 delete "host01:$SYS/1/disk.0" 1 1
    begin b qcow2 delete "host01:$SYS/1/disk.0" 1 1
    finish
    assert_all_well a b
    clone qcow2 1 0
    clone raw 1 1
    begin a qcow2 delete "host01:$SYS/1" 1 0
    begin b qcow2 delete "host01:$SYS/1" 1 0
    begin c qcow2 delete "fe:$SYS/1/disk.1" 1 1
    finish
    assert_all_well a b c
    run lab_exec fe find "$SYS" -mindepth 1
    assert_output ""
}

@test "a clone and the removal of its image at once: a whole disk or none" {
    local round n made=0
    for round in 1 2 3 4; do
        lab_exec fe cp "$DS/raw" "$DS/own"
        DUMP=$(ds_dump SOURCE="$DS/own")
        for n in 1 2 3 4 5 6; do
            begin_clone "$n" fe own "$n" 3
            [ $n != "$round" ] || begin_ds rm fs/rm 9
        done
        finish
        assert_all_well rm
        for n in 1 2 3 4 5 6; do
            result "$n"
            if [ "$status" = 0 ]; then
                assert_clones 3 raw "$n"
                made=$((made + 1))
            else
                assert_error "cannot clone image 9 to disk.3 of VM $n: .*own'.*: No such file"
                lab_exec fe test ! -e "$SYS/$n/disk.3"
            fi
        done
        lab_exec fe test ! -e "$DS/own"
        assert_tidy
        lab_exec fe sh -c "rm -rf $SYS/*"
    done
    echo "# $made of 24 clones were made"
}

@test "a VM's directory goes while its disks are made: nothing half" {
    local round
    for round in 1 2 3; do
        begin_clone a host01 qcow2 1 0
        begin_clone b host01 raw 1 1
        begin c qcow2 delete "host01:$SYS/1" 1 0
        finish
        assert_all_well c
        for n in a b; do
            result "$n"
            [ "$status" = 0 ] || assert_error "cannot clone image"
        done
        run_tm qcow2 delete "host01:$SYS/1" 1 0
        assert_success
        run lab_exec fe ls -A "$SYS"
        assert_output ""
    done
}
