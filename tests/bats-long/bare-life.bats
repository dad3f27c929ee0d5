#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it makes systems of its own
# A VM's life across a front-end and a host that have README's packages and, on the host,
# libvirt and QEMU: installed by install-remotes, copied by scp, everything over ssh.
# shellcheck disable=SC2153,SC2154
load ../bats/lib/drv
load ../bats/lib/bare

FE=/var/lib/one/remotes
DISK=host01:/var/lib/one/datastores/0/25
XML=$BATS_RUN_TMPDIR/domain.xml

setup_file() {
    bare_setup_suite libvirt-daemon-system libvirt-clients qemu-system-x86
    FE_ROOT=$BATS_FILE_TMPDIR/front-end HOST_ROOT=$BATS_FILE_TMPDIR/host
    export FE_ROOT HOST_ROOT
    install_front_end
    write_places
    start_place
}

teardown_file() {
    [ -z "${PLACE-}" ] || kill -9 "$PLACE"
}

# As an admin does it; the host has nothing yet.
install_front_end() {
    rm -rf "$FE_ROOT$FE" "$HOST_ROOT/var/tmp/one"
    mkdir -p "$FE_ROOT$FE/tm/qcow2" "$HOST_ROOT/var/tmp/one"
    echo 7.4.0 >"$FE_ROOT$FE/VERSION"
    echo "stock" >"$FE_ROOT$FE/tm/qcow2/clone"
    chown -R 9869:9869 "$FE_ROOT$FE" "$HOST_ROOT/var/tmp/one"
    cp -a "$DRV_ROOT/packaging" "$BATS_FILE_TMPDIR/stripped" "$FE_ROOT/root/"
    bare_admin "$FE_ROOT" /root/packaging/install-remotes /root/stripped/remotes $FE
}

# Users' keys, names, and settings of sshd and libvirtd as packages of a front-end have them.
write_places() {
    local root ssh
    ssh-keygen -q -t ed25519 -N '' -f "$BATS_FILE_TMPDIR/key"
    for root in "$FE_ROOT" "$HOST_ROOT"; do
        ssh=$root/var/lib/one/.ssh
        mkdir -p "$ssh"
        cp "$BATS_FILE_TMPDIR/key" "$ssh/id_ed25519"
        cp "$BATS_FILE_TMPDIR/key.pub" "$ssh/authorized_keys"
        echo "host01,127.0.0.2 $(cut -d ' ' -f 1,2 "$HOST_ROOT/etc/ssh/ssh_host_ed25519_key.pub")" >"$ssh/known_hosts"
        chown -R 9869:9869 "$ssh"
        chmod 700 "$ssh"
        printf '127.0.0.1 localhost fe\n127.0.0.2 host01\n' >"$root/etc/hosts"
        echo 'oneadmin:*:19000:0:99999:7:::' >>"$root/etc/shadow"
    done
    printf '%s\n' 'ListenAddress 127.0.0.2' 'UsePAM no' 'PasswordAuthentication no' \
        'Subsystem sftp internal-sftp' >"$HOST_ROOT/etc/ssh/sshd_config"
    printf '%s\n' 'listen_tls = 0' 'auth_unix_rw = "none"' 'unix_sock_group = "oneadmin"' \
        'unix_sock_rw_perms = "0770"' >"$HOST_ROOT/etc/libvirt/libvirtd.conf"
    printf '%s\n' 'user = "oneadmin"' 'group = "oneadmin"' 'dynamic_ownership = 0' \
        'security_driver = "none"' 'stdio_handler = "file"' 'cgroup_controllers = []' \
        'remember_owner = 0' 'namespaces = []' >"$HOST_ROOT/etc/libvirt/qemu.conf"
    mkdir -p "$BATS_FILE_TMPDIR/core"/{vm,datastore,host,image} "$HOST_ROOT/run/sshd"
}

# The network of both is a loopback of their own; services end with the process $PLACE.
start_place() {
    local outer
    # shellcheck disable=SC2016 # for the shell there
    unshare --net --uts --ipc --mount --pid --fork --kill-child --propagation private bash -ec '
        hostname fe
        ip link set lo up
        "$1" "$2" >"$3/core.log" 2>&1 &
        mount -t proc proc "$3/host/proc"
        mount -t sysfs sysfs "$3/host/sys"
        mount --rbind /dev "$3/host/dev"
        chroot "$3/host" /usr/sbin/sshd
        chroot "$3/host" env PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/libvirtd >"$3/libvirtd.log" 2>&1 &
        wait' bash "$LAB_TOOLS/fake-core" "$BATS_FILE_TMPDIR/core" "$BATS_FILE_TMPDIR" \
        >"$BATS_FILE_TMPDIR/place.log" 2>&1 </dev/null 3>&- &
    outer=$!
    wait_until 20 pgrep -P $outer || { cat "$BATS_FILE_TMPDIR/place.log"; return 1; }
    PLACE=$(pgrep -P $outer)
    export PLACE
    wait_until 60 test -S "$HOST_ROOT/run/libvirt/libvirt-sock"
    wait_until 20 inside front-end ssh host01 true
}

