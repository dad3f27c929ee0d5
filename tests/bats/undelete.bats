#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034 # set and read by the library
# What is deleted stays for UNDELETE_HOURS, and drv undelete brings it back.
load lib/ds
load lib/drv-command

setting() { echo "$1" >>"$REMOTES/etc/one-native.conf"; } # NAME=VALUE

# An image with two snapshots; $SOURCE, and its tree in $BEFORE.
chain() {
    register os.qcow2
    make_chain
    BEFORE=$(drv_tree "$DS")
}

remove() {
    DUMP=$(ds_dump SOURCE="$SOURCE" FORMAT=qcow2)
    run_ds fs/rm 7
    assert_success
}

monitor() {
    DUMP=$(ds_dump)
    run_ds fs/monitor 1
    assert_success
}

deleted() { drv --json undelete; }
id_of() { deleted | sed -nE "${1:-1}"'s/^.*"id":"([^"]*)".*/\1/p'; } # [LINE]

# VM 25 with a disk and a snapshot of it.
make_vm() {
    core_start
    mkdir -p "$SYS/25/disk.0.snap"
    head -c 300000 /dev/urandom >"$SYS/25/disk.0.snap/0"
    ln -s disk.0.snap/0 "$SYS/25/disk.0"
    echo context >"$SYS/25/disk.1"
    vm_put 25 -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/os" FORMAT=raw TYPE=FILE CLONE=YES SIZE=8
    BEFORE=$(drv_tree "$SYS")
}

tm_delete() { # PATH
    run_tm shared delete "$HERE:$SYS/$1" 25 0
    assert_success
}

@test "off by default: what is deleted is gone, and nothing is listed" {
    chain
    remove
    assert_only "$DS"
    run_drv undelete
    assert_success
    assert_equal "$output" "ID  MIB  DATASTORE  NAMES"
    run_drv undelete 20261128T003137Z-1a2b
    assert_drv_error 4 "no deletion has the id 20261128T003137Z-1a2b"
}

@test "an image comes back with its snapshots, byte by byte" {
    setting UNDELETE_HOURS=1
    chain
    local digest
    digest=$(cat "$SOURCE" "$SOURCE".snap/[12] | sha256sum)
    remove
    assert_not_exists "$SOURCE"
    assert_not_exists "$SOURCE.snap"
    run_drv --json undelete
    assert_equal "$(drv_json '[sorted(a[0]), sorted(a[0]["names"]), a[0]["directory"], a[0]["bytes"] > 300000]')" \
        "[['bytes', 'deleted', 'directory', 'id', 'names'], ['${SOURCE##*/}', '${SOURCE##*/}.snap'], '$DS', True]"
    remove # again, as a front-end does that has not heard the answer
    run_drv undelete "$(id_of)"
    assert_success
    assert_equal "$(drv_tree "$DS")" "$BEFORE"
    assert_equal "$(cat "$SOURCE" "$SOURCE".snap/[12] | sha256sum)" "$digest"
    assert_chain "$SOURCE.snap/2" qcow2 "1 qcow2" "0 qcow2"
    run_drv undelete
    assert_equal "${#lines[@]}" 1
}

@test "a VM: its disk, then its directory; and back in the other order" {
    setting UNDELETE_HOURS=1
    make_vm
    tm_delete 25/disk.0
    assert_only "$SYS/25" disk.1
    tm_delete 25
    assert_not_exists "$SYS/25"
    local disk dir
    disk=$(id_of "/25.disk/")
    dir=$(id_of '/\["25"\]/')
    run_drv undelete "$disk"
    assert_drv_error 4 "bring back its directory first"
    run_drv undelete "$dir"
    assert_success
    assert_equal "$output" "undeleted: 25 in $SYS"
    run_drv undelete "$disk"
    assert_success
    assert_equal "$(drv_tree "$SYS")" "$BEFORE"
}

