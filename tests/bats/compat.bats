#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2046,SC2086,SC2153,SC2154 # set and read by the library
# Every release that we serve, as its front-end calls and reads us: the table is in
# lib/frontend.bash.
load lib/frontend

setup() {
    drv_setup
    core_start
    SAFE=$BATS_TEST_TMPDIR/images
    mkdir "$SAFE"
    head -c 300000 /dev/urandom >"$SAFE/raw"
    truncate -s 8M "$SAFE/raw"
    qemu-img convert -f raw -O qcow2 "$SAFE/raw" "$SAFE/qcow2"
    FROM=(SAFE_DIRS="$SAFE" RESTRICTED_DIRS=/)
    VM=$SYS/25
}

teardown() { drv_teardown; }

# Releases up to 5.12 know no format, neither of an image nor of a disk.
format() { # FORMAT [NAME=]
    [ "${FE[format]}" = FSTYPE ] || echo "${2-}$1"
}

is_format() { # FILE FORMAT
    [ "$(qemu-img info -U --output=json "$1" | sed -n 's/^    "format": "\(.*\)",/\1/p')" = "$2" ]
}

# --- datastores -------------------------------------------------------------------------

images_come_and_go() {
    local action
    fe_ds fs/stat 3 PATH="$SAFE/qcow2" "${FROM[@]}"
    fe_ok
    assert_equal "$info" 8
    fe_ds fs/monitor 1
    [[ $info =~ ^USED_MB=[0-9]+\ FREE_MB=[0-9]+\ TOTAL_MB=[1-9][0-9]*$ ]]
    fe_ds fs/cp 7 PATH="$SAFE/qcow2" "${FROM[@]}"
    fe_ok
    fe_source cp
    assert_equal "${FORMAT:-qcow2}" qcow2
    cmp "$SAFE/qcow2" "$SOURCE"
    fe_ds fs/rm 7 SOURCE="$SOURCE"
    fe_ok
    assert_only "$DS"
    for action in clone mkfs; do
        fe_ds dev/$action 7 PATH=/dev/null SOURCE=/dev/null
        fe_failed 17 "$action: Operation not supported"
    done
}

images_are_made() {
    local wanted=raw file
    for wanted in raw qcow2; do
        fe_ds fs/mkfs 7 SIZE=4 FORMAT=$wanted
        fe_ok
        fe_source mkfs
        assert_virtual_size "$SOURCE" $wanted 4194304
        rm "$SOURCE"
    done
    fe_ds fs/mkfs 7 SIZE=4 FORMAT=save_as
    fe_ok
    fe_source mkfs
    assert_only "$DS"
}

# No format is changed without oned being told, and it is told only what it understands.
images_are_cloned() {
    local -A other=([raw]=qcow2 [qcow2]=raw)
    local from driver original
    for from in raw qcow2; do
        fe_ds fs/cp 7 PATH="$SAFE/$from" "${FROM[@]}"
        fe_source cp
        original=$SOURCE
        for driver in "" ${other[$from]}; do
            fe_ds fs/clone 8 PATH="$original" $(format $from FORMAT=) DRIVER=$driver
            fe_ok
            fe_source clone
            is_format "$SOURCE" "${FORMAT:-$from}"
            qemu-img compare -q -f raw -F "${FORMAT:-$from}" "$SAFE/raw" "$SOURCE"
            rm "$SOURCE"
        done
        rm "$original"
    done
}

images_have_snapshots() {
    local i
    fe_ds fs/cp 7 PATH="$SAFE/qcow2" "${FROM[@]}"
    fe_source cp
    mkdir "$SOURCE.snap"
    ln -s "$SOURCE" "$SOURCE.snap/0"
    for i in 1 2 3; do
        qemu-img create -q -f qcow2 -F qcow2 -b "$SOURCE.snap/$((i - 1))" "$SOURCE.snap/$i"
    done
    set -- SOURCE="$SOURCE" $(format qcow2 FORMAT=) TM_MAD=qcow2
    fe_ds fs/snap_delete 7 "$@" TARGET_SNAPSHOT=3
    fe_ok
    assert_not_exists "$SOURCE.snap/3"
    fe_ds fs/snap_revert 7 "$@" TARGET_SNAPSHOT=0
    fe_ok
    assert_chain "$SOURCE.snap/2" qcow2 "0 qcow2"
    fe_ds fs/snap_flatten 7 "$@" TARGET_SNAPSHOT=1
    fe_ok
    assert_only "$DS" "${SOURCE##*/}"
    assert_chain "$SOURCE" qcow2
    rm "$SOURCE"
}

