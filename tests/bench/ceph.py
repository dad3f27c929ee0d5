# SPDX-License-Identifier: Apache-2.0
"""ceph - disks in a pool: against the same calls of librbd by a program on the host, and
against the rbd command."""
import base64
import json
import os
import statistics

from cases import MAKE_DUMP, MIB, SYS, dump, tm, write_extents
from connections import HOST, OURS
from measure import Command, all_at_once, must

VM, IMAGE = 25, "one-5"
DISK = f"{IMAGE}-{VM}-0"
OVER_MS = 20  # what a driver may take beyond librbd's calls and an ssh session
USAGE_MS = 2000  # for 200 images


def start_cluster(lab_tool, lab):
    """In the lab's network, by root, before fe measures."""
    with open(f"{lab}/subnet", encoding="ascii") as file:
        address = file.read().strip() + ".201"
    tools = os.path.dirname(lab_tool)
    must(lab_tool, "root", lab, "switch", "ip", "addr", "add", f"{address}/24", "dev", "br0")
    must(lab_tool, "root", lab, "switch", "env", f"CEPH_ADDRESS={address}", f"{tools}/ceph",
         "up", f"{lab}/ceph")


class Pool:
    def __init__(self, lab, out):
        self.conf, self.key = f"{lab}/ceph/ceph.conf", f"{lab}/ceph/one.key"
        self.core = f"{lab}/core"
        self.access = {"CEPH_USER": "one", "CEPH_KEY": self.key, "CEPH_CONF": self.conf}
        self.login = ["--conf", self.conf, "--id", "one", "--keyfile", self.key]
        self.program = [os.path.join(out, "tests", "rbd-floor"), self.conf, "one", self.key,
                        "one"]

    def rbd(self, *words):
        return must("rbd", *self.login, *words)

    def far(self, *words):
        return Command("ssh", "-o", "BatchMode=yes", "-o", f"ControlPath={OURS}", "--", HOST,
                       *words)

    def floor(self, *words):
        return self.far(*self.program, *words)

    def commands(self, *lines):
        """What a script does on the host with the rbd command, in one session."""
        login = " ".join(self.login)
        return self.far("; ".join(f"rbd {login} {line}" for line in lines))

    def write_vm(self, number):
        words = [f"{name}={value}" for name, value in self.access.items()]
        text = must(MAKE_DUMP, "vm", str(number), "STATE=3", "LCM_STATE=3",
                    f"HOSTNAME={HOST}", "DS_ID=0", "TM_MAD=ceph", "VM_MAD=kvm", "--", "disk",
                    "DISK_ID=0", f"IMAGE_ID={IMAGE[4:]}", f"SOURCE=one/{IMAGE}", "TYPE=RBD",
                    "CLONE=YES", "SIZE=1024", "ORIGINAL_SIZE=1024", *words)
        with open(f"{self.core}/vm/{number}.xml", "wb") as file:
            file.write(text)
        words = [f"TEMPLATE/{word}" for word in words]
        with open(f"{self.core}/datastore/100.xml", "wb") as file:
            file.write(must(MAKE_DUMP, "datastore", "100", "TEMPLATE/POOL_NAME=one",
                            f"TEMPLATE/BRIDGE_LIST={HOST}", *words))

    def base(self):
        """The image, with the snapshot for clones."""
        if IMAGE not in self.rbd("ls", "one").decode().split():
            self.rbd("create", "--size", "1024", f"one/{IMAGE}")
        if b"snap" not in self.rbd("snap", "ls", f"one/{IMAGE}"):
            self.rbd("snap", "create", "--no-progress", f"one/{IMAGE}@snap")
            self.rbd("snap", "protect", f"one/{IMAGE}@snap")

    def nothing(self):
        self.base()
        for name in self.rbd("ls", "one").decode().split():
            if name.startswith(IMAGE + "-"):
                self.remove(name)

    def remove(self, name):
        snaps = json.loads(self.rbd("snap", "ls", "--format", "json", f"one/{name}"))
        for snap in snaps:
            if snap["protected"] == "true":
                self.rbd("snap", "unprotect", f"one/{name}@{snap['name']}")
            self.rbd("snap", "rm", "--no-progress", f"one/{name}@{snap['name']}")
        self.rbd("rm", "--no-progress", f"one/{name}")

    def cloned(self):
        self.nothing()
        self.rbd("clone", f"one/{IMAGE}@snap", f"one/{DISK}")


