# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# root-lib.bash - what scripts of in-root have; they are run as one file, after the functions
# of root-deb.bash or root-rpm.bash.

remotes=/var/lib/one/remotes

# A front-end's tree in small.  Release 2 has a file and a probe less than 1, and one more.
stock_tree() { # RELEASE DIRECTORY
    local file
    mkdir -p "$2$remotes"/{tm/{common,qcow2,ssh},datastore/fs,etc/vmm/kvm}
    local files=(tm/common/delete tm/qcow2/{clone,clone.ssh,prebackup} tm/ssh/clone tm/dev/clone
        datastore/fs/cp scripts_common.sh etc/vmm/kvm/kvmrc VERSION)
    case $1 in
    1) files+=(tm/ceph/clone im/kvm-probes.d/vm/execution/exec.rb) ;;
    2) files+=(tm/dummy/clone im/kvm-probes.d/vm/monitor/poll.rb) ;;
    esac
    for file in "${files[@]}"; do
        mkdir -p "$(dirname "$2$remotes/$file")"
        echo "stock $1 $file" >"$2$remotes/$file"
        chmod 755 "$2$remotes/$file"
    done
    ln -s ../common/delete "$2$remotes/tm/qcow2/delete"
    ln -s qcow2 "$2$remotes/tm/shared"
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

quietly() { "$@" >/tmp/quiet.log 2>&1 || { cat /tmp/quiet.log && die "$*"; }; }
