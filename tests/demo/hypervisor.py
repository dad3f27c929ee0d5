# SPDX-License-Identifier: Apache-2.0
"""hypervisor - starts and ends domains: by the vmm drivers where they are built, else by
virsh in the same steps."""
import base64
import os
import re
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

from cloud import STORES, Problem
from frontend import xml

VIRSH = ["virsh", "-q", "-c", "qemu:///system"]
SHUTDOWN_TIMEOUT = 60  # s


def disk_xml(path, target, bus, kind, device="disk"):
    return f"""
    <disk type='file' device='{device}'>
      <source file={quoteattr(path)}/>
      <target dev='{target}' bus='{bus}'/>{"<readonly/>" if device == "cdrom" else ""}
      <driver name='qemu' type='{kind}' cache='none'/>
    </disk>"""


def domain_xml(vm):
    """The deployment file, as oned writes it (but emulated, so that it runs anywhere)."""
    disks = "".join(disk_xml(vm.path(d), d.target, "virtio", d.format) for d in vm.disks)
    return f"""\
<domain type='qemu'>
  <name>one-{vm.id}</name>
  <title>{vm.name}</title>
  <uuid>{vm.uuid}</uuid>
  <vcpu>1</vcpu>
  <memory>262144</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{vm.folder}/kernel</kernel>
    <initrd>{vm.folder}/initrd</initrd>
    <cmdline>console=ttyS0 quiet panic=5</cmdline>
  </os>
  <devices>{disks}{disk_xml(vm.context_disk, "hda", "ide", "raw", "cdrom")}
    <serial type='file'>
      <source path='/var/log/libvirt/qemu/one-{vm.id}.console'/>
    </serial>
  </devices>
  <features><acpi/></features>
  <devices>
    <channel type='unix'>
      <source mode='bind'/><target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
  </devices>
  <metadata>
    <one:vm xmlns:one="http://opennebula.org/xmlns/libvirt/1.0">
      <one:system_datastore>{vm.folder}</one:system_datastore>
      <one:name>{vm.name}</one:name>
    </one:vm>
  </metadata>
</domain>
"""


class Hypervisor:
    """What one_vmm_exec does on a host, one method per action."""

    def __init__(self, lab, native):
        self.lab, self.native, self.front_end = lab, native, None

    def virsh(self, vm, *words):
        return self.lab.must(vm.host, [*VIRSH, *words])

    def act(self, vm, action, argv, stdin=None):
        """Have the driver do it, or say that it cannot: None."""
        if action not in self.native:
            return None
        data = stdin or xml("VMM_DRIVER_ACTION_DATA", {
            "HOST": vm.host, "DEPLOY_ID": vm.deploy_id}).replace(
                "</VMM_", vm.xml() + vm.system.xml() + "</VMM_")
        return self.front_end.call(vm.host, f"vmm/kvm/{action}", argv, data.encode())

    def deploy(self, vm):
        file = f"{vm.folder}/deployment.{vm.boots}"
        for name, text in (("vm.xml", vm.xml()), ("ds.xml", vm.system.xml())):
            self.lab.write(vm.host, f"{vm.folder}/{name}", text)
        text = domain_xml(vm)
        deploy_id = self.act(vm, "deploy", [file, vm.host, vm.id, vm.host], text)
        if deploy_id is None:
            text = re.sub(r"(?<=file=')[^']*/disk\.\d+|(?<=file=\")[^\"]*/disk\.\d+",
                          lambda match: self.follow(match[0]), text)
            self.lab.write(vm.host, file, text)
            self.virsh(vm, "create", file)
            deploy_id = vm.uuid
        return deploy_id

    def follow(self, path):
        """What a disk's link leads to, one step."""
        here = self.lab.dir + "/shared" + re.sub("/+", "/", path)[len(STORES):]
        if not os.path.islink(here):
            return path
        return os.path.join(os.path.dirname(path), os.readlink(here))

    def shutdown(self, vm):
        if self.act(vm, "shutdown", [vm.deploy_id, vm.host, vm.id, vm.host]) is not None:
            return
        self.virsh(vm, "shutdown", vm.deploy_id)
        deadline = time.monotonic() + SHUTDOWN_TIMEOUT
        while vm.uuid in self.virsh(vm, "list", "--uuid"):
            if time.monotonic() > deadline:
                raise Problem(f"one-{vm.id} does not obey its power button")
            time.sleep(0.05)

    def save(self, vm):
        file = f"{vm.folder}/checkpoint"
        if self.act(vm, "save", [vm.deploy_id, file, vm.host, vm.id, vm.host]) is None:
            self.virsh(vm, "save", vm.deploy_id, file)

    def restore(self, vm):
        file = f"{vm.folder}/checkpoint"
        argv = [file, vm.host, vm.deploy_id, vm.id, vm.host]
        if self.act(vm, "restore", argv) is not None:
            return
        # The saved chain was found by names that a live snapshot has since given to other
        # files: let libvirt look again.
        root = ET.fromstring(self.virsh(vm, "save-image-dumpxml", file, "--security-info"))
        for disk in root.iterfind("devices/disk"):
            for chain in disk.findall("backingStore"):
                disk.remove(chain)
        self.lab.write(vm.host, file + ".xml", ET.tostring(root, encoding="unicode"))
        self.virsh(vm, "restore", file, "--xml", file + ".xml")
        self.lab.must(vm.host, ["rm", file, file + ".xml"])

    def resize_disk(self, vm, disk):
        data = xml("VMM_DRIVER_ACTION_DATA", {"HOST": vm.host}).replace(
            "</VMM_", vm.xml() + "</VMM_")
        argv = [vm.deploy_id, disk.id, disk.size, base64.b64encode(data.encode()).decode(),
                vm.host, vm.id, vm.host]
        if self.act(vm, "resize_disk", argv, data) is None:
            self.virsh(vm, "blockresize", vm.deploy_id, disk.target, f"{disk.size}M")
