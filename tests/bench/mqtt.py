# SPDX-License-Identifier: Apache-2.0
"""mqtt - drv-mqttd between a real broker and the agent's simulator; runs on a host."""
import os
import queue
import random
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import paho.mqtt.client as paho
import yaml

from measure import Problem

OVER_AGENT_MS, BURST, BURST_RSS_MIB = 10, 500, 64

CONFIG = """
communicator: {{type: mqtt, host: 127.0.0.1, port: {port}, id: bench,
                subscribe-topic: bench/task, publish-topic: bench/result}}
hypervisor: {{type: libvirt}}
agent: {{socket: {socket}}}
tasks: {{directory: {directory}/spool}}
"""


class Front:
    """A broker, drv-mqttd, and a scheduler that is this process."""

    def __init__(self, agent, programs):
        self.port = random.randint(20000, 29999)  # no end of a connection has such a port
        self.directory = tempfile.mkdtemp(prefix="bench-mqtt-")
        self.results, self.ready = queue.Queue(), queue.Queue()
        with open(f"{self.directory}/broker.conf", "w", encoding="ascii") as file:
            file.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
                       "max_queued_messages 0\nset_tcp_nodelay true\n")
        with open(f"{self.directory}/config", "w", encoding="ascii") as file:
            file.write(CONFIG.format(port=self.port, socket=agent.socket,
                                     directory=self.directory))
        self.broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", file.name.replace(
            "config", "broker.conf")], stderr=subprocess.DEVNULL)
        self.client = paho.Client()
        # Else a task waits for the broker's delayed acknowledgement of the result before.
        self.client.on_socket_open = lambda client, data, sock: sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.on_message = lambda client, data, message: self.results.put(
            yaml.safe_load(message.payload))
        self.client.on_subscribe = lambda *_: self.ready.put(True)
        self.connect()
        self.daemon = subprocess.Popen([f"{programs}/drv-mqttd", "-c",
                                        f"{self.directory}/config"],
                                       stderr=subprocess.DEVNULL)
        self.wait_for_daemon()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.loop_stop()
        for process in (self.daemon, self.broker):
            process.terminate()
            process.wait()
        shutil.rmtree(self.directory)

    def connect(self):
        for _ in range(1000):
            try:
                self.client.connect("127.0.0.1", self.port)
                break
            except OSError:
                time.sleep(0.01)
        self.client.subscribe("bench/result", 1)
        self.client.loop_start()
        self.ready.get(timeout=30)

    def wait_for_daemon(self):
        """Its first answer: what is published before it has subscribed gets none."""
        for number in range(100):
            self.publish({"task": "none", "id": f"ready-{number}"})
            try:
                self.results.get(timeout=0.2)
                break
            except queue.Empty:
                continue
        time.sleep(0.3)
        while not self.results.empty():
            self.results.get()

    def publish(self, document):
        self.client.publish("bench/task", yaml.safe_dump(document), 1)

    def result(self):
        result = self.results.get(timeout=60)
        if any(item["status"] != "success" for item in result["list"]):
            raise Problem(f"mqtt: {result}")
        return result

    def rss_mib(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) / 1024 for line in file
                        if line.startswith("VmHWM"))


def round_trips(report, agent, front):
    """A suspend by a task, there and back, against the same at the agent's socket."""
    client, times = agent.client(), ([], [])
    token = client("UPDATES.last_id")
    for turn in range(max(report.runs * 5, 50)):
        begin = time.perf_counter()
        front.publish({"task": "suspend vm", "id": f"t{turn}", "list": [{"vm-name": "u0"}]})
        front.result()
        times[0].append((time.perf_counter() - begin) * 1000)
        begin = time.perf_counter()
        token = client.follow([client("VM.pause", id="u0")], token)
        times[1].append((time.perf_counter() - begin) * 1000)
    ours, floor = (statistics.median(t) for t in times)
    report.line("agent.mqtt.task", ours, "ms", floor)
    report.line("agent.mqtt.task.over_agent", ours - floor, "ms", OVER_AGENT_MS)


def burst(report, front):
    """500 tasks at once: none is lost, each has one result, memory is bounded."""
    begin, seen = time.perf_counter(), []
    for number in range(BURST):
        front.publish({"task": "suspend vm", "id": f"b{number}",
                       "list": [{"vm-name": f"u{number % 100}"}]})
    for _ in range(BURST):
        seen.append(front.result()["id"])
    took = time.perf_counter() - begin
    if sorted(seen) != sorted(f"b{number}" for number in range(BURST)):
        raise Problem("mqtt: a task of the burst is lost, or was answered twice")
    report.line("agent.mqtt.burst", BURST / took, "1/s", 0)
    report.line("agent.mqtt.burst.rss", front.rss_mib(), "MiB", BURST_RSS_MIB)


def run(report, agent, programs):
    client = agent.client()
    names = [f"u{number}" for number in range(100)]
    client.many("VM.add", [{"vm": {"id": name, "name": name}} for name in names])
    token = client("UPDATES.last_id")
    client.follow(client.many("VM.start", [{"id": name} for name in names]), token)
    with Front(agent, os.path.abspath(programs)) as front:
        round_trips(report, agent, front)
        burst(report, front)
