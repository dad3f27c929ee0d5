# SPDX-License-Identifier: Apache-2.0
"""cases - what is measured, seen from the front-end of a lab."""
import base64
import glob
import hashlib
import os
import shutil
import statistics
import subprocess
import time

from connections import HOST, close_drivers, close_ours, open_ours, ssh_true
from measure import Command, Problem, all_at_once, durable, must, reflink

REMOTES = "/var/lib/one/remotes"
STORES = "/var/lib/one/datastores"
DS, SYS = STORES + "/1", STORES + "/0"
VM = 25
MIB = 1 << 20
IMAGE_MB = 1024
SCRATCH = "/var/tmp/bench"  # of this node only
MAKE_DUMP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lab/make-dump")


# --- what the front-end knows ----------------------------------------------------------

def dump(**values):
    words = [f"{name}={value}" for name, value in values.items()]
    return base64.b64encode(must(MAKE_DUMP, "ds", f"BASE_PATH={DS}", *words))


def write_vm(core, number, image, image_format):
    """The core's answer: a document of the size that such documents have."""
    disk = ["TYPE=FILE", "CLONE=YES", f"SOURCE={image}", "IMAGE_ID=7",
            f"SIZE={IMAGE_MB}", f"ORIGINAL_SIZE={IMAGE_MB}"]
    text = must(MAKE_DUMP, "vm", str(number), "STATE=3", "LCM_STATE=3", f"HOSTNAME={HOST}",
                "DS_ID=0", "TM_MAD=qcow2", "VM_MAD=kvm", "USER_TEMPLATE/TEXT=" + 6000 * "x",
                "--", "disk", "DISK_ID=0", f"FORMAT={image_format}", *disk,
                "--", "disk", "DISK_ID=1", "FORMAT=raw", "TYPE=fs", f"SIZE={IMAGE_MB}")
    with open(f"{core}/vm/{number}.xml", "wb") as file:
        file.write(text)


def ds(action, number, stdin):
    return Command(f"{REMOTES}/datastore/fs/{action}", number, stdin=stdin)


def tm(mad, action, *args):
    return Command(f"{REMOTES}/tm/{mad}/{action}", *args)


def qemu_create(path, size_mb=IMAGE_MB, backing=None):
    words = ["-u", "-b", backing, "-F", "qcow2"] if backing else []
    return Command("qemu-img", "create", "-q", "-f", "qcow2", *words, path, f"{size_mb}M")


