#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153,SC2154 # set and read by the library
# Actions of qcow2 and shared with the suffix ".ssh": the hosts see the image datastore,
# and have VM directories of their own.
load lib/tm

ssh_tm() { # ACTION [arg...]
    local action=$1
    shift
    run_tm "${MAD-qcow2}" "$action.ssh" "$@"
}
bring() { ssh_tm ln "fe:$DS/$1" "$HERE:$VM/disk.$2" 25 1; }        # IMAGE DISK
give_back() { ssh_tm mvds "$HERE:$VM/disk.$1" "$DS/$2" 25 1; }     # DISK IMAGE
shot() { ssh_tm "snap_$1" "$HERE:$VM/disk.$2" "$3" 25 1; }         # VERB DISK SNAPSHOT
images_change() { sha256sum "$0" >"$BATS_TEST_TMPDIR/sums"; } # and may: see teardown

@test "clone.ssh: a full copy in the known layout, and the host's probe is called" {
    for MAD in qcow2 shared; do
        rm -rf "$VM"
        ssh_tm clone "fe:$DS/qcow2" "$HERE:$VM/disk.0" 25 1
        assert_success
        assert_tree "$VM" <<'END'
l disk.0 -> disk.0.snap/0
d disk.0.snap
f disk.0.snap/0
l disk.0.snap/disk.0.snap -> .
END
        assert_chain "$VM/disk.0" qcow2
        qemu-img compare -f raw -F qcow2 "$BATS_TEST_TMPDIR/want" "$VM/disk.0"
        assert_equal "$(cat "$SYS/.monitor")" ssh
        ssh_tm clone "fe:$DS/raw" "$HERE:$VM/disk.1" 25 1
        assert_success
        cmp "$DS/raw" "$VM/disk.1"
    done
}

@test "clone.ssh: a larger SIZE, and SPARSE=NO" {
    SIZE=16 SPARSE=NO facts
    ssh_tm clone "fe:$DS/qcow2" "$HERE:$VM/disk.0" 25 1
    assert_virtual_size "$VM/disk.0" qcow2 16777216
    ssh_tm clone "fe:$DS/raw" "$HERE:$VM/disk.1" 25 1
    [ "$(stat -c %b "$VM/disk.1")" -ge 16384 ]
}

@test "ln.ssh: an image without snapshots is brought to the host, and back as it was" {
    images_change
    bring qcow2 2
    assert_success
    assert_tree "$VM" <<'END'
l disk.2 -> disk.2.snap/0
d disk.2.snap
f disk.2.snap/0
l disk.2.snap/disk.2.snap -> .
END
    assert_equal "$(cat "$SYS/.monitor")" ssh
    write 2 7
    ! has "$DS/qcow2" 7 || fail "the image has changed"
    give_back 2 qcow2
    assert_success
    [ ! -L "$DS/qcow2" ]
    assert_not_exists "$DS/qcow2.snap"
    has "$DS/qcow2" 7
    give_back 2 qcow2 # again
    assert_success
    has "$DS/qcow2" 7
}

@test "ln.ssh: a raw disk, with its snapshots" {
    images_change
    mkdir "$DS/raw.snap"
    cp "$DS/raw" "$DS/raw.snap/4"
    : >"$DS/raw.md5sum"
    bring raw 3
    assert_success
    assert_only "$VM" disk.3 disk.3.snap
    cmp "$DS/raw" "$VM/disk.3"
    write 3 9 raw
    shot create 3 5
    assert_success
    write 3 8 raw
    give_back 3 raw
    assert_success
    has "$DS/raw" 8 raw
    has "$DS/raw.snap/5" 9 raw
    cmp "$BATS_TEST_TMPDIR/want" "$DS/raw.snap/4"
    assert_not_exists "$DS/raw.md5sum"
}

# A persistent disk's life on a host: every snapshot is what it was when it was taken.
snapshots_there() { # taken while the disk had 1, 2; it has 3
    local n
    for n in 1 2; do
        write 2 $n
        shot create 2 $((n - 1))
        assert_success
    done
    write 2 3
}

@test "mvds.ssh: a chain becomes the image, a link to its newest file" {
    images_change
    bring qcow2 2
    snapshots_there
    give_back 2 qcow2
    assert_success
    assert_tree "$DS" <<'END'
l qcow2 -> qcow2.snap/2
d qcow2.snap
f qcow2.snap/0
f qcow2.snap/1
f qcow2.snap/2
l qcow2.snap/qcow2.snap -> .
f raw
END
    assert_equal "$(qemu-img info --output=json "$DS/qcow2.snap/2" |
        jq -r '."backing-filename"')" qcow2.snap/1
    has "$DS/qcow2" 3
    has "$DS/qcow2.snap/1" 2
    has "$DS/qcow2.snap/0" 1
}

