#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it installs packages, in a copy of the system
# The Debian packages: what is in them, and what they do to a front-end's tree.
load lib/drv

DEBS=$DRV_ROOT/${OUT:-out}/deb

setup_file() { make -s -C "$DRV_ROOT" deb >&2; }

# in_root <<SCRIPT: it ends with 0
in_root() {
    run "$DRV_ROOT/tests/packaging/in-root" "$DEBS"
    assert_success
}

@test "lintian finds nothing" {
    run lintian --allow-root --fail-on=error,warning,info "$DEBS"/one-native{_,-agent_,-doc_,-host_}*.deb
    assert_success
    assert_output ""
}

@test "installed over a front-end, removed, purged: its tree is as it was" {
    in_root <<'END'
stock 1
install /tmp/stock-1.deb
tree >/tmp/before
install $ours
is_ours tm/qcow2/clone && is_ours tm/shared/clone && is_ours datastore/fs/cp || die "not installed"
[ ! -e $remotes/im/kvm-probes.d/vm/execution/exec.rb ] || die "two probes report"
remove -r one-native
tree >/tmp/after
same /tmp/before /tmp/after
remove -P one-native
tree >/tmp/after
same /tmp/before /tmp/after
END
}

@test "without a front-end nothing is done, and done once there is one" {
    in_root <<'END'
stock 1
install $ours
tree >/tmp/nothing
[ ! -s /tmp/nothing ] || die "something was made"
install /tmp/stock-1.deb
is_ours tm/qcow2/clone || die "not installed"
remove -r one-native
tree >/tmp/after
remove -P opennebula
install /tmp/stock-1.deb
tree >/tmp/before
same /tmp/before /tmp/after
END
}

@test "after an upgrade of the front-end ours are there again, and go without a trace" {
    in_root <<'END'
stock 1
stock 2
install /tmp/stock-2.deb
tree >/tmp/before
remove -P opennebula
install /tmp/stock-1.deb
install $ours
install /tmp/stock-2.deb
is_ours tm/qcow2/clone && is_ours tm/dummy/clone && is_ours tm/ceph/clone || die "not there again"
[ ! -e $remotes/im/kvm-probes.d/vm/monitor/poll.rb ] || die "two probes report"
remove -P one-native
tree >/tmp/after
same /tmp/before /tmp/after
END
}

@test "an upgrade and a downgrade of ours leave what that version has" {
    in_root <<'END'
stock 1
other_version 9
install /tmp/stock-1.deb
tree >/tmp/before
install $ours
tree >/tmp/first
install /tmp/ours-9.deb
[ -e $remotes/tm/qcow2/new ] || die "not upgraded"
install $ours
tree >/tmp/second
same /tmp/first /tmp/second
install /tmp/ours-9.deb
remove -P one-native
tree >/tmp/after
same /tmp/before /tmp/after
END
}

@test "the front-end is removed before ours: nothing is left" {
    in_root <<'END'
stock 1
install /tmp/stock-1.deb
install $ours
remove -P opennebula
tree >/tmp/after
[ ! -s /tmp/after ] || { cat /tmp/after; die "something is left"; }
remove -P one-native
END
}

@test "no file of another package, no configuration file" {
    in_root <<'END'
dpkg-deb -c $ours | awk '{ print $6 }' | grep -v '/$' >/tmp/names
! grep -vE '^\./usr/(lib/one-native|share/(doc|lintian))/' /tmp/names || die "elsewhere"
dpkg-deb -I $ours | grep -q conffiles && die "configuration files"
install $ours
remove -P one-native
END
}

@test "the agent's package has its programs and service, enabled by nobody" {
    in_root <<'END'
install /debs/one-native-agent_*.deb
drv --version | grep -q one-native || die "no drv"
/usr/libexec/one-native/drv-agentd --version >/dev/null || die "no agent"
[ -e /lib/systemd/system/drv-agentd.service ] || die "no service"
[ ! -e /etc/systemd/system/sockets.target.wants/drv-agentd.socket ] || die "enabled"
drv-agentd --version 2>/dev/null && die "a daemon in PATH"
remove -P one-native-agent
! command -v drv || die "not removed"
END
}

@test "hosts get what their programs load" {
    run dpkg-deb -f "$DEBS"/one-native-host_*.deb Depends Recommends
    assert_output --partial libvirt0
    assert_output --partial librbd1
    run dpkg-deb -f "$DEBS"/one-native_[0-9]*.deb Depends
    refute_output --partial libvirt0
    refute_output --partial librbd1
}
