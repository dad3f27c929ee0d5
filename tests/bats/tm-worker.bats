#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# What is wrong with the worker on a host is mended, or an error says what to do.
load lib/drv
load lib/crowd
load lib/cut

setup_file() {
    cut_setup_suite
    export SHIPPED=$LAB/fe/one/remotes/drv/bin/worker
    export THERE=$LAB/host01/var-tmp/one/drv/bin/worker
}

teardown_file() { lab_teardown_suite; }

teardown() {
    ! lab_exec host01 mountpoint -q "$BIN" || lab_root host01 umount "$BIN"
    ! lab_exec host01 mountpoint -q /var/tmp/one || lab_root host01 umount /var/tmp/one
    mkdir -p "${THERE%/*}"
    rm -rf "$THERE"*[^td] # all but worker-virt and worker-rbd
    install "$SHIPPED" "$THERE"
    lab_exec fe sh -c "rm -rf $SYS/1 $SYS/.drv*"
}

assert_mended() {
    clone
    assert_success
    assert_disk
    cmp "$SHIPPED" "$THERE"
    run ls "${THERE%/*}"
    assert_output $'worker\nworker-rbd\nworker-virt'
}

# A stand-in that says hello as a worker for another machine, or of another build.
speaks_as() { # BUILD MACHINE
    printf '%s\n' '#!/usr/bin/env python3' 'import struct, sys, time' \
        "hello = b'$1\\n$2\\n'" \
        'sys.stdout.buffer.write(b"DRVH" + struct.pack("<I", len(hello)) + hello)' \
        'sys.stdout.flush()' 'sys.stdin.read()' >"$THERE"
}

build() { cat "$DRV_OUT/build-id"; }

@test "it is missing" {
    rm "$THERE"
    assert_mended
}

@test "the whole tree is missing" {
    rm -r "$LAB/host01/var-tmp/one"
    clone
    assert_success
    assert_disk
    cmp "$SHIPPED" "$THERE"
    cp -a "$LAB/fe/one/remotes/." "$LAB/host01/var-tmp/one"
}

@test "it is of another build" {
    speaks_as 0.0.1-old "$(uname -m)"
    assert_mended
}

@test "it is a program for another machine" {
    # As file(1) sees it: an ELF for aarch64.
    printf '\xb7\x00' | dd of="$THERE" bs=1 seek=18 conv=notrunc status=none
    run lab_exec host01 "$BIN/worker"
    assert_failure
    assert_mended
}

@test "it must not be run" {
    chmod 644 "$THERE"
    assert_mended
}

@test "it is cut short: to nothing, to a head, and in the middle" {
    local size
    for size in 0 3 64 30000; do
        cp "$SHIPPED" "$THERE"
        truncate -s $size "$THERE"
        assert_mended
        lab_exec fe rm -r "$SYS/1"
    done
}

@test "it is full of holes" {
    dd if=/dev/zero of="$THERE" bs=1024 seek=8 count=200 conv=notrunc status=none
    assert_mended
}

@test "it is a directory, or a link to nowhere" {
    rm "$THERE"
    ln -s /nowhere "$THERE"
    assert_mended
    lab_exec fe rm -r "$SYS/1"
    rm "$THERE"
    mkdir "$THERE"
    clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: .*host01.*onehost sync --force host01"
    assert_no_disk
    rmdir "$THERE"
}

@test "the host is another machine" {
    speaks_as "$(build)-arm" aarch64
    clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: no worker of this build for aarch64 on host01, install its package there"
    assert_no_disk
}

@test "the front-end's own does not run there either" {
    cp "$SHIPPED" "$BATS_TEST_TMPDIR/worker"
    printf '\xb7\x00' | dd of="$SHIPPED" bs=1 seek=18 conv=notrunc status=none
    rm "$THERE"
    clone
    install "$BATS_TEST_TMPDIR/worker" "$SHIPPED"
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: no worker on host01, run 'onehost sync --force host01' or install the package .*xec format error"
    assert_equal "$status" 18
    assert_no_disk
    assert_works_again
}

@test "the front-end has none to give" {
    rm "$THERE"
    mv "$SHIPPED" "$SHIPPED.away"
    clone
    mv "$SHIPPED.away" "$SHIPPED"
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: no worker on host01, run 'onehost sync --force host01' .*.*No such file"
    assert_no_disk
}

@test "no space for it" {
    mount_tmpfs host01 "$BIN" size=16k
    clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: no worker on host01, run 'onehost sync --force host01' .*sftp: "
    assert_equal "$status" 18
    assert_no_disk
    run lab_exec host01 ls -A "$BIN"
    assert_output ""
    lab_root host01 umount "$BIN"
    assert_works_again
}

@test "no right to put it there" {
    rm "$THERE"
    lab_root host01 sh -c 'mount --bind /var/tmp/one /var/tmp/one &&
        mount -o remount,bind,ro /var/tmp/one'
    clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: no worker on host01, run 'onehost sync --force host01' .*sftp: "
    assert_no_disk
    lab_root host01 umount /var/tmp/one
    assert_works_again
}

@test "a host without sftp" {
    rm "$THERE"
    lab_root host01 sh -c 'sed -i s/^Subsystem/#Subsystem/ /run/sshd_config &&
        kill -HUP $(cat /run/sshd.pid)'
    forget_masters
    clone
    lab_root host01 sh -c 'sed -i s/^#Subsystem/Subsystem/ /run/sshd_config &&
        kill -HUP $(cat /run/sshd.pid)'
    forget_masters
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: no worker on host01, run 'onehost sync --force host01' .*sftp: "
    assert_no_disk
}

@test "it dies at once" {
    printf '%s\n' '#!/bin/sh' 'kill -SEGV $$' >"$THERE"
    assert_mended
}

@test "it, or the login shell, talks of something else" {
    printf '%s\n' '#!/bin/sh' 'echo "Welcome to host01!"' 'cat >/dev/null' >"$THERE"
    clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: the login shell on host01 must not print anything"
    assert_no_disk
}

@test "it promises a frame of 4 GB, or one of an unknown kind" {
    printf '%s\n' '#!/bin/sh' "printf 'DRVH\377\377\377\377'" 'cat >/dev/null' >"$THERE"
    clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: .*host01"
    printf '%s\n' '#!/bin/sh' "printf 'DRV!\001\000\000\000x'" 'cat >/dev/null' >"$THERE"
    clone
    assert_sentence "^cannot clone image 7 to disk.0 of VM 1: .*host01"
    assert_no_disk
}

@test "ten actions find it missing at once" {
    local n
    rm "$THERE"
    for n in $(seq 2 11); do
        sed "s|<ID>1</ID>|<ID>$n</ID>|" "$CORE/vm/1.xml" >"$CORE/vm/$n.xml"
        begin "$n" qcow2 clone "fe:$DS/qcow2" "host01:$SYS/$n/disk.0" "$n" 1
    done
    finish
    assert_all_well $(seq 2 11)
    cmp "$SHIPPED" "$THERE"
    run ls "${THERE%/*}"
    assert_output $'worker\nworker-rbd\nworker-virt'
    lab_exec fe sh -c "rm -r $SYS/*"
}
