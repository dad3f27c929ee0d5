#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# Memory modules, UEFI variables and TPMs: what a domain has beside disks and interfaces.
# shellcheck disable=SC2034
load lib/drv
load lib/vmm

setup_file() {
    lab_setup_suite --hosts 1
    vmm_setup_suite
}

teardown_file() { lab_teardown_suite; }
teardown() {
    local id
    for id in $(lab_virsh host01 list --uuid); do lab_virsh host01 destroy "$id"; done
    lab_exec host01 rm -rf /var/lib/one/datastores/5
    lab_exec host01 find /var/lib/one/datastores/0 -mindepth 1 -delete
    rm -f "$LAB/host01/var-tmp/one/vtpm_setup" "$LAB/host01/var-tmp/one/vgpu"
}

deploy_xml() { # ID < XML
    STDIN=$(cat) run_vmm host01 deploy "$(vm_dir "$1")/deployment.0" host01 "$1" host01
}

resize_memory() { # FROM TO
    STDIN=$(vmm_document 1 "<MEMORY>$2</MEMORY><MEMORY_RESIZE_MODE>HOTPLUG</MEMORY_RESIZE_MODE><RESIZE><MEMORY>$1</MEMORY></RESIZE>") \
        run_vmm host01 resize one-1 1 host01
}

# Memory the guest uses, in MiB; pieces that were plugged in are used from now on.
guest_memory() {
    guest_run host01 one-1 sh -c 'for s in /sys/devices/system/memory/memory*/state; do
        [ "$(cat $s)" = online ] || echo online_movable >$s; done 2>/dev/null
        awk "/MemTotal/ { print int(\$2 / 1024) }" /proc/meminfo'
}

@test "memory modules are plugged in, and out again if the guest lets them go" {
    local before
    # shellcheck disable=SC2046
    vm_domain host01 1 $(with_kernel) | sed \
        -e "s|<memory unit='MiB'>256</memory>|<maxMemory slots='4' unit='MiB'>1024</maxMemory><memory unit='MiB'>256</memory>|" \
        -e "s|<features>|<cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu><features>|" \
        >"$LAB/domain.xml"
    deploy_xml 1 <"$LAB/domain.xml"
    assert_success
    guest_wait host01 one-1
    before=$(guest_memory)
    resize_memory 256 384
    assert_success
    resize_memory 256 384 # as if the first had not lived to say so
    assert_success
    run lab_virsh host01 dumpxml one-1
    assert_equal "$(grep -c "<memory model='dimm'>" <<<"$output")" 1
    wait_until 20 eval "[ \$(guest_memory) -ge $((before + 120)) ]"
    resize_memory 384 320
    assert_error "memory to 320 MiB: no memory module of 64 MiB is plugged in"
    resize_memory 384 256
    if [ "$status" = 0 ]; then
        run lab_virsh host01 dumpxml one-1
        refute_output --partial "<memory model='dimm'>"
        wait_until 20 eval "[ \$(guest_memory) -le $((before + 8)) ]"
    else # the guest keeps it, and so it is told
        assert_error "memory to 256 MiB: .*(refused|did not release it)"
        run lab_virsh host01 dumpxml one-1
        assert_line --regexp "<memory model='dimm'>"
    fi
    assert_state host01 1 running
}

with_uefi() { # FORMAT
    sed -e "s|<boot dev='hd'/>|<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram format='$1'>$(vm_dir 1)/web_VARS.fd</nvram>|" \
        -e "s|<title>.*</title>||"
}

@test "UEFI variables get their file, in the format asked for, and keep what is in it" {
    local file
    file=$LAB/shared/0/1/web_VARS.fd
    vm_domain host01 1 | with_uefi raw >"$LAB/domain.xml"
    deploy_xml 1 <"$LAB/domain.xml"
    assert_success
    cmp -n 64 "$file" /usr/share/OVMF/OVMF_VARS.fd
    STDIN=$(vmm_document 1) run_vmm host01 cancel one-1 host01 1 host01
    assert_success
    # What the guest wrote stays.
    printf 'the guest wrote this' | dd of="$file" bs=1 seek=100000 conv=notrunc status=none
    vm_domain host01 1 | with_uefi raw >"$LAB/domain.xml"
    deploy_xml 1 <"$LAB/domain.xml"
    assert_success
    run dd if="$file" bs=1 skip=100000 count=20 status=none
    assert_output "the guest wrote this"
    STDIN=$(vmm_document 1) run_vmm host01 cancel one-1 host01 1 host01
    vm_domain host01 1 | with_uefi qcow2 >"$LAB/domain.xml"
    deploy_xml 1 <"$LAB/domain.xml"
    assert_virtual_size "$file" qcow2 131072
    qemu-img convert -U -f qcow2 -O raw "$file" "$LAB/out"
    run dd if="$LAB/out" bs=1 skip=100000 count=20 status=none
    assert_output "the guest wrote this"
}

