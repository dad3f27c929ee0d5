# SPDX-License-Identifier: Apache-2.0
"""transfers - disks between two hosts that share nothing, seen from the front-end.

The floor of a transfer is the slowest of what it is made of, each alone and in the same
run: reading the data, ssh between the hosts with as many bytes, writing them durably.
"""
import os
import random
import statistics
import threading

from cases import DS, MAKE_DUMP, MIB, SYS, VM, as_kind, qemu_create, tm
from connections import HOST, ssh_true
from measure import Command, must

OTHER = "host02"
KEPT = "/var/lib/one/datastores/bench"  # on host01: disks that are moved as hard links
RUNS = 3 if "BENCH_QUICK" not in os.environ else 1
DATA = 512 * MIB


def on(host, script):
    """A command on a host, by a connection of its own."""
    return Command("ssh", "-o", "BatchMode=yes", "--", host, script)


def make_disk(path, size, extents, data):
    """Data that no file system and no ssh can make smaller."""
    piece = data // extents
    must("ssh", HOST, f"""python3 -c '
import os
with open("{path}", "xb") as file:
    file.truncate({size})
    for n in range({extents}):
        file.seek(n * ({size} // {extents}))
        file.write(os.urandom({piece}))
    os.fsync(file.fileno())'""")


def by_turns(prepare, functions):
    """The median seconds of each; the first turn only warms up."""
    times = {name: [] for name in functions}
    for turn in range(RUNS + 1):
        for name in random.sample(list(functions), len(functions)):
            prepare()
            os.sync()
            seconds = functions[name]()
            if turn > 0:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def place(disk):
    """The VM's directory is on host01 with that disk, and nowhere else."""
    must("ssh", OTHER, f"rm -rf {SYS}; mkdir -p {SYS}")
    must("ssh", HOST, f"rm -rf {SYS}; mkdir -p {SYS}/{VM} && ln {KEPT}/{disk} {SYS}/{VM}/disk.0")


MOVE = ("ssh", "mv", f"{HOST}:{SYS}/{VM}", f"{OTHER}:{SYS}/{VM}", VM, 0)


def peers(disk):
    """How others would do it, over the same kind of line, durable at the end."""
    there, ssh = f"{SYS}/{VM}", "ssh -o BatchMode=yes"
    return {
        "read": on(HOST, f"tar -S -c -C {KEPT} {disk} | tail -c 1").run,
        "ssh": on(HOST, f"head -c {DATA} /dev/zero | {ssh} {OTHER} 'cat >/dev/null'").run,
        "write": on(OTHER, f"head -c {DATA} /dev/zero | dd of={SYS}/x bs=1M conv=fsync"
                           " iflag=fullblock status=none").run,
        "tar": on(HOST, f"cd {SYS} && tar -S -c {VM} | {ssh} {OTHER}"
                        f" 'cd {SYS} && tar -S -x && sync -f .'").run,
        "rsync": on(HOST, f"rsync -aS -e '{ssh}' {SYS}/{VM} {OTHER}:{SYS}/ &&"
                          f" {ssh} {OTHER} sync -f {SYS}").run,
        "qemu-img": on(HOST, f"""
            {ssh} {OTHER} 'mkdir -p {there} && truncate -s 4G {there}/disk.0 &&
                exec qemu-nbd -f raw --discard=unmap -k {SYS}/sock {there}/disk.0' &
            {ssh} -nNL {SYS}/sock:{SYS}/sock {OTHER} & tunnel=$!
            until qemu-img info nbd+unix:///?socket={SYS}/sock >/dev/null 2>&1; do sleep 0.05; done
            qemu-img convert -n -W -m 16 -f raw -O raw {there}/disk.0 \\
                nbd+unix:///?socket={SYS}/sock
            kill $tunnel; wait; {ssh} {OTHER} sync -f {SYS}""").run,
    }


def between_hosts(report):
    name = "tm.ssh.mv_4g_512m"
    if not report.wants(name):
        return
    make_disk(f"{KEPT}/4g", 4096 * MIB, 100, DATA)
    others = peers("4g")
    seconds = by_turns(lambda: place("4g"), {"ours": tm(*MOVE).run} | others)
    ours = seconds.pop("ours") * 1000
    parts = {part: seconds.pop(part) * 1000 for part in ("read", "ssh", "write")}
    report.line(name, ours, "ms", max(parts.values()))
    for part, floor in parts.items():
        report.line(f"{name}.part_{part}", floor, "ms", max(parts.values()))
    for other, took in seconds.items():
        report.line(f"{name}.against_{other}", ours, "ms", took * 1000)