errors_of_datastores_are_told() {
    fe_ds fs/cp 7 PATH="$SAFE/none" "${FROM[@]}"
    fe_failed 5 "cannot register image 7: cannot access 'none': No such file or directory ($SAFE/none)"
    fe_ds fs/cp 7 PATH="$SAFE/raw" MD5=00000000000000000000000000000000 "${FROM[@]}"
    fe_failed 9 "cannot register image 7: MD5 of 'raw' is $(md5sum "$SAFE/raw" |
        cut -d ' ' -f 1), expected 00000000000000000000000000000000 ($SAFE/raw)"
    fe_ds fs/stat 7 PATH=$'/a\nExitCode: 0\nERROR MESSAGE ------>8--\nINFO: x' "${FROM[@]}"
    assert_equal "$ok" no
    [[ $message == *'/a\x0aExitCode'* && $message == *'\x0aINFO'* ]]
    fe_call "" "$REMOTES/datastore/fs/cp"
    assert_equal "$ok" no
    [ -n "$message" ] && [ "$message" != - ]
    assert_only "$DS"
}

datastore_of() { # RELEASE
    frontend "$1"
    images_come_and_go
    images_are_made
    images_are_cloned
    images_have_snapshots
    errors_of_datastores_are_told
}

@test "4.14.2: datastore" { datastore_of 4.14.2; }
@test "5.4.15: datastore" { datastore_of 5.4.15; }
@test "5.12.0.4: datastore" { datastore_of 5.12.0.4; }
@test "6.0.3: datastore" { datastore_of 6.0.3; }
@test "6.4.6: datastore" { datastore_of 6.4.6; }
@test "6.4.6 with the dump on stdin: datastore" { datastore_of 6.4.6-i; }
@test "6.10.5: datastore" { datastore_of 6.10.5; }
@test "7.0.2: datastore" { datastore_of 7.0.2; }
@test "7.4.0: datastore" { datastore_of 7.4.0; }

# --- transfer managers ------------------------------------------------------------------

# VM 25: 0 a qcow2 clone, 1 a raw one, 2 and 3 persistent, 4 and 5 volatile.
facts() {
    local qcow2 raw
    qcow2=$(format qcow2 FORMAT=)
    raw=$(format raw FORMAT=)
    cp "$SAFE/"{raw,qcow2} "$DS/"
    vm_put 25 LCM_STATE=2 \
        -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/qcow2" CLONE=YES TYPE=FILE SIZE=8 $qcow2 \
        -- disk DISK_ID=1 IMAGE_ID=8 SOURCE="$DS/raw" CLONE=YES TYPE=FILE SIZE=8 $raw \
        -- disk DISK_ID=2 IMAGE_ID=9 SOURCE="$DS/qcow2" CLONE=NO TYPE=FILE SIZE=8 $qcow2 \
        -- disk DISK_ID=3 IMAGE_ID=10 SOURCE="$DS/raw" CLONE=NO TYPE=FILE SIZE=8 $raw \
        -- disk DISK_ID=4 TYPE=fs FORMAT=raw SIZE=16
}

disks_are_made() {
    fe_tm qcow2 clone "fe:$DS/qcow2 $HERE:$VM/disk.0 25 1"
    fe_ok
    assert_equal "$(readlink "$VM/disk.0")" disk.0.snap/0
    assert_chain "$VM/disk.0" qcow2 "qcow2 qcow2"
    fe_tm shared clone "fe:$DS/raw $HERE:$VM/disk.1 25 1"
    fe_ok
    cmp "$DS/raw" "$VM/disk.1"
    fe_tm qcow2 ln "fe:$DS/qcow2 $HERE:$VM/disk.2 25 1"
    fe_ok
    assert_equal "$(readlink "$VM/disk.2")" "$DS/qcow2.snap/0"
    fe_tm shared ln "fe:$DS/raw $HERE:$VM/disk.3 25 1"
    fe_ok
    assert_equal "$(readlink "$VM/disk.3")" "$DS/raw"
    fe_tm shared mkimage "16 raw $HERE:$VM/disk.4 25 0"
    fe_ok
    fe_tm shared mkswap "16 $HERE:$VM/disk.5 25 0"
    fe_ok
    file -b "$VM/disk.5" | grep -q 'swap file.*LABEL=swap'
    assert_equal "$(stat -c %s "$VM/disk."{4,5})" $'16777216\n16777216'
    fe_tm qcow2 clone "fe:$DS/raw $HERE:$VM/kernel 25 2"
    fe_ok
    cmp "$DS/raw" "$VM/kernel"
}

