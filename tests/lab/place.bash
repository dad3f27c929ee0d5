# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# place.bash - what a lab's nodes and the program installed have in common: the users and
# the rights that a front-end's and hosts' packages make.  Source it.

oneadmin=9869 # user and group, as the packages number them

as_oneadmin() {
    setpriv --reuid=oneadmin --regid=oneadmin --init-groups --inh-caps=-all -- "$@"
}

# PATH is sshd's own for users; what an action makes is for others as the daemons want it.
# shellcheck disable=SC2034
oneadmin_env=(HOME=/var/lib/one USER=oneadmin LOGNAME=oneadmin SHELL=/bin/bash
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/games)

# The machine's users and oneadmin, as the packages make it: no password, a shell, and the
# groups for libvirt and KVM.
write_users() { # DIR
    sed '/^oneadmin:/d' /etc/passwd >"$1/passwd"
    echo "oneadmin:x:$oneadmin:$oneadmin::/var/lib/one:/bin/bash" >>"$1/passwd"
    sed '/^oneadmin:/d; /^\(libvirt\|kvm\):/{s/\([^:]\)$/\1,/; s/$/oneadmin/}' /etc/group >"$1/group"
    echo "oneadmin:x:$oneadmin:" >>"$1/group"
    sed '/^oneadmin:/d' /etc/shadow >"$1/shadow"
    echo 'oneadmin:*:19000:0:99999:7:::' >>"$1/shadow"
    chmod 640 "$1/shadow"
}

# What the packages let oneadmin do as root, and no more.
write_sudoers() { # DIR
    cat >"$1/sudoers" <<'END'
Defaults !requiretty
Defaults secure_path = /sbin:/bin:/usr/sbin:/usr/bin
Cmnd_Alias ONE_MEM = /sbin/sysctl vm.drop_caches=3 vm.compact_memory=1, \
    /usr/sbin/sysctl vm.drop_caches=3 vm.compact_memory=1
Cmnd_Alias ONE_HELPERS = /var/tmp/one/vgpu, /var/tmp/one/vtpm_setup
Cmnd_Alias ONE_CEPH = /usr/bin/rbd
Cmnd_Alias ONE_LVM = /sbin/lvcreate, /sbin/lvremove, /sbin/lvchange, /sbin/lvextend, \
    /sbin/lvscan, /sbin/lvs, /sbin/vgdisplay, /sbin/vgs, /usr/sbin/lvcreate, \
    /usr/sbin/lvremove, /usr/sbin/lvchange, /usr/sbin/lvextend, /usr/sbin/lvscan, \
    /usr/sbin/lvs, /usr/sbin/vgdisplay, /usr/sbin/vgs
oneadmin ALL=(ALL) NOPASSWD: ONE_MEM, ONE_HELPERS, ONE_CEPH, ONE_LVM
END
    chmod 440 "$1/sudoers"
}

# /etc becomes a copy with DIR's files: mounts on single files are gone when the machine
# replaces them.  /run is ours already.
mount_etc() { # DIR
    mkdir /run/etc
    cp -a /etc/. /run/etc/
    rm -rf /run/etc/sudoers.d
    cp -p "$1"/{passwd,group,shadow,sudoers} /run/etc/
    mount --bind /run/etc /etc
}

# /var/lib/one becomes a place to mount on, without making it on the machine.
make_home_room() { # DIR: in memory
    [ ! -d /var/lib/one ] || return 0
    mkdir "$1/upper" "$1/work"
    mount -t overlay -o "lowerdir=/var/lib,upperdir=$1/upper,workdir=$1/work" over /var/lib ||
        true # a kernel without overlay: make it after all
    mkdir -p /var/lib/one
}

# /run as it is after a start: systemd-tmpfiles makes what the packages name.
mount_run() {
    mount -t tmpfs -o mode=755 run /run
    mkdir -p /run/sshd /run/lock/one /run/one
    chmod 1777 /run/lock
}

own_run() { chown oneadmin:oneadmin /run/lock/one /run/one; }

# Directories of this machine that oneadmin must reach, whatever is around them: the first that
# keeps others out is covered by an empty one.
reveal() { # DIR...
    local path part at number=0
    for path; do
        mkdir -p "/run/held/$((++number))"
        mount --rbind "$path" "/run/held/$number"
    done
    number=0
    for path; do
        number=$((number + 1)) at=
        for part in ${path//\// }; do
            at+=/$part
            as_oneadmin test -x "$at" || break
        done
        [ "$at" != "$path" ] || continue
        mount -t tmpfs -o mode=755 cover "$at"
        mkdir -p "$path"
        mount --rbind "/run/held/$number" "$path"
    done
}
