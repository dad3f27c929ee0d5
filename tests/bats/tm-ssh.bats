#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2154 # set by the library
# tm/ssh: disks on the hosts' own storage, and what becomes of them on the way.
load lib/drv
load lib/far

setup_file() { far_setup_suite; }

teardown_file() { lab_teardown_suite; }

setup() { far_setup; }

# --- images to hosts and back -------------------------------------------------------------

@test "clone brings an image to a host, holes stay holes" {
    clone_to host01
    assert_disk_on host01
    assert_there host01 25 25/disk.0
    run lab_exec host01 stat -c '%s %b' "$SYS/25/disk.0"
    assert_output "67108864 10240"
    run lab_exec host01 cat "$SYS/.monitor"
    assert_output ssh
}

@test "clone makes a larger disk, and all of it with SPARSE=NO" {
    vm_xml 25 STATE=3 LCM_STATE=8 HOSTNAME=host01 DS_ID=0 TM_MAD=ssh VM_MAD=kvm \
        -- disk DISK_ID=0 TYPE=FILE FORMAT=raw CLONE=YES SIZE=80 ORIGINAL_SIZE=64 \
        IMAGE_ID=7 SOURCE="$DS/img" SPARSE=NO | core_put vm 25
    clone_to host01
    run lab_exec host01 stat -c '%s %b' "$SYS/25/disk.0"
    assert_output "83886080 163840"
    run lab_exec host01 cmp -n 67108864 "$SYS/25/disk.0" - < \
        <(lab_exec fe cat "$DS/img")
    assert_success
}

@test "clone of a qcow2 image gives it the size that was asked for" {
    lab_exec fe sh -c "qemu-img convert -f raw -O qcow2 $DS/img.keep $DS/img"
    FAR_FORMAT=qcow2 FAR_SIZE=96 far_vm LCM_STATE=8
    clone_to host01
    assert_virtual_size "$LAB/host01/one/datastores/0/25/disk.0" qcow2 $((96 << 20))
}

@test "clone again replaces the disk, and its snapshots go" {
    clone_to host01
    lab_exec host01 sh -c "echo other >$SYS/25/disk.0; mkdir $SYS/25/disk.0.snap; echo x >$SYS/25/disk.0.snap/0"
    clone_to host01
    assert_disk_on host01
    assert_there host01 25 25/disk.0
}

@test "mvds brings the disk back as image, only what differs travels" {
    clone_to host01
    lab_exec host01 dd if=/dev/urandom of="$SYS/25/disk.0" bs=64k count=1 seek=60 \
        conv=notrunc status=none
    run_tm ssh mvds "host01:$SYS/25/disk.0" "$DS/img" 25 1
    assert_success
    assert_equal "$(digest fe "$DS/img")" "$(digest host01 "$SYS/25/disk.0")"
}

@test "mvds takes snapshots along" {
    clone_to host01
    run_tm ssh snap_create "host01:$SYS/25/disk.0" 0 25 1
    assert_success
    lab_exec host01 dd if=/dev/urandom of="$SYS/25/disk.0" bs=64k count=1 seek=60 \
        conv=notrunc status=none
    run_tm ssh mvds "host01:$SYS/25/disk.0" "$DS/img" 25 1
    assert_success
    assert_disk_on fe "$DS/img.snap/0"
    clone_to host02
    assert_disk_on host02 "$SYS/25/disk.0.snap/0"
    run_tm ssh snap_revert "host02:$SYS/25/disk.0" 0 25 1
    assert_success
    assert_disk_on host02
    run_tm ssh snap_delete "host02:$SYS/25/disk.0" 0 25 1
    assert_success
    run lab_exec host02 ls "$SYS/25/disk.0.snap"
    assert_output ""
}

