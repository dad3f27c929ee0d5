# SPDX-License-Identifier: Apache-2.0
"""vmm - actions on a host, against libvirt alone; runs on that host."""
import base64
import os
import statistics
import subprocess
import time

import monitoring
from measure import Command, Problem, must

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
REMOTES = "/var/tmp/one"
DIRECTORY = "/var/tmp/bench/0/1"
NAME = "one-1"
UUID = "5eed0000-0000-4000-8000-000000000001"
DISK = ("<DISK><DISK_ID>7</DISK_ID><ATTACH>YES</ATTACH><DRIVER>qcow2</DRIVER>"
        "<TYPE>FILE</TYPE></DISK>")
OVER_MS, SHUTDOWN_MS = 30, 50


def document(template=""):
    return (f"<VMM_DRIVER_ACTION_DATA><DEPLOY_ID>{UUID}</DEPLOY_ID><VM><ID>1</ID><TEMPLATE>"
            f"{template}</TEMPLATE></VM><DATASTORE><TM_MAD>shared</TM_MAD></DATASTORE>"
            "</VMM_DRIVER_ACTION_DATA>").encode()


def action(name, *words, stdin=None):
    return Command(f"{REMOTES}/vmm/kvm/{name}", *words,
                   stdin=document() if stdin is None else stdin)


def virsh(*words):
    return subprocess.run(["virsh", "-q", "-c", "qemu:///system", *words],
                          capture_output=True, check=False, text=True).stdout.strip()


class Domain:
    """A guest of firmware only, of 32 MiB, with a disk."""

    def __init__(self, floor):
        self.floor_program = floor
        os.makedirs(DIRECTORY, exist_ok=True)
        for disk in ("disk.0", "disk.7"):
            must("qemu-img", "create", "-q", "-f", "qcow2", f"{DIRECTORY}/{disk}", "64M")
        self.xml = must(f"{ROOT}/tests/lab/guest-xml", "--memory", "32", "--uuid", UUID,
                        "--disk", f"{DIRECTORY}/disk.0", NAME)
        with open(f"{DIRECTORY}/floor.xml", "wb") as file:
            file.write(self.xml)

    def floor(self, *words):
        return Command(self.floor_program, *words)

    @staticmethod
    def absent():
        virsh("destroy", NAME)

    def present(self):
        self.absent()
        self.floor("deploy", f"{DIRECTORY}/floor.xml").run()

    def without_snapshots(self):
        if virsh("domstate", NAME) != "running":
            self.present()
        for name in virsh("snapshot-list", "--name", NAME).split():
            virsh("snapshot-delete", NAME, name)

    def without_disk(self):
        """Firmware does not unplug, so it is another one each time."""
        self.present()


def over(report, name, prepare, ours, floor):
    """As compare, and how much more it takes: at most OVER_MS are allowed."""
    if not report.wants(name):
        return
    times = [[], []]
    for turn in range(report.runs + 1):
        for which, command in enumerate((ours, floor)):
            prepare()
            seconds = command.run()
            if turn > 0:
                times[which].append(seconds * 1000)
    medians = [statistics.median(t) for t in times]
    report.line(name, medians[0], "ms", medians[1])
    report.line(f"{name}.over_libvirt", medians[0] - medians[1], "ms", OVER_MS)


def actions(report, domain):
    over(report, "vmm.kvm.deploy", domain.absent,
         action("deploy", f"{DIRECTORY}/deployment.0", "host01", 1, "host01", stdin=domain.xml),
         domain.floor("deploy", f"{DIRECTORY}/floor.xml"))
    over(report, "vmm.kvm.cancel", domain.present, action("cancel", UUID, "host01", 1, "host01"),
         domain.floor("cancel", NAME))
    over(report, "vmm.kvm.snapshot_create", domain.without_snapshots,
         action("snapshot_create", UUID, 0, 1, "host01"),
         domain.floor("snapshot", NAME, "<domainsnapshot><name>snap-0</name></domainsnapshot>"))
    data = document(DISK)
    over(report, "vmm.kvm.attach_disk", domain.without_disk,
         action("attach_disk", UUID, f"{DIRECTORY}/disk.7", "vdc", 2,
                base64.b64encode(data).decode(), 1, "host01", stdin=data),
         domain.floor("attach", NAME, f"<disk type='file' device='disk'><driver name='qemu' "
                      f"type='qcow2' cache='none'/><source file='{DIRECTORY}/disk.7'/>"
                      f"<target dev='vdc'/></disk>"))


def shutdown(report, domain):
    """The time between libvirt's word that the guest stopped and the action's end."""
    if not report.wants("vmm.kvm.shutdown_after_stop"):
        return
    delays = []
    for _ in range(report.runs):
        domain.present()
        ours = action("shutdown", UUID, "host01", 1, "host01")
        pids = {domain.floor("await", NAME).start(): "stop", ours.start(): "end"}
        time.sleep(0.5)  # both wait by now
        domain.absent()
        ended = {}
        while pids:
            pid, status = os.waitpid(-1, 0)
            if pid in pids:
                ended[pids.pop(pid)] = time.perf_counter()
                if status:
                    raise Problem(f"shutdown: status {status:#x}")
        delays.append((ended["end"] - ended["stop"]) * 1000)
    report.line("vmm.kvm.shutdown_after_stop", statistics.median(delays), "ms", SHUTDOWN_MS)


def run(report, floor, guests):
    domain = Domain(floor)
    try:
        actions(report, domain)
        shutdown(report, domain)
        monitoring.state_change(report, domain)
        domain.absent()
        monitoring.cycle(report)
        monitoring.guests_cycle(report, domain.floor, guests)
    finally:
        domain.absent()
