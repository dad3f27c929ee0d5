#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# A datastore that is full (xfs): errors say so, images stay as they are, nothing is left.
load lib/drv
load lib/crowd
load lib/full

setup_file() { full_setup_suite xfs 300M; }
teardown_file() { lab_teardown_suite; }

setup() {
    DUMP=
}

teardown() {
    make_room
    lab_exec fe sh -c "find $DS -mindepth 1 -maxdepth 1 ! -name raw ! -name qcow2 -exec rm -r {} +;
        cmp $DS/raw /var/tmp/safe/raw && cmp $DS/qcow2 /var/tmp/safe/qcow2"
}

cp_dump() { # FILE [NAME=VALUE...]
    local file=$1
    shift
    DUMP=$(ds_dump PATH="$file" SAFE_DIRS=/var/tmp/safe RESTRICTED_DIRS=/ "$@")
}

@test "cp of a raw image, a compressed one, and one with every block written" {
    cp_dump /var/tmp/safe/raw
    fails_for_lack_of_room 3000 "^cannot register image 7: .*No space left on device$" run_ds fs/cp 7
    cp_dump /var/tmp/safe/raw.gz
    fails_for_lack_of_room 3000 "^cannot register image 7: " run_ds fs/cp 7
    cp_dump /var/tmp/safe/raw SPARSE=NO
    fails_for_lack_of_room 7000 "^cannot register image 7: " run_ds fs/cp 7
}

@test "cp over http and ssh" {
    web_start /var/tmp/safe/raw
    cp_dump "$WEB/file"
    fails_for_lack_of_room 3000 "^cannot register image 7: " run_ds fs/cp 7
    web_stop
    lab_exec fe sh -c 'echo SSH_SOURCE_HOSTS=fe >>/var/lib/one/remotes/etc/one-native.conf'
    cp_dump "ssh://fe/var/tmp/safe/qcow2"
    fails_for_lack_of_room 3000 "^cannot register image 7: " run_ds fs/cp 7
}

@test "cp that converts: the image fits, what becomes of it does not" {
    cp_dump /var/tmp/safe/qcow2 DRIVER=raw SPARSE=NO
    fails_for_lack_of_room 9000 "^cannot register image 7: not converted: " run_ds fs/cp 7
}

@test "cp on a bridge host" {
    cp_dump /var/tmp/safe/raw BRIDGE_LIST=host01
    fails_for_lack_of_room 3000 "^cannot register image 7: " run_ds fs/cp 7
}

@test "mkfs of every kind" {
    DUMP=$(ds_dump SIZE=8 FORMAT=qcow2)
    fails_for_lack_of_room 0 "^cannot make image 7: " run_ds fs/mkfs 7
    DUMP=$(ds_dump SIZE=64 FORMAT=raw FS=ext4)
    fails_for_lack_of_room 100 "^cannot make image 7: " run_ds fs/mkfs 7
    DUMP=$(ds_dump SIZE=64 FORMAT=swap)
    fails_for_lack_of_room 0 "^cannot make image 7: " run_ds fs/mkfs 7
    DUMP=$(ds_dump SIZE=64 FORMAT=raw)
    fails_for_lack_of_room 0 "^cannot make image 7: " run_ds fs/mkfs 7
}

@test "clone, by blocks that are shared and by conversion" {
    DUMP=$(ds_dump PATH="$DS/raw" FORMAT=raw)
    fails_for_lack_of_room 0 "^cannot clone to image 7: " run_ds fs/clone 7
    DUMP=$(ds_dump PATH="$DS/raw" FORMAT=raw DRIVER=qcow2)
    fails_for_lack_of_room 2000 "^cannot clone to image 7: " run_ds fs/clone 7
}

# A persistent image with two snapshots, as the transfer manager leaves it.
chain() {
    lab_exec fe sh -c "cd $DS && cp qcow2 image && mkdir image.snap && ln -s . image.snap/image.snap &&
        ln -s $DS/image image.snap/0 &&
        for i in 1 2; do
            qemu-img create -q -f qcow2 -F qcow2 -b $DS/image.snap/\$((i - 1)) image.snap/\$i
            qemu-io -f qcow2 -c \"write -P \$i \${i}M 2M\" image.snap/\$i >/dev/null
        done"
}

@test "snapshots of images are flattened, reverted and deleted" {
    chain
    DUMP=$(ds_dump SOURCE="$DS/image" FORMAT=qcow2 TARGET_SNAPSHOT=1)
    fails_for_lack_of_room 1000 "^cannot .*image 7: " run_ds fs/snap_flatten 7
    run lab_exec fe qemu-io -f qcow2 -c "read -P 1 1M 2M" "$DS/image"
    assert_success
    refute_output --partial "verification failed"
    lab_exec fe sh -c "rm -r $DS/image*"
    chain
    DUMP=$(ds_dump SOURCE="$DS/image" FORMAT=qcow2 TARGET_SNAPSHOT=0)
    fails_for_lack_of_room 0 "^cannot .*image 7: " run_ds fs/snap_revert 7
}

@test "what is full can be emptied, looked at and measured" {
    chain
    DUMP=$(ds_dump SOURCE="$DS/image")
    works_without_room run_ds fs/monitor 1
    works_without_room run_ds fs/rm 7
    lab_exec fe sh -c "[ ! -e $DS/image ] && [ ! -e $DS/image.snap ]"
    lab_exec fe cp "$DS/raw" "$DS/image"
    works_without_room run_ds fs/rm 7
    lab_exec fe test ! -e "$DS/image"
    works_without_room run_ds fs/rm 7 # again
    cp_dump /var/tmp/safe/raw
    works_without_room run_ds fs/stat 7
}

# A disk that takes data only to lose them tells of it when they are synced.
@test "cp to a disk that cannot write what it has taken" {
    local DS=/var/tmp/dying size
    mount_claiming fe "$DS" 20m 400M
    for size in 30M 100M; do # lost at the end, and while more is written
        lab_exec fe sh -c "head -c $size /dev/urandom >/var/tmp/safe/big"
        cp_dump /var/tmp/safe/big
        run_ds fs/cp 7
        assert_error "^cannot register image 7: .*(Input/output error|No space left on device)$"
        run lab_root fe find "$DS" -mindepth 1 ! -name lost+found
        assert_output ""
    done
    lab_root fe sh -c "umount -l $DS /tmp/tiny; rm /var/tmp/safe/big"
}
