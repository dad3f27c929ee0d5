# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# root-lib.bash - what scripts of in-root have; they are run as one file.

remotes=/var/lib/one/remotes

stock() { # VERSION
    local top=/tmp/stock-$1 file
    mkdir -p "$top/DEBIAN" "$top$remotes"/{tm/{common,qcow2,ssh},datastore/fs,etc/vmm/kvm}
    local files=(tm/common/delete tm/qcow2/{clone,clone.ssh,prebackup} tm/ssh/clone tm/dev/clone
        datastore/fs/cp scripts_common.sh etc/vmm/kvm/kvmrc VERSION)
    case $1 in
    1) files+=(tm/ceph/clone im/kvm-probes.d/vm/execution/exec.rb) ;;
    2) files+=(tm/dummy/clone im/kvm-probes.d/vm/monitor/poll.rb) ;;
    esac
    for file in "${files[@]}"; do
        mkdir -p "$(dirname "$top$remotes/$file")"
        echo "stock $1 $file" >"$top$remotes/$file"
        chmod 755 "$top$remotes/$file"
    done
    ln -s ../common/delete "$top$remotes/tm/qcow2/delete"
    ln -s qcow2 "$top$remotes/tm/shared"
    echo $remotes/etc/vmm/kvm/kvmrc >"$top/DEBIAN/conffiles"
    printf '%s\n' "Package: opennebula" "Version: $1" "Architecture: all" \
        "Maintainer: nobody <nobody@example.org>" "Description: a front-end in small" \
        >"$top/DEBIAN/control"
    dpkg-deb -b "$top" "/tmp/stock-$1.deb" >/dev/null
}

# Our package with another version and a changed program.
other_version() { # VERSION
    local top=/tmp/ours-$1 program=usr/lib/one-native/remotes/tm/qcow2/clone
    dpkg-deb -R /debs/one-native_[0-9]*.deb "$top"
    sed -i "s/^Version: .*/Version: $1/" "$top/DEBIAN/control"
    echo "$1" >>"$top/$program"
    echo "new in $1" >"$top/usr/lib/one-native/remotes/tm/qcow2/new"
    dpkg-deb -b "$top" "/tmp/ours-$1.deb" >/dev/null
}

tree() {
    [ ! -d /var/lib/one ] || (cd /var/lib/one && find . ! -path . -printf '%p %y %m %u %g %l\n' \
        -type f -exec sha256sum {} \; | sort)
}

is_ours() { head -c 4 "$remotes/$1" | grep -q ELF; }

die() {
    echo "FAILED: $*"
    exit 1
}

same() { # FILE FILE
    diff "$1" "$2" || die "the trees differ"
}

install() { dpkg -i "$@" >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log && die "dpkg -i $*"; }; }
remove() { dpkg "$@" >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log && die "dpkg $*"; }; }

# shellcheck disable=SC2034 # of the scripts
ours=$(echo /debs/one-native_[0-9]*.deb)
