#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# The lab itself: what the other tests are built on.
load lib/drv

setup_file() {
    lab_setup_suite
}

teardown_file() {
    lab_teardown_suite
}

@test "every node reaches every other by name and ssh" {
    local from to
    for from in fe host01 host02; do
        for to in fe host01 host02; do
            run lab_exec "$from" ssh "$to" hostname
            assert_success
            assert_output "$to"
        done
    done
}

@test "nodes share the datastores and nothing else" {
    lab_exec host01 touch /var/lib/one/datastores/1/shared /var/lib/one/own
    run lab_exec host02 find /var/lib/one -type f -not -path '*/.ssh/*'
    assert_output /var/lib/one/datastores/1/shared
    lab_exec fe rm /var/lib/one/datastores/1/shared
}

@test "oned answers on fe" {
    vm_put 25 LCM_STATE=57
    run lab_exec fe python3 -c 'import xmlrpc.client
core = xmlrpc.client.ServerProxy("http://localhost:2633/RPC2")
print(core.one.vm.info(open("/var/lib/one/.one/one_auth").read().strip(), 25, False))'
    assert_success
    assert_output --partial "<LCM_STATE>57</LCM_STATE>"
}

@test "a host that lost power is gone, and comes back" {
    "$LAB_TOOLS/lab" kill "$LAB" host02
    run lab_exec fe ssh -o ConnectTimeout=1 host02 true
    assert_failure 255
    "$LAB_TOOLS/lab" boot "$LAB" host02 3>&-
    run lab_exec fe ssh host02 hostname
    assert_output host02
}

@test "a guest boots from a disk, keeps what it writes and obeys the power button" {
    local files disk=/var/lib/one/datastores/0/guest.qcow2
    files=$(guest_files)
    lab_exec host01 qemu-img create -q -f qcow2 -F raw -b "$files/disk.raw" "$disk"
    "$LAB_TOOLS/guest-xml" --kernel "$files/vmlinuz" --initrd "$files/initrd" \
        --disk "$disk" one-1 >"$LAB/guest.xml"
    lab_virsh host01 create "$LAB/guest.xml"
    guest_wait host01 one-1
    guest_run host01 one-1 write /kept "some text"
    lab_virsh host01 shutdown one-1
    wait_until 20 eval '! lab_virsh host01 domstate one-1'
    lab_virsh host01 create "$LAB/guest.xml"
    guest_wait host01 one-1
    run guest_run host01 one-1 cat /kept
    assert_output "some text"
    lab_virsh host01 destroy one-1
}

@test "nodes are installations: oneadmin, sshd's PATH, sudo for what the packages name" {
    local node
    for node in fe host01; do
        run lab_exec "$node" sh -c 'id -un; id -u; pwd; stat -c "%U %a" . remotes /run/one 2>/dev/null'
        assert_line --index 0 oneadmin
        refute_line --index 1 0
        assert_line --index 2 /var/lib/one
        assert_line "oneadmin 750"
    done
    run lab_exec fe sh -c 'umask; ssh host01 "umask; echo \$PATH; env | grep -c ^ONE"'
    assert_output $'0027\n0022\n/usr/local/bin:/usr/bin:/bin:/usr/games\n0'
    run lab_exec host01 sudo -n sysctl -n vm.drop_caches=3 vm.compact_memory=1
    assert_failure
    run lab_exec host01 sudo -n -l /usr/sbin/sysctl vm.drop_caches=3 vm.compact_memory=1
    assert_success
    run lab_exec host01 sudo -n id
    assert_failure
    run lab_exec fe ssh -o User=root host01 true
    assert_failure
}

@test "a lab that cannot be made says why" {
    local broken=$BATS_TEST_TMPDIR/broken
    run setpriv --bounding-set=-sys_admin --inh-caps=-all "$LAB_TOOLS/lab" up "$broken"
    assert_failure
    assert_output --regexp "^lab: cannot start the switch: unshare: .*Operation not permitted$"
    run env PATH=/usr/bin:/bin bash -c 'command() { false; }; . "$0" up "$1"' "$LAB_TOOLS/lab" "$broken"
    assert_failure
    assert_output --regexp "^lab: there is no unshare .*: packaging/install-deps.sh"
    assert_not_exists "$broken/switch"
}

@test "a lab in a chroot, whose directories are not there outside" {
    local root=$BATS_TEST_TMPDIR/root
    mkdir "$root"
    # shellcheck disable=SC2016 # for the shell there
    run timeout -k 5 120 unshare --mount --pid --fork --kill-child --propagation private sh -ec '
        mount --rbind / "$1" && mount -t proc proc "$1/proc"
        mount -t tmpfs -o mode=755 chroot "$1/mnt"
        exec chroot "$1" sh -ec "
            cd / && \"$2\" up --hosts 1 --remotes \"$3\" /mnt/lab
            \"$2\" exec /mnt/lab fe ssh host01 hostname
            \"$2\" exec /mnt/lab host01 virsh -c qemu:///system version --daemon
            \"$2\" down /mnt/lab"' sh "$root" "$LAB_TOOLS/lab" "$DRV_OUT/remotes"
    assert_success
    assert_line host01
    assert_line --partial "Running against daemon"
}