@test "UEFI variables that cannot be made are an error, and nothing starts" {
    kvmrc host01 OVMF_NVRAM=/var/tmp/none.fd
    vm_domain host01 1 | with_uefi raw >"$LAB/domain.xml"
    deploy_xml 1 <"$LAB/domain.xml"
    assert_error "cannot open 'none.fd': .*cannot create the UEFI variables '.*web_VARS.fd'"
    assert_state host01 1 ""
    kvmrc host01 OVMF_NVRAM=/usr/share/OVMF/OVMF_VARS.fd
}

with_tpm() {
    sed "s|</devices><metadata>|<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm></devices><metadata>|"
}

# As the privileged helper does: between the VM's directory and where swtpm looks.
make_vtpm_setup() {
    cat >"$LAB/host01/var-tmp/one/vtpm_setup" <<'END'
#!/bin/bash
set -e
state=/var/lib/libvirt/swtpm/$2/tpm2
echo "$@" >>/var/tmp/vtpm
if [ "$1" = recover ]; then
    install -d -o oneadmin -g oneadmin "$state"
    install -o oneadmin -g oneadmin -m 600 "$3/tpm/tpm2-00.permall" "$state/"
else
    install -d -o oneadmin -g oneadmin "$3/tpm"
    install -o oneadmin -g oneadmin -m 600 "$state/tpm2-00.permall" "$3/tpm/"
fi
END
    chmod +x "$LAB/host01/var-tmp/one/vtpm_setup"
    rm -f "$LAB/host01/var-tmp/vtpm"
}

@test "a TPM's state is kept with the VM, and comes back with it" {
    local dir state
    dir=$(vm_dir 1)
    state=/var/lib/libvirt/swtpm/$(vm_uuid 1)
    make_vtpm_setup
    # shellcheck disable=SC2046
    vm_domain host01 1 $(with_kernel) | with_tpm >"$LAB/tpm.xml"
    deploy_xml 1 <"$LAB/tpm.xml"
    assert_success
    guest_wait host01 one-1
    lab_root host01 test -e "$state/tpm2/tpm2-00.permall"
    STDIN=$(vmm_document 1) run_vmm host01 shutdown "$(vm_uuid 1)" host01 1 host01
    assert_success
    run cat "$LAB/host01/var-tmp/vtpm"
    assert_output "backup $(vm_uuid 1) $dir"
    lab_exec host01 test -s "$dir/tpm/tpm2-00.permall"
    lab_root host01 rm -rf "$state"
    deploy_xml 1 <"$LAB/tpm.xml"
    assert_success
    run cat "$LAB/host01/var-tmp/vtpm"
    assert_line --index 1 "recover $(vm_uuid 1) $dir"
    assert_state host01 1 running
}

move_1() { # to datastore 5 of its host
    VMM_MORE="<DISK_TARGET_PATH>/var/lib/one//datastores/5/1</DISK_TARGET_PATH>"
    STDIN=$(vmm_document 1) run_vmm host01 migrate "$(vm_uuid 1)" host01 host01 1 host01
    VMM_MORE=
}

@test "a TPM goes on when its VM moves to another datastore, and its kept state goes along" {
    local dir new=/var/lib/one//datastores/5/1
    dir=$(vm_dir 1)
    make_vtpm_setup
    # shellcheck disable=SC2046
    vm_domain host01 1 $(with_kernel) | with_tpm >"$LAB/tpm.xml"
    deploy_xml 1 <"$LAB/tpm.xml"
    assert_success
    guest_wait host01 one-1
    STDIN=$(vmm_document 1) run_vmm host01 shutdown "$(vm_uuid 1)" host01 1 host01
    assert_success
    deploy_xml 1 <"$LAB/tpm.xml"
    assert_success
    guest_wait host01 one-1
    guest_run host01 one-1 write /tmp/state kept
    move_1
    assert_success
    cmp "$LAB/shared/0/1/tpm/tpm2-00.permall" "$LAB/shared/5/1/tpm/tpm2-00.permall"
    lab_exec host01 rm -rf "$dir" # as postmigrate does
    STDIN=$(vmm_document 1) run_vmm host01 save one-1 "$new/checkpoint" host01 1 host01
    assert_success
    STDIN=$(vmm_document 1) run_vmm host01 restore "$new/checkpoint" host01 one-1 1 host01
    assert_success
    run guest_run host01 one-1 cat /tmp/state
    assert_output kept
    STDIN=$(vmm_document 1) run_vmm host01 shutdown "$(vm_uuid 1)" host01 1 host01
    assert_success
    run tail -n 1 "$LAB/host01/var-tmp/vtpm"
    assert_output "backup $(vm_uuid 1) $new"
}

