# SPDX-License-Identifier: Apache-2.0
"""monitor - the front-end's monitor daemon: starts the hosts' clients, and reads what they
send beside what libvirt says of the same hosts."""
import datetime
import json
import os
import re
import time

from cloud import ROOT, Problem
from frontend import xml

HOSTS = ["host01", "host02"]
PERIODS = {"BEACON_HOST": 30, "SYSTEM_HOST": 600, "MONITOR_HOST": 5, "STATE_VM": 60,
           "MONITOR_VM": 5, "SYNC_STATE_VM": 180, "EXEC_VM": 1}
EVENT = re.compile(r"^(\S+ \S+): event 'lifecycle' for domain '?one-(\d+)'?: (.*)$")


class Monitor:
    def __init__(self, lab, front_end, say):
        self.lab, self.front_end, self.say = lab, front_end, say
        with open(f"{lab.dir}/fe/hosts", encoding="ascii") as file:
            self.address = re.search(r"^(\S+) fe$", file.read(), re.M).group(1)
        self.log = f"{lab.dir}/fe/var-tmp/messages"
        lab.start("fe", ["python3", f"{ROOT}/tests/lib/fake-monitord", "--address",
                         self.address, "--port", "4124", "--port-file",
                         "/run/one/monitord-port", "/var/tmp/messages"])
        lab.wait_for("fe", "test -e /run/one/monitord-port", "the monitor daemon")
        for number, host in enumerate(HOSTS):
            lab.start(host, ["sh", "-c", "exec stdbuf -oL virsh -q -c qemu:///system event"
                             " --event lifecycle --loop --timestamp >/run/one/events"])
            self.start(number, host)

    def start(self, number, host):
        periods = {name: str(value) for name, value in PERIODS.items()}
        config = xml("MONITOR_CONFIGURATION", {
            "DATASTORE_LOCATION": "/var/lib/one//datastores",
            "NETWORK": {"ADDRESS": "0.0.0.0", "MONITOR_ADDRESS": self.address,
                        "PORT": "4124", "PUBKEY": "", "PRIKEY": ""},
            "PROBES_PERIOD": periods, "HOST_ID": str(number)})
        answer = self.front_end.call(host, "im/run_monitord_client", ["kvm", number, host],
                                     config.encode())
        self.say.prove(f"{host} tells of itself", "<SYSTEM_HOST>" in answer)

    def stop(self):
        for number, host in enumerate(HOSTS):
            self.front_end.call(host, "im/stop_monitord_client", ["kvm", number, host])

    def messages(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def wait_for(self, wanted, what):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for message in self.messages():
                if wanted(message):
                    return message
            time.sleep(0.05)
        raise Problem(f"the front-end was not told of {what}")

    def events(self, host):
        """What libvirt on HOST said: time, VM, words."""
        found = []
        for line in self.lab.must(host, ["cat", "/run/one/events"]).splitlines():
            match = EVENT.match(line)
            if match:
                when = datetime.datetime.strptime(match.group(1), "%Y-%m-%d %H:%M:%S.%f%z")
                found.append((when.timestamp(), int(match.group(2)), match.group(3)))
        return found

    def changes(self):
        """Changes of state that were told: host, VM, state, libvirt's event before it, and
        the milliseconds between.  The full list that is told now and then has what is no
        change: a VM that is about to arrive from another host."""
        changes, known, told = [], {}, {}
        events = {host: self.events(host) for host in HOSTS}
        for message in self.messages():
            if message["type"] != "STATE_VM":
                continue
            host = HOSTS[message["host"]]
            for vm in message.get("vms", []):
                number = int(vm["ID"])
                if known.get(number) == (host, vm["STATE"]):
                    continue
                before = [e for e in events[host] if e[1] == number and e[0] <= message["at"]]
                if "SYNC_STATE=yes" in message["data"] and (
                        not before or told.get((host, number)) == vm["STATE"]):
                    continue
                known[number] = host, vm["STATE"]
                told[host, number] = vm["STATE"]
                when, _, words = before[-1] if before else (0, 0, "nothing")
                changes.append((host, number, vm["STATE"], words,
                                (message["at"] - when) * 1000))
        return changes
