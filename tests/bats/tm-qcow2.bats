#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The transfer managers qcow2 and shared, action by action, on this machine.
load lib/drv

setup() {
    drv_setup
    core_start
    head -c 300000 /dev/urandom >"$DS/raw"
    truncate -s 8M "$DS/raw"
    qemu-img convert -f raw -O qcow2 "$DS/raw" "$DS/qcow2"
    cp "$DS/raw" "$BATS_TEST_TMPDIR/want"
    sha256sum "$DS/raw" "$DS/qcow2" >"$BATS_TEST_TMPDIR/sums"
    VM=$SYS/25
    facts LCM_STATE=2
}

teardown() {
    sha256sum --quiet -c "$BATS_TEST_TMPDIR/sums" # whatever happened to the clones
    drv_teardown
}

# What oned tells of VM 25: disk 0 a qcow2 clone, 1 a raw clone, 2 and 3 persistent.
facts() { # [NAME=VALUE...] [-- disk NAME=VALUE...]
    vm_put 25 "$@" \
        -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=YES \
        SIZE="${SIZE-8}" ORIGINAL_SIZE=8 SPARSE="${SPARSE-}" \
        -- disk DISK_ID=1 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=raw TYPE=FILE CLONE=YES \
        SIZE="${SIZE-8}" ORIGINAL_SIZE=8 SPARSE="${SPARSE-}" \
        -- disk DISK_ID=2 IMAGE_ID=7 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=NO \
        SIZE=8 ORIGINAL_SIZE=8 \
        -- disk DISK_ID=3 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=raw TYPE=FILE CLONE=NO \
        SIZE=8 ORIGINAL_SIZE=8 \
        -- disk DISK_ID=4 FS="${FS-}" FORMAT="${FORMAT-raw}" TYPE=fs SIZE=16
}

clone() { run_tm "${MAD-qcow2}" clone "fe:$DS/$1" "$HERE:$VM/disk.$2" 25 1; }
link() { run_tm "${MAD-qcow2}" ln "fe:$DS/$1" "$HERE:$VM/disk.$2" 25 1; }
snap() { run_tm qcow2 "snap_$1" "$HERE:$VM/disk.$2" "$3" 25 1; } # VERB DISK SNAPSHOT

# Write pattern byte $2 into disk $1, as a guest would.
write() { qemu-io -f "${3-qcow2}" -c "write -P $2 1M 64k" "$VM/disk.$1" >/dev/null; }
has() { qemu-io -r -U -f "${3-qcow2}" -c "read -P $2 1M 64k" "$1" | grep -q '^read 65536'; }

@test "clone: a qcow2 image gets an overlay in the known layout" {
    clone qcow2 0
    assert_success
    assert_tree "$VM" <<'END'
l disk.0 -> disk.0.snap/0
d disk.0.snap
f disk.0.snap/0
l disk.0.snap/disk.0.snap -> .
END
    assert_chain "$VM/disk.0" qcow2 "qcow2 qcow2"
    qemu-img compare -f raw -F qcow2 "$BATS_TEST_TMPDIR/want" "$VM/disk.0"
}

@test "clone: a raw image is copied" {
    clone raw 1
    assert_success
    cmp "$DS/raw" "$VM/disk.1"
    assert_only "$VM" disk.1
}

@test "clone: again makes the disk anew" {
    clone qcow2 0
    write 0 1
    clone qcow2 0
    assert_success
    qemu-img compare -f raw -F qcow2 "$BATS_TEST_TMPDIR/want" "$VM/disk.0"
    assert_only "$VM" disk.0 disk.0.snap
}

@test "clone: a larger SIZE, and SPARSE=NO" {
    SIZE=16 facts
    clone qcow2 0
    assert_virtual_size "$VM/disk.0" qcow2 16777216
    clone raw 1
    assert_equal "$(stat -c %s "$VM/disk.1")" 16777216
    SIZE=16 SPARSE=NO facts
    clone raw 1
    [ "$(stat -c %b "$VM/disk.1")" -ge 16384 ]
}