@test "what only a VM that is off can move is refused before anything changed" {
    local dir
    dir=$(vm_dir 1)
    vm_domain host01 1 | with_uefi raw >"$LAB/domain.xml"
    deploy_xml 1 <"$LAB/domain.xml"
    assert_success
    move_1
    assert_error "its <nvram> cannot move while it runs, power it off first"
    lab_exec host01 test ! -e /var/lib/one/datastores/5/1
    STDIN=$(vmm_document 1) run_vmm host01 save one-1 "$dir/checkpoint" host01 1 host01
    assert_success
    lab_exec host01 rm -rf "$dir"
    lab_exec host01 mkdir -p "$dir"
    lab_exec host01 cp "$GUEST/vmlinuz" "$GUEST/initrd" "$dir/"
    vm_domain host01 1 --kernel "$dir/vmlinuz" --initrd "$dir/initrd" >"$LAB/domain.xml"
    deploy_xml 1 <"$LAB/domain.xml"
    assert_success
    move_1
    assert_error "its <(kernel|initrd)> cannot move while it runs, power it off first"
    STDIN=$(vmm_document 1) run_vmm host01 cancel one-1 host01 1 host01
    deploy host01 1
    STDIN=$(vmm_document 1) run_vmm host01 snapshot_create "$(vm_uuid 1)" 0 1 host01
    assert_success
    move_1
    assert_error "snapshots inside"
    lab_exec host01 test ! -e /var/lib/one/datastores/5/1
    assert_state host01 1 running
}

@test "a TPM's state that was kept in a template is unpacked for a new VM" {
    local dir
    dir=$(vm_dir 1)
    make_vtpm_setup
    mkdir -p "$BATS_TEST_TMPDIR/tpm"
    echo state >"$BATS_TEST_TMPDIR/tpm/tpm2-00.permall"
    lab_exec host01 mkdir -p "$dir"
    echo "<VM><USER_TEMPLATE><TPM_STATE>$(tar -C "$BATS_TEST_TMPDIR" -cz tpm | base64 -w 0)</TPM_STATE></USER_TEMPLATE></VM>" |
        lab_exec host01 tee "$dir/vm.xml" >/dev/null
    vm_domain host01 1 | with_tpm >"$LAB/tpm.xml"
    deploy_xml 1 <"$LAB/tpm.xml"
    run cat "$LAB/shared/0/1/tpm/tpm2-00.permall"
    assert_output state
    run cat "$LAB/host01/var-tmp/vtpm"
    assert_output "recover $(vm_uuid 1) $dir"
}

@test "a TPM's state that leads out of its directory is refused, and nothing of it stays" {
    local dir bad
    dir=$(vm_dir 1)
    make_vtpm_setup
    mkdir -p "$BATS_TEST_TMPDIR/tpm"
    echo state >"$BATS_TEST_TMPDIR/tpm/tpm2-00.permall"
    ln -s /etc/passwd "$BATS_TEST_TMPDIR/tpm/link"
    bad=$(tar -C "$BATS_TEST_TMPDIR" -cz --sort=name --transform 's,^tpm/l,tpm/../l,' tpm | base64 -w 0)
    lab_exec host01 mkdir -p "$dir"
    vm_domain host01 1 | with_tpm >"$LAB/tpm.xml"
    for state in "$bad" "$(tar -C "$BATS_TEST_TMPDIR" -cz tpm | base64 -w 0)" bm90IGEgdGFy; do
        echo "<VM><USER_TEMPLATE><TPM_STATE>$state</TPM_STATE></USER_TEMPLATE></VM>" |
            lab_exec host01 tee "$dir/vm.xml" >/dev/null
        deploy_xml 1 <"$LAB/tpm.xml"
        assert_error "the archive('s 'tpm/.*'| is damaged)"
        run lab_exec host01 ls -A "$dir"
        refute_output --partial tpm
    done
    assert_state host01 1 ""
}

with_vgpu() {
    sed "s|</devices><metadata>|<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='11111111-2222-3333-4444-000000000000'/></source></hostdev></devices><metadata>|"
}

@test "virtual GPUs are made first, and given back when the domain cannot start" {
    local log=$LAB/host01/var-tmp/vgpu-calls
    printf '%s\n' '#!/bin/sh' 'echo "$@" >>/var/tmp/vgpu-calls' >"$LAB/host01/var-tmp/one/vgpu"
    chmod +x "$LAB/host01/var-tmp/one/vgpu"
    rm -f "$log"
    vm_domain host01 1 | with_vgpu >"$LAB/vgpu.xml"
    deploy_xml 1 <"$LAB/vgpu.xml"
    assert_error "^cannot deploy VM 1: .*Mediated host device" # there is none here
    run cat "$log"
    assert_line --index 0 "CREATE $(vm_dir 1)/vm.xml"
    assert_line --index 1 "DELETE $(vm_dir 1)/vm.xml"
    printf '%s\n' '#!/bin/sh' 'echo no profile >&2; exit 2' >"$LAB/host01/var-tmp/one/vgpu"
    deploy_xml 1 <"$LAB/vgpu.xml"
    assert_error "vgpu CREATE: .*no profile"
    assert_state host01 1 ""
}