@test "an image goes to a host with its snapshots, any number of times" {
    images_change
    bring qcow2 2
    snapshots_there
    give_back 2 qcow2
    ssh_tm delete "$HERE:$VM/disk.2" 25 1
    assert_success
    assert_only "$VM"
    bring qcow2 0
    assert_success
    assert_link "$VM/disk.0" disk.0.snap/2
    assert_not_exists "$VM/disk.0.snap/qcow2.snap"
    has "$VM/disk.0" 3
    shot revert 0 0
    assert_success
    has "$VM/disk.0" 1
    shot delete 0 1
    assert_success
    give_back 0 qcow2
    assert_success
    assert_not_exists "$DS/qcow2.snap/1"
    has "$DS/qcow2" 1
}

@test "an image that was a disk on shared storage goes to a host's own, and back" {
    images_change
    link qcow2 2
    snap create 2 0
    write 2 5
    snap create 2 1
    write 2 6
    run_tm qcow2 mvds "$HERE:$VM/disk.2" "$DS/qcow2" 25 1
    assert_link "$DS/qcow2.snap/0" "$DS/qcow2"
    bring qcow2 2
    assert_success
    assert_link "$VM/disk.2" disk.2.snap/2
    mv "$DS" "$DS.away" # nothing of it is needed
    has "$VM/disk.2" 6
    has "$VM/disk.2.snap/1" 5
    mv "$DS.away" "$DS"
    write 2 7
    give_back 2 qcow2
    assert_success
    has "$DS/qcow2" 7
    # On shared storage tools find the chain from the VM's directory, too.
    rm -rf "$VM"
    link qcow2 2
    assert_success
    has "$VM/disk.2" 7
    snap revert 2 1
    assert_success
    has "$VM/disk.2" 5
}

@test "an image of tm/local, whose files name each other by numbers, can be brought" {
    images_change
    mkdir "$DS/qcow2.snap"
    mv "$DS/qcow2" "$DS/qcow2.snap/0"
    (cd "$DS/qcow2.snap" && qemu-img create -q -f qcow2 -b 0 -F qcow2 1)
    ln -s qcow2.snap/1 "$DS/qcow2"
    bring qcow2 2
    assert_success
    write 2 4
    shot create 2 1
    assert_success
    give_back 2 qcow2
    assert_success
    has "$DS/qcow2" 4
}

@test "cpds.ssh: a disk, or a snapshot of it, becomes an image" {
    bring qcow2 2
    snapshots_there
    ssh_tm cpds "$HERE:$VM/disk.2" "$DS/saved" -1 25 1
    assert_success
    assert_chain "$DS/saved" qcow2
    has "$DS/saved" 3
    ssh_tm cpds "$HERE:$VM/disk.2" "$DS/saved" 0 25 1
    assert_success
    has "$DS/saved" 1
    rm "$DS/saved"
}

@test "resize.ssh and delete.ssh" {
    ssh_tm clone "fe:$DS/qcow2" "$HERE:$VM/disk.0" 25 1
    ssh_tm resize "$HERE:$VM/disk.0" 16 25 1
    assert_success
    assert_virtual_size "$VM/disk.0" qcow2 16777216
    mkdir "$SYS/.incoming-25"
    ssh_tm delete "$HERE:$VM/disk.0" 25 1
    assert_only "$VM"
    ssh_tm delete "$HERE:$VM" 25 0
    assert_success
    assert_only "$SYS" .monitor
}

@test "mvds.ssh: where the image datastore is not mounted, nothing is written" {
    bring qcow2 2
    mv "$DS/qcow2" "$DS/qcow2.away"
    give_back 2 qcow2
    mv "$DS/qcow2.away" "$DS/qcow2"
    assert_error "^cannot give disk.2 of VM 25 back to its image: '$DS/qcow2' is not on this host, which may not have mounted it"
    assert_link "$VM/disk.2" disk.2.snap/0
}

@test "mvds.ssh: a disk that is missing is an error, a link to the image goes" {
    mkdir "$VM"
    give_back 2 qcow2
    assert_error "'$VM/disk.2' is missing"
    link qcow2 2
    give_back 2 qcow2
    assert_success
    assert_only "$VM"
}

@test "ln.ssh: an image that is a link to elsewhere is refused, and nothing is left" {
    images_change
    cp "$DS/qcow2" "$SYS/other"
    mv "$DS/qcow2" "$DS/kept"
    ln -s "$SYS/other" "$DS/qcow2"
    bring qcow2 2
    assert_error "^cannot link image 7 to disk.2 of VM 25: "
    assert_only "$SYS" .monitor other
}

@test "mv.ssh: a disk goes with its directory" {
    ssh_tm clone "fe:$DS/qcow2" "$HERE:$VM/disk.0" 25 1
    ssh_tm mv "$HERE:$VM/disk.0" "host01:$VM/disk.0" 25 1
    assert_success
    has "$VM/disk.0" 0
}
