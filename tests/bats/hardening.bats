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

@test "every program has control-flow marks and probes its stack, as its compiler recorded" {
    [ "$(uname -m)" = x86_64 ] || return 0
    local file recorded n=0
    while read -r file; do
        recorded=$(readelf --debug-dump=info "$file" 2>/dev/null | grep -m 1 'DW_AT_producer.*GNU C') ||
            fail "$file has no record of its compiler"
        [[ $recorded == *fcf-protection* && $recorded == *fstack-clash-protection* ]] ||
            fail "$file: $recorded"
        [ "$(readelf -lW "$file" | grep -c 'GNU_STACK.*RWE')" = 0 ]
        n=$((n + 1))
    done < <(printf '%s\n' "$DRV_OUT"/remotes/drv/bin/* "$DRV_OUT"/remotes/datastore/*/cp \
        "$DRV_OUT"/remotes/vmm/kvm/{deploy,migrate} "$DRV_OUT"/remotes/im/kvm.d/monitord-client)
    [ $n -ge 8 ]
}
