#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153 # set and read by the library
# An image whose answer does not get out does not stay.  That one whose answer did stays,
# however the driver ends, is tested by tests/kill: the answer is one of its points.
load lib/ds

to_8() { "$@" >&8; }
to_nobody() { "$@" >&-; }

# Each action that makes an image, with an answer that cannot be written for REASON.
each_action() { # REASON
    local action
    register os.raw
    for action in cp mkfs clone; do
        case $action in
        cp) dump_path "$SAFE/os.raw" ;;
        mkfs) DUMP=$(ds_dump SIZE=8 FORMAT=raw) ;;
        clone) DUMP=$(ds_dump PATH="$SOURCE" FORMAT=raw) ;;
        esac
        run --separate-stderr to_8 drv_run_with "$DUMP" "$REMOTES/datastore/fs/$action" 7
        assert_error "cannot write the answer: $1$"
        assert_only "$DS" "${SOURCE##*/}"
    done
}

@test "no room for the answer: no image stays" {
    exec 8>/dev/full
    each_action "No space left on device"
}

@test "the reader is gone: no image stays" {
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    exec 7<>"$BATS_TEST_TMPDIR/pipe"
    exec 8>"$BATS_TEST_TMPDIR/pipe"
    exec 7>&-
    each_action "Broken pipe"
}

@test "stdout is closed: no image stays" {
    register os.raw
    DUMP=$(ds_dump SIZE=8 FORMAT=raw)
    run --separate-stderr to_nobody drv_run_with "$DUMP" "$REMOTES/datastore/fs/mkfs" 7
    assert_error "cannot write the answer: "
    assert_only "$DS" "${SOURCE##*/}"
}

@test "killed before the answer: monitoring removes the image" {
    DUMP=$(ds_dump SIZE=8 FORMAT=raw)
    # All calls that change a file are counted, and then the last but two: the answer, its
    # note and the end are left.
    "$DRV_OUT/tests/fault" -o -c "$BATS_TEST_TMPDIR/count" -l "$BATS_TEST_TMPDIR/calls" \
        "$REMOTES/datastore/fs/mkfs" 7 <<<"$DUMP"
    run tail -n 3 "$BATS_TEST_TMPDIR/calls"
    assert_line --index 0 --partial "write its answer"
    assert_line --index 2 --partial "exit_group"
    rm "$DS"/*
    run "$DRV_OUT/tests/fault" -o -k -n $(($(cat "$BATS_TEST_TMPDIR/count") - 2)) \
        "$REMOTES/datastore/fs/mkfs" 7 <<<"$DUMP"
    [ "$status" = 137 ]
    [ "$(find "$DS" -type f -size 8M | wc -l)" = 1 ]
    DUMP=$(ds_dump)
    run_ds fs/monitor 1
    assert_success
    assert_only "$DS"
}
