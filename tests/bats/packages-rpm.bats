#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it installs packages, in a copy of the system
# The RPM packages: what is in them, and what they do to a front-end's tree.
load lib/drv
load ../packaging/front-end

RPMS=$DRV_ROOT/${OUT:-out}/rpm

setup_file() { make -s -C "$DRV_ROOT" rpm >&2; }

# in_root <<SCRIPT: it ends with 0
in_root() {
    run "$DRV_ROOT/tests/packaging/in-root" rpm "$RPMS"
    assert_success
}

requires() { rpm -qp --requires --recommends "$RPMS"/"$1"-[0-9]*"$(uname -m)".rpm; }

@test "rpmlint finds nothing" {
    run rpmlint --strict -c "$DRV_ROOT/packaging/rpm/rpmlint.toml" "$RPMS"
    assert_success
}

@test "installed over a front-end, removed: its tree is as it was" { installed_and_removed; }
@test "without a front-end nothing is done, and done once there is one" { installed_before_front_end; }
@test "after an upgrade of the front-end ours are there again, and go without a trace" {
    front_end_upgraded
}
@test "an upgrade and a downgrade of ours leave what that version has" { ours_upgraded_and_downgraded; }
@test "the front-end is removed before ours: nothing is left" { front_end_removed_first; }

@test "no file of another package, no configuration file" {
    run rpm -qlp "$RPMS"/one-native-[0-9]*"$(uname -m)".rpm
    refute_line --regexp '^/(etc|var)/'
    refute_line --regexp '^/usr/(bin|sbin|libexec)/'
    run rpm -qcp "$RPMS"/one-native-[0-9]*"$(uname -m)".rpm
    assert_output ""
}

@test "hosts get what their programs load, front-ends are spared it" {
    run requires one-native-host
    assert_line --regexp '^libvirt\.so\.0'
    assert_line --regexp '^librbd\.so\.1'
    run requires one-native
    assert_line --regexp '^libcurl\.so\.4'
    refute_output --partial libvirt
    refute_output --partial librbd
}
