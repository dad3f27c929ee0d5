#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Hostile values, planted links and pipes, disks that are not what they seem: nothing
# outside of the datastores is read, written or deleted.  Some of them; all are tried by
# bats-long/hostile.bats.
load lib/drv

hostile() {
    need_root
    run timeout 100 "$DRV_ROOT/tests/hostile/hostile" "$DRV_OUT" "$@"
    assert_success
    echo "# ${lines[0]}" >&3
}

@test "values in every field of datastore actions" { hostile values-ds 7; }
@test "values in every argument and fact of transfer manager actions" { hostile values-tm 17; }
@test "things planted in an image datastore" { hostile planted-ds 9; }
@test "things planted in a VM's directory" { hostile planted-tm 13; }
@test "a guest's raw disk that says it is something else" { hostile disguised; }
@test "what once went wrong" { hostile found; }