# Up to 5.6.1 the shell takes the quotes off, later a blank splits the word.
context_is_made() {
    echo 'A="b c"' >"$VM.context.sh"
    echo secret >"$VM.token.txt"
    fe_tm shared context "$VM.context.sh $DS/raw:'file.img' $DS/qcow2:'my image' $VM.token.txt" \
        "$HERE:$VM/disk.6 25 0"
    fe_ok
    isoinfo -d -i "$VM/disk.6" | grep -q '^Volume id: CONTEXT$'
    isoinfo -R -x /25.context.sh -i "$VM/disk.6" | cmp - "$VM.context.sh"
    isoinfo -R -x /25.token.txt -i "$VM/disk.6" | cmp - "$VM.token.txt"
    isoinfo -R -x /file.img -i "$VM/disk.6" | cmp - "$DS/raw"
    isoinfo -R -x "/my image" -i "$VM/disk.6" | cmp - "$DS/qcow2"
    if release_at_least 5.0; then
        assert_not_exists "$VM/disk.6.iso"
    else
        assert_equal "$(readlink "$VM/disk.6.iso")" disk.6
    fi
    rm "$VM.context.sh" "$VM.token.txt"
}

disks_have_snapshots() {
    local action
    for action in "snap_create 0" "snap_create 1" "snap_revert 0" "snap_delete 1"; do
        fe_tm qcow2 "${action% *}" "$HERE:$VM/disk.0 ${action#* } 25 1"
        fe_ok
    done
    assert_chain "$VM/disk.0" qcow2 "0 qcow2" "qcow2 qcow2"
    fe_tm qcow2 snap_create "$HERE:$VM/disk.2 0 25 1"
    fe_ok
    assert_equal "$(readlink "$VM/disk.2")" "$DS/qcow2.snap/1"
    assert_chain "$VM/disk.2" qcow2 "0 qcow2"
    if [ "${FE[resize]}" = yes ]; then
        fe_tm qcow2 resize "$HERE:$VM/disk.0 16 25 1"
        fe_ok
        assert_virtual_size "$VM/disk.0" qcow2 16777216
    fi
}

disks_are_saved_and_moved() {
    local disk
    mkdir "$DATASTORES/2"
    fe_tm shared cpds "$HERE:$VM/disk.1 $DS/saved -1 25 1"
    fe_ok
    cmp "$DS/raw" "$DS/saved"
    fe_tm qcow2 cpds "$HERE:$VM/disk.0 $DS/saved.0 0 25 1"
    fe_ok
    qemu-img compare -q -f raw -F qcow2 "$SAFE/raw" "$DS/saved.0"
    for disk in 0 1 2 3; do
        fe_tm qcow2 mv "$HERE:$VM/disk.$disk $HERE:$DATASTORES/2/25/disk.$disk 25 1"
        fe_ok
    done
    fe_tm shared mv "$HERE:$VM $HERE:$DATASTORES/2/25 25 0"
    fe_ok
    assert_not_exists "$VM"
    assert_chain "$DATASTORES/2/25/disk.0" qcow2 "0 qcow2" "qcow2 qcow2"
    for disk in 2 3; do
        fe_tm qcow2 mvds "$HERE:$DATASTORES/2/25/disk.$disk $DS/qcow2 25 1"
        fe_ok
    done
}

# An action of a system datastore that is another kind's: the plain one serves.
disks_go() {
    local suffix=
    [ "${FE[suffix]}" = no ] || suffix=.ssh
    fe_tm qcow2 delete$suffix "$HERE:$DATASTORES/2/25/disk.0 25 1"
    fe_ok
    assert_not_exists "$DATASTORES/2/25/disk.0"
    fe_tm shared delete "$HERE:$DATASTORES/2/25 25 0"
    fe_ok
    assert_only "$DATASTORES/2"
    assert_only "$SYS"
    qemu-img compare -q -f raw -F qcow2 "$SAFE/raw" "$DS/qcow2"
    cmp "$SAFE/raw" "$DS/raw"
}

