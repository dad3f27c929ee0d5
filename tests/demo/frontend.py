# SPDX-License-Identifier: Apache-2.0
"""frontend - stands in for oned 7.4: keeps images, disks and VMs, tells the fake core of
them, and calls drivers with the arguments, input and order that oned would."""
import base64
import dataclasses
import itertools
import time
import uuid
from xml.sax.saxutils import escape

from cloud import Problem, text_of

REMOTES = "/var/lib/one/remotes"
LOCATION = "/var/lib/one//datastores"
IMAGE_TYPES = {"OS": 0, "DATABLOCK": 2, "KERNEL": 3, "RAMDISK": 4, "CONTEXT": 5}
ACTIVE, POWEROFF, UNDEPLOYED, STOPPED = 3, 8, 9, 4
# LCM states, by what oned is doing when it calls.
PROLOG, BOOT, RUNNING, SAVE_STOP, EPILOG_STOP, EPILOG, SHUTDOWN = 1, 2, 3, 6, 10, 11, 12
PROLOG_RESUME, BOOT_STOPPED, BOOT_POWEROFF, SAVEAS, SAVEAS_POWEROFF = 9, 21, 20, 26, 27
SNAPSHOT_POWEROFF, REVERT_POWEROFF, DELETE_POWEROFF, RESIZE_POWEROFF = 51, 52, 53, 63
SNAPSHOT, SNAPSHOT_DELETE, RESIZE = 57, 59, 62
MIGRATE, PROLOG_MIGRATE_UNKNOWN = 4, 60


def xml(name, value):
    """<name>…</name>; dicts are children, and lists elements of the same name."""
    if isinstance(value, list):
        return "".join(xml(name, item) for item in value)
    if isinstance(value, dict):
        inside = "".join(xml(*pair) for pair in value.items())
    else:
        inside = escape(str(value))
    return f"<{name}>{inside}</{name}>"


def yes(value):
    return "YES" if value else "NO"


@dataclasses.dataclass
class Datastore:
    id: int
    name: str
    type: int  # 0 images, 1 system, 2 files
    tm_mad: str
    template: dict = dataclasses.field(default_factory=dict)
    ds_mad: str = "fs"

    @property
    def base_path(self):
        return f"{LOCATION}/{self.id}"

    @property
    def inherited(self):
        """What its disks get (INHERIT_DATASTORE_ATTR)."""
        return {name: value for name, value in self.template.items()
                if name.startswith("CEPH_") or name == "POOL_NAME"}

    def xml(self):
        return xml("DATASTORE", {
            "ID": self.id, "NAME": self.name, "DS_MAD": self.ds_mad, "TM_MAD": self.tm_mad,
            "BASE_PATH": self.base_path, "TYPE": self.type, "DISK_TYPE": 0, "STATE": 0,
            "TEMPLATE": self.template})


@dataclasses.dataclass
class Image:
    name: str
    datastore: Datastore
    type: str = "OS"
    persistent: bool = False
    path: str = ""
    size: int = 0  # MiB
    format: str = ""
    fs: str = ""
    template: dict = dataclasses.field(default_factory=dict)
    id: int = -1
    source: str = ""
    target_snapshot: int = -1

    def fields(self):
        return {"ID": self.id, "NAME": self.name, "TYPE": IMAGE_TYPES[self.type],
                "DISK_TYPE": 0, "PERSISTENT": int(self.persistent), "SOURCE": self.source,
                "PATH": self.path, "FORMAT": self.format, "FS": self.fs, "SIZE": self.size,
                "STATE": 4, "TARGET_SNAPSHOT": self.target_snapshot,
                "DATASTORE_ID": self.datastore.id, "TEMPLATE": self.template}


