#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it makes systems of its own
# A front-end and a host with nothing but the packages that README names: no package is
# missing there, as a library, as one that is loaded when needed, or as a tool.
load ../bats/lib/drv

load ../bats/lib/bare

setup_file() { bare_setup_suite; }

dump() { "$LAB_TOOLS/make-dump" ds BASE_PATH=/var/lib/one/datastores/1 "$@" | base64 -w 0; }

ds() { # ACTION NAME=VALUE...: on the front-end
    local action=$1
    shift
    run --separate-stderr inside front-end "/var/lib/one/remotes/datastore/fs/$action" 7 \
        < <(dump "$@")
    drv_show
}

# All programs below a directory start.
all_start() { # ROLE DIRECTORY
    local program bad=0
    while read -r program; do
        inside "$1" "$program" --version </dev/null >/dev/null || {
            echo "$1: $program does not start"
            bad=1
        }
    done < <(cd "$BATS_FILE_TMPDIR/$1" && find ".$2" -type f -perm -u+x ! -name '*.sh' \
        ! -path '*ceph*' ! -name worker-rbd -printf '/%P\n' | sed "s|^|$2|")
    return $bad
}

@test "front-end: each driver starts" {
    all_start front-end /var/lib/one/remotes/datastore
    all_start front-end /var/lib/one/remotes/tm
}

@test "host: each action, probe and worker starts" {
    local directory
    for directory in datastore tm vmm im drv; do all_start host "/var/tmp/one/$directory"; done
}

@test "front-end: what is loaded when needed, and tools" {
    local root=$BATS_FILE_TMPDIR/front-end file
    head -c 300000 /dev/urandom >"$root/srv/raw"
    truncate -s 8M "$root/srv/raw"
    gzip -k "$root/srv/raw"
    tar -C "$root/srv" -cJf "$root/srv/tar.xz" raw
    for file in raw raw.gz; do
        ds cp PATH="/srv/$file" SAFE_DIRS=/srv SHA256="$(sha256sum <"$root/srv/raw" | cut -c1-64)"
        [ "$status" = 0 ] || [[ $stderr == *SHA256* ]] || fail "$file: $stderr"
    done
    ds cp PATH=/srv/tar.xz SAFE_DIRS=/srv TYPE=2
    [[ $stderr != *"cannot load"* && $stderr != *"not found"* ]] || fail "$stderr"
    ds cp PATH=http://127.0.0.1:9/x
    assert_failure
    [[ $stderr == *127.0.0.1* && $stderr != *load* ]] || fail "$stderr"
    for file in ext4 xfs; do
        ds mkfs SIZE=320 FORMAT=raw FS=$file
        assert_success
    done
    ds mkfs SIZE=8 FORMAT=qcow2
    assert_success
}

@test "host: probes run, and tools are there" {
    local tool
    run --separate-stderr inside host /var/tmp/one/im/kvm-probes.d/host/system/linux_host kvm 0 h \
        </dev/null
    drv_show
    assert_success
    for tool in qemu-img mkfs.ext4 mkfs.xfs mkswap sshd; do
        run inside host env PATH=/usr/bin:/bin:/usr/sbin:/sbin sh -c "command -v $tool"
        assert_success
    done
}
