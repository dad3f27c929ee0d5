#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# run alone
# A libvirtd that is killed, and started again at once or later, on either host in every
# phase of a migration.
# shellcheck disable=SC2016,SC2034
load ../bats/lib/drv
load ../bats/lib/vmm
load ../bats/lib/phase

@test "libvirtd of the source is killed in each phase of a migration" { disturb kill host01; }
@test "libvirtd of the destination is killed in each phase of a migration" { disturb kill host02; }
@test "libvirtd of the source is restarted in each phase of a migration" { disturb restart host01; }
@test "libvirtd of the destination is restarted in each phase of a migration" { disturb restart host02; }
