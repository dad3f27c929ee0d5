# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# full.bash - datastores on a small file system that is full, in a lab.  After lib/drv and
# lib/crowd.

FILLER=$DATASTORES/filler

full_setup_suite() { # ext4|xfs SIZE
    lab_setup_suite --hosts 1 --fs "$1" --size "$2"
    lab_exec fe sh -c "mkdir -p /var/tmp/safe $DS $SYS && head -c 6000000 /dev/urandom >/var/tmp/safe/raw &&
        truncate -s 8M /var/tmp/safe/raw && gzip -k /var/tmp/safe/raw &&
        qemu-img convert -f raw -O qcow2 /var/tmp/safe/raw /var/tmp/safe/qcow2 && cp /var/tmp/safe/raw $DS/raw &&
        cp /var/tmp/safe/qcow2 $DS/qcow2 && tar -C /var/tmp/safe -cf /var/tmp/safe/tar raw && sync"
    lab_exec host01 sh -c "mkdir -p /var/tmp/safe"
}

# What disks and images there are, and what is in them.
state() {
    lab_exec fe bash -c 'cd "$1" && find . -path ./filler -prune -o -printf "%p %y %l\n" | sort &&
        find . -path ./filler -prune -o -type f -print0 | sort -z | xargs -0r sha256sum' \
        bash "$DATASTORES"
}

# All but so many KiB is taken.
leave() { # KIB
    lab_exec fe bash -eu -c '
        rm -rf "$1"
        mkdir "$1"
        sync -f "$2"
        free=$(($(stat -f -c "%a * %S" "$2") / 1024 - $3 - 64))
        fallocate -l "${free}k" "$1/file"
        # To the last block, and the last one that a directory could have.
        for i in $(seq 100); do
            [ "$3" = 0 ] && head -c 4096 /dev/zero >>"$1/file" || break
            sync -d "$1/file"
        done 2>/dev/null
        for i in $(seq 200); do
            [ "$3" = 0 ] && mkdir "$1/$i" || break
        done 2>/dev/null
        sync -f "$2"' bash "$FILLER" "$DATASTORES" "$1"
}

make_room() { lab_exec fe rm -rf "$FILLER"; }

# With so little room the action fails, says why, and nothing is changed; with more it
# works.
fails_for_lack_of_room() { # KIB REGEX run_tm|run_ds arg...
    local before kib=$1 regex=$2
    shift 2
    before=$(state)
    leave "$kib"
    "$@"
    assert_error "$regex"
    [[ $(drv_message) =~ No\ space\ left\ on\ device|free\ space\ in\ the\ datastore|of\ room\ for|of\ free\ space ]] ||
        fail "it does not say that there is no space"
    assert_equal "$status" 7
    assert_equal "$(state)" "$before"
    assert_idle fe host01
    make_room
    "$@"
    assert_success
    assert_tidy
}

# What frees space, or needs none, works with none.
works_without_room() { # run_tm|run_ds arg...
    leave 0
    "$@"
    assert_success
    make_room
    assert_tidy
}
