#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# tm/local: as tm/ssh, with qcow2 disks as chains on the hosts' own storage.
load lib/drv
load lib/far

setup_file() { far_setup_suite; }

teardown_file() { lab_teardown_suite; }

setup() {
    FAR_FORMAT=qcow2
    far_setup
    lab_exec fe sh -c "rm $DS/img; qemu-img convert -f raw -O qcow2 $DS/img.keep $DS/img"
}

local_clone() { # NODE
    run_tm local "${2:-clone}" "fe:$DS/img" "$1:$SYS/25/disk.0" 25 1
    assert_success
}
snap() { run_tm local "snap_$1" "host01:$SYS/25/disk.0" "$2" 25 1; } # VERB SNAPSHOT
give_back() { # [NODE]
    run_tm local mvds "${1:-host01}:$SYS/25/disk.0" "$DS/img" 25 1
    assert_success
}
write() { # NODE BYTE [FILE]
    lab_exec "$1" qemu-io -f qcow2 -c "write -P $2 1M 64k" "${3-$SYS/25/disk.0}" >/dev/null
}
has() { # NODE BYTE [FILE]
    lab_exec "$1" qemu-io -r -f qcow2 -c "read -P $2 1M 64k" "${3-$SYS/25/disk.0}" >/dev/null
}
same_as_image() { # NODE FILE
    lab_exec "$1" sh -c "qemu-img convert -f qcow2 -O raw $2 /var/tmp/raw && sha256sum </var/tmp/raw; rm -f /var/tmp/raw" |
        cut -d ' ' -f 1
}

@test "clone and ln: a qcow2 image becomes the first file of a chain" {
    local action
    for action in clone ln; do
        local_clone host01 $action
        assert_there host01 25 25/disk.0 25/disk.0.snap 25/disk.0.snap/0 25/disk.0.snap/disk.0.snap
        run lab_exec host01 readlink "$SYS/25/disk.0"
        assert_output disk.0.snap/0
        assert_equal "$(same_as_image host01 "$SYS/25/disk.0")" "$(IMG_DIGEST)"
        run lab_exec host01 cat "$SYS/.monitor"
        assert_output ssh
        write host01 1 # and clone again
    done
}

@test "clone: a raw image is copied, also in place of a chain" {
    local_clone host01
    FAR_FORMAT=raw far_vm LCM_STATE=8
    lab_exec fe cp "$DS/img.keep" "$DS/img"
    local_clone host01
    assert_there host01 25 25/disk.0
    assert_disk_on host01
}

@test "clone: the requested size" {
    FAR_SIZE=96 far_vm LCM_STATE=8
    local_clone host01
    assert_virtual_size "$LAB/host01/one/datastores/0/25/disk.0.snap/0" qcow2 $((96 << 20))
}

@test "mvds: without snapshots the image is one file, and only what has changed travels" {
    local_clone host01 ln
    write host01 7
    give_back
    [ ! -L "$LAB/fe/one/datastores/1/img" ]
    has fe 7 "$DS/img"
    run lab_exec fe ls "$DS"
    refute_line img.snap
    write host01 8
    give_back # again
    has fe 8 "$DS/img"
}

@test "a persistent disk's snapshots: made, reverted to, taken back and forth" {
    local_clone host01 ln
    write host01 1
    snap create 0
    assert_success
    write host01 2
    snap create 1
    assert_success
    write host01 3
    give_back
    run lab_exec fe readlink "$DS/img"
    assert_output img.snap/2
    has fe 3 "$DS/img"
    has fe 1 "$DS/img.snap/0"
    lab_exec host01 rm -rf "$SYS/25"

    run_tm local ln "fe:$DS/img" "host02:$SYS/25/disk.0" 25 1
    assert_success
    has host02 3
    run_tm local snap_revert "host02:$SYS/25/disk.0" 0 25 1
    assert_success
    has host02 1
    run_tm local snap_delete "host02:$SYS/25/disk.0" 1 25 1
    assert_success
    run_tm local cpds "host02:$SYS/25/disk.0" "$DS/saved" 0 25 1
    assert_success
    has fe 1 "$DS/saved"
    lab_exec fe rm "$DS/saved"
    give_back host02
    has fe 1 "$DS/img"
    run lab_exec fe sh -c "ls $DS/img.snap"
    assert_output "$(printf '%s\n' 0 2 img.snap)"
}

@test "a VM of the stock driver goes on: chains whose files name each other by numbers" {
    lab_exec fe sh -ec "mkdir $DS/img.snap && mv $DS/img $DS/img.snap/0 && cd $DS/img.snap
        qemu-img create -q -f qcow2 -b 0 -F qcow2 1 && ln -s img.snap/1 $DS/img"
    local_clone host01 ln
    assert_equal "$(same_as_image host01 "$SYS/25/disk.0")" "$(IMG_DIGEST)"
    lab_exec host01 sh -ec "rm -r $SYS/25 && mkdir -p $SYS/25/disk.0.snap && cd $SYS/25/disk.0.snap
        qemu-img create -q -f qcow2 0 64M && qemu-img create -q -f qcow2 -b 0 -F qcow2 1
        ln -s disk.0.snap/1 ../disk.0"
    snap create 1
    assert_success
    write host01 5
    snap revert 0
    assert_success
    has host01 0
    snap delete 1
    assert_success
    has host01 0
    write host01 6
    give_back
    has fe 6 "$DS/img"
}

@test "mv: a VM with a chain goes to another host" {
    local_clone host01
    snap create 0
    write host01 4
    run_tm local mv "host01:$SYS/25" "host02:$SYS/25" 25 0
    assert_success
    has host02 4
    assert_nothing_on host01
}

@test "an image that is backed by something else is refused, and nothing is left" {
    lab_exec fe sh -ec "cd $DS && mkdir img.snap && mv img img.snap/0 &&
        qemu-img create -q -f qcow2 -b /etc/hostname -F raw img.snap/1 && ln -s img.snap/1 img"
    run_tm local ln "fe:$DS/img" "host01:$SYS/25/disk.0" 25 1
    assert_error "^cannot link image 7 to disk.0 of VM 25: .*which is not one of its snapshots"
    run lab_exec host01 ls "$SYS/25"
    refute_output
}
