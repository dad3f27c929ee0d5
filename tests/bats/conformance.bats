#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # set and read by the library
# Every action that the protocol names, for every driver: it is there, says what is wrong
# with its arguments, and starts nothing but itself and image tools.  Exit statuses are
# compared with the manual in docs-man.bats, processes on hosts counted in tests/bench.
load lib/frontend

DS_ACTIONS='clone cp export mkfs monitor rm snap_delete snap_flatten snap_revert stat'
TM_ACTIONS='clone context cpds delete failmigrate ln mkimage mkswap monitor monitor_ds mv mvds
    postmigrate premigrate resize snap_create snap_create_live snap_delete snap_revert'
SSH_ACTIONS='clone cpds delete ln mv mvds resize snap_create snap_create_live snap_delete snap_revert'
TOOLS=' qemu-img mkswap mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs '

setup() {
    drv_setup
    core_start
    SAFE=$BATS_TEST_TMPDIR/images
    TRACES=$BATS_TEST_TMPDIR/traces
    mkdir "$SAFE" "$TRACES"
    head -c 300000 /dev/urandom >"$SAFE/raw"
    truncate -s 8M "$SAFE/raw"
    qemu-img convert -f raw -O qcow2 "$SAFE/raw" "$SAFE/qcow2"
    VM=$SYS/25
}

teardown() { drv_teardown; }

programs() { # of all drivers, as paths below the remotes
    local mad action
    for mad in fs ceph dummy dev; do
        for action in $DS_ACTIONS; do echo "datastore/$mad/$action"; done
    done
    for mad in shared qcow2 ssh local ceph dummy dev; do
        for action in $TM_ACTIONS; do echo "tm/$mad/$action"; done
    done
    for mad in shared qcow2 ceph; do
        for action in $SSH_ACTIONS; do echo "tm/$mad/$action.ssh"; done
    done
}

@test "every action is there, and no other" {
    local program found
    for program in $(programs); do
        [ -x "$REMOTES/$program" ] || fail "no $program"
        assert_equal "$(head -c 4 "$REMOTES/$program" | tail -c 3)" ELF
    done
    found=$(cd "$REMOTES" && find -L datastore/*/ tm/*/ -type f -perm -1 | sort)
    assert_equal "$found" "$(programs | sort)"
}

# Nothing at all, and more than nothing of what it wants.
@test "wrong arguments are told in a sentence" {
    local program
    for program in $(programs); do
        for words in "" "x" "-1 x x" "x x x x x"; do
            # shellcheck disable=SC2086 # words
            run --separate-stderr drv_run_with "" "$REMOTES/$program" $words
            echo "$program $words: $status: $output / $stderr"
            [ "$status" -gt 0 ] && [ "$status" -le 18 ]
            assert_equal "$output" ""
            [[ $stderr =~ ^[^[:space:]].*[^.[:space:]]$ && $stderr = *' '* ]]
            assert_equal "$(wc -l <<<"$stderr")" 1
        done
    done
}

# --- processes --------------------------------------------------------------------------

# Commands run under strace, a file of execs each.
drv_run() {
    traced=$((${traced-0} + 1))
    (cd "$ONE_LOCATION/var" && timeout 60 strace -f -qq -e trace=execve,execveat \
        -e signal=none -o "$(mktemp "$TRACES/XXXXXX")" "$@")
}

traced() { # MAD/ACTION... has run well
    [ "$status" = 0 ] || fail "status $status: $stderr"
}

started() { # names of all programs that were started, but for TOOLS
    local name
    cat "$TRACES"/* | sed -n 's/.*exec[a-z]*(\(AT_FDCWD, \)\?"\([^"]*\)".*= 0$/\2/p' | sort -u |
        while read -r name; do
            case $name in
            "$REMOTES"/*) echo "${name#"$REMOTES/"}" ;;
            *) [[ $TOOLS = *" ${name##*/} "* ]] || echo "$name" ;;
            esac
        done
}

@test "datastore actions start nothing but image tools" {
    local mad from=(SAFE_DIRS="$SAFE" RESTRICTED_DIRS=/)
    ds() {
        DUMP=$(ds_dump "${@:3}")
        run_ds "$1" "$2"
        traced
    }
    ds fs/stat 1 PATH="$SAFE/qcow2" "${from[@]}"
    ds fs/monitor 1
    ds fs/mkfs 2 SIZE=16 FORMAT=qcow2 FS=ext4
    ds fs/cp 3 PATH="$SAFE/qcow2" DRIVER=raw "${from[@]}"
    ds fs/cp 3 PATH="$SAFE/qcow2" "${from[@]}"
    SOURCE=${output% *}
    ds fs/export 3 SOURCE="$SOURCE" SIZE=8 FORMAT=qcow2
    ds fs/clone 4 PATH="$SOURCE" FORMAT=qcow2 DRIVER=raw
    mkdir "$SOURCE.snap"
    ln -s . "$SOURCE.snap/${SOURCE##*/}.snap"
    ln -s "$SOURCE" "$SOURCE.snap/0"
    qemu-img create -q -f qcow2 -F qcow2 -b "$SOURCE" "$SOURCE.snap/1"
    qemu-img create -q -f qcow2 -F qcow2 -b "$SOURCE.snap/1" "$SOURCE.snap/2"
    ds fs/snap_revert 3 SOURCE="$SOURCE" FORMAT=qcow2 TM_MAD=qcow2 TARGET_SNAPSHOT=0
    ds fs/snap_delete 3 SOURCE="$SOURCE" FORMAT=qcow2 TM_MAD=qcow2 TARGET_SNAPSHOT=1
    ds fs/snap_flatten 3 SOURCE="$SOURCE" FORMAT=qcow2 TM_MAD=qcow2 TARGET_SNAPSHOT=0
    ds fs/rm 3 SOURCE="$SOURCE"
    for mad in cp stat monitor rm; do ds "dev/$mad" 5 PATH=/dev/null SOURCE=/dev/null; done
    for mad in $DS_ACTIONS; do ds "dummy/$mad" 5 PATH=/x SOURCE=/x SIZE=1 TARGET_SNAPSHOT=0; done
    run started
    assert_output "$({
        for mad in $DS_ACTIONS; do printf 'datastore/%s\n' "fs/$mad" "dummy/$mad"; done
        printf 'datastore/dev/%s\n' cp stat monitor rm
    } | sort)"
}