@test "clone: QCOW2_OPTIONS of tmrc, and a standalone copy" {
    DRV_ENV=(QCOW2_OPTIONS="-o cluster_size=2M")
    clone qcow2 0
    assert_success
    qemu-img info "$VM/disk.0" | grep -q 'cluster_size: 2097152'
    vm_put 25 -- disk DISK_ID=0 SOURCE="$DS/qcow2" FORMAT=qcow2 TYPE=FILE CLONE=YES \
        QCOW2_STANDALONE=YES SIZE=8 ORIGINAL_SIZE=8
    clone qcow2 0
    assert_success
    assert_chain "$VM/disk.0" qcow2
}

@test "clone: kernels are copied as they are, without a question to oned" {
    run_tm shared clone "fe:$DS/raw" "$HERE:$VM/kernel" 25 1
    assert_success
    cmp "$DS/raw" "$VM/kernel"
    assert_equal "$(core_requests)" ""
}

@test "clone: what oned calls qcow2 and is not is refused, and nothing is left" {
    vm_put 25 -- disk DISK_ID=0 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=qcow2 TYPE=FILE
    clone raw 0
    assert_error "^cannot clone image 8 to disk.0 of VM 25: '$DS/raw' is not qcow2$"
    assert_only "$SYS"
}

@test "clone: a tool's failure is told, and nothing is left" {
    shim qemu-img rc=1 err="qemu-img: disk.0: No space left on device"
    clone qcow2 0
    assert_error "^cannot clone image 7 to disk.0 of VM 25: qemu-img: disk.0: No space left"
    assert_equal "$status" 7
    assert_only "$SYS"
}

@test "clone: before 6.0 the driver's name tells what to do" {
    with_release 5.4.15
    vm_put 25 -- disk DISK_ID=0 SOURCE="$DS/qcow2" TYPE=FILE SIZE=8
    MAD=shared clone qcow2 0
    assert_success
    cmp "$DS/qcow2" "$VM/disk.0"
    MAD=qcow2 clone qcow2 0
    assert_success
    assert_chain "$VM/disk.0" qcow2 "qcow2 qcow2"
}

@test "clone: local monitoring of shared storage is switched off" {
    echo ssh >"$SYS/.monitor"
    clone raw 1
    assert_not_exists "$SYS/.monitor"
}

@test "ln: a qcow2 image is linked by its snapshots' folder, a raw one itself" {
    link qcow2 2
    assert_success
    assert_link "$VM/disk.2" "$DS/qcow2.snap/0"
    assert_link "$DS/qcow2.snap/0" "$DS/qcow2"
    assert_link "$DS/qcow2.snap/qcow2.snap" .
    link raw 3
    assert_success
    assert_link "$VM/disk.3" "$DS/raw"
    link qcow2 2
    assert_success
    assert_link "$VM/disk.2" "$DS/qcow2.snap/0"
}

assert_link() { # LINK TARGET
    assert_equal "$(readlink "$1")" "$2"
}

@test "snapshots of an overlay: create, revert, delete" {
    clone qcow2 0
    write 0 1
    snap create 0 0
    assert_success
    write 0 2
    snap create 0 1
    write 0 3
    assert_link "$VM/disk.0" disk.0.snap/2
    assert_chain "$VM/disk.0" qcow2 "1 qcow2" "0 qcow2" "qcow2 qcow2"
    has "$VM/disk.0" 3
    has "$VM/disk.0.snap/1" 2
    snap revert 0 0
    assert_success
    has "$VM/disk.0" 1
    assert_chain "$VM/disk.0" qcow2 "0 qcow2" "qcow2 qcow2"
    snap delete 0 1
    assert_success
    assert_not_exists "$VM/disk.0.snap/1"
    snap delete 0 0
    assert_success
    has "$VM/disk.0" 1
    assert_chain "$VM/disk.0" qcow2 "qcow2 qcow2"
    snap delete 0 0
    assert_success
    assert_only "$VM" disk.0 disk.0.snap
    assert_only "$VM/disk.0.snap" 2 disk.0.snap
}

@test "snap_create: a snapshot that is there counts, another's file is not overwritten" {
    clone qcow2 0
    snap create 0 0
    snap create 0 0
    assert_success
    assert_link "$VM/disk.0" disk.0.snap/1
    cp "$VM/disk.0.snap/0" "$VM/disk.0.snap/3"
    snap create 0 2
    assert_error "^cannot create snapshot 2 of disk.0 of VM 25: '.*/disk.0.snap/3' exists already"
    assert_link "$VM/disk.0" disk.0.snap/1
}