@test "cpds saves the disk, or a snapshot of it, as a new image" {
    clone_to host01
    run_tm ssh snap_create "host01:$SYS/25/disk.0" 3 25 1
    lab_exec host01 dd if=/dev/urandom of="$SYS/25/disk.0" bs=64k count=1 status=none \
        conv=notrunc
    run_tm ssh cpds "host01:$SYS/25/disk.0" "$DS/saved" -1 25 1
    assert_success
    assert_equal "$(digest fe "$DS/saved")" "$(digest host01 "$SYS/25/disk.0")"
    run_tm ssh cpds "host01:$SYS/25/disk.0" "$DS/saved" 3 25 1
    assert_success
    assert_disk_on fe "$DS/saved"
    run_tm ssh cpds "host01:$SYS/25/disk.0" "$DS/saved" 4 25 1
    assert_error "has no snapshot 4"
    lab_exec fe rm "$DS/saved"
}

# --- whole directories --------------------------------------------------------------------

@test "mv takes everything: links, modes, attributes, names of any bytes" {
    clone_to host01
    lab_exec host01 sh -ec "cd $SYS/25 && mkdir -m 750 'a b' && ln -s ../disk.0 'a b/link' &&
        chmod 640 disk.0 && mkfifo pipe &&
        truncate -s 3 empty && touch -d 2001-02-03T04:05:06 empty"
    lab_exec host01 python3 -c "import os
os.chdir('$SYS/25')
os.setxattr('disk.0', 'user.note', b'a\\0b')
open(b'a b/\\xff\\n%s', 'w').write('x')"
    move host01 host02
    assert_success
    assert_nothing_on host01
    assert_disk_on host02
    run lab_exec host02 python3 -c "
import os
os.chdir('$SYS/25')
print(os.getxattr('disk.0', 'user.note'), oct(os.stat('disk.0').st_mode),
      oct(os.stat('a b').st_mode), os.readlink('a b/link'), os.path.exists('pipe'),
      sorted(os.listdir(b'a b')), int(os.stat('empty').st_mtime), os.stat('empty').st_size)"
    assert_output "b'a\\x00b' 0o100640 0o40750 ../disk.0 False [b'link', b'\\xff\\n%s'] $(date -d 2001-02-03T04:05:06Z +%s) 3"
}

@test "mv goes from host to host, to the front-end and back" {
    clone_to host01
    for way in "host01 host02" "host02 fe" "fe host01"; do
        # shellcheck disable=SC2086
        move $way
        assert_success
        assert_equal "$(sent_bytes)" 5242880
        assert_nothing_on "${way% *}"
        assert_disk_on "${way#* }"
    done
}

@test "mv goes by way of the front-end where hosts cannot reach each other, and says so" {
    clone_to host01
    lab_exec host01 sh -c 'rm -rf /run/one/drv-ssh /var/lib/one/.drv-ssh
        mv /var/lib/one/.ssh/id_ed25519 /var/lib/one/key'
    move host01 host02
    lab_exec host01 sh -c 'mv /var/lib/one/key /var/lib/one/.ssh/id_ed25519'
    assert_success
    assert_regex "$stderr" "by way of the front-end, because host01 cannot reach host02: .*Permission denied"
    assert_nothing_on host01
    assert_disk_on host02
}

@test "mv of what has moved already is done, of what nobody has is an error" {
    clone_to host01
    move host01 host02
    move host01 host02
    assert_success
    assert_disk_on host02
    run_tm ssh delete "host02:$SYS/25" 25 0
    move host01 host02
    assert_error "^cannot move the directory of VM 25 .*No such file or directory"
    [[ $stderr == *"$SYS/25"* ]]
}

@test "what stands in the way is set aside, unless it is the same" {
    clone_to host01
    lab_exec host02 sh -c "mkdir -p $SYS/25 && echo precious >$SYS/25/disk.0"
    move host01 host02
    assert_success
    assert_regex "$stderr" "in the way and differs: it is set aside as '.aside-25-"
    assert_disk_on host02
    run lab_exec host02 sh -c "cat $SYS/.aside-25-*/disk.0"
    assert_output precious
    assert_nothing_on host01

    lab_exec host02 sh -c "rm -r $SYS/.aside*"
    lab_exec fe true
    tar -C "$LAB/host02/one/datastores/0" -cS 25 | tar -C "$LAB/host01/one/datastores/0" -x
    move host01 host02
    assert_success
    assert_equal "$(sent_bytes)" 0
    assert_there host02 25 25/disk.0
    assert_nothing_on host01
}

