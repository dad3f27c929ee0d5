#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every harness of tests/fuzz, for a minute; their corpora are replayed by make check.
load ../bats/lib/drv

@test "no harness finds anything in a minute" {
    need clang
    cd "$DRV_ROOT"
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -j2 fuzz-programs
    run env OUT=out-fuzz tests/fuzz/run
    echo "$output"
    assert_success
    assert_equal "${#lines[@]}" "$(find tests/fuzz -name 'fuzz-*.c' | wc -l)"
}
