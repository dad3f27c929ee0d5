#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# The hosts' stores of images: filled once, from the nearest, never wrong.
load lib/drv
load lib/far

MIB=24 # of data in image 7: so much that what ssh itself says does not count

setup_file() {
    far_setup_suite
    lab_exec fe sh -ec "echo IMAGE_STORE=yes >>$REMOTES/etc/one-native.conf
        truncate -s 64M $DS/img.keep
        dd if=/dev/urandom of=$DS/img.keep bs=1M count=$MIB seek=3 conv=notrunc status=none"
}

teardown_file() { lab_teardown_suite; }

setup() {
    far_setup
    lab_exec fe rm -rf /var/lib/one/.drv-images
    percent 100
}

percent() { # of the file systems of hosts
    local node
    for node in host01 host02; do
        lab_exec "$node" sed -i -e '/^IMAGE_STORE_PERCENT/d' -e "\$aIMAGE_STORE_PERCENT=$1" \
            /var/tmp/one/etc/one-native.conf
    done
}

bytes() { # NODE rx|tx: on its wire so far
    local field=2
    [ "$2" = rx ] || field=10
    lab_exec "$1" cat /proc/net/dev | tr : ' ' |
        awk -v f=$field 'NR > 2 && $1 != "lo" { sum += $f } END { printf "%d\n", sum }'
}

stored() { lab_exec "${1-host01}" sh -c "ls $SYS/.images 2>/dev/null | grep -v '^[.]'" || true; }

clone_as() { # NODE VM
    lab_exec fe "$REMOTES/tm/${MAD-ssh}/clone" "fe:$DS/img" "$1:$SYS/$2/disk.0" "$2" 1
}

vms() { # 1 ... 10 have image 7, too
    local vm
    for vm in $(seq 1 "$1"); do
        vm_xml "$vm" STATE=3 HOSTNAME=host01 DS_ID=0 TM_MAD=ssh VM_MAD=kvm \
            -- disk DISK_ID=0 TYPE=FILE FORMAT=raw CLONE=YES SIZE=64 ORIGINAL_SIZE=64 \
            IMAGE_ID=7 SOURCE="$DS/img" | core_put vm "$vm"
    done
}

@test "ten clones at once of one image: it is sent once" {
    local vm before one ten pids=()
    vms 10
    run_tm ssh ln "fe:$DS/img" "host02:$SYS/25/disk.0" 25 1 # which stores nothing
    assert_success
    assert_equal "$(stored host02)" ""
    before=$(bytes host02 rx)
    run_tm ssh ln "fe:$DS/img" "host02:$SYS/26/disk.0" 25 1
    one=$(($(bytes host02 rx) - before))
    clone_as host01 1 # the connection, and what else is there once
    lab_exec host01 rm -rf "$SYS/1" "$SYS/.images"
    before=$(bytes host01 rx)
    for vm in $(seq 1 10); do
        clone_as host01 "$vm" 3>&- &
        pids+=($!)
    done
    for vm in "${pids[@]}"; do wait "$vm"; done
    ten=$(($(bytes host01 rx) - before))
    echo "# ten clones: $ten bytes on the wire, one without a store: $one" >&3
    [ $((ten * 100)) -le $((one * 101)) ]
    for vm in $(seq 1 10); do assert_disk_on host01 "$SYS/$vm/disk.0"; done
    assert_equal "$(stored | wc -l)" 1
}

@test "a host that has the image gives it to the next one" {
    local before
    clone_as host01 25
    clone_as host01 25
    before=$(bytes fe tx)
    run_tm ssh clone "fe:$DS/img" "host02:$SYS/25/disk.0" 25 1
    assert_success
    assert_regex "$stderr" "comes from host01"
    [ $(($(bytes fe tx) - before)) -lt $((MIB << 17)) ]
    assert_disk_on host02
    assert_equal "$(stored host02)" "$(stored)"
    # One that has it no more, or cannot be reached, is no loss.
    lab_exec host01 rm -rf "$SYS/.images"
    lab_exec host02 rm -rf "$SYS/.images"
    run_tm ssh clone "fe:$DS/img" "host02:$SYS/25/disk.0" 25 1
    assert_success
    assert_regex "$stderr" "does not come from host01: missing"
    assert_disk_on host02
}

