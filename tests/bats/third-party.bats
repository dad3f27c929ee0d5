#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A driver of somebody else's, tm/acme, runs unchanged on our shell libraries, over a real
# sshd, from an installation such as it expects.
# shellcheck disable=SC2154 # run sets variables
load lib/shell

setup_file() {
    start_sshd
}

teardown_file() {
    stop_sshd
}

setup() {
    export ONE_LOCATION=$BATS_TEST_TMPDIR/one ONE_LOCK_DIR=$BATS_TEST_TMPDIR/lock
    TREE=$ONE_LOCATION/var/remotes
    mkdir -p "$ONE_LOCATION/lib/sh" "$TREE/tm"
    cp "$REMOTES/scripts_common.sh" "$ONE_LOCATION/lib/sh/"
    cp "$REMOTES/tm/tm_common.sh" "$TREE/tm/"
    cp -r "$ROOT/tests/data/third-party/acme" "$TREE/tm/"
    echo 7.4.0 >"$TREE/VERSION"
    DS=$ONE_LOCATION/var/datastores
    mkdir -p "$DS/1" "$DS/0"
    echo ssh >"$DS/0/.monitor"
    core raw 10 10
    PATH=$PATH:$BIN
}

# core FORMAT SIZE ORIGINAL_SIZE [LCM_STATE]: what onevm says of the VM.
core() {
    fake onevm "echo '<VM><LCM_STATE>${4:-3}</LCM_STATE><TEMPLATE>
        <DISK><DISK_ID>1</DISK_ID><SIZE>99</SIZE></DISK><DISK><DISK_ID>0</DISK_ID>
        <SIZE>$2</SIZE><ORIGINAL_SIZE>$3</ORIGINAL_SIZE><FORMAT>$1</FORMAT></DISK></TEMPLATE></VM>'"
}

acme() {
    local action=$1

    shift
    run --separate-stderr "$TREE/tm/acme/$action" "$@"
}

@test "clone of a raw image, resized" {
    head -c 10M /dev/urandom >"$DS/1/image"
    core raw 12 10
    acme clone "fe:$DS/1/image" "host01:$ONE_LOCATION/var//datastores/0/25/disk.0" 25 1
    assert_success
    assert_output ""
    assert_stderr "INFO: clone: Cloning $DS/1/image in \
host01:$ONE_LOCATION/var//datastores/0/25/disk.0
INFO: clone: Resizing image of size 10 to 12"
    cmp -n 10M "$DS/1/image" "$DS/0/25/disk.0"
    assert_equal "$(stat -c %s "$DS/0/25/disk.0")" $((12 << 20))
    only "$DS/0" 25 25/disk.0
    only "$ONE_LOCK_DIR" acme-1
}

@test "clone of a qcow2 image, and delete of the disk and the directory" {
    qemu-img create -q -f qcow2 "$DS/1/image" 10M
    core qcow2 10 10
    acme clone "fe:$DS/1/image" "host01:$DS/0/25/disk.0" 25 1
    assert_success
    only "$DS/0" 25 25/disk.0 25/disk.0.snap 25/disk.0.snap/0 25/disk.0.snap/disk.0.snap
    qemu-img info "$DS/0/25/disk.0" | grep -qF "backing file: $DS/1/image"
    acme delete "host01:$DS/0/25/disk.0" 25 1
    assert_success
    assert_stderr "INFO: delete: Deleting disk $DS/0/25/disk.0"
    only "$DS/0" 25
    acme delete "host01:$DS/0/25/disk.0" 25 1
    assert_success
    acme delete "host01:$DS/0/25" 25 0
    assert_success
    only "$DS/0"
    only "$DS/1" image
}

@test "delete asks the core for the state" {
    mkdir "$DS/0/25"
    core raw 10 10 9
    acme delete "host01:$DS/0/25" 25 0
    assert_success
    assert_stderr "INFO: delete: VM 25 is resuming"
    only "$DS/0" 25 .monitor
}

@test "a failure is told in the form of each era" {
    for release in 5.12.0.4 6.0.2 6.0.3 6.10.5 7.0.2 7.4.0; do
        echo $release >"$TREE/VERSION"
        acme clone "fe:$DS/1/none" "host01:$DS/0/25/disk.0" 25 1
        assert_failure 1
        assert_output ""
        message="Error copying fe:$DS/1/none to host01:$DS/0/25/disk.0"
        case $release in
        5.12.0.4 | 6.0.2) [[ $stderr == *$'\nERROR MESSAGE --8<------\n'"$message"$'\nERROR MESSAGE ------>8--' ]] ;;
        *) [[ $stderr == *$'\n'"$message" && $stderr != *"ERROR MESSAGE"* ]] ;;
        esac
        # Since 7.0 what is no log line is the message.
        [ "${release%%.*}" -lt 7 ] ||
            assert_equal "$(grep -vE '^(ERROR|INFO|WARN|DEBUG):\s' <<<"$stderr")" "$message"
        [[ $stderr == *"cp: cannot stat '$DS/1/none': No such file or directory"* ]]
    done
}

@test "10 clones at once of one image" {
    head -c 1M /dev/urandom >"$DS/1/image"
    pids=()
    for vm in {1..10}; do
        "$TREE/tm/acme/clone" "fe:$DS/1/image" "host01:$DS/0/$vm/disk.0" 25 1 2>/dev/null 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for vm in {1..10}; do
        cmp "$DS/1/image" "$DS/0/$vm/disk.0"
    done
}
