# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# ceph.bash - a Ceph cluster of the test's own: mon, mgr and osd on loopback, in one
# directory, without systemd.  After lib/drv.  Each file has one, each test an empty pool.
#
# $CEPH is the directory, $CEPH/ceph.conf and $CEPH/keyring lead to it as client.admin.
# There are pools one (replicated) and one-data (erasure coded), namespace one/tenant, and
# users client.one (all of pool one) and client.tenant (that namespace alone).

ceph_start() {
    need ceph-mon ceph-osd ceph-mgr rbd
    CEPH=${BATS_FILE_TMPDIR:-$BATS_TEST_TMPDIR}/ceph
    export CEPH
    # Sockets' paths are short.
    mkdir -p "$CEPH"
    "$LAB_TOOLS/ceph" up "$CEPH"
}

ceph_stop() {
    [ -z "${CEPH-}" ] || "$LAB_TOOLS/ceph" down "$CEPH"
}

rbd() { command rbd --conf "$CEPH/ceph.conf" "$@"; }
ceph() { command ceph --conf "$CEPH/ceph.conf" "$@"; }
rados() { command rados --conf "$CEPH/ceph.conf" "$@"; }

# --- a datastore and VMs on it ------------------------------------------------------------

setup_file() { ceph_start; }
teardown_file() { ceph_stop; }
setup() { ceph_setup; }
teardown() {
    core_stop
    ceph_empty one
    drv_teardown
}

# Datastore 100 is pool one, as client.one.
ceph_setup() {
    drv_setup
    core_start
    ACCESS=(CEPH_USER=one CEPH_KEY="$CEPH/one.key" CEPH_CONF="$CEPH/ceph.conf")
    printf '%s\n' CEPH_TIMEOUT=5 CEPH_LEASE=1 >"$REMOTES/etc/datastore/ceph/ceph.conf"
    datastore_xml 100 TEMPLATE/BRIDGE_LIST="" TEMPLATE/POOL_NAME=one \
        "${ACCESS[@]/#/TEMPLATE/}" | core_put datastore 100
}

# And in it image 5, of which VM 7 has a disk: $D.
ceph_setup_disk() {
    ceph_setup
    D=$HERE:$SYS/7/disk.0
    rbd create --size 8 one/one-5
    scribble one/one-5 base 1
    ceph_vm 7 5
}

# Whatever is in the pool goes, without asking librbd.
ceph_empty() { # POOL
    command rados --conf "$CEPH/ceph.conf" -p "$1" purge "$1" --yes-i-really-really-mean-it >/dev/null
}

run_ceph_ds() { # ACTION ID NAME=VALUE...
    local action=$1 id=$2
    shift 2
    DUMP=$(ds_dump "${ACCESS[@]}" POOL_NAME=one ID="$id" "$@")
    run_ds "ceph/$action" "$id"
}

# VM with disk 0 of image IMAGE: SIZE and others in MiB.
ceph_vm() { # VMID IMAGE [NAME=VALUE...]
    local id=$1 image=$2
    shift 2
    vm_put "$id" -- disk DISK_ID=0 IMAGE_ID="$image" SOURCE="one/one-$image" TYPE=RBD \
        CLONE=YES SIZE=8 ORIGINAL_SIZE=8 "${ACCESS[@]}" "$@"
}

assert_images() { # POOL image...: exactly these, in any order
    local pool=$1 have want
    shift
    want=$([ $# -eq 0 ] || printf '%s\n' "$@" | LC_ALL=C sort)
    have=$(rbd ls "$pool" | LC_ALL=C sort)
    assert_equal "$have" "$want"
    # Nothing is left half done.
    have=$(rados -p "${pool%/*}" listomapkeys one_native.steps 2>/dev/null || true)
    assert_equal "$have" ""
}

snapshots() { # POOL/IMAGE: names, with ! if protected
    rbd snap ls "$1" --format json | python3 -c 'import json, sys
print(" ".join(s["name"] + ("!" if s.get("protected") == "true" else "")
               for s in json.load(sys.stdin)))'
}

digest() { # POOL/IMAGE[@SNAP]
    rbd export --no-progress "$1" - | sha256sum | cut -c1-16
}

# Write SIZE bytes of a pattern named WORD at MiB OFFSET of an image.
scribble() { # POOL/IMAGE WORD OFFSET
    qemu-io -f raw -c "write -P 0x$(printf %s "$2" | md5sum | cut -c1-2) ${3}M 64k" \
        "rbd:$1:conf=$CEPH/ceph.conf" >/dev/null
}
