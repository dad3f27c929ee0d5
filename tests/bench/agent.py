# SPDX-License-Identifier: Apache-2.0
"""agent - the host agent: with the simulator, and on libvirt; runs on a host."""
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import vmm
from measure import Problem

STAT_MS, WAKE_MS, START_MS, EVENT_MS = 0.3, 5, 15, 5
TASKS_PER_S, RSS_MIB, IDLE_PERCENT, RESTART_S, FLAT = 2000, 64, 0.1, 1, 1.2
KNOWN = 10000

ECHO = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
peer, _ = listener.accept()
while True:
    data = peer.recv(65536)
    if not data:
        break
    peer.sendall(data)
"""


class Client:
    """A line each way."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(300)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")

    def send(self, method, **args):
        args.setdefault("debug_info", "bench")
        self.sock.sendall(json.dumps({"method": method, "params": [args],
                                      "id": 1}).encode() + b"\n")

    def receive(self):
        answer = json.loads(self.file.readline())
        if answer["error"] is not None:
            raise Problem(f"agent: {answer['error']}")
        return answer["result"]

    def __call__(self, method, **args):
        self.send(method, **args)
        return self.receive()

    def many(self, method, all_args):
        """All at once, their answers in order; sent in parts that fit into sockets."""
        results, left = [], list(all_args)
        while left:
            part, left = left[:50], left[50:]
            for args in part:
                self.send(method, **args)
            results += [self.receive() for _ in part]
        return results

    def follow(self, tasks, token):
        """By updates only, until all are final."""
        left = set(tasks)
        while left:
            _, ids, token = self("UPDATES.get", last_id=token, timeout=60)[:3]
            for kind, name in ids:
                if kind == "Task" and name in left:
                    state = self("Task.stat", id=name)["state"]
                    if state[0] == "Failed":
                        raise Problem(f"agent: {state}")
                    if state[0] == "Completed":
                        left.discard(name)
        return token


class Agent:
    """In memory, as /run is."""

    def __init__(self, programs, *options):
        self.programs, self.options = programs, options
        self.directory = tempfile.mkdtemp(prefix="bench-agent-", dir="/dev/shm")
        self.socket, self.process = f"{self.directory}/s", None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory)

    def start(self):
        """Until it answers; seconds."""
        begin = time.perf_counter()
        with open(f"{self.directory}.log", "ab") as log:
            self.process = subprocess.Popen(
                [f"{self.programs}/drv-agentd", "--socket", self.socket, "--directory",
                 f"{self.directory}/records", *self.options], stderr=log)
        os.unlink(log.name)
        while True:
            try:
                self.client()("query")
                return time.perf_counter() - begin
            except OSError:
                if self.process.poll() is not None or time.perf_counter() - begin > 60:
                    raise Problem("agent: it does not start") from None
                time.sleep(0.001)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def client(self):
        return Client(self.socket)

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) / 1024 for line in file
                        if line.startswith("VmRSS"))

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def record(name):
    return {"id": name, "name": name, "vcpus": 1, "vcpu_max": 2}


def median_ms(runs, function):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def stat(report, programs):
    """The whole way, against the same bytes there and back."""
    with Agent(programs, "--backend", "simulator") as agent:
        client = agent.client()
        client("VM.add", vm=record("u1"))
        ours = median_ms(2000, lambda: client("VM.stat", id="u1"))
        path = f"{agent.directory}/echo"
        with subprocess.Popen([sys.executable, "-c", ECHO, path]) as echo:
            while True:
                with contextlib.suppress(OSError):
                    peer = Client(path)
                    break
                time.sleep(0.01)
            answer = {"error": None, "result": client("VM.stat", id="u1")}
            line = json.dumps(answer).encode() + b"\n"

            def there_and_back():
                peer.sock.sendall(line)
                json.loads(peer.file.readline())

            floor = median_ms(2000, there_and_back)
            peer.file.close()
            peer.sock.close()
            echo.wait()
    report.line("agent.stat", ours, "ms", floor)
    report.line("agent.stat.over_echo", ours - floor, "ms", STAT_MS)


def wake(report, programs):
    """From the change to the answer of a get that was blocked."""
    with Agent(programs, "--backend", "simulator") as agent:
        waiting, other = agent.client(), agent.client()
        other("VM.add", vm=record("u1"))
        token, times = waiting("UPDATES.last_id"), []
        for _ in range(max(report.runs * 10, 50)):
            waiting.send("UPDATES.get", last_id=token, timeout=60)
            time.sleep(0.005)  # it is blocked by now
            start = time.perf_counter()
            other.send("UPDATES.refresh_vm", id="u1")
            token = waiting.receive()[2]
            times.append((time.perf_counter() - start) * 1000)
            other.receive()
    report.line("agent.updates.wake", statistics.median(times), "ms", WAKE_MS)
    report.line("agent.updates.wake_worst", max(times), "ms", WAKE_MS)


def run_all(client, names, method, rounds=1):
    """Seconds of METHOD on all NAMES, ROUNDS tasks each, followed by updates."""
    token = client("UPDATES.last_id")
    start = time.perf_counter()
    tasks = client.many(method, [{"id": name} for _ in range(rounds) for name in names])
    client.follow(tasks, token)
    return time.perf_counter() - start


