#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Snapshots in every order, and long chains of reverts.
# shellcheck disable=SC2086 # lists

load ../bats/lib/drv
load ../bats/lib/ceph

setup() { ceph_setup_disk; }

well() { # ACTION word...
    run_tm ceph "$@"
    assert_success
}

# Snapshots 0 to 4, with reverts to 1 and to 0 in between.
grow() {
    well clone fe:one/one-5 "$D" 7 100
    local id
    for id in 0 1 2; do well snap_create "$D" $id 7 100; done
    well snap_revert "$D" 1 7 100
    well snap_create "$D" 3 7 100
    well snap_revert "$D" 0 7 100
    well snap_create "$D" 4 7 100
}

orders() {
    python3 -c 'import itertools
for order in itertools.permutations("01234"): print(*order)'
}

every_order() {
    local order id content
    while read -r order; do
        echo "--- $order"
        grow
        content=$(digest one/one-5-7-0)
        for id in $order; do well snap_delete "$D" "$id" 7 100; done
        assert_equal "$(digest one/one-5-7-0)" "$content"
        assert_equal "$(snapshots one/one-5-7-0)" ""
        well delete "$D" 7 100
        assert_images one one-5
    done < <(orders)
}

@test "five snapshots after two reverts are deleted in all 120 orders, clones of format 2" {
    ceph osd set-require-min-compat-client mimic --yes-i-really-mean-it
    every_order
}

@test "five snapshots after two reverts are deleted in all 120 orders, clones of format 1" {
    ceph osd set-require-min-compat-client luminous --yes-i-really-mean-it
    every_order
}

@test "40 rounds of snapshot and revert" {
    well clone fe:one/one-5 "$D" 7 100
    local id want depth image
    for ((id = 0; id < 40; id++)); do
        scribble one/one-5-7-0 "x$id" $((id % 6 + 1))
        well snap_create "$D" $id 7 100
        want=$(digest one/one-5-7-0)
        well snap_revert "$D" $id 7 100
        assert_equal "$(digest one/one-5-7-0)" "$want"
        depth=0 image=one/one-5-7-0
        while [ -n "$image" ]; do
            depth=$((depth + 1))
            image=$(rbd info "$image" | sed -n 's/.*parent: \(.*\)@.*/\1/p')
        done
        [ $depth -le 8 ]
    done
    well delete "$D" 7 100
    assert_images one one-5
}
