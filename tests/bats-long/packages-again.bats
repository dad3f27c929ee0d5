#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Packages that are built twice, in two directories and at two times, have the same bytes.
load ../bats/lib/drv

# build KIND: twice, each from its own copy of the tree
build() {
    local copy
    for copy in one a-longer-name-than-that; do
        mkdir -p "$BATS_TEST_TMPDIR/$copy"
        tar -c -C "$DRV_ROOT" --exclude=./.git --exclude='./out*' . |
            tar -x -C "$BATS_TEST_TMPDIR/$copy"
        "$BATS_TEST_TMPDIR/$copy/packaging/make-$1" \
            "$BATS_TEST_TMPDIR/$copy-packages" >&2
    done
}

same_packages() { # SUFFIX
    local file count=0
    for file in "$BATS_TEST_TMPDIR"/one-packages/*."$1"; do
        cmp "$file" "$BATS_TEST_TMPDIR/a-longer-name-than-that-packages/${file##*/}" || return
        count=$((count + 1))
    done
    [ "$count" -ge 4 ]
}

@test "Debian packages" {
    build deb
    same_packages deb
}

@test "RPM packages, and the source package" {
    build rpm
    same_packages rpm
}
