#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it installs packages, in a copy of the system
# The Debian packages: what is in them, and what they do to a front-end's tree.
load lib/drv
load ../packaging/front-end

DEBS=$DRV_ROOT/${OUT:-out}/deb

setup_file() { make -s -C "$DRV_ROOT" deb >&2; }

# in_root <<SCRIPT: it ends with 0
in_root() {
    run "$DRV_ROOT/tests/packaging/in-root" deb "$DEBS"
    assert_success
}

@test "lintian finds nothing" {
    run lintian --allow-root --fail-on=error,warning,info "$DEBS"/one-native{_,-agent_,-doc_,-host_,-mqtt_}*.deb
    assert_success
    assert_output ""
}

@test "installed over a front-end, removed, purged: its tree is as it was" { installed_and_removed; }
@test "without a front-end nothing is done, and done once there is one" { installed_before_front_end; }
@test "after an upgrade of the front-end ours are there again, and go without a trace" {
    front_end_upgraded
}
@test "an upgrade and a downgrade of ours leave what that version has" { ours_upgraded_and_downgraded; }
@test "the front-end is removed before ours: nothing is left" { front_end_removed_first; }

@test "no file of another package, no configuration file" {
    in_root <<'END'
dpkg-deb -c $ours | awk '{ print $6 }' | grep -v '/$' >/tmp/names
! grep -vE '^\./usr/(lib/one-native|share/(doc|lintian))/' /tmp/names || die "elsewhere"
dpkg-deb -I $ours | grep -q conffiles && die "configuration files"
install_ours
purge_ours
END
}

@test "the agent's package has its programs and service, enabled by nobody" {
    in_root <<'END'
install /packages/one-native-agent_*.deb
drv --version | grep -q one-native || die "no drv"
/usr/libexec/one-native/drv-agentd --version >/dev/null || die "no agent"
[ -e /lib/systemd/system/drv-agentd.service ] || die "no service"
[ ! -e /etc/systemd/system/sockets.target.wants/drv-agentd.socket ] || die "enabled"
drv-agentd --version 2>/dev/null && die "a daemon in PATH"
quietly dpkg -P one-native-agent
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