@dataclasses.dataclass
class Disk:
    """A VM's disk: of an image, or volatile (then with a type, "fs" or "swap")."""
    id: int
    target: str
    image: Image = None
    size: int = 0
    original_size: int = 0
    type: str = "FILE"
    format: str = "raw"
    fs: str = ""
    snapshots: dict = dataclasses.field(default_factory=dict)  # id: parent's
    next_snapshot: int = 0
    active: int = -1

    def __post_init__(self):
        if self.image:
            self.format, self.original_size = self.image.format, self.image.size
            self.size = max(self.size, self.image.size)

    def xml(self, system):
        store = self.image.datastore if self.image else system
        fields = {"DISK_ID": self.id, "DISK_TYPE": "FILE", "DRIVER": self.format,
                  "FORMAT": self.format, "SIZE": self.size, "TARGET": self.target,
                  "TM_MAD": system.tm_mad, "TYPE": self.type} | store.inherited
        if self.image:
            keep = self.image.persistent
            fields |= {"CLONE": yes(not keep), "SAVE": yes(keep), "READONLY": "NO",
                       "DATASTORE_ID": self.image.datastore.id, "IMAGE_ID": self.image.id,
                       "ORIGINAL_SIZE": self.original_size, "SOURCE": self.image.source}
            if keep:
                fields["PERSISTENT"] = "YES"
        elif self.fs:
            fields["FS"] = self.fs
        return fields

    def snapshots_xml(self):
        return {"DISK_ID": self.id, "CURRENT_BASE": self.active,
                "NEXT_SNAPSHOT": self.next_snapshot, "SNAPSHOT": [
                    {"ID": number, "NAME": f"snapshot-{number}", "PARENT": parent}
                    | ({"ACTIVE": "YES"} if number == self.active else {})
                    for number, parent in self.snapshots.items()]}


@dataclasses.dataclass
class Vm:
    id: int
    name: str
    system: Datastore
    disks: list
    kernel: Image
    initrd: Image
    context: dict
    context_files: list = dataclasses.field(default_factory=list)
    host: str = "host01"
    deploy_id: str = ""
    uuid: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    state: int = ACTIVE
    lcm_state: int = 0
    boots: int = 0

    @property
    def directory(self):
        return f"{self.system.base_path}/{self.id}"

    @property
    def context_disk(self):
        return f"{self.directory}/disk.{len(self.disks)}"

    def path(self, disk):
        return f"{self.directory}/disk.{disk.id}"

    def xml(self):
        history = {"OID": self.id, "SEQ": 0, "HOSTNAME": self.host, "VM_MAD": "kvm",
                   "TM_MAD": self.system.tm_mad, "DS_ID": self.system.id}
        return xml("VM", {
            "ID": self.id, "NAME": self.name, "STATE": self.state,
            "LCM_STATE": self.lcm_state, "DEPLOY_ID": self.deploy_id,
            "TEMPLATE": {"DISK": [disk.xml(self.system) for disk in self.disks],
                         "OS": {"UUID": self.uuid}, "VMID": self.id},
            "HISTORY_RECORDS": {"HISTORY": history},
            "SNAPSHOTS": [d.snapshots_xml() for d in self.disks if d.snapshots]})