@test "snapshots of a persistent qcow2 image are beside it" {
    cp "$DS/qcow2" "$DS/mine"
    facts
    run_tm qcow2 ln "fe:$DS/mine" "$HERE:$VM/disk.2" 25 1
    write 2 1
    snap create 2 0
    assert_success
    write 2 2
    assert_link "$VM/disk.2" "$DS/mine.snap/1"
    assert_chain "$VM/disk.2" qcow2 "0 qcow2"
    snap revert 2 0
    assert_success
    has "$VM/disk.2" 1
    snap delete 2 0
    assert_success
    has "$VM/disk.2" 1
    assert_chain "$VM/disk.2" qcow2
}

@test "snapshots of raw disks are copies; a revert of a persistent one reaches the image" {
    cp "$DS/raw" "$DS/mine"
    run_tm qcow2 ln "fe:$DS/mine" "$HERE:$VM/disk.3" 25 1
    snap create 3 0
    assert_success
    cmp "$DS/raw" "$DS/mine.snap/0"
    write 3 5 raw
    snap revert 3 0
    assert_success
    assert_link "$VM/disk.3" "$DS/mine"
    cmp "$DS/raw" "$DS/mine"
    clone raw 1
    snap create 1 0
    write 1 6 raw
    snap revert 1 0
    cmp "$DS/raw" "$VM/disk.1"
    snap delete 1 0
    assert_success
    assert_only "$VM/disk.1.snap"
}

@test "cpds: a disk and a snapshot of it become images" {
    clone qcow2 0
    write 0 1
    snap create 0 0
    write 0 2
    for id in -1 0; do
        run_tm qcow2 cpds "$HERE:$VM/disk.0" "$DS/saved$id" "$id" 25 1
        assert_success
        assert_chain "$DS/saved$id" qcow2
    done
    has "$DS/saved-1" 2
    has "$DS/saved0" 1
    clone raw 1
    run_tm qcow2 cpds "$HERE:$VM/disk.1" "$DS/saved1" -1 25 1
    cmp "$DS/raw" "$DS/saved1"
    link raw 3
    run_tm qcow2 cpds "$HERE:$VM/disk.3" "$DS/raw" -1 25 1
    assert_success
}

@test "cpds: nothing stands at the image's place when it fails" {
    clone qcow2 0
    shim qemu-img rc=1 err="qemu-img: error while writing: Input/output error"
    run_tm qcow2 cpds "$HERE:$VM/disk.0" "$DS/saved" -1 25 1
    assert_error "^cannot save disk.0 of VM 25 as image '$DS/saved': qemu-img: error while"
    assert_only "$DS" raw qcow2
}

@test "mkimage and mkswap: volatile disks" {
    run_tm qcow2 mkimage 16 raw "$HERE:$VM/disk.4" 25 0
    assert_success
    assert_equal "$(stat -c %s "$VM/disk.4")" 16777216
    FS=ext4 facts
    run_tm qcow2 mkimage 16 raw "$HERE:$VM/disk.4" 25 0
    assert_equal "$(blkid -o value -s TYPE "$VM/disk.4")" ext4
    run_tm qcow2 mkimage 16 qcow2 "$HERE:$VM/disk.4" 25 0
    assert_virtual_size "$VM/disk.4" qcow2 16777216
    run_tm qcow2 mkswap 16 "$HERE:$VM/disk.4" 25 0
    assert_equal "$(blkid -o value -s LABEL "$VM/disk.4")" swap
    FS="ext4 -d /etc" facts
    run_tm qcow2 mkimage 16 raw "$HERE:$VM/disk.4" 25 0
    assert_error "unsupported file system type 'ext4 -d /etc'"
    assert_only "$VM" disk.4
}

@test "resize: up, never down, not of a running VM" {
    clone qcow2 0
    clone raw 1
    for disk in 0 1; do
        run_tm qcow2 resize "$HERE:$VM/disk.$disk" 16 25 1
        assert_success
        run_tm qcow2 resize "$HERE:$VM/disk.$disk" 12 25 1
        assert_success
    done
    assert_virtual_size "$VM/disk.0" qcow2 16777216
    assert_equal "$(stat -c %s "$VM/disk.1")" 16777216
    facts LCM_STATE=62
    run_tm qcow2 resize "$HERE:$VM/disk.1" 32 25 1
    assert_success
    assert_equal "$(stat -c %s "$VM/disk.1")" 16777216
}

