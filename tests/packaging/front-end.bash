# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# front-end.bash - what packages of any kind do to a front-end's tree.  The bats file that
# loads it has in_root.

installed_and_removed() {
    in_root <<'END'
stock 1
install_stock 1
tree >/tmp/before
install_ours
is_ours tm/qcow2/clone && is_ours tm/shared/clone && is_ours datastore/fs/cp || die "not installed"
[ ! -e $remotes/im/kvm-probes.d/vm/execution/exec.rb ] || die "two probes report"
remove_ours
tree >/tmp/after
same /tmp/before /tmp/after
purge_ours
tree >/tmp/after
same /tmp/before /tmp/after
END
}

installed_before_front_end() {
    in_root <<'END'
stock 1
install_ours
tree >/tmp/nothing
[ ! -s /tmp/nothing ] || die "something was made"
install_stock 1
is_ours tm/qcow2/clone || die "not installed"
remove_ours
tree >/tmp/after
remove_stock
install_stock 1
tree >/tmp/before
same /tmp/before /tmp/after
END
}

front_end_upgraded() {
    in_root <<'END'
stock 1
stock 2
install_stock 2
tree >/tmp/before
remove_stock
install_stock 1
install_ours
install_stock 2
is_ours tm/qcow2/clone && is_ours tm/dummy/clone && is_ours tm/ceph/clone || die "not there again"
[ ! -e $remotes/im/kvm-probes.d/vm/monitor/poll.rb ] || die "two probes report"
purge_ours
tree >/tmp/after
same /tmp/before /tmp/after
END
}

ours_upgraded_and_downgraded() {
    in_root <<'END'
stock 1
other_version 9
install_stock 1
tree >/tmp/before
install_ours
tree >/tmp/first
install_ours 9
[ -e $remotes/tm/qcow2/new ] || die "not upgraded"
install_ours
tree >/tmp/second
same /tmp/first /tmp/second
install_ours 9
purge_ours
tree >/tmp/after
same /tmp/before /tmp/after
END
}

front_end_removed_first() {
    in_root <<'END'
stock 1
install_stock 1
install_ours
remove_stock
tree >/tmp/after
[ ! -s /tmp/after ] || { cat /tmp/after; die "something is left"; }
purge_ours
END
}