# What the front-end's daemons do.
act() { # PROGRAM [arg...] < stdin
    local program=$FE/$1
    shift
    run --separate-stderr inside front-end "$program" "$@"
    drv_show
    assert_success
}

on_host() { run --separate-stderr inside front-end ssh host01 "$@" && drv_show && assert_success; }

vm() { # ACTION [arg...] < stdin: as the vmm driver runs it
    local action=$1
    shift
    on_host /var/tmp/one/vmm/kvm/"$action" "$@"
}

document='<VMM_DRIVER_ACTION_DATA><VM><ID>25</ID><TEMPLATE/></VM><DATASTORE><TM_MAD>ssh</TM_MAD></DATASTORE></VMM_DRIVER_ACTION_DATA>'

@test "what was there is kept, and the host gets the tree by scp" {
    assert_equal "$(cat "$FE_ROOT/var/lib/one/one-native-stock/stock/tm/qcow2/clone")" stock
    run inside front-end scp -rq $FE/. host01:/var/tmp/one/
    assert_success
    on_host /var/tmp/one/tm/qcow2/clone --version
    on_host /var/tmp/one/im/kvm-probes.d/host/system/linux_host kvm 0 host01
    assert_line HYPERVISOR=kvm
}

@test "an image is imported, and a VM lives on the host" {
    local image dir=/var/lib/one/datastores/0/25
    head -c 300000 /dev/urandom >"$FE_ROOT/srv/raw"
    truncate -s 8M "$FE_ROOT/srv/raw"
    gzip -kf "$FE_ROOT/srv/raw"
    act datastore/fs/cp 7 < <("$LAB_TOOLS/make-dump" ds BASE_PATH=/var/lib/one/datastores/1 \
        PATH=/srv/raw.gz SAFE_DIRS=/srv DRIVER=qcow2 SIZE=8 | base64 -w 0)
    image=${output% *}
    "$LAB_TOOLS/make-dump" vm 25 STATE=3 LCM_STATE=3 DEPLOY_ID=one-25 HOSTNAME=host01 DS_ID=0 \
        TM_MAD=ssh VM_MAD=kvm \
        -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$image" FORMAT=qcow2 TYPE=FILE CLONE=YES SIZE=16 ORIGINAL_SIZE=8 TARGET=vda \
        -- disk DISK_ID=1 FS=ext4 FORMAT=raw TYPE=fs SIZE=16 TARGET=vdb \
        -- disk DISK_ID=2 FORMAT=raw TYPE=swap SIZE=16 TARGET=vdc \
        >"$BATS_FILE_TMPDIR/core/vm/25.xml"
    act tm/ssh/clone "fe:$image" "$DISK/disk.0" 25 1 </dev/null
    act tm/ssh/mkimage 16 raw "$DISK/disk.1" 25 0 </dev/null
    act tm/ssh/mkswap 16 "$DISK/disk.2" 25 0 </dev/null
    echo A=1 >"$FE_ROOT/srv/context.sh"
    act tm/ssh/context /srv/context.sh "$DISK/disk.3" 25 0 </dev/null
    on_host /usr/sbin/blkid -o value -s TYPE $dir/disk.1
    assert_output ext4
    "$LAB_TOOLS/guest-xml" --no-agent --memory 64 --disk $dir/disk.0:qcow2 --disk $dir/disk.1:raw \
        --disk $dir/disk.2:raw --cdrom $dir/disk.3 one-25 >"$XML"
    vm deploy $dir/deployment.0 host01 25 host01 <"$XML"
    on_host /var/tmp/one/im/kvm-probes.d/vm/status/state kvm 0 host01 </dev/null
    assert_line --partial 'STATE="RUNNING"'
    act tm/ssh/snap_create_live "$DISK/disk.0" 0 25 1 </dev/null
    vm save one-25 $dir/checkpoint host01 25 host01 <<<"$document"
    vm restore $dir/checkpoint host01 one-25 25 host01 <<<"$document"
    vm cancel one-25 host01 25 host01 <<<"$document"
    act tm/ssh/cpds "$DISK/disk.0" /var/lib/one/datastores/1/saved -1 25 1 </dev/null
    act tm/ssh/delete "$DISK" 25 0 </dev/null
    assert_not_exists "$HOST_ROOT$dir"
    act datastore/fs/rm 7 < <("$LAB_TOOLS/make-dump" ds SOURCE=/var/lib/one/datastores/1/saved \
        BASE_PATH=/var/lib/one/datastores/1 | base64 -w 0)
    assert_only "$FE_ROOT/var/lib/one/datastores/1" "${image##*/}"
}