@test "a name that is taken meanwhile is not replaced, and nothing comes back in part" {
    setting UNDELETE_HOURS=1
    chain
    remove
    mkdir "$SOURCE.snap"
    local kept
    kept=$(drv_tree "$DS")
    run_drv undelete "$(id_of)"
    assert_drv_error 1 "'.*\.snap' exists"
    assert_equal "$(drv_tree "$DS")" "$kept"
    rmdir "$SOURCE.snap"
    run_drv undelete "$(id_of)"
    assert_success
    assert_equal "$(drv_tree "$DS")" "$BEFORE"
}

# Make the oldest deletion older.
age() { # ID
    local file
    for file in "$DS"/.deleted-"$1"-*; do
        mv "$file" "${file/.deleted-[0-9]*T/.deleted-20200101T}"
    done
}

@test "it goes for good after its hours, and when the setting is switched off" {
    setting UNDELETE_HOURS=1
    chain
    remove
    monitor
    [ -n "$(id_of)" ]
    age "$(id_of)"
    monitor
    assert_only "$DS"
    chain
    remove
    setting UNDELETE_HOURS=0
    monitor
    assert_only "$DS"
}

@test "more than the quota, or less room than must be free: the oldest goes first" {
    setting UNDELETE_HOURS=1
    setting UNDELETE_MIN_FREE=0
    setting UNDELETE_QUOTA_MB=3
    for i in 1 2 3; do
        head -c 1400000 /dev/urandom >"$SAFE/os$i.raw"
        register "os$i.raw"
        remove
        sleep 1.1 # ids are in whole seconds
    done
    local newest
    newest=$(id_of '$')
    monitor
    assert_equal "$(deleted | wc -l)" 2
    assert_equal "$(id_of '$')" "$newest"
    setting UNDELETE_MIN_FREE=100
    monitor
    assert_only "$DS"
}

@test "names that only look so are left alone" {
    setting UNDELETE_HOURS=1
    touch "$DS/.deleted-" "$DS/.deleted-x" "$DS/.deleted-20200101T000000Z" \
        "$DS/.deleted-20209901T000000Z-aaaa-x" "$DS/.deleted-20200101T000000Z-zzzz-x"
    run_drv --json undelete
    assert_success
    assert_equal "$output" ""
    monitor
    assert_equal "$(find "$DS" -type f | wc -l)" 5
    mkdir -p "$SYS/25"
    touch "$SYS/.deleted-20300101T000000Z-aaaa-25+.."
    run_drv undelete 20300101T000000Z-aaaa
    assert_drv_error 1 "exists"
}

@test "killed at every call: all of it is in its place, or all of it can be brought back" {
    setting UNDELETE_HOURS=1
    register os.qcow2
    make_chain
    local kept=$BATS_TEST_TMPDIR/kept n calls
    cp -a "$DS" "$kept"
    BEFORE=$(drv_tree "$DS")
    DUMP=$(ds_dump SOURCE="$SOURCE" FORMAT=qcow2)
    drv_run_with "$DUMP" "$DRV_OUT/tests/fault" -p "$DS" -c "$BATS_TEST_TMPDIR/calls" \
        "$REMOTES/datastore/fs/rm" 7
    calls=$(cat "$BATS_TEST_TMPDIR/calls")
    echo "# $calls calls" >&3
    [ "$calls" -gt 5 ]
    for n in $(seq "$calls"); do
        find "$DS" -mindepth 1 -delete
        cp -a "$kept/." "$DS/"
        drv_run_with "$DUMP" "$DRV_OUT/tests/fault" -k -n "$n" -p "$DS" \
            "$REMOTES/datastore/fs/rm" 7 || [ $? = 137 ]
        remove
        assert_equal "$n: $(deleted | wc -l)" "$n: 1"
        run_drv undelete "$(id_of)"
        assert_success
        assert_equal "$(drv_tree "$DS")" "$BEFORE"
    done
}