def tasks(report, programs):
    with Agent(programs, "--backend", "simulator", "--workers", "4") as agent:
        client = agent.client()
        names = [f"u{number}" for number in range(1000)]
        client.many("VM.add", [{"vm": record(name)} for name in names])
        took = run_all(client, names, "VM.start")
        report.line("agent.simulator.tasks", len(names) / took, "1/s", TASKS_PER_S)
        if not report.wants("agent.queue"):
            return
        queue(report, agent, client, names[:100])


def queue(report, agent, client, names):
    """Time per task, and the core's own part of it, with few tasks waiting and with many."""
    costs = []
    for repeat, rounds in ((10, 1), (1, 100)):
        cpu, took = agent.cpu_s(), 0
        for _ in range(repeat):
            took += run_all(client, names, "VM.pause", rounds)
        count = repeat * rounds * len(names)
        costs.append((took / count * 1000, (agent.cpu_s() - cpu) / count * 1000))
    (few, few_core), (many, many_core) = costs
    report.line("agent.queue.per_task_100", few, "ms", few)
    report.line("agent.queue.per_task_10000", many, "ms", few * FLAT)
    report.line("agent.queue.core_per_task_100", few_core, "ms", few_core)
    report.line("agent.queue.core_per_task_10000", many_core, "ms", few_core * FLAT)


def known(report, programs):
    """10 000 VMs that nobody asks for anything."""
    with Agent(programs, "--backend", "simulator") as agent:
        agent.client().many("VM.add", [{"vm": record(f"u{number}")}
                                       for number in range(KNOWN)])
        report.line("agent.known.rss", agent.rss_mib(), "MiB", RSS_MIB)
        before = agent.cpu_s()
        time.sleep(20)
        report.line("agent.known.idle", (agent.cpu_s() - before) / 20 * 100, "%",
                    IDLE_PERCENT)
        agent.stop()
        report.line("agent.known.restart", agent.start(), "s", RESTART_S)
        report.line("agent.known.rss_restarted", agent.rss_mib(), "MiB", RSS_MIB)
        if len(agent.client()("VM.list")) != KNOWN:
            raise Problem("agent: not all VMs are known after a restart")


def settle(client):
    """Until the agent has seen what others have done to the VM, and has nothing to do."""
    end = time.monotonic() + 30
    while True:
        state = client("VM.stat", id=vmm.UUID)[1]
        if (state["power_state"], state["unknown"]) == ("Halted", False) and \
                not json.loads(client("get_diagnostics"))["workers"]:
            return
        if time.monotonic() > end:
            raise Problem(f"agent: the VM does not come to rest: {state}")
        time.sleep(0.01)


def start(report, programs, floor):
    """VM.start of a libvirt document, against the same calls of libvirt in C."""
    domain = vmm.Domain(floor)
    with Agent(programs, "--uri", "qemu:///system") as agent:
        client, times = agent.client(), [[], []]
        client("VM.add", vm={"id": vmm.UUID, "uuid": vmm.UUID, "name": vmm.NAME,
                             "xml": domain.xml.decode()})
        for turn in range(report.runs + 1):
            settle(client)
            token = client("UPDATES.last_id")
            begin = time.perf_counter()
            token = client.follow([client("VM.start", id=vmm.UUID)], token)
            took = time.perf_counter() - begin
            client.follow([client("VM.shutdown", id=vmm.UUID)], token)
            domain.absent()
            least = domain.floor("deploy", f"{vmm.DIRECTORY}/floor.xml").run()
            domain.absent()
            if turn > 0:
                times[0].append(took * 1000)
                times[1].append(least * 1000)
    medians = [statistics.median(t) for t in times]
    report.line("agent.start", medians[0], "ms", medians[1])
    report.line("agent.start.over_libvirt", medians[0] - medians[1], "ms", START_MS)


def events(report, programs, floor):
    """From libvirt's own callback in a C program to the line at a client."""
    domain, delays = vmm.Domain(floor), []
    domain.present()
    with Agent(programs, "--uri", "qemu:///system") as agent:
        client = agent.client()
        client("EVENTS.subscribe")
        with subprocess.Popen([floor, "times", vmm.NAME], stdout=subprocess.PIPE) as callback:
            if callback.stdout.readline() != b"ready\n":
                raise Problem("agent: no events of libvirt")
            for turn in range(report.runs * 2):
                what, wanted = [("suspend", "SUSPENDED"), ("resume", "RESUMED")][turn % 2]
                domain.floor(what, vmm.NAME).run()
                seen = float(callback.stdout.readline())
                while True:
                    line = json.loads(client.file.readline())
                    if line.get("event") == wanted:
                        break
                delays.append((time.time() - seen) * 1000)
            domain.absent()
    report.line("agent.event", statistics.median(delays), "ms", EVENT_MS)
    report.line("agent.event.worst", max(delays), "ms", EVENT_MS)


def run(report, out):
    programs, floor = f"{out}/agent", f"{out}/tests/virt-floor"
    for name, measure in (("agent.stat", stat), ("agent.updates", wake),
                          ("agent.simulator agent.queue", tasks), ("agent.known", known)):
        if any(report.wants(part) for part in name.split()):
            measure(report, programs)
    if report.wants("agent.mqtt"):
        import mqtt  # it needs paho, which no other group does
        with Agent(programs, "--backend", "simulator") as agent:
            mqtt.run(report, agent, programs)
    if report.wants("agent.start"):
        start(report, programs, floor)
    if report.wants("agent.event"):
        events(report, programs, floor)
