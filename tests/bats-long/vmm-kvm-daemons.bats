#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run alone
# A libvirtd that is killed, and started again at once or later, on either host in every
# phase of a migration.
# shellcheck disable=SC2016,SC2034
load ../bats/lib/drv
load ../bats/lib/vmm
load ../bats/lib/phase

setup_file() {
    lab_setup_suite
    vmm_setup_suite
    slow_migrations
}

teardown_file() { lab_teardown_suite; }
teardown() {
    release_all
    vm_end_all
}

@test "libvirtd of the source is killed in each phase of a migration" { disturb kill host01; }
@test "libvirtd of the destination is killed in each phase of a migration" { disturb kill host02; }
@test "libvirtd of the source is started anew in each phase of a migration" { disturb restart host01; }
@test "libvirtd of the destination is started anew in each phase of a migration" { disturb restart host02; }