@test "another image, or the same with another byte, is another" {
    clone_as host01 25
    lab_exec fe sh -c "printf x | dd of=$DS/img bs=1 seek=5000000 conv=notrunc status=none"
    clone_as host01 25
    assert_equal "$(digest host01 "$SYS/25/disk.0")" "$(digest fe "$DS/img")"
    assert_equal "$(stored | wc -l)" 2
}

@test "a damaged entry is fetched again" {
    local entry
    clone_as host01 25
    entry=$SYS/.images/$(stored)
    lab_exec host01 sh -c "chmod u+w $entry; printf x | dd of=$entry bs=1 seek=5000000 conv=notrunc status=none"
    run_tm ssh clone "fe:$DS/img" "host01:$SYS/25/disk.0" 25 1
    assert_success
    assert_regex "$stderr" "was damaged: it is fetched again"
    assert_disk_on host01
}

@test "an entry of which only a part has arrived is not used, and is continued" {
    local name
    clone_as host01 25
    name=$(stored)
    lab_exec host01 sh -c "cd $SYS/.images && mkdir .incoming-$name && head -c 12M $name >.incoming-$name/$name && rm -f $name"
    lab_exec host01 rm -rf "$SYS/25"
    clone_as host01 25
    assert_disk_on host01
    run lab_exec host01 ls -A "$SYS/.images"
    assert_output "$name"
}

@test "what the store has no room for goes the usual way" {
    percent 0
    run_tm ssh clone "fe:$DS/img" "host01:$SYS/25/disk.0" 25 1
    assert_success
    assert_regex "$stderr" "host01 does not keep image '$DS/img': no room"
    assert_disk_on host01
    assert_equal "$(stored)" ""
}

@test "what was not used for long goes first, and goes when there is no room" {
    local old
    mount_tmpfs host01 "$SYS" size=200m
    percent 30
    clone_as host01 25
    old=$(stored)
    lab_exec host01 touch -a -d '10 days ago' "$SYS/.images/$old"
    lab_exec fe sh -c "dd if=/dev/urandom of=$DS/img bs=1M count=$MIB conv=notrunc status=none"
    clone_as host01 25
    assert_equal "$(stored | wc -l)" 2
    lab_exec host01 touch -a -d '20 days ago' "$SYS/.images/$old"
    lab_exec fe sh -c "dd if=/dev/urandom of=$DS/img bs=1M count=$MIB conv=notrunc status=none"
    clone_as host01 25
    run stored
    refute_line "$old"
    assert_equal "${#lines[@]}" 2
    assert_equal "$(digest host01 "$SYS/25/disk.0")" "$(digest fe "$DS/img")"
    lab_root host01 umount "$SYS"
}

@test "tm/local: a chain from the store" {
    FAR_FORMAT=qcow2 far_vm LCM_STATE=8
    lab_exec fe sh -c "rm $DS/img; qemu-img convert -f raw -O qcow2 $DS/img.keep $DS/img"
    MAD=local clone_as host01 25
    run lab_exec host01 readlink "$SYS/25/disk.0"
    assert_output disk.0.snap/0
    assert_equal "$(digest host01 "$SYS/25/disk.0.snap/0")" "$(digest fe "$DS/img")"
    assert_equal "$(stored | wc -l)" 1
}

@test "a fill that is killed leaves nothing in use, and the next clone completes it" {
    local pid
    lab_exec fe sh -c "echo TRANSFER_LIMIT=4000000 >>$REMOTES/etc/one-native.conf"
    lab_exec fe timeout -s KILL 2 "$REMOTES/tm/ssh/clone" "fe:$DS/img" \
        "host01:$SYS/25/disk.0" 25 1 || true
    lab_exec fe sed -i '/^TRANSFER_LIMIT/d' "$REMOTES/etc/one-native.conf"
    assert_equal "$(stored)" ""
    clone_as host01 25
    assert_disk_on host01
    assert_equal "$(stored | wc -l)" 1
}
