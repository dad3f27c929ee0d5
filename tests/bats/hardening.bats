#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs are built as the distribution builds its own.
load lib/drv

@test "every program is position independent, with bound relocations and control-flow marks" {
    local file
    for file in "$DRV_OUT"/remotes/{datastore/fs/cp,tm/qcow2/clone,vmm/kvm/deploy,drv/bin/worker}; do
        readelf -hW "$file" | grep -q 'Type: *DYN'
        readelf -dW "$file" | grep -q 'FLAGS_1.*NOW.*PIE'
        readelf -lW "$file" | grep -q GNU_RELRO
        [ "$(uname -m)" = x86_64 ] || continue
        objdump -d --disassemble=main "$file" | grep -q endbr64
    done
}
