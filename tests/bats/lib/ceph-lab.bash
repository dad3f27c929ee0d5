# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# ceph-lab.bash - a Ceph cluster in a lab's own network, and VMs with disks in it.
#
#     load lib/drv
#     load lib/vmm
#     load lib/ceph-lab
#     setup_file() { ceph_lab_setup_suite; }
#     teardown_file() { lab_teardown_suite; }
#     teardown() { ceph_lab_end; }
#
# Three monitors with addresses of IPv6, no ceph.conf in /etc: hosts find the cluster by what
# a datastore and a domain say.  Its daemons are processes of the lab's switch, so that they
# end with the lab.  Hosts share nothing but the pool.  VM 7 has disk 0 in image 5 of pool one, which the guest's system is on.

VM=7
IMAGE=one/one-5
SECRET=5eed0000-0000-4000-8000-00000000ceff

ceph_tool() { lab_root switch env CEPH_MONITORS="$MONITORS" "$LAB_TOOLS/ceph" "$@"; }
rbd() { lab_root switch rbd --conf "$CEPH/ceph.conf" "$@"; }
ceph() { lab_root switch ceph --conf "$CEPH/ceph.conf" "$@"; }
rados() { lab_root switch rados --conf "$CEPH/ceph.conf" "$@"; }

ceph_lab_setup_suite() {
    need ceph-mon ceph-osd ceph-mgr rbd
    lab_setup_suite --hosts 2 --fs none
    vmm_setup_suite
    export CEPH=$LAB/ceph
    export MONITORS='fd5e:ed::a fd5e:ed::b fd5e:ed::c'
    local address
    # Of its own, so that it does not change with the hosts that come and go.
    lab_root switch ip link set br0 address 02:00:00:00:00:fe
    for address in $MONITORS; do
        lab_root switch ip -6 addr add "$address/64" dev br0 nodad
    done
    for address in 1:fe 11:host01 12:host02; do
        lab_root "${address#*:}" ip -6 addr add "fd5e:ed::${address%:*}/64" dev eth0 nodad
    done
    ceph_tool up "$CEPH"
    ceph_lab_secret
    rbd import --no-progress "$GUEST/disk.raw" $IMAGE
    datastore_xml 100 TEMPLATE/BRIDGE_LIST="host01 host02" TEMPLATE/POOL_NAME=one \
        TEMPLATE/CEPH_USER=one TEMPLATE/CEPH_KEY="$CEPH/one.key" \
        TEMPLATE/CEPH_CONF="$CEPH/ceph.conf" | core_put datastore 100
}

# What admins do on each host: libvirt's secret is the user's key.
ceph_lab_secret() {
    local host
    echo "<secret ephemeral='no' private='no'><uuid>$SECRET</uuid><usage type='ceph'><name>client.one</name></usage></secret>" >"$LAB/secret.xml"
    for host in host01 host02; do
        lab_root $host virsh -q secret-define "$LAB/secret.xml" >/dev/null
        lab_root $host virsh -q secret-set-value $SECRET --file "$CEPH/one.key" >/dev/null
    done
}

ceph_lab_end() {
    vm_end_all
    local node
    for node in fe host02; do
        lab_exec $node sh -c 'rm -rf /var/lib/one/datastores/0/*'
    done
    # Whatever a test has left, by force.
    rados -p one purge one --yes-i-really-really-mean-it >/dev/null
    rbd import --no-progress "$GUEST/disk.raw" $IMAGE
}

# What the core says of the VM, which runs on $HERE.
ceph_vm() { # LCM_STATE [DISK-NAME=VALUE...]
    local state=$1
    shift
    vm_put $VM LCM_STATE="$state" HOSTNAME="$HERE" DEPLOY_ID="$(vm_uuid $VM)" -- \
        disk DISK_ID=0 IMAGE_ID=5 SOURCE=$IMAGE TYPE=RBD CLONE=YES TARGET=vda SIZE=64 \
        ORIGINAL_SIZE=64 DATASTORE_ID=100 POOL_NAME=one CEPH_USER=one \
        CEPH_KEY="$CEPH/one.key" CEPH_CONF="$CEPH/ceph.conf" "$@" -- \
        disk DISK_ID=3 TYPE=fs FORMAT=raw SIZE=16 POOL_NAME=one CEPH_USER=one \
        CEPH_KEY="$CEPH/one.key" CEPH_CONF="$CEPH/ceph.conf"
}

D() { echo "$HERE:$(vm_dir $VM)/disk.0"; }

# A transfer manager's action that must go well.
tm() { # ACTION arg...
    run_tm ceph "$@"
    assert_success
}

# Words of guest-xml for a disk in the pool.
rbd_words() { # POOL/IMAGE
    local address
    echo --rbd "$1" --ceph-user one --ceph-secret $SECRET
    for address in $MONITORS; do echo --monitor "$address"; done
}

ceph_deploy() {
    local dir
    dir=$(vm_dir $VM)
    lab_exec fe sh -c 'echo "WORD=context" >/var/tmp/context.sh'
    tm context /var/tmp/context.sh "$HERE:$dir/disk.9" $VM 0
    # shellcheck disable=SC2046 # words
    STDIN=$("$LAB_TOOLS/guest-xml" --uuid "$(vm_uuid $VM)" $(with_kernel) \
        $(rbd_words "one/one-5-$VM-0") --cdrom "$dir/disk.9" "one-$VM" | vm_decorate "$dir") \
        run_vmm "$HERE" deploy "$dir/deployment.0" "$HERE" $VM "$HERE"
    assert_success
    guest_wait "$HERE" "one-$VM"
}

in_guest() { # cmd...
    guest_run "$HERE" "one-$VM" "$@"
}

# Live, with the steps before and after it.
ceph_migrate() { # HOST
    local steps=("$HERE" "$1" "$(vm_dir $VM)" "$VM" 0)
    STDIN=$(vm_xml $VM ID=$VM LCM_STATE=4 HOSTNAME="$HERE" DS_ID=0 TM_MAD=ceph | base64 -w 0) \
        run_tm ceph premigrate "${steps[@]}"
    assert_success
    STDIN=$(vmm_document $VM) run_vmm "$HERE" migrate "$(vm_uuid $VM)" "$1" "$HERE" $VM "$HERE"
    assert_success
    STDIN=$(vm_xml $VM ID=$VM LCM_STATE=4 HOSTNAME="$HERE" DS_ID=0 TM_MAD=ceph | base64 -w 0) \
        run_tm ceph postmigrate "${steps[@]}"
    assert_success
    HERE=$1
}
