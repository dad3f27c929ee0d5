#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it makes a system of its own
# README's first five minutes, as somebody meets them who has a fresh Debian 12 with git and
# make, and nothing else: a clone, "make demo", "make install", and back.
load ../bats/lib/drv

setup_file() {
    need_root
    need debootstrap
    ROOT=$BATS_FILE_TMPDIR/root
    export ROOT
    debootstrap --variant=minbase --include=git,make bookworm "$ROOT" \
        http://deb.debian.org/debian >"$BATS_FILE_TMPDIR/debootstrap.log" 2>&1 3>&- ||
        { tail -n 20 "$BATS_FILE_TMPDIR/debootstrap.log" && return 1; }
    cp /etc/resolv.conf "$ROOT/etc/"
    git clone -q --no-local "$DRV_ROOT" "$ROOT/root/one-native"
}

# As root of that system, in README's directory.  Its processes end with the command.
inside() { # SECONDS cmd...
    local seconds=$1
    shift
    # shellcheck disable=SC2016 # for the shell there
    timeout -k 10 "$seconds" unshare --mount --uts --ipc --pid --fork --kill-child \
        --propagation private sh -ec '
        root=$1; shift
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount -t sysfs sysfs "$root/sys"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 tmp "$root/tmp"
        exec chroot "$root" env -i HOME=/root USER=root LANG=C.UTF-8 \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            sh -c "cd /root/one-native && exec \"\$@\"" sh "$@"' sh "$ROOT" "$@" </dev/null 3>&-
}

# What a command says is shown when it fails.
must() { # SECONDS cmd...
    inside "$@" >"$BATS_TEST_TMPDIR/log" 2>&1 && return
    tail -n 60 "$BATS_TEST_TMPDIR/log"
    return 1
}

@test "make demo" {
    must 1700 make demo
    run tail -n 3 "$BATS_TEST_TMPDIR/log"
    echo "# $output" >&3
    assert_not_exists "$ROOT/var/lib/one/remotes"
}

@test "make demo DEMO=vmm" {
    must 1000 make demo DEMO=vmm
}

@test "make demo DEMO=agent" {
    must 600 make demo DEMO=agent
}

@test "make install and make uninstall, and what README says of its size" {
    local remotes=$ROOT/var/lib/one/remotes size said
    inside 10 useradd --system --create-home --home-dir /var/lib/one oneadmin
    inside 10 install -d -o oneadmin -g oneadmin /var/lib/one/remotes
    drv_tree "$remotes" >"$BATS_TEST_TMPDIR/before"
    must 300 make install
    size=$(du -sm --apparent-size "$remotes" | cut -f 1)
    said=$(sed -nE 's/.*adds ([0-9]+) MB below `remotes`.*/\1/p' "$DRV_ROOT/README.md")
    [ "$size" -le $((said * 11 / 10)) ] || fail "README says $said MB, it is $size MB"
    [ "$(stat -c %U "$remotes/tm/qcow2/clone")" = oneadmin ] || inside 5 ls -l /var/lib/one/remotes/tm/qcow2
    run inside 20 /var/lib/one/remotes/tm/qcow2/clone --version
    assert_success
    run inside 20 man -w drv-protocol
    must 60 make uninstall
    drv_tree "$remotes" | diff "$BATS_TEST_TMPDIR/before" -
}
