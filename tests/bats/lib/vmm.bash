# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# vmm.bash - virtual machines of a lab, as a front-end has them.
#
#     load lib/drv
#     load lib/vmm
#     setup_file() { lab_setup_suite; vmm_setup_suite; }
#
# A VM is "one-ID" on a host, in /var/lib/one//datastores/0/ID.

VM_UUID_BASE=11111111-2222-3333-4444-5555

# The guest's files where the nodes' QEMU finds them.
vmm_setup_suite() {
    GUEST=$(guest_files)
    export GUEST
}

vm_dir() { echo "/var/lib/one//datastores/0/$1"; }
vm_uuid() { printf '%s%08d\n' "$VM_UUID_BASE" "$1"; }

# The XML a core would write for VM: CDATA, several <devices>, metadata, a bare "&".
# Words are guest-xml's; DISKS (default: disk.0) are made as overlays if missing.
vm_domain() { # HOST ID [guest-xml word...]
    local host=$1 id=$2 dir
    shift 2
    dir=$(vm_dir "$id")
    lab_exec "$host" mkdir -p "$dir"
    lab_exec "$host" test -e "$dir/disk.0" || lab_exec "$host" qemu-img create -q \
        -f qcow2 -F raw -b "$GUEST/disk.raw" "$dir/disk.0" 256M
    "$LAB_TOOLS/guest-xml" --uuid "$(vm_uuid "$id")" --disk "$dir/disk.0" "$@" "one-$id" |
        vm_decorate "$dir"
}

vm_decorate() { # DIR < xml
    sed -e "s|</name>|</name><title>a \& <b> in $1</title>|" \
        -e "s|<vcpu>\([0-9]*\)</vcpu>|<vcpu><![CDATA[\1]]></vcpu>|" \
        -e "s|</domain>|<devices><graphics type='vnc' port='-1' autoport='yes' passwd='geheim'/></devices><metadata><one:vm xmlns:one=\"http://opennebula.org/xmlns/libvirt/1.0\"><one:system_datastore><![CDATA[$1]]></one:system_datastore></one:vm></metadata></domain>|"
}

with_kernel() { echo --kernel "$GUEST/vmlinuz" --initrd "$GUEST/initrd"; }

# Run an action as the front-end's stream does: stdin in a pipe, on the host.  $STDIN is
# what it reads.  Afterwards: $status, $output, $stderr.
run_vmm() { # HOST ACTION [arg...]
    local host=$1 action=$2
    shift 2
    run --separate-stderr vmm_exec "$host" "$action" "$@"
    drv_show
}

vmm_exec() { # HOST ACTION [arg...]
    local host=$1 action=$2
    shift 2
    printf '%s' "${STDIN-}" | lab_exec "$host" env "${DRV_ENV[@]}" \
        timeout -k 5 "${DRV_TIMEOUT:-100}" "/var/tmp/one/vmm/kvm/$action" "$@"
}

# A document; content of VM's TEMPLATE as given.
vmm_document() { # ID [TEMPLATE-XML]
    echo "<VMM_DRIVER_ACTION_DATA><HOST/><DEPLOY_ID>$(vm_uuid "$1")</DEPLOY_ID>$VMM_MORE<VM><ID>$1</ID><TEMPLATE>${2-}</TEMPLATE></VM><DATASTORE><TM_MAD>shared</TM_MAD><TEMPLATE><SHARED>${SHARED:-YES}</SHARED></TEMPLATE></DATASTORE></VMM_DRIVER_ACTION_DATA>"
}
VMM_MORE=

deploy() { # HOST ID [guest-xml word...]
    local host=$1 id=$2
    STDIN=$(vm_domain "$@") run_vmm "$host" deploy "$(vm_dir "$id")/deployment.0" \
        "$host" "$id" "$host"
    assert_success
}

# Set a variable of kvmrc on a host.
kvmrc() { # HOST NAME=VALUE...
    local host=$1
    shift
    printf '%s\n' "$@" >>"$LAB/$host/var-tmp/one/etc/vmm/kvm/kvmrc"
}

vm_state() { # HOST ID: running, paused, … or nothing when libvirt has none
    lab_virsh "$1" domstate "one-$2" 2>/dev/null | head -n 1
}

assert_state() { # HOST ID STATE
    assert_equal "$(vm_state "$1" "$2")" "$3"
}

# End what a test left.
vm_end_all() {
    local host id
    for host in host01 host02; do
        for id in $(lab_virsh "$host" list --uuid); do
            lab_virsh "$host" destroy "$id" >/dev/null
        done
    done
    lab_exec host01 find /var/lib/one/datastores/0 -mindepth 1 -delete
}

# The time a command took, in milliseconds, in $elapsed.
# shellcheck disable=SC2034
timed() { # cmd...
    local start=${EPOCHREALTIME/./}
    "$@"
    # shellcheck disable=SC2034 # for the test that calls us
    elapsed=$(((${EPOCHREALTIME/./} - start) / 1000))
}
