# SPDX-License-Identifier: Apache-2.0
"""monitoring - of a host: delay of its messages, and what they cost; runs on that host."""
import json
import os
import re
import statistics
import subprocess
import sys
import time

from measure import Problem, all_at_once, must

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
REMOTES = "/var/tmp/one"
KVMRC = f"{REMOTES}/etc/vmm/kvm/kvmrc"
NAME = "one-1"
STATE_MS, CYCLE_MS = 500, 50
CYCLES = 10
EVERYTHING = {"BEACON_HOST": 1, "MONITOR_HOST": 1, "SYSTEM_HOST": 1, "EXEC_VM": 1}


class Monitor:
    """A front-end's monitor on this host, and the client that talks to it."""

    def __init__(self, **periods):
        self.log, port_file = "/var/tmp/bench/messages", "/var/tmp/bench/port"
        self.read, self.known = 0, []
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
        end = time.monotonic() + 120
        while not condition():
            if time.monotonic() > end:
                raise Problem("the monitor was not told")
            time.sleep(0.005)

    def messages(self):
        """All so far; a line that is still being written is one of the next time."""
        if os.path.exists(self.log):
            with open(self.log, encoding="utf-8") as file:
                file.seek(self.read)
                text = file.read()
            whole = text[:text.rfind("\n") + 1]
            self.read += len(whole.encode())
            self.known += [json.loads(line) for line in whole.splitlines()]
        return self.known

    def states(self):
        return [(vm["STATE"], m["at"]) for m in self.messages() if m["type"] == "STATE_VM"
                for vm in m.get("vms", [])]

    def count(self, kind):
        """How many messages of this type were a success."""
        return sum(m["type"] == kind and m["status"] == "SUCCESS" for m in self.messages())


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


def cpu_ms(pid):
    """What the process has used, to the microsecond, and what its children had."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    children = sum(map(int, fields[13:15])) * 1000 / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(~pid << 3 | 2) * 1000 + children  # see clock_getcpuclockid(3)


def measure_cycles(report, name, kind, libvirtd=None, **periods):
    """CPU per cycle, of which each has a message of this type; libvirtd's too, if told."""
    monitor = Monitor(STATE_VM=1, SYNC_STATE_VM=1, MONITOR_VM=1, **periods)
    pids = [monitor.pid] + ([libvirtd] if libvirtd else [])
    try:
        first = monitor.count(kind)
        monitor.until(lambda: monitor.count(kind) > first)
        first, before = monitor.count(kind), [cpu_ms(pid) for pid in pids]
        monitor.until(lambda: monitor.count(kind) >= first + CYCLES)
        after = [cpu_ms(pid) for pid in pids]
        cycles = monitor.count(kind) - first
        processes = started_processes(monitor.pid, 5)
    finally:
        monitor.close()
    spent = [(b - a) / cycles for a, b in zip(before, after)]
    report.line(f"{name}.cpu", spent[0], "ms", CYCLE_MS)
    report.line(f"{name}.processes", processes / 5, "/s", 0)
    return spent[-1]


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
        measure_cycles(report, "vmm.im.cycle_200", "STATE_VM")
    finally:
        with open(KVMRC, "w", encoding="ascii") as file:
            file.write(kvmrc)


# --- with real guests ------------------------------------------------------------------

def guest(number):
    """A paused guest of firmware, with a disk and a NIC that have counters; its XML."""
    path = f"/var/tmp/bench/guest-{number}"
    with open(f"{path}.img", "wb") as file:
        file.truncate(1 << 20)
    with open(f"{path}.xml", "w", encoding="ascii") as file:
        file.write(f"""<domain type='qemu'><name>one-{number}</name>
<memory unit='MiB'>4</memory><os><type arch='x86_64' machine='pc'>hvm</type></os><devices>
<controller type='usb' model='none'/><memballoon model='none'/>
<disk type='file' device='disk'><driver name='qemu' type='raw'/>
<source file='{path}.img'/><target dev='vda' bus='virtio'/></disk>
<interface type='ethernet'><target dev='one-{number}-0'/><model type='virtio'/>
<rom enabled='no'/></interface></devices></domain>""")
    return f"{path}.xml"


def guests_cycle(report, floor, guests):
    """The same with so many processes of QEMU, and all other messages each time; and what
    libvirtd does meanwhile, against what it does when only figures are asked for."""
    name, numbers = f"vmm.im.cycle_{guests}_guests", range(1000, 1000 + guests)
    if guests == 0 or not report.wants(name):
        return
    with open("/run/libvirtd.pid", encoding="ascii") as file:
        libvirtd = int(file.read())
    try:
        all_at_once([[floor("pause", guest(n)) for n in numbers[first::2]] for first in (0, 1)])
        spent = measure_cycles(report, name, "MONITOR_VM", libvirtd, **EVERYTHING)
        before = cpu_ms(libvirtd)
        floor("usage", CYCLES).run()
        report.line(f"{name}.libvirtd", spent, "ms", (cpu_ms(libvirtd) - before) / CYCLES)
    finally:
        floor("cancel-all", "one-").run()