class FrontEnd:
    def __init__(self, lab, hypervisor, say):
        self.lab, self.hypervisor, self.say = lab, hypervisor, say
        self.requests, self.image_ids = itertools.count(5), itertools.count(11)
        hypervisor.front_end = self

    def call(self, node, program, argv, stdin=b"", may_fail=False):
        """Run a driver's action, and print its line."""
        directory = REMOTES if node == "fe" else "/var/tmp/one"
        started = time.monotonic()
        done = self.lab.run(node, [f"{directory}/{program}", *map(str, argv)], stdin)
        took = (time.monotonic() - started) * 1000
        said = text_of(done.stderr if done.returncode else done.stdout)
        self.say.call(program, argv, done.returncode, said, took)
        if done.returncode != 0 and not may_fail:
            raise Problem(f"{program} failed: {said}")
        return said

    # --- datastores and images ---

    def add_datastore(self, *args, **words):
        datastore = Datastore(*args, **words)
        self.lab.must("fe", ["mkdir", "-p", datastore.base_path])
        self.lab.core_says("datastore", datastore.id, datastore.xml())
        return datastore

    def ds(self, action, datastore, image, number, may_fail=False):
        inside = (xml("IMAGE", image) if image else "") + datastore.xml()
        dump = f"<DS_DRIVER_ACTION_DATA>{inside}</DS_DRIVER_ACTION_DATA>"
        return self.call("fe", f"datastore/{datastore.ds_mad}/{action}", [number],
                         base64.b64encode(dump.encode()), may_fail)

    def monitor(self, datastore):
        if datastore.type != 1:
            return self.ds("monitor", datastore, None, datastore.id)
        dump = (f"<DS_DRIVER_ACTION_DATA>{datastore.xml()}"
                "<MONITOR_VM_DISKS>0</MONITOR_VM_DISKS></DS_DRIVER_ACTION_DATA>")
        return self.call("fe", f"tm/{datastore.tm_mad}/monitor", [datastore.id],
                         base64.b64encode(dump.encode()))

    def size_of(self, path, datastore):
        return int(self.ds("stat", datastore, {"PATH": path, "SIZE": ""},
                           next(self.requests)))

    def register(self, image):
        """An image that is copied from somewhere."""
        image.size = self.size_of(image.path, image.datastore)
        image.id = next(self.image_ids)
        answer = self.ds("cp", image.datastore, image.fields(), image.id)
        image.source, image.format = answer.split()
        return image

    def refused(self, image):
        """The message with which cp refuses this image."""
        image.id = next(self.image_ids)
        return self.ds("cp", image.datastore, image.fields(), image.id, may_fail=True)

    def make(self, image):
        """An image that is made empty, or (save_as) only gets its name for now."""
        image.id = next(self.image_ids)
        image.source = self.ds("mkfs", image.datastore, image.fields(), image.id)
        return image

    def duplicate(self, image, name, datastore):
        copy = dataclasses.replace(image, name=name, datastore=datastore, source="",
                                   path=image.source, persistent=False,
                                   id=next(self.image_ids))
        answer = self.ds("clone", datastore, copy.fields(), copy.id).split()
        copy.source, copy.format = answer[0], (answer[1:] or [image.format])[0]
        return copy

    def image_snapshot(self, action, image, snapshot):
        image.target_snapshot = snapshot
        self.ds(action, image.datastore, image.fields(), image.id)
        image.target_snapshot = -1

    def remove(self, image):
        self.ds("rm", image.datastore, image.fields(), image.id)

    # --- the lines of transfer scripts ---

    def tm(self, vm, action, *argv, mad=None):
        return self.call("fe", f"tm/{mad or vm.system.tm_mad}/{action}", argv)

    def enter(self, vm, lcm_state, state=ACTIVE):
        vm.state, vm.lcm_state = state, lcm_state
        self.lab.core_says("vm", vm.id, vm.xml())

    def prolog(self, vm):
        for disk in vm.disks:
            place = f"{vm.host}:{vm.path(disk)}"
            if disk.image:
                action = "ln" if disk.image.persistent else "clone"
                self.tm(vm, action, f"fe:{disk.image.source}", place, vm.id,
                        disk.image.datastore.id)
            elif disk.type == "swap":
                self.tm(vm, "mkswap", disk.size, place, vm.id, vm.system.id)
            else:
                self.tm(vm, "mkimage", disk.size, disk.format, place, vm.id, vm.system.id)
        for name, image in (("kernel", vm.kernel), ("initrd", vm.initrd)):
            self.tm(vm, "clone", f"fe:{image.source}", f"{vm.host}:{vm.directory}/{name}",
                    vm.id, image.datastore.id, mad=image.datastore.tm_mad)

    def context(self, vm):
        script = f"/var/lib/one/vms/{vm.id}/context.sh"
        lines = ["%s='%s'" % (key, value.replace("'", "'\\''"))
                 for key, value in vm.context.items()]
        self.lab.write("fe", script, "# Context variables\n" + "\n".join(lines) + "\n")
        files = [f"{image.source}:'{image.name}'" for image in vm.context_files]
        self.tm(vm, "context", script, *files, f"{vm.host}:{vm.context_disk}", vm.id,
                vm.system.id)

    def move(self, vm, source, destination):
        """What stop and resume do: each disk of its own, then the directory."""
        for disk in vm.disks:
            store = disk.image.datastore if disk.image else vm.system
            self.tm(vm, "mv", f"{source}:{vm.path(disk)}", f"{destination}:{vm.path(disk)}",
                    vm.id, store.id)
        self.tm(vm, "mv", f"{source}:{vm.directory}", f"{destination}:{vm.directory}", vm.id,
                vm.system.id)

    # --- a VM's life ---

    def instantiate(self, vm):
        self.enter(vm, PROLOG)
        self.prolog(vm)
        self.boot(vm, BOOT)

    def boot(self, vm, lcm_state=BOOT_POWEROFF):
        self.enter(vm, lcm_state)
        self.context(vm)
        vm.deploy_id = self.hypervisor.deploy(vm)
        vm.boots += 1
        self.enter(vm, RUNNING)

    def power_off(self, vm):
        self.enter(vm, SHUTDOWN)
        self.hypervisor.shutdown(vm)
        self.enter(vm, 0, POWEROFF)

    def stop(self, vm):
        self.enter(vm, SAVE_STOP)
        self.hypervisor.save(vm)
        self.enter(vm, EPILOG_STOP)
        self.move(vm, vm.host, "fe")
        self.enter(vm, 0, STOPPED)

    def resume(self, vm, host):
        vm.host = host
        self.enter(vm, PROLOG_RESUME)
        self.move(vm, "fe", host)
        self.enter(vm, BOOT_STOPPED)
        self.context(vm)
        self.hypervisor.restore(vm)
        self.enter(vm, RUNNING)

    def migrate(self, vm, host):
        """Live, as one_vmm_exec does it."""
        self.enter(vm, MIGRATE)
        steps = [vm.host, host, vm.directory, vm.id, vm.system.id]
        document = base64.b64encode(vm.xml().encode())
        self.call("fe", f"tm/{vm.system.tm_mad}/premigrate", steps, document)
        self.hypervisor.migrate(vm, host)
        self.call("fe", f"tm/{vm.system.tm_mad}/postmigrate", steps, document)
        vm.host = host
        self.enter(vm, RUNNING)

    def recover(self, vm, host):
        """Start it elsewhere, because its host is silent."""
        source, vm.host = vm.host, host
        self.enter(vm, PROLOG_MIGRATE_UNKNOWN)
        self.move(vm, source, host)
        self.boot(vm, BOOT)

    def terminate(self, vm):
        if vm.state == ACTIVE:
            self.enter(vm, SHUTDOWN)
            self.hypervisor.shutdown(vm)
        self.enter(vm, EPILOG)
        for disk in vm.disks:
            place, image = f"{vm.host}:{vm.path(disk)}", disk.image
            if image and image.persistent:
                self.tm(vm, "mvds", place, image.source, vm.id, image.datastore.id)
            else:
                store = image.datastore if image else vm.system
                self.tm(vm, "delete", place, vm.id, store.id)
        self.tm(vm, "delete", f"{vm.host}:{vm.directory}", vm.id, vm.system.id)

    # --- a disk's life ---

    def during(self, vm, running, powered_off):
        """Enter the state of an operation; what to enter when it has ended."""
        before = vm.lcm_state, vm.state
        self.enter(vm, running if vm.state == ACTIVE else powered_off)
        return before

    def snapshot(self, vm, disk):
        """Take a snapshot; its number."""
        number, action = disk.next_snapshot, "snap_create"
        if vm.state == ACTIVE:
            action += "_live"
        before = self.during(vm, SNAPSHOT, SNAPSHOT_POWEROFF)
        self.tm(vm, action, f"{vm.host}:{vm.path(disk)}", number, vm.id,
                disk.image.datastore.id)
        disk.snapshots[number] = disk.active
        disk.active, disk.next_snapshot = number, number + 1
        self.enter(vm, *before)
        return number

    def delete_snapshot(self, vm, disk, number):
        before = self.during(vm, SNAPSHOT_DELETE, DELETE_POWEROFF)
        self.tm(vm, "snap_delete", f"{vm.host}:{vm.path(disk)}", number, vm.id,
                disk.image.datastore.id)
        parent = disk.snapshots.pop(number)
        disk.snapshots = {n: parent if p == number else p
                          for n, p in disk.snapshots.items()}
        self.enter(vm, *before)

    def revert(self, vm, disk, number):
        self.enter(vm, REVERT_POWEROFF)
        self.tm(vm, "snap_revert", f"{vm.host}:{vm.path(disk)}", number, vm.id,
                disk.image.datastore.id)
        disk.active = number
        self.enter(vm, 0, POWEROFF)

    def save_disk(self, vm, disk, name, snapshot=-1):
        """A new image of what a disk, or a snapshot of it, holds."""
        image = self.make(Image(name, disk.image.datastore, disk.image.type,
                                size=disk.size, format="save_as"))
        before = self.during(vm, SAVEAS, SAVEAS_POWEROFF)
        self.tm(vm, "cpds", f"{vm.host}:{vm.path(disk)}", image.source, snapshot, vm.id,
                disk.image.datastore.id)
        image.format = disk.format
        self.enter(vm, *before)
        return image

    def resize(self, vm, disk, size):
        running = vm.state == ACTIVE
        disk.size = size
        before = self.during(vm, RESIZE, RESIZE_POWEROFF)
        store = disk.image.datastore if disk.image else vm.system
        self.tm(vm, "resize", f"{vm.host}:{vm.path(disk)}", size, vm.id, store.id)
        if running:
            self.hypervisor.resize_disk(vm, disk)
        elif disk.image and disk.image.persistent:
            disk.image.size = size
        self.enter(vm, *before)
