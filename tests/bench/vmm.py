# SPDX-License-Identifier: Apache-2.0
"""vmm - actions and monitoring on a host, against libvirt alone; runs on that host."""
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import time

from measure import Command, Problem, must

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
REMOTES = "/var/tmp/one"
FOLDER = "/var/tmp/bench/0/1"
KVMRC = f"{REMOTES}/etc/vmm/kvm/kvmrc"
NAME = "one-1"
UUID = "5eed0000-0000-4000-8000-000000000001"
DISK = ("<DISK><DISK_ID>7</DISK_ID><ATTACH>YES</ATTACH><DRIVER>qcow2</DRIVER>"
        "<TYPE>FILE</TYPE></DISK>")
OVER_MS, SHUTDOWN_MS, STATE_MS, CYCLE_MS = 30, 50, 500, 50


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
        os.makedirs(FOLDER, exist_ok=True)
        for disk in ("disk.0", "disk.7"):
            must("qemu-img", "create", "-q", "-f", "qcow2", f"{FOLDER}/{disk}", "64M")
        self.xml = must(f"{ROOT}/tests/lab/guest-xml", "--memory", "32", "--uuid", UUID,
                        "--disk", f"{FOLDER}/disk.0", NAME)
        with open(f"{FOLDER}/floor.xml", "wb") as file:
            file.write(self.xml)

    def floor(self, *words):
        return Command(self.floor_program, *words)

    @staticmethod
    def absent():
        virsh("destroy", NAME)

    def present(self):
        self.absent()
        self.floor("deploy", f"{FOLDER}/floor.xml").run()

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
         action("deploy", f"{FOLDER}/deployment.0", "host01", 1, "host01", stdin=domain.xml),
         domain.floor("deploy", f"{FOLDER}/floor.xml"))
    over(report, "vmm.kvm.cancel", domain.present, action("cancel", UUID, "host01", 1, "host01"),
         domain.floor("cancel", NAME))
    over(report, "vmm.kvm.snapshot_create", domain.without_snapshots,
         action("snapshot_create", UUID, 0, 1, "host01"),
         domain.floor("snapshot", NAME, "<domainsnapshot><name>snap-0</name></domainsnapshot>"))
    data = document(DISK)
    over(report, "vmm.kvm.attach_disk", domain.without_disk,
         action("attach_disk", UUID, f"{FOLDER}/disk.7", "vdc", 2,
                base64.b64encode(data).decode(), 1, "host01", stdin=data),
         domain.floor("attach", NAME, f"<disk type='file' device='disk'><driver name='qemu' "
                      f"type='qcow2' cache='none'/><source file='{FOLDER}/disk.7'/>"
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


# --- monitoring ------------------------------------------------------------------------

class Monitor:
    """A front-end's monitor on this host, and the client that talks to it."""

    def __init__(self, **periods):
        self.log, port_file = "/var/tmp/bench/messages", "/var/tmp/bench/port"
        for path in (self.log, port_file):
            if os.path.exists(path):
                os.unlink(path)
        self.server = subprocess.Popen(
            [sys.executable, f"{ROOT}/tests/lib/fake-monitord", "--port-file", port_file,
             self.log], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.until(lambda: os.path.exists(port_file))
        with open(port_file, encoding="ascii") as file:
            port = file.read().split()[0]
        words = "".join(f"<{name}>{value}</{name}>" for name, value in periods.items())
        config = (f"<MONITOR_CONFIGURATION><NETWORK><MONITOR_ADDRESS>127.0.0.1"
                  f"</MONITOR_ADDRESS><PORT>{port}</PORT></NETWORK><PROBES_PERIOD>{words}"
                  "</PROBES_PERIOD><HOST_ID>0</HOST_ID></MONITOR_CONFIGURATION>")
        must(f"{REMOTES}/im/run_monitord_client", "kvm", "0", "host01", stdin=config.encode())
        self.until(lambda: any(m["type"] == "STATE_VM" for m in self.messages()))
        with open("/var/tmp/one_db/.monitor_client.pid", encoding="ascii") as file:
            self.pid = int(file.read())

    def close(self):
        must(f"{REMOTES}/im/stop_monitord_client", "kvm", "0", "host01")
        self.server.terminate()
        self.server.wait()

    @staticmethod
    def until(condition):
        end = time.monotonic() + 30
        while not condition():
            if time.monotonic() > end:
                raise Problem("the monitor was not told")
            time.sleep(0.005)

    def messages(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def states(self):
        return [(vm["STATE"], m["at"]) for m in self.messages() if m["type"] == "STATE_VM"
                for vm in m.get("vms", [])]

    def cycles(self):
        return sum(m["type"] == "STATE_VM" for m in self.messages())

    def cpu_ms(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) * 1000 / os.sysconf("SC_CLK_TCK")


def state_change(report, domain):
    if not report.wants("vmm.im.state_change"):
        return
    domain.present()
    monitor = Monitor(STATE_VM=60)
    delays = []
    try:
        for turn in range(report.runs * 2):
            known = len(monitor.states())
            before = time.time()
            domain.floor("resume" if turn % 2 else "suspend", NAME).run()
            monitor.until(lambda known=known: len(monitor.states()) > known)
            delays.append((monitor.states()[-1][1] - before) * 1000)
    finally:
        monitor.close()
    report.line("vmm.im.state_change", statistics.median(delays), "ms", STATE_MS)
    report.line("vmm.im.state_change.worst", max(delays), "ms", STATE_MS)


def started_processes(pid, seconds):
    """Processes, not threads, that it starts meanwhile."""
    trace = "/var/tmp/bench/trace"
    subprocess.run(["timeout", "-s", "INT", str(seconds), "strace", "-f", "-q", "-o", trace, "-e",
                    "trace=clone,clone3,fork,vfork", "-p", str(pid)], check=False,
                   capture_output=True)
    with open(trace, encoding="utf-8", errors="replace") as file:
        return sum(bool(re.search(r"\b(clone3?|v?fork)\(", line)) and
                   "CLONE_THREAD" not in line for line in file)


def cycle(report):
    """A host with 200 domains, of libvirt's test driver."""
    if not report.wants("vmm.im.cycle_200"):
        return
    with open("/var/tmp/bench/many.xml", "w", encoding="ascii") as file:
        domains = "".join(f"<domain type='test'><name>one-{n}</name><memory>1024</memory>"
                          "<os><type>hvm</type></os></domain>" for n in range(200))
        file.write(f"<node>{domains}</node>")
    with open(KVMRC, "r+", encoding="ascii") as file:
        kvmrc = file.read()
        file.write("LIBVIRT_URI=test:///var/tmp/bench/many.xml\n")
    try:
        monitor = Monitor(STATE_VM=1, SYNC_STATE_VM=1, MONITOR_VM=1)
        try:
            first, before = monitor.cycles(), monitor.cpu_ms()
            monitor.until(lambda: monitor.cycles() >= first + 10)
            spent = (monitor.cpu_ms() - before) / (monitor.cycles() - first)
            processes = started_processes(monitor.pid, 5)
        finally:
            monitor.close()
    finally:
        with open(KVMRC, "w", encoding="ascii") as file:
            file.write(kvmrc)
    report.line("vmm.im.cycle_200.cpu", spent, "ms", CYCLE_MS)
    report.line("vmm.im.cycle_200.processes", processes / 5, "/s", 0)


def run(report, floor):
    domain = Domain(floor)
    try:
        actions(report, domain)
        shutdown(report, domain)
        state_change(report, domain)
        domain.absent()
        cycle(report)
    finally:
        domain.absent()
