#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root
# shellcheck disable=SC2034,SC2153,SC2154 # set and read by the library
# Where an image may come from: every way to name a path meets the same directories.
load lib/ds

# An ssh that skips the network: the sftp server of this machine.
ssh_here() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '%s\n' '#!/bin/sh' 'exec /usr/lib/openssh/sftp-server' >"$BATS_TEST_TMPDIR/bin/ssh"
    chmod 755 "$BATS_TEST_TMPDIR/bin/ssh"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

setting() { echo "$1" >>"$REMOTES/etc/one-native.conf"; }

@test "ssh: no host by default, and the error names the setting" {
    ssh_here
    for host in localhost 127.0.0.1 "[::1]" "$HERE" oneadmin@localhost host01; do
        dump_path "ssh://$host:$SAFE/os.raw"
        for action in cp stat; do
            run_ds fs/$action 7
            assert_error "host .* is not in SSH_SOURCE_HOSTS of one-native.conf"
        done
    done
    assert_only "$DS"
}

@test "ssh: a host that is named, as it is written, with the datastore's directories" {
    ssh_here
    setting 'SSH_SOURCE_HOSTS="localhost me@host01"'
    mkdir "$HOME/.one"
    echo oneadmin:secret >"$HOME/.one/one_auth"
    ln -s "$HOME/.one/one_auth" "$SAFE/link"
    dump_path "ssh://localhost:$SAFE/os.raw"
    run_ds fs/stat 7
    assert_output 8
    run_ds fs/cp 7
    assert_success
    cmp "$SAFE/os.raw" "${output% *}"
    for path in "ssh://localhost:$HOME/.one/one_auth" ssh://localhost:.one/one_auth \
        "ssh://localhost:$SAFE/link" "ssh://localhost$SAFE/../home/.one/one_auth" \
        ssh://localhost:/var/lib/one/.one/one_auth ssh://localhost:/etc/passwd \
        "ssh://localhost:$HOME/.one/none" ssh://me@host01:/etc/shadow; do
        dump_path "$path"
        run_ds fs/cp 7
        assert_error "Not allowed to copy image from ssh://"
        run_ds fs/stat 7
        assert_error "Not allowed to copy image from ssh://"
    done
    dump_path "ssh://root@localhost:$SAFE/os.raw"
    run_ds fs/cp 7
    assert_error "host 'root@localhost' is not in SSH_SOURCE_HOSTS"
}

@test "one answer for what may not be read, whether it is there or not" {
    mkdir "$BATS_TEST_TMPDIR/secret"
    echo x >"$BATS_TEST_TMPDIR/secret/file"
    for path in "$BATS_TEST_TMPDIR/secret/file" "$BATS_TEST_TMPDIR/secret/none" \
        "$BATS_TEST_TMPDIR/secret/none/none" "$BATS_TEST_TMPDIR/secret/file/none" \
        "$BATS_TEST_TMPDIR/secret" "$DS/none" "$ONE_LOCATION/etc/none" /dev/tty /dev/none; do
        for action in cp stat; do
            dump_path "$path"
            run_ds fs/$action 7
            assert_error "Not allowed to copy image from $path, check RESTRICTED_DIRS in your datastore\$"
        done
    done
    dump_path "$SAFE/none"
    run_ds fs/cp 7
    assert_error "cannot access '$SAFE/none': No such file"
}

@test "without RESTRICTED_DIRS, what is ours, /proc and /sys stay restricted" {
    for path in "$ONE_LOCATION/var/x" "$ONE_LOCATION/etc/x" "$HOME/.one/one_auth" \
        /proc/self/environ /proc/version /proc/self/root/proc/version /sys/kernel/uevent_seqnum; do
        DUMP=$(ds_dump PATH="$path")
        run_ds fs/cp 7
        assert_error "Not allowed to copy image from $path"
    done
}

@test "a block device has to be in SAFE_DIRS" {
    need_root
    mknod "$BATS_TEST_TMPDIR/disk" b 7 200
    DUMP=$(ds_dump PATH="$BATS_TEST_TMPDIR/disk")
    run_ds fs/cp 7
    [[ $stderr == *"block devices have to be in SAFE_DIRS"* || $stderr == *"No such device"* ]]
    assert_only "$DS"
}

@test "file: and other schemes are no way around" {
    for path in "file://$SAFE/os.raw" "FILE:///etc/passwd" "file:/etc/passwd" "scp://h/x" \
        "../../etc/passwd" "etc/passwd" "gopher://127.0.0.1/x"; do
        for action in cp stat; do
            dump_path "$path"
            run_ds fs/$action 7
            assert_error "neither an absolute path"
        done
    done
}

@test "dev: a device, in an allowed place, and no file" {
    DUMP=$(ds_dump PATH=/dev/none/one)
    run_ds dev/cp 7
    assert_success
    assert_output "/dev/none/one raw"
    for path in "$SAFE/os.raw" "$HOME/disk" /proc/self/mem /dev/../etc/passwd; do
        DUMP=$(ds_dump PATH="$path")
        run_ds dev/cp 7
        assert_error "(Not allowed to copy image from|'..' is not allowed)"
    done
    DUMP=$(ds_dump PATH=/dev/none/one RESTRICTED_DIRS=/dev/none)
    run_ds dev/cp 7
    assert_error "Not allowed to copy image from /dev/none/one"
}

@test "passwords in what is no URL, or half of one, are not in errors" {
    for path in "htp:/user:s3cret@host/x" "user:s3cret@host/x" "ftp://user:s3/cret@h/s3cret@x" \
        "http://user:s3c/ret@127.0.0.1:1/s3cret@x" "ssh://user:s3cret@host:/x" "s3cret:s3cret@x?s3cret"; do
        for action in cp stat; do
            dump_path "$path"
            run_ds fs/$action 7
            assert_error "^cannot (register image|find the size for request) 7: "
            [[ $stderr != *s3c* ]] || fail "$stderr"
        done
    done
}