tm() { # MAD ACTION word...
    run_tm "$@"
    traced
}

@test "transfers start nothing but image tools" {
    local action mad xml
    cp "$SAFE/"{raw,qcow2} "$DS/"
    echo x >"$SAFE/context.sh"
    mkdir "$DATASTORES/2"
    vm_put 25 LCM_STATE=2 \
        -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=YES SIZE=8 \
        -- disk DISK_ID=2 IMAGE_ID=9 SOURCE="$DS/raw" FORMAT=raw TYPE=FILE CLONE=NO SIZE=8 \
        -- disk DISK_ID=4 TYPE=fs FORMAT=raw FS=ext4 SIZE=16 \
        -- disk DISK_ID=7 IMAGE_ID=9 SOURCE=/dev/null TYPE=BLOCK CLONE=NO
    xml=$(base64 -w 0 <"$CORE/vm/25.xml")
    for mad in qcow2 shared; do
        tm $mad clone "fe:$DS/qcow2" "$HERE:$VM/disk.0" 25 1
        tm $mad ln "fe:$DS/raw" "$HERE:$VM/disk.2" 25 1
        tm $mad mkimage 16 raw "$HERE:$VM/disk.4" 25 0
        tm $mad mkswap 16 "$HERE:$VM/disk.5" 25 0
        tm $mad context "$SAFE/context.sh" "$HERE:$VM/disk.6" 25 0
        tm $mad snap_create "$HERE:$VM/disk.0" 0 25 1
        tm $mad snap_create "$HERE:$VM/disk.0" 1 25 1
        tm $mad snap_revert "$HERE:$VM/disk.0" 0 25 1
        tm $mad snap_delete "$HERE:$VM/disk.0" 1 25 1
        tm $mad resize "$HERE:$VM/disk.0" 16 25 1
        tm $mad cpds "$HERE:$VM/disk.0" "$DS/saved" -1 25 1
        tm $mad monitor_ds "$SYS"
        DUMP=$(ds_dump BASE_PATH="$SYS" MONITOR_VM_DISKS=0) run_tm_monitor $mad 0
        traced
        tm $mad mv "$HERE:$VM" "$HERE:$DATASTORES/2/25" 25 0
        tm $mad mvds "$HERE:$VM/disk.2" "$DS/raw" 25 1
        tm $mad delete "$HERE:$DATASTORES/2/25" 25 0
        for action in premigrate postmigrate failmigrate; do
            STDIN=$xml tm $mad $action host01 host01 "$VM" 25 0
        done
    done
    tm dev clone "fe:/dev/null" "$HERE:$VM/disk.7" 25 1
    tm dev ln "fe:/dev/null" "$HERE:$VM/disk.7" 25 1
    tm dev delete "$HERE:$VM" 25 0
    run started
    assert_output "$({
        for action in $TM_ACTIONS; do
            [ "$action" = snap_create_live ] || printf 'tm/%s\n' "qcow2/$action" "shared/$action"
        done
        printf 'tm/dev/%s\n' clone ln delete
    } | sort)"
}

# A front-end asks for <action>.<suffix> where the system datastore is of another kind: it
# falls back to <action> itself, and a link of that name does the same.
@test "an action with a suffix is the action" {
    local name
    frontend 7.4.0
    cp "$SAFE/raw" "$DS/"
    vm_put 25 -- disk DISK_ID=1 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=raw TYPE=FILE CLONE=YES SIZE=8
    for name in clone clone.ssh; do
        [ -e "$REMOTES/tm/qcow2/$name" ] || ln -s clone "$REMOTES/tm/qcow2/$name"
        fe_tm qcow2 clone.ssh "fe:$DS/raw $HERE:$VM/disk.1 25 1"
        fe_ok
        cmp "$DS/raw" "$VM/disk.1"
        rm -r "$VM"
        rm -f "$REMOTES/tm/qcow2/clone.ssh"
    done
    ln -s clone "$REMOTES/tm/qcow2/clone.ssh"
    fe_tm qcow2 clone.ssh "fe:$DS/none $HERE:$VM/disk.1 25 1"
    fe_failed 5 "cannot clone image 8 to disk.1 of VM 25: cannot open 'none': No such file or directory ($DS/none)"
}