@test "context: a CD with the files under their names" {
    echo 'A="b c"' >"$BATS_TEST_TMPDIR/context.sh"
    echo token >"$BATS_TEST_TMPDIR/token.txt"
    run_tm qcow2 context "$BATS_TEST_TMPDIR/context.sh" \
        "$DS/qcow2:'my image, it'\\''s \$(odd)'" "$BATS_TEST_TMPDIR/token.txt" \
        "$HERE:$VM/disk.6" 25 0
    assert_success
    isoinfo -d -i "$VM/disk.6" | grep -q '^Volume id: CONTEXT$'
    isoinfo -R -x /context.sh -i "$VM/disk.6" | cmp - "$BATS_TEST_TMPDIR/context.sh"
    isoinfo -J -x /token.txt -i "$VM/disk.6" | cmp - "$BATS_TEST_TMPDIR/token.txt"
    isoinfo -R -l -i "$VM/disk.6" | grep -q "my image, it.*s \$(odd)"
    assert_only "$VM" disk.6
    run_tm qcow2 context "$BATS_TEST_TMPDIR/nothing" "$HERE:$VM/disk.7" 25 0
    assert_error "^cannot make context of VM 25: cannot open '$BATS_TEST_TMPDIR/nothing'"
    assert_only "$VM" disk.6
}

@test "mv: disks stay, the folder moves, also to another file system" {
    clone qcow2 0
    run_tm qcow2 mv "$HERE:$VM/disk.0" "fe:$VM/disk.0" 25 1
    assert_success
    run_tm qcow2 mv "$HERE:$VM" "fe:$VM" 25 0
    assert_success
    mkdir "$DATASTORES/2"
    run_tm qcow2 mv "$HERE:$VM" "$HERE:$DATASTORES/2/25" 25 0
    assert_success
    run_tm qcow2 mv "$HERE:$VM" "$HERE:$DATASTORES/2/25" 25 0
    assert_success
    assert_not_exists "$VM"
    assert_chain "$DATASTORES/2/25/disk.0" qcow2 "qcow2 qcow2"
    if [ "$(stat -c %d /dev/shm)" != "$(stat -c %d "$DATASTORES")" ]; then
        other=$(mktemp -d /dev/shm/one-native-mv.XXXXXX)
        ln -s "$other" "$DATASTORES/3"
        run_tm qcow2 mv "$HERE:$DATASTORES/2/25" "$HERE:$DATASTORES/3/25" 25 0
        assert_chain "$other/25/disk.0" qcow2 "qcow2 qcow2"
        assert_only "$other" 25
        rm -r "$other"
        assert_only "$DATASTORES/2"
    fi
}

@test "delete: disks with their snapshots, links but not what they name, folders" {
    clone qcow2 0
    link raw 3
    for disk in 0 3 9; do
        run_tm qcow2 delete "$HERE:$VM/disk.$disk" 25 1
        assert_success
    done
    assert_only "$VM"
    run_tm qcow2 delete "$HERE:$VM" 25 0
    run_tm qcow2 delete "$HERE:$VM" 25 0
    assert_success
    assert_only "$SYS"
    run_tm qcow2 delete "$HERE:$DS" 25 0
    assert_error "is not the folder of VM 25"
    assert_only "$DS" raw qcow2
}

@test "what has nothing to do says yes without asking anybody" {
    run_tm qcow2 mvds "nowhere:$VM/disk.0" "$DS/qcow2" 25 1
    assert_success
    STDIN=$(vm_xml 25 | base64 -w 0)
    for action in premigrate failmigrate postmigrate; do
        run_tm qcow2 "$action" nowhere1 nowhere2 "$VM" 25 0
        assert_success
    done
    assert_equal "$(core_requests)" ""
}

@test "postmigrate: the old folder goes when the VM has another datastore" {
    clone qcow2 0
    mkdir -p "$DATASTORES/2/25"
    STDIN=$(vm_xml 25 -- history DS_ID=0 -- history DS_ID=2 | base64 -w 0)
    run_tm qcow2 postmigrate "$HERE" "$HERE" "$DATASTORES/9/25" 25 2
    assert_error "so the folder in '$SYS' is kept"
    assert_exists "$VM/disk.0"
    run_tm qcow2 postmigrate "$HERE" "$HERE" "$DATASTORES/2/25" 25 2
    assert_success
    assert_not_exists "$VM"
}