def clear(*paths):
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def write_extents(path, size, extents, data, seed):
    """A file of @size with @data bytes of text-like data in equal extents."""
    piece = data // extents
    block = base64.b64encode(hashlib.shake_256(seed).digest(piece))[:piece]
    with open(path, "xb") as file:
        file.truncate(size)
        for n in range(extents):
            file.seek(n * (size // extents))
            file.write(b"%016d" % n + block[16:])


# --- the datastore ---------------------------------------------------------------------

def datastore(report):
    true = Command("/bin/true").run
    image = f"{DS}/bench-image"
    shutil.rmtree(DS, ignore_errors=True)
    os.makedirs(DS)
    os.makedirs(SCRATCH, exist_ok=True)
    must("qemu-img", "create", "-q", "-f", "qcow2", f"{SCRATCH}/local", "1G")

    def make_image():
        clear(image, image + ".snap")
        os.mkdir(image + ".snap")
        for path in (image, image + ".snap/0", image + ".snap/1"):
            with open(path, "xb") as file:
                file.truncate(IMAGE_MB * MIB)
                file.write(MIB * b"x")

    report.compare("ds.fs.monitor", lambda: None, ds("monitor", 1, dump()), [true])
    report.compare("ds.fs.stat", lambda: None,
                   ds("stat", 7, dump(PATH=f"{SCRATCH}/local", SAFE_DIRS="/")), [true])
    report.compare("ds.fs.snap_delete", make_image, ds("snap_delete", 7, dump(
        SOURCE=image, FORMAT="raw", TARGET_SNAPSHOT=0)), [true])
    report.compare("ds.fs.rm", make_image, ds("rm", 7, dump(SOURCE=image)), [true])
    report.compare("ds.fs.mkfs_qcow2", lambda: clear(*glob.glob(DS + "/*")), ds(
        "mkfs", 7, dump(FORMAT="qcow2", SIZE=IMAGE_MB)), [qemu_create(image).run])


# --- cp: the whole pipeline against each stage alone -----------------------------------

def stage_read(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(MIB):
            pass


def stage_hash(path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def stage_write(extents, path):
    """Write @extents of (offset, bytes), and make them last."""
    with open(path, "xb", buffering=0) as file:
        for offset, data in extents:
            file.seek(offset)
            file.write(data)
        os.fsync(file.fileno())
    os.unlink(path)


def timed(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def measure_stages(report, command, stages):
    """Medians, in ms, of @command and of each of @stages, by turns; and what was used."""
    memory, allocated = [], []
    times = {stage: [] for stage in stages} | {"all": []}
    for turn in range(report.runs + 1):
        clear(*glob.glob(DS + "/*"))
        os.sync()
        seconds = command.run()
        memory.append(command.usage.ru_maxrss / 1024)
        allocated.append(os.stat(*glob.glob(DS + "/*")).st_blocks * 512 / MIB)
        for stage, what in stages.items():
            clear(*glob.glob(DS + "/*"))
            os.sync()
            times[stage].append(timed(*what) * 1000)
        times["all"].append(seconds * 1000)
    clear(*glob.glob(DS + "/*"))
    medians = {stage: statistics.median(t[1:]) for stage, t in times.items()}
    return medians.pop("all"), medians, max(memory), max(allocated)


def report_stages(report, name, whole, medians):
    """The floor is the slowest stage."""
    report.line(name, whole, "ms", max(medians.values()))
    for stage, median in medians.items():
        report.line(f"{name}.{stage}_alone", median, "ms", median)


def cp(report, packed, write):
    name, data_mb = "ds.fs.cp_4g_512m", CP_DATA_MB
    if not report.wants(name):
        return
    command = ds("cp", 7, dump(PATH=packed, SAFE_DIRS="/", SHA256=stage_hash(packed)))
    whole, medians, memory, allocated = measure_stages(report, command, {
        "read": (stage_read, packed), "hash": (stage_hash, packed),
        "decompress": (must, "igzip", "-t", packed), "write": write})
    report_stages(report, name, whole, medians)
    report.line(f"{name}.memory", memory, "MiB", 64)
    report.line(f"{name}.allocated", allocated, "MiB", data_mb)


def cp_http(report, packed, write):
    """The same over the network, and how a pipe of tools does it: that is the second floor."""
    name = "ds.fs.cp_http_gz"
    if not report.wants(name):
        return
    server = subprocess.Popen(
        ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory",
         os.path.dirname(packed), "0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=dict(os.environ, PYTHONUNBUFFERED="1"))
    try:
        port = server.stdout.readline().decode().split("port ")[1].split(" ")[0]
        url = f"http://127.0.0.1:{port}/{os.path.basename(packed)}"
        pipe = f"curl -sf '{url}' | gunzip -c | dd of={DS}/stage bs=64k conv=sparse"
        command = ds("cp", 7, dump(PATH=url, SAFE_DIRS="/"))
        whole, medians, _, _ = measure_stages(report, command, {
            "fetch": (must, "curl", "-sf", "-o", "/dev/null", url),
            "decompress": (must, "igzip", "-t", packed), "write": write,
            "pipe": (must, "/bin/bash", "-o", "pipefail", "-c", pipe)})
    finally:
        server.kill()
        server.wait()
    by_tools = medians.pop("pipe")
    report_stages(report, name, whole, medians)
    report.line(f"{name}.tools", whole, "ms", by_tools)


CP_DATA_MB = 512


def cps(report):
    """An image of 4 GiB with 512 MiB of data, compressed."""
    if not any(map(report.wants, ("ds.fs.cp_4g_512m", "ds.fs.cp_http_gz"))):
        return
    plain, packed = f"{SCRATCH}/4g", f"{SCRATCH}/4g.gz"
    extents = 128
    clear(plain, packed)
    write_extents(plain, 4096 * MIB, extents, CP_DATA_MB * MIB, b"cp")
    # Not through our memory: what we have used counts as our children's.
    must("gzip", "-1", "-k", plain)
    piece = CP_DATA_MB * MIB // extents
    block = os.pread(os.open(plain, os.O_RDONLY), piece, 0)
    pieces = [(n * 4096 * MIB // extents, block) for n in range(extents)]
    write = (stage_write, pieces, f"{DS}/stage")
    cp(report, packed, write)
    cp_http(report, packed, write)
    clear(plain, packed)


# --- the transfer manager --------------------------------------------------------------

def transfer(report, core):
    image, disk = f"{DS}/image", f"{SYS}/{VM}/disk.0"
    there = f"{HOST}:{disk}"
    shutil.rmtree(DS, ignore_errors=True)
    os.makedirs(DS)
    os.makedirs(SYS, exist_ok=True)
    must("qemu-img", "create", "-q", "-f", "qcow2", image, f"{IMAGE_MB}M")
    write_vm(core, VM, image, "qcow2")
    clone = tm("qcow2", "clone", f"fe:{image}", there, VM, 1)
    snap = tm("qcow2", "snap_create", there, 0, VM, 0)
    overlay = qemu_create(f"{SYS}/floor", backing=image)

    def nothing():
        clear(f"{SYS}/{VM}", image + ".snap", f"{SYS}/floor")

    def cloned():
        nothing()
        clone.run()

    def snapped():
        cloned()
        snap.run()

    cases = [
        ("ln", nothing, tm("qcow2", "ln", f"fe:{image}", there, VM, 1), None),
        ("delete", cloned, tm("qcow2", "delete", there, VM, 0), None),
        ("snap_create", cloned, snap, overlay),
        ("snap_revert", snapped, tm("qcow2", "snap_revert", there, 0, VM, 0), overlay),
        ("mkimage_raw", nothing,
         tm("qcow2", "mkimage", IMAGE_MB, "raw", f"{HOST}:{SYS}/{VM}/disk.1", VM, 0), None),
        ("clone", nothing, clone, overlay),
    ]
    for action, prepare, command, tool in cases:
        for kind in ("new", "reused"):
            far = ssh_true(kind)
            report.compare(f"tm.qcow2.{action}.{kind}", as_kind(kind, prepare), command,
                           [lambda far=far, tool=tool: far.run() + (tool.run() if tool else 0)])
    # What asking the core without libcurl saves: with a proxy in the environment it is
    # libcurl that asks, which finds that this address needs none.
    by_curl = Command(*clone.argv, env={"http_proxy": "http://127.0.0.1:1", "no_proxy": "*"})
    report.compare("tm.qcow2.clone_by_libcurl.reused", nothing, by_curl, [clone.run])
    report.compare("tm.qcow2.clone_by_libcurl.cpu", nothing, by_curl.cpu, [clone.cpu])
    nothing()


def as_kind(kind, prepare):
    """Prepare, and see to it that the next connection is of that kind.  The drivers' own
    connection is there from the run that warms up.
    """
    if kind == "new":
        return lambda: (prepare(), close_drivers())
    return prepare


def concurrent(report, core):
    n, image = 50, f"{DS}/image"
    if not os.path.exists(image):
        os.makedirs(DS, exist_ok=True)
        os.makedirs(SYS, exist_ok=True)
        must("qemu-img", "create", "-q", "-f", "qcow2", image, f"{IMAGE_MB}M")
    numbers = range(1000, 1000 + n)
    for number in numbers:
        write_vm(core, number, image, "qcow2")
    clones = [[tm("qcow2", "clone", f"fe:{image}", f"{HOST}:{SYS}/{number}/disk.0", number, 1)]
              for number in numbers]

    def clean():
        for number in numbers:
            clear(f"{SYS}/{number}", f"{SYS}/floor.{number}")

    for kind in ("reused", "new"):
        floor = [[ssh_true(kind), qemu_create(f"{SYS}/floor.{number}", backing=image)]
                 for number in numbers]
        report.compare("tm.qcow2.clone_concurrent_50" + (".new" if kind == "new" else ""),
                       lambda kind=kind: (clean(), close_drivers() if kind == "new" else None),
                       lambda: all_at_once(clones), [lambda floor=floor: all_at_once(floor)])
    clean()


def raw(report, core, kind_of_fs):
    """Copies of a raw image, on the file system that the lab shares."""
    name = f"tm.shared.clone_raw_{kind_of_fs}"
    if not report.wants(name):
        return
    image, target = f"{DS}/raw", f"{SYS}/floor"
    os.makedirs(DS, exist_ok=True)
    os.makedirs(SYS, exist_ok=True)
    write_extents(image, 4096 * MIB, 512, 2048 * MIB, b"raw")
    write_vm(core, VM, image, "raw")
    clone = tm("shared", "clone", f"fe:{image}", f"{HOST}:{SYS}/{VM}/disk.0", VM, 1)

    def clean():
        clear(f"{SYS}/{VM}", target)

    def tool(far, command):
        return far.run() + command.run() + durable(target)

    def floors(far):
        if kind_of_fs == "xfs":
            return [lambda: far.run() + reflink(image, target)]
        return [lambda: tool(far, Command("cp", "--sparse=always", image, target)),
                lambda: tool(far, Command("qemu-img", "convert", "-W", "-m", 16, "-f", "raw",
                                          "-O", "raw", image, target))]

    for kind in ("reused", "new") if kind_of_fs == "xfs" else ("reused",):
        report.compare(name + (".new" if kind == "new" else ""), as_kind(kind, clean),
                       clone, floors(ssh_true(kind)))
    clean()
    clear(image)


def run(group, report, core):
    if group != "ds":
        open_ours()
    try:
        if group == "ds":
            datastore(report)
            cps(report)
        elif group == "tm":
            transfer(report, core)
            concurrent(report, core)
        elif group in ("xfs", "ext4"):
            raw(report, core, group)
        else:
            raise Problem(f"no such group: {group}")
    finally:
        if group != "ds":
            close_drivers()
            close_ours()
