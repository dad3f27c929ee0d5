# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bare.bash - systems with nothing but the packages that README names.  After lib/drv.

# Roots of both roles below $BATS_FILE_TMPDIR, with the stripped tree; what a host has beside
# README's packages, as it runs virtual machines, are the words.
bare_setup_suite() { # [host's package...]
    local role
    need_root
    need debootstrap
    "$DRV_ROOT/packaging/strip-tree" "$DRV_OUT/remotes" "$BATS_FILE_TMPDIR/stripped"
    for role in front-end host; do
        [ $role = host ] || bare_root $role >"$BATS_FILE_TMPDIR/$role.log" 2>&1 || bare_failed $role
        [ $role != host ] || bare_root $role "$@" >"$BATS_FILE_TMPDIR/$role.log" 2>&1 || bare_failed $role
    done
}

bare_failed() { # ROLE
    tail -n 20 "$BATS_FILE_TMPDIR/$1.log"
    return 1
}

# The packages of a role, as README has them.
bare_packages() { # front-end|host
    sed -nE "s/^ *apt-get install (.*[^ ]) +# (all|$1s?\b.*)\$/\1/p" "$DRV_ROOT/README.md" |
        grep -v rbd | tr -s ' \n' ','
}

bare_root() { # ROLE [PACKAGE...]
    local role=$1 root=$BATS_FILE_TMPDIR/$1 names
    shift
    names=$(bare_packages "$role")
    echo "$role: ${names%,}" >&3
    debootstrap --variant=minbase --include="${names%,}" bookworm "$root" \
        http://deb.debian.org/debian 3>&- || return
    [ $# = 0 ] || bare_add "$root" "$@" || return
    echo oneadmin:x:9869:9869::/var/lib/one:/bin/bash >>"$root/etc/passwd"
    echo oneadmin:x:9869: >>"$root/etc/group"
    mkdir -p "$root"/var/lib/one/{remotes,datastores/{0,1},.one} "$root/var/tmp/one" "$root/core"
    cp -a "$BATS_FILE_TMPDIR/stripped/remotes/." "$root/var/lib/one/remotes/"
    cp -a "$BATS_FILE_TMPDIR/stripped/remotes/." "$root/var/tmp/one/"
    echo 7.4.0 | tee "$root/var/lib/one/remotes/VERSION" >"$root/var/tmp/one/VERSION"
    echo oneadmin:opennebula >"$root/var/lib/one/.one/one_auth"
    chown -R 9869:9869 "$root/var/lib/one" "$root/var/tmp/one"
}

# More packages, whose services nobody starts.
bare_add() { # ROOT PACKAGE...
    local root=$1
    shift
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$root/etc/"
    bare_admin "$root" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "$@"
}

bare_admin() { # ROOT cmd...: as root of that system
    # shellcheck disable=SC2016 # for the shell there
    unshare --mount --pid --fork --propagation private sh -ec '
        root=$1; shift
        mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
        exec chroot "$root" "$@"' sh "$@" 3>&-
}

# As oneadmin of that system, with sshd's PATH and the umask of the daemons.
inside() { # ROLE cmd...
    local root=$BATS_FILE_TMPDIR/$1
    shift
    # shellcheck disable=SC2016 # for the shell there
    ${PLACE:+nsenter -t "$PLACE" -n -u} unshare --mount --pid --fork --propagation private sh -c '
        root=$1; shift
        umask 027
        mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
        exec chroot --userspec=9869:9869 "$root" env -i HOME=/var/lib/one USER=oneadmin \
            PATH=/usr/local/bin:/usr/bin:/bin:/usr/games timeout 60 "$@"' sh "$root" "$@"
}
