#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Installation into a front-end's tree, and back to what was there.
load lib/drv

INSTALL=$DRV_ROOT/packaging/install-remotes

# A tree of a front-end's packages, in small, with all kinds of links; and ours.
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir -p one/remotes/{tm/{common,qcow2,ssh},datastore/fs,etc/vmm/kvm} one/datastores
    local file
    for file in tm/common/delete tm/qcow2/{clone,clone.ssh,prebackup} tm/ssh/clone \
        datastore/fs/cp datastore/xpath.rb scripts_common.sh etc/vmm/kvm/kvmrc VERSION; do
        echo "stock $file" >"one/remotes/$file"
    done
    chmod 755 one/remotes/tm/*/*
    ln -s ../common/delete one/remotes/tm/qcow2/delete
    ln -s ../common/delete one/remotes/tm/ssh/delete
    ln -s qcow2 one/remotes/tm/shared
    build 1
}

build() { # NUMBER
    local file
    rm -rf ours
    mkdir -p ours/drv/bin ours/tm/{qcow2,shared} ours/datastore/fs ours/etc/{vmm/kvm,datastore}
    for file in drv/bin/worker tm/{qcow2,shared}/{clone,delete} datastore/fs/cp \
        scripts_common.sh etc/one-native.conf etc/vmm/kvm/kvmrc; do
        echo "# Part of one-native: $1 $file" >"ours/$file"
    done
    chmod 755 ours/drv/bin/worker ours/tm/*/*
}

install() { run -0 "$INSTALL" ours one/remotes; }
undo() { run -0 "$INSTALL" --undo one/remotes; }

# All names, kinds, modes and contents.
tree() { (cd one && find . -printf '%p %y %m %l\n' -type f -exec sha256sum {} \; | sort); }

is_ours() { assert_file_contains "one/remotes/$1" '^# Part of one-native: '"${2-1}"; }
is_stock() { assert_equal "$(cat "one/remotes/$1")" "stock ${2-$1}"; }

@test "our actions take the stock ones' places, and no link is written through" {
    install
    is_ours tm/qcow2/clone
    is_ours tm/qcow2/delete
    is_ours datastore/fs/cp
    is_stock tm/common/delete
    is_stock tm/ssh/delete tm/common/delete
    [ -x one/remotes/tm/qcow2/clone ]
}

@test "stock actions that we do not have stay, also where the driver was a link" {
    install
    is_stock tm/qcow2/clone.ssh
    is_stock tm/shared/clone.ssh tm/qcow2/clone.ssh
    is_stock tm/shared/prebackup tm/qcow2/prebackup
    is_ours tm/shared/clone
    is_stock datastore/xpath.rb
    is_stock scripts_common.stock.sh scripts_common.sh
}

@test "settings of the admin are kept, and missing ones added" {
    install
    assert_output --partial "kept as it is: $BATS_TEST_TMPDIR/one/remotes/etc/vmm/kvm/kvmrc"
    is_stock etc/vmm/kvm/kvmrc
    is_ours etc/one-native.conf
}

@test "undo brings back every file, link and mode" {
    local before
    before=$(tree)
    install
    undo
    diff <(echo "$before") <(tree)
}

@test "another build, and undo" {
    local before
    before=$(tree)
    install
    build 2
    rm ours/datastore/fs/cp
    install
    is_ours tm/qcow2/clone 2
    is_stock datastore/fs/cp
    undo
    diff <(echo "$before") <(tree)
}

@test "settings written after the installation stay" {
    install
    echo mine >one/remotes/etc/one-native.conf
    build 2
    install
    assert_equal "$(cat one/remotes/etc/one-native.conf)" mine
    undo
    assert_equal "$(cat one/remotes/etc/one-native.conf)" mine
}

@test "an upgrade of the front-end between: undo brings back its newer files" {
    install
    echo newer >one/remotes/tm/qcow2/clone
    echo newer >one/remotes/datastore/fs/cp
    install
    is_ours tm/qcow2/clone
    undo
    assert_equal "$(cat one/remotes/tm/qcow2/clone)" newer
    assert_equal "$(cat one/remotes/datastore/fs/cp)" newer
}

@test "files replaced after the installation are left alone by undo" {
    install
    echo newer >one/remotes/tm/qcow2/clone
    undo
    assert_output --partial "left as it is"
    assert_equal "$(cat one/remotes/tm/qcow2/clone)" newer
}

# A program of these fails when it is the N-th that is started.
shims() { # N
    local program
    mkdir -p shims
    rm -f count
    for program in cp mv mkdir ln chown rm; do
        printf '%s\n' '#!/bin/bash' "n=\$((\$(cat $PWD/count 2>/dev/null || echo 0) + 1))" \
            "echo \$n >$PWD/count" "[ \$n -ne $1 ] && exec /bin/$program \"\$@\"" 'exit 1' \
            >"shims/$program"
        chmod 755 "shims/$program"
    done
}

@test "an installation that was cut short is finished, or undone" {
    local before step=1
    before=$(tree)
    while true; do
        shims $step
        PATH=$PWD/shims:$PATH run "$INSTALL" ours one/remotes
        [ "$status" != 0 ] || break
        if [ $((step % 2)) = 0 ] || [ ! -e one/one-native-stock/installed ]; then
            install
            is_ours tm/shared/clone
            is_stock tm/shared/clone.ssh tm/qcow2/clone.ssh
        fi
        undo
        diff <(echo "$before") <(tree)
        step=$((step + 5))
    done
    [ $step -gt 40 ]
}

@test "a directory that is not a built tree, or not a front-end's, is refused" {
    run "$INSTALL" one one/remotes
    assert_failure
    run "$INSTALL" ours nowhere
    assert_failure
    run "$INSTALL" --undo one/remotes
    assert_failure
}

@test "what is installed is stripped, its symbols are apart, and the README says its weight" {
    local program id weight said
    "$DRV_ROOT/packaging/strip-tree" "$DRV_OUT/remotes" stripped
    program=stripped/remotes/tm/qcow2/clone
    run readelf -S "$program"
    refute_output --partial .debug_info
    refute_output --partial .symtab
    run "$program" --version
    assert_success
    id=$(readelf -n "$program" | sed -n 's/^ *Build ID: //p')
    run readelf -S "stripped/debug/.build-id/${id::2}/${id:2}.debug"
    assert_output --partial .debug_info
    assert_equal "$(find stripped/debug -name '*.debug' | wc -l)" "$(wc -l <stripped/debug/one-native.list)"
    (cd "$DRV_OUT/remotes" && find . ! -type d | sort) >names
    (cd stripped/remotes && find . ! -type d | sort) | diff names -
    weight=$(du -sm --apparent-size stripped/remotes | cut -f 1)
    said=$(sed -n 's/.*adds \([0-9]*\) MB below .remotes.*/\1/p' "$DRV_ROOT/README.md")
    [ $((weight * 10)) -lt $((said * 12)) ] && [ $((weight * 10)) -gt $((said * 8)) ] ||
        fail "the README says $said MB, it is $weight MB"
}