migration_is_prepared() {
    local action xml
    xml=$(base64 -w 0 <"$CORE/vm/25.xml")
    for action in premigrate postmigrate failmigrate; do
        set -- host01 host01 "$VM" 25 0
        if [ "${FE[xml]}" = argv ]; then
            fe_call "" "$REMOTES/tm/shared/$action" "$@" "$xml"
        else
            fe_call "$xml" "$REMOTES/tm/shared/$action" "$@"
        fi
        fe_ok
    done
}

# Shared storage: on stdout, to monitord, or not at all.
usage_is_told() {
    local dump
    [ "${FE[usage]}" != none ] || return 0
    dump=$(ds_dump BASE_PATH="$SYS" DATASTORE_ID=0)
    case ${FE[dump]} in
    argv) fe_call "" "$REMOTES/tm/shared/monitor" "$dump" 0 ;;
    dash) fe_call "$dump" "$REMOTES/tm/shared/monitor" - 0 ;;
    stdin) fe_call "$dump" "$REMOTES/tm/shared/monitor" 0 ;;
    esac
    assert_equal "$ok" yes
    [[ $info =~ USED_MB=[0-9]+.FREE_MB=[0-9]+.TOTAL_MB=[1-9] ]]
    if [ "${FE[usage]}" = stdout ]; then
        [[ $info =~ VM=\[ID=25,POLL=\".*DISK_SIZE=\[ID=1,SIZE= ]]
    else
        [[ $info != *VM=* ]]
    fi
}

errors_of_transfers_are_told() {
    fe_tm shared clone "fe:$DS/none $HERE:$VM/disk.1 25 1"
    fe_failed 5 "cannot clone image 8 to disk.1 of VM 25: cannot open 'none': No such file or directory ($DS/none)"
    fe_tm dev snap_create "$HERE:$VM/disk.1 0 25 1"
    fe_failed 17 "snap_create: Operation not supported"
    fe_tm qcow2 snap_create "$HERE:$VM/disk.9 0 25 1"
    assert_equal "$ok" no
    [[ $message == "cannot create snapshot 0 of disk.9 of VM 25: "* ]]
}

transfers_of() { # RELEASE
    frontend "$1"
    facts
    disks_are_made
    context_is_made
    disks_have_snapshots
    usage_is_told
    migration_is_prepared
    errors_of_transfers_are_told
    disks_are_saved_and_moved
    disks_go
}

@test "4.14.2: transfers" { transfers_of 4.14.2; }
@test "5.4.15: transfers" { transfers_of 5.4.15; }
@test "5.12.0.4: transfers" { transfers_of 5.12.0.4; }
@test "6.0.3: transfers" { transfers_of 6.0.3; }
@test "6.4.6: transfers" { transfers_of 6.4.6; }
@test "6.4.6 with the dump on stdin: transfers" { transfers_of 6.4.6-i; }
@test "6.10.5: transfers" { transfers_of 6.10.5; }
@test "7.0.2: transfers" { transfers_of 7.0.2; }
@test "7.4.0: transfers" { transfers_of 7.4.0; }

# --- VM directories on the hosts' own storage -------------------------------------------

disks_are_on_hosts() { # RELEASE
    frontend "$1"
    facts
    fe_tm qcow2 clone.ssh "fe:$DS/qcow2 $HERE:$VM/disk.0 25 1"
    fe_ok
    assert_chain "$VM/disk.0" qcow2
    fe_tm qcow2 ln.ssh "fe:$DS/qcow2 $HERE:$VM/disk.2 25 1"
    fe_ok
    fe_tm qcow2 snap_create.ssh "$HERE:$VM/disk.2 0 25 1"
    fe_ok
    fe_tm qcow2 mv.ssh "$HERE:$VM/disk.2 host01:$VM/disk.2 25 1"
    fe_ok
    fe_tm qcow2 mvds.ssh "$HERE:$VM/disk.2 $DS/qcow2 25 1"
    fe_ok
    assert_chain "$DS/qcow2" qcow2 "0 qcow2"
    fe_tm qcow2 delete.ssh "$HERE:$VM 25 0"
    fe_ok
    assert_only "$SYS" .monitor
}

@test "5.12.0.4: an image on shared storage, a VM on its host's" { disks_are_on_hosts 5.12.0.4; }
@test "6.0.3: an image on shared storage, a VM on its host's" { disks_are_on_hosts 6.0.3; }
@test "6.10.5: an image on shared storage, a VM on its host's" { disks_are_on_hosts 6.10.5; }
@test "7.4.0: an image on shared storage, a VM on its host's" { disks_are_on_hosts 7.4.0; }