def over(report, name, prepare, ours, floor, commands):
    """What an action takes beyond the floor, and how it compares with commands."""
    if not report.wants(name):
        return
    times = {ours: [], floor: [], commands: []}
    for turn in range(report.runs + 1):
        for command, seconds in times.items():
            prepare()
            took = command.run()
            if turn > 0:
                seconds.append(took * 1000)
    medians = {command: statistics.median(all_) for command, all_ in times.items()}
    report.line(name, medians[ours], "ms", medians[floor])
    report.line(f"{name}.over", medians[ours] - medians[floor], "ms", OVER_MS)
    report.line(f"{name}.rbd_command", medians[ours], "ms", medians[commands])


def actions(report, pool):
    there = f"{HOST}:{SYS}/{VM}/disk.0"
    pool.write_vm(VM)
    over(report, "tm.ceph.clone", pool.nothing,
         tm("ceph", "clone", f"fe:one/{IMAGE}", there, VM, 100),
         pool.floor("clone", IMAGE, DISK),
         pool.commands(f"snap ls one/{IMAGE}", f"info one/{IMAGE}",
                       f"clone one/{IMAGE}@snap one/{DISK}"))
    over(report, "tm.ceph.ln", pool.nothing,
         tm("ceph", "ln", f"fe:one/{IMAGE}", there, VM, 100), pool.floor("ln", IMAGE),
         pool.commands(f"info one/{IMAGE}", f"snap unprotect one/{IMAGE}@snap",
                       f"snap rm one/{IMAGE}@snap"))
    over(report, "tm.ceph.snap_create", pool.cloned,
         tm("ceph", "snap_create", there, 0, VM, 100), pool.floor("snap_create", DISK, "0"),
         pool.commands(f"info one/{DISK}", f"snap create one/{DISK}@0",
                       f"snap protect one/{DISK}@0"))
    over(report, "tm.ceph.delete", pool.cloned, tm("ceph", "delete", there, VM, 100),
         pool.floor("delete", IMAGE, DISK),
         pool.commands(f"info one/{DISK}", f"snap ls one/{DISK}", f"rm one/{DISK}",
                       f"snap unprotect one/{IMAGE}@snap", f"snap rm one/{IMAGE}@snap"))


def concurrent(report, pool):
    name, numbers = "tm.ceph.clone_concurrent_50", range(1000, 1050)
    if not report.wants(name):
        return
    for number in numbers:
        pool.write_vm(number)
    ours = [[tm("ceph", "clone", f"fe:one/{IMAGE}", f"{HOST}:{SYS}/{number}/disk.0", number, 100)]
            for number in numbers]
    floor = [[pool.floor("clone", IMAGE, f"{IMAGE}-{number}-0")] for number in numbers]
    report.compare(name, pool.nothing, lambda: all_at_once(ours), [lambda: all_at_once(floor)])
    pool.nothing()


def imports(report, pool):
    """4 GiB with 512 MiB of data, on this machine: no link is measured."""
    name = "ds.ceph.cp_4g"
    if not report.wants(name):
        return
    file = "/var/tmp/bench-import"
    write_extents(file, 4096 * MIB, 512, 512 * MIB, b"import")
    text = dump(PATH=file, SAFE_DIRS="/", ID="77", POOL_NAME="one", **pool.access)
    ours = Command("/var/lib/one/remotes/datastore/ceph/cp", 77, stdin=text)
    peaks = []

    def clean():
        if "one-77" in pool.rbd("ls", "one").decode().split():
            pool.rbd("rm", "--no-progress", "one/one-77")

    def measured():
        seconds = ours.run()
        peaks.append(ours.usage.ru_maxrss / 1024)
        return seconds

    theirs = Command("rbd", *pool.login, "import", "--no-progress", file, "one/one-77")
    report.compare(name, clean, measured, [theirs.run])
    report.line(f"{name}.memory", statistics.median(peaks), "MiB", 64)
    clean()
    os.unlink(file)


def usage(report, pool):
    name = "tm.ceph.usage_200"
    if not report.wants(name):
        return
    for number in range(200):
        pool.rbd("create", "--size", "1024", f"one/one-9-{number}-0")
    text = must(MAKE_DUMP, "ds", f"BASE_PATH={SYS}", "POOL_NAME=one",
                *[f"{key}={value}" for key, value in pool.access.items()])
    end = b"</DS_DRIVER_ACTION_DATA>"
    text = text.replace(end, b"<MONITOR_VM_DISKS>1</MONITOR_VM_DISKS>" + end)
    command = Command("/var/lib/one/remotes/tm/ceph/monitor", 100,
                      stdin=base64.b64encode(text))
    times = [command.run() * 1000 for _ in range(report.runs + 1)]
    report.line(name, statistics.median(times[1:]), "ms", USAGE_MS)


def run(report, lab, out):
    pool = Pool(lab, out)
    actions(report, pool)
    concurrent(report, pool)
    imports(report, pool)
    usage(report, pool)