def sparse(report):
    name = "tm.ssh.mv_1t_sparse_1g"
    if not report.wants(name):
        return
    make_disk(f"{KEPT}/1t", 1 << 40, 100, 1024 * MIB)
    make_disk(f"{KEPT}/1g", 1024 * MIB, 1, 1024 * MIB)
    took = {}
    for disk in ("1t", "1g"):
        took |= by_turns(lambda disk=disk: place(disk), {disk: tm(*MOVE).run})
    report.line(name, took["1t"] * 1000, "ms", took["1g"] * 1000)
    must("ssh", HOST, f"rm {KEPT}/1t {KEPT}/1g")


PEAK = """python3 -c '
import glob, re, time
peak, end = 0, time.monotonic() + 60
seen = False
while time.monotonic() < end:
    now = [0]
    for name in glob.glob("/proc/[0-9]*/status"):
        try:
            text = open(name).read()
        except OSError:
            continue
        if re.match("Name:.worker", text) and (found := re.search("VmHWM:.*?(.[0-9]+)", text)):
            now.append(int(found[1]))
    peak, seen = max(peak, *now), seen or len(now) > 1
    if seen and len(now) == 1:
        break
    time.sleep(0.05)
print(peak)'"""


def memory(report):
    """Peak of the workers on both hosts, in MiB; the limit was set."""
    name = "tm.ssh.mv_memory"
    if not report.wants(name):
        return
    place("4g")
    peaks = {}

    def look(host):
        peaks[host] = int(must("ssh", host, PEAK)) / 1024

    lookers = [threading.Thread(target=look, args=(host,)) for host in (HOST, OTHER)]
    for looker in lookers:
        looker.start()
    tm(*MOVE).run()
    for looker in lookers:
        looker.join()
    report.line(f"{name}.sender", peaks[HOST], "MiB", 64)
    report.line(f"{name}.receiver", peaks[OTHER], "MiB", 64)


def metadata(report, core):
    there = f"{HOST}:{SYS}/{VM}/disk.0"
    with open(f"{core}/vm/{VM}.xml", "wb") as file:
        file.write(must(MAKE_DUMP, "vm", str(VM), "STATE=3", "LCM_STATE=8", f"HOSTNAME={HOST}",
                        "DS_ID=0", "TM_MAD=ssh", "VM_MAD=kvm", "--", "disk", "DISK_ID=0",
                        "TYPE=FILE", "FORMAT=qcow2", "CLONE=YES", "IMAGE_ID=7", "SIZE=1024",
                        f"SOURCE={DS}/image",
                        "--", "disk", "DISK_ID=1", "FORMAT=raw", "TYPE=fs", "SIZE=1024"))
    os.makedirs(SYS, exist_ok=True)
    base = f"{SYS}/base"
    must("qemu-img", "create", "-q", "-f", "qcow2", base, "1G")
    overlay = qemu_create(f"{SYS}/floor", backing=base)

    def disk():
        must("ssh", HOST, f"rm -rf {SYS}/{VM}; mkdir -p {SYS}/{VM} &&"
                          f" qemu-img create -q -f qcow2 {SYS}/{VM}/disk.0 1G")
        if os.path.exists(f"{SYS}/floor"):
            os.unlink(f"{SYS}/floor")

    cases = [
        ("delete", tm("ssh", "delete", there, VM, 0), None),
        ("mkimage_raw", tm("ssh", "mkimage", 1024, "raw", f"{HOST}:{SYS}/{VM}/disk.1", VM, 0),
         None),
        ("snap_create", tm("ssh", "snap_create", there, 0, VM, 0), overlay),
    ]
    for action, command, tool in cases:
        for kind in ("new", "reused"):
            far = ssh_true(kind)
            report.compare(f"tm.ssh.{action}.{kind}", as_kind(kind, disk), command,
                           [lambda far=far, tool=tool: far.run() + (tool.run() if tool else 0)])


def run(report, core):
    must("ssh", HOST, f"mkdir -p {KEPT}")
    metadata(report, core)
    between_hosts(report)
    memory(report)
    sparse(report)