# --- after a live migration ---------------------------------------------------------------

postmigrate() { # the VM went from host01 to host02
    STDIN=$(vm_xml 25 TM_MAD=ssh -- history DS_ID=0 | base64 -w 0)
    run_tm ssh postmigrate host01 host02 "$SYS/25" 25 0
}

arrive() { # on host02: what the hypervisor makes there
    lab_exec host02 sh -c "mkdir -p $SYS/25/disk.0.snap; truncate -s 64M $SYS/25/disk.0
        echo x >$SYS/25/context.sh; truncate -s 64M $SYS/25/disk.0.snap/0"
}

@test "postmigrate: the source is removed when all of it is at the destination" {
    clone_to host01
    run_tm ssh snap_create "host01:$SYS/25/disk.0" 0 25 1
    lab_exec host01 sh -c "echo x >$SYS/25/context.sh"
    arrive
    postmigrate
    assert_success
    assert_nothing_on host01
    postmigrate
    assert_success
}

@test "postmigrate: what has not arrived, or only in part, keeps the source" {
    local damage
    clone_to host01
    run_tm ssh snap_create "host01:$SYS/25/disk.0" 0 25 1
    lab_exec host01 sh -c "echo x >$SYS/25/context.sh"
    for damage in 'rm context.sh' 'rm disk.0' 'rm disk.0.snap/0' 'truncate -s 63M disk.0' \
        'rm disk.0; ln -s /etc/passwd disk.0' 'rm context.sh; mkdir context.sh'; do
        lab_exec host02 rm -rf "$SYS/25"
        arrive
        lab_exec host02 sh -c "cd $SYS/25; $damage"
        postmigrate
        assert_success
        assert_regex "$stderr" "the directory stays at the source, too: .*'25/.*arrived"
        assert_disk_on host01
    done
}

@test "postmigrate: a disk that is in use at the source is not removed" {
    clone_to host01
    arrive
    lab_exec host01 sh -c "mkfifo /var/tmp/hold; exec 3<>/var/tmp/hold
        qemu-io -f raw $SYS/25/disk.0 <&3 >/var/tmp/held 2>&1 3>&- & echo \$! >/var/tmp/holder; echo 'read 0 512' >&3"
    wait_until 10 lab_exec host01 grep -q "read 512/512" /var/tmp/held
    postmigrate
    lab_exec host01 sh -c 'kill $(cat /var/tmp/holder); rm /var/tmp/hold'
    assert_error "'25/disk.0' is in use"
    assert_disk_on host01
}

# --- room, resume -------------------------------------------------------------------------

@test "room is known before the first byte, and both figures are said" {
    mount_tmpfs host01 "$SYS" size=4m
    run_tm ssh clone "fe:$DS/img" "host01:$SYS/25/disk.0" 25 1
    lab_root host01 umount "$SYS"
    assert_error "no room for 5.0 MiB: 4.0 MiB are free in"
}

@test "a transfer that was cut goes on where it was" {
    clone_to host01
    lab_exec host02 mkdir -p "$SYS/.incoming-25/25"
    lab_exec host01 dd if="$SYS/25/disk.0" bs=1M count=7 status=none |
        lab_exec host02 sh -c "cat >$SYS/.incoming-25/25/disk.0; echo junk >$SYS/.incoming-25/25/junk"
    move host01 host02
    assert_success
    assert_equal "$(sent_bytes)" 1048576
    assert_disk_on host02
    assert_there host02 25 25/disk.0
    assert_nothing_on host01
}

# --- hostile ------------------------------------------------------------------------------

@test "links in a directory lead nowhere on the way" {
    clone_to host01
    lab_exec host02 sh -c 'mkdir -p /var/lib/one/secret && echo kept >/var/lib/one/secret/file'
    lab_exec host02 sh -c "mkdir -p $SYS && ln -s /var/lib/one/secret $SYS/25"
    lab_exec host01 sh -c "echo changed >$SYS/25/file"
    move host01 host02
    assert_success
    run lab_exec host02 cat /var/lib/one/secret/file
    assert_output kept
    assert_disk_on host02
}
