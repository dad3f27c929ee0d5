#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Stock probes of all releases beside ours: none of them runs, and an admin's own do.
load lib/drv

TABLE=$DRV_ROOT/packaging/stock-probes
BUILT=$(cd "$DRV_ROOT" && realpath "${OUT:-out}")/remotes
NAMES=$DRV_ROOT/tests/data/stock/probe-names

# What RELEASE has below kvm-probes.d and kvm.d that is run; settings are not.
stock_of() { # RELEASE
    awk -v release="$1" '/^## / { on = $2 == release; next } on' "$NAMES" | tr ' ' '\n' |
        grep -E '^kvm(-probes)?\.d/' | grep -v '\.conf$'
}

releases() { sed -n 's/^## //p' "$NAMES"; }

@test "each stock probe of each release has a native one in its place" {
    local release stock native
    for release in $(releases); do
        for stock in $(stock_of "$release"); do
            native=$(awk -v stock="$stock" '$1 == stock { print $2 }' "$TABLE")
            [ -n "$native" ] || fail "$release: nothing stands for $stock"
            assert_file_executable "$BUILT/im/$native"
        done
    done
    [ "$(releases | wc -l)" -ge 10 ]
}

@test "the list has no name that no release ships" {
    local stock native
    while read -r stock native; do
        [[ $stock != '#'* ]] || continue
        grep -qF "$stock " "$NAMES" || fail "$stock"
    done <"$TABLE"
}

# A tree of RELEASE in which each stock probe, and three of the admin's, write down their name.
make_stock_tree() { # RELEASE
    local file
    rm -rf one ran
    mkdir -p one/remotes
    for file in $(stock_of "$1") kvm-probes.d/host/system/{mine.sh,cpu.py} kvm-probes.d/host/monitor/pci.rb; do
        mkdir -p "one/remotes/im/$(dirname "$file")"
        printf '%s\n' '#!/bin/sh' "echo $file >>$PWD/ran" >"one/remotes/im/$file"
        chmod 755 "one/remotes/im/$file"
    done
    [ ! -e one/remotes/im/kvm-probes.d/host/system/cpu.sh ] ||
        ln -sfr one/remotes/im/kvm-probes.d/host/system/name.sh one/remotes/im/kvm-probes.d/host/system/cpu.sh
}

tree() { (cd one && find . -printf '%p %y %m %l\n' | sort); }

@test "an installation puts them away, an upgrade's again, and undo brings them back" {
    local release before file
    cd "$BATS_TEST_TMPDIR"
    mkdir -p ours/drv/bin
    cp -r "$BUILT/im" ours/im
    touch ours/drv/bin/worker
    for release in 5.10.5 5.12.0.4 7.4.0; do
        make_stock_tree "$release"
        before=$(tree)
        run -0 "$DRV_ROOT/packaging/install-remotes" ours one/remotes
        for file in $(stock_of "$release"); do
            [ ! -e "one/remotes/im/$file" ] && [ ! -L "one/remotes/im/$file" ] || fail "$release: $file"
        done
        assert_exists one/remotes/im/kvm-probes.d/host/system/mine.sh
        assert_exists one/remotes/im/kvm-probes.d/host/system/cpu.py
        assert_exists one/remotes/im/kvm-probes.d/host/monitor/pci.rb
        file=one/remotes/im/kvm.d/$(stock_of "$release" | sed -n 's|^kvm.d/||p' | head -n 1)
        echo newer >"$file"
        run -0 "$DRV_ROOT/packaging/install-remotes" ours one/remotes
        assert_not_exists "$file"
        run -0 "$DRV_ROOT/packaging/install-remotes" --undo one/remotes
        assert_equal "$(cat "$file")" newer
        chmod 755 "$file"
        diff <(echo "$before") <(tree)
    done
}
