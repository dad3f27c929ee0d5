#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Hostile values, planted links and pipes, disks that are not what they seem: nothing
# outside of the datastores is read, written or deleted.  All of them.
load ../bats/lib/drv

hostile() {
    need_root
    run timeout 1500 "$DRV_ROOT/tests/hostile/hostile" "$DRV_OUT" "$@"
    assert_success
    echo "# ${lines[0]}" >&3
}

@test "values in every field of datastore actions" { hostile values-ds; }
@test "values in every argument and fact of transfer manager actions" { hostile values-tm; }
@test "things planted in an image datastore" { hostile planted-ds; }
@test "things planted in a VM's directory" { hostile planted-tm; }
@test "a guest's raw disk that says it is something else" { hostile disguised; }
