# SPDX-License-Identifier: Apache-2.0
"""hypervisor - stands in for one_vmm_exec of 7.4: writes deployment files, and calls the
vmm drivers on hosts as it would."""
import base64
from xml.sax.saxutils import quoteattr

from frontend import xml


def disk_xml(path, target, bus, kind, device="disk"):
    return f"""
    <disk type='file' device='{device}'>
      <source file={quoteattr(path)}/>
      <target dev='{target}' bus='{bus}'/>{"<readonly/>" if device == "cdrom" else ""}
      <driver name='qemu' type='{kind}' cache='none'/>
    </disk>"""


def rbd_xml(vm, disk):
    store = disk.image.datastore if disk.image else vm.system
    name = disk.image.source if disk.image else f"{store.template['POOL_NAME']}/one-sys"
    if not disk.image or not disk.image.persistent:
        name += f"-{vm.id}-{disk.id}"
    hosts = "".join(f"<host name='{host}' port='6789'/>"
                    for host in store.template["CEPH_HOST"].split())
    return f"""
    <disk type='network' device='disk'>
      <source protocol='rbd' name={quoteattr(name)}>{hosts}</source>
      <auth username='{store.template["CEPH_USER"]}'>
        <secret type='ceph' uuid='{store.template["CEPH_SECRET"]}'/>
      </auth>
      <target dev='{disk.target}' bus='virtio'/>
      <driver name='qemu' type='raw' cache='none'/>
    </disk>"""


def domain_xml(vm):
    """The deployment file, as oned writes it (but emulated, so that it runs anywhere)."""
    disks = "".join(
        rbd_xml(vm, d) if vm.system.tm_mad == "ceph" else
        disk_xml(vm.path(d), d.target, "virtio", d.format) for d in vm.disks)
    return f"""\
<domain type='qemu'>
  <name>one-{vm.id}</name>
  <title>{vm.name}</title>
  <uuid>{vm.uuid}</uuid>
  <vcpu>1</vcpu>
  <memory>262144</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{vm.directory}/kernel</kernel>
    <initrd>{vm.directory}/initrd</initrd>
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
      <one:system_datastore>{vm.directory}</one:system_datastore>
      <one:name>{vm.name}</one:name>
    </one:vm>
  </metadata>
</domain>
"""


class Hypervisor:
    """What one_vmm_exec does on a host, one method per action."""

    def __init__(self, lab):
        self.lab, self.front_end = lab, None

    def act(self, vm, action, *argv, data=None):
        argv = [*argv, vm.host, vm.id, vm.host]
        data = data or self.document(vm)
        return self.front_end.call(vm.host, f"vmm/kvm/{action}", argv, data.encode())

    @staticmethod
    def document(vm, **more):
        inside = xml("HOST", vm.host) + xml("DEPLOY_ID", vm.deploy_id)
        inside += "".join(xml(*pair) for pair in more.items())
        inside += vm.xml() + vm.system.xml()
        return f"<VMM_DRIVER_ACTION_DATA>{inside}</VMM_DRIVER_ACTION_DATA>"

    def deploy(self, vm):
        for name, text in (("vm.xml", vm.xml()), ("ds.xml", vm.system.xml())):
            self.lab.write(vm.host, f"{vm.directory}/{name}", text)
        return self.act(vm, "deploy", f"{vm.directory}/deployment.{vm.boots}",
                        data=domain_xml(vm))

    def shutdown(self, vm):
        self.act(vm, "shutdown", vm.deploy_id)

    def save(self, vm):
        self.act(vm, "save", vm.deploy_id, f"{vm.directory}/checkpoint")

    def restore(self, vm):
        argv = [f"{vm.directory}/checkpoint", vm.host, vm.deploy_id, vm.id, vm.host]
        self.front_end.call(vm.host, "vmm/kvm/restore", argv, self.document(vm).encode())

    def resize_disk(self, vm, disk):
        data = self.document(vm)
        self.act(vm, "resize_disk", vm.deploy_id, disk.id, disk.size,
                 base64.b64encode(data.encode()).decode(), data=data)

    def migrate(self, vm, host):
        data = self.document(vm, MIGR_HOST=host, DISK_TARGET_PATH=vm.directory)
        self.act(vm, "migrate", vm.deploy_id, host, data=data)

    def domains(self, host):
        return self.lab.must(host, ["virsh", "-q", "-c", "qemu:///system", "list", "--all",
                                    "--name"])
