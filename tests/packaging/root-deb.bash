# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# root-deb.bash - front-end and drivers as Debian packages, for root-lib.bash.

# shellcheck disable=SC2034 # of the scripts
ours=$(echo /packages/one-native_[0-9]*.deb)

stock() { # RELEASE
    local top=/tmp/stock-$1
    mkdir -p "$top/DEBIAN"
    stock_tree "$1" "$top"
    echo "$remotes/etc/vmm/kvm/kvmrc" >"$top/DEBIAN/conffiles"
    printf '%s\n' "Package: opennebula" "Version: $1" "Architecture: all" \
        "Maintainer: nobody <nobody@example.org>" "Description: a front-end in small" \
        >"$top/DEBIAN/control"
    dpkg-deb -b "$top" "/tmp/stock-$1.deb" >/dev/null
}

# Our package with another version and a changed program.
other_version() { # VERSION
    local top=/tmp/ours-$1 program=usr/lib/one-native/remotes/tm/qcow2/clone
    dpkg-deb -R "$ours" "$top"
    sed -i "s/^Version: .*/Version: $1/" "$top/DEBIAN/control"
    echo "$1" >>"$top/$program"
    echo "new in $1" >"$top/usr/lib/one-native/remotes/tm/qcow2/new"
    dpkg-deb -b "$top" "/tmp/ours-$1.deb" >/dev/null
}

install() { quietly dpkg -i "$@"; }
install_stock() { install "/tmp/stock-$1.deb"; }
install_ours() { if [ $# = 0 ]; then install "$ours"; else install "/tmp/ours-$1.deb"; fi; }
remove_ours() { quietly dpkg -r one-native; }
remove_stock() { quietly dpkg -P opennebula; }
# What is left of a removed package is its configuration; rpm knows no such state.
purge_ours() { quietly dpkg -P one-native; }
