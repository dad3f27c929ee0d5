# SPDX-License-Identifier: Apache-2.0
"""scenarios - what is done to drivers: for every mutating action, in every variant.

A scenario prepares a world and says what is run.  Its undo is what a front-end would do
after a failure; `gone` says what must be there then: "before" is the state before the
action, a list is the paths that must be gone.
"""
import functools
import gzip
import os

MIB = 1024 * 1024
SIZE = 4 * MIB
VM = 25


class Scenario:
    def __init__(self, name, prepare):
        self.name, self.prepare = name, prepare


class Plan:
    """What to run, once prepared.  undo: (words, stdin)...; in_place: files
    that are changed where they are, of which a kill may waste some clusters; fresh: each
    run that succeeds makes something new."""

    def __init__(self, words, stdin=b"", undo=(), gone=(), in_place=(), fresh=False):
        self.words, self.stdin, self.undo, self.gone = words, stdin, undo, gone
        self.in_place, self.fresh = in_place, fresh


SCENARIOS = []


def scenario(name, *args):
    def add(function):
        SCENARIOS.append(Scenario(name, functools.partial(function, *args)
                                  if args else function))
        return function
    return add


# --- material ---------------------------------------------------------------------------

def pattern(seed, size):
    """Bytes that are the same each time, differ by seed, and have zeros in them."""
    block = bytes((seed * 31 + i * 7 + i // 251) % 256 for i in range(65536))
    return (block * 2 + bytes(len(block) * 2)) * (size // (4 * len(block)))


def put_raw(path, seed=1, size=SIZE):
    with open(path, "wb") as file:
        file.write(pattern(seed, size))


def put_qcow2(world, path, seed=1, size=SIZE):
    put_raw(path + ".raw", seed, size)
    world.do(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", path + ".raw", path])
    os.unlink(path + ".raw")


def write_to(world, path, fmt, offset, seed):
    """As a guest would."""
    world.do(["qemu-io", "-f", fmt, "-c", f"write -P {seed} {offset} 64k", path])


def image(world, fmt="qcow2", seed=1):
    path = f"{world.ds}/image"
    if fmt == "qcow2":
        put_qcow2(world, path, seed)
    else:
        put_raw(path, seed)
    return path


def disk(fmt, clone="YES", **more):
    values = {"DISK_ID": 0, "TYPE": "FILE", "FORMAT": fmt, "CLONE": clone, "SIZE": 4,
              "ORIGINAL_SIZE": 4, "IMAGE_ID": 7, **more}
    return [f"{name}={value}" for name, value in values.items()]


def at(world, name="disk.0", vm=VM):
    return f"{world.host}:{world.sys}/{vm}/{name}"


def delete(world, *disks):
    """What the front-end does with a VM that is to go."""
    return [(world.tm("qcow2", "delete", at(world, name), str(VM), "1"), b"")
            for name in disks] + \
        [(world.tm("qcow2", "delete", f"{world.host}:{world.sys}/{VM}", str(VM), "0"), b"")]


def has_disk(world, fmt, persistent=False, snapshots=0):
    """VM 25 has disk.0, with so many snapshots, and data written after each."""
    source = image(world, fmt)
    world.vm(VM, disk(fmt, "NO" if persistent else "YES", SOURCE=source))
    make = "ln" if persistent else "clone"
    world.do(world.tm("qcow2", make, f"fe:{source}", at(world), str(VM), "1"))
    path = f"{world.sys}/{VM}/disk.0"
    write_to(world, path, fmt, 0, 200)
    for number in range(snapshots):
        world.do(world.tm("qcow2", "snap_create", at(world), str(number), str(VM), "1"))
        write_to(world, path, fmt, (number + 1) * 65536, 201 + number)
    return source


# --- datastore --------------------------------------------------------------------------

def forget(world, number):
    """Of an image that never got a name; a bridge is not asked before the next action."""
    return [(world.dsa("rm", number), world.ds_dump("SOURCE=")),
            (world.dsa("monitor", "1"), world.ds_dump())]


def cp(world, make, *words):
    path = f"{world.directory}/source"
    make(path)
    dump = world.ds_dump(f"PATH={path}", "SAFE_DIRS=/", *words)
    return Plan(world.dsa("cp", "7"), dump, forget(world, "7"), "before", fresh=True)


def put_gz(path):
    with open(path, "wb") as file:
        file.write(gzip.compress(pattern(3, SIZE), mtime=0))


@scenario("ds.cp.raw")
def _(world):
    return cp(world, put_raw)


@scenario("ds.cp.qcow2")
def _(world):
    return cp(world, lambda path: put_qcow2(world, path))


@scenario("ds.cp.gz")
def _(world):
    return cp(world, put_gz)


@scenario("ds.cp.converted")
def _(world):
    return cp(world, put_raw, "DRIVER=qcow2")


@scenario("ds.mkfs.raw", "FORMAT=raw")
@scenario("ds.mkfs.qcow2", "FORMAT=qcow2")
@scenario("ds.mkfs.ext4", "FORMAT=raw", "FS=ext4")
@scenario("ds.mkfs.swap", "FORMAT=swap")
def mkfs(*args):
    *words, world = args
    return Plan(world.dsa("mkfs", "7"), world.ds_dump("SIZE=4", *words),
                forget(world, "7"), "before", fresh=True)


@scenario("ds.rm")
def _(world):
    source = image(world)
    return Plan(world.dsa("rm", "7"), world.ds_dump(f"SOURCE={source}"))


@scenario("ds.rm.snapshots")
def _(world):
    source = has_disk(world, "qcow2", True, 2)
    world.write(source + ".md5sum", "x")
    for words, stdin in delete(world):
        world.do(words, stdin)
    return Plan(world.dsa("rm", "7"), world.ds_dump(f"SOURCE={source}"))


@scenario("ds.rm.linked")
def _(world):
    """As the transfer manager ssh leaves an image: a link to the newest in its directory."""
    source = has_disk(world, "qcow2", True, 2)
    for words, stdin in delete(world):
        world.do(words, stdin)
    os.rename(source, source + ".snap/0")
    os.symlink(os.path.basename(source) + ".snap/2", source)
    return Plan(world.dsa("rm", "7"), world.ds_dump(f"SOURCE={source}"))


@scenario("ds.clone")
def _(world):
    source = image(world)
    return Plan(world.dsa("clone", "8"), world.ds_dump(f"PATH={source}", "FORMAT=qcow2"),
                forget(world, "8"), "before", fresh=True)


@scenario("ds.clone.converted")
def _(world):
    source = image(world, "raw")
    dump = world.ds_dump(f"PATH={source}", "FORMAT=raw", "DRIVER=qcow2")
    return Plan(world.dsa("clone", "8"), dump, forget(world, "8"), "before", fresh=True)


def ds_snapshot(action, fmt, number, world):
    source = has_disk(world, fmt, True, 2)
    world.write(source + ".md5sum", "x")
    for words, stdin in delete(world):
        world.do(words, stdin)
    dump = world.ds_dump(f"SOURCE={source}", f"FORMAT={fmt}", f"TARGET_SNAPSHOT={number}")
    return Plan(world.dsa(action, "7"), dump, [(world.dsa("rm", "7"), dump)], ["1/image"])


for _fmt in ("raw", "qcow2"):
    for _action, _number in (("snap_delete", 0 if _fmt == "raw" else 2),
                             ("snap_revert", 0), ("snap_flatten", 1)):
        scenario(f"ds.{_action}.{_fmt}", _action, _fmt, _number)(ds_snapshot)


# --- transfer manager: making disks ---------------------------------------------------------

def clone(world, fmt, action="clone", name="disk.0", **more):
    source = image(world, fmt)
    is_clone = action.startswith("clone")
    world.vm(VM, disk(fmt, "YES" if is_clone else "NO", SOURCE=source, **more))
    return Plan(world.tm("qcow2", action, f"fe:{source}", at(world, name), str(VM), "1"),
                undo=delete(world, name), gone=[f"0/{VM}"])


scenario("tm.clone.qcow2")(lambda world: clone(world, "qcow2"))
scenario("tm.clone.qcow2.larger")(lambda world: clone(world, "qcow2", SIZE=8))
scenario("tm.clone.qcow2.standalone")(
    lambda world: clone(world, "qcow2", QCOW2_STANDALONE="YES"))
scenario("tm.clone.raw")(lambda world: clone(world, "raw"))
scenario("tm.clone.raw.larger")(lambda world: clone(world, "raw", SIZE=8, SPARSE="NO"))
scenario("tm.clone.kernel")(lambda world: clone(world, "raw", name="kernel"))
scenario("tm.ln.qcow2")(lambda world: clone(world, "qcow2", "ln"))
scenario("tm.ln.raw")(lambda world: clone(world, "raw", "ln"))
scenario("tm.clone.ssh.qcow2")(lambda world: clone(world, "qcow2", "clone.ssh"))
scenario("tm.ln.ssh.qcow2")(lambda world: clone(world, "qcow2", "ln.ssh"))
scenario("tm.ln.ssh.raw")(lambda world: clone(world, "raw", "ln.ssh"))


def mvds_ssh(fmt, snapshots, world):
    """A persistent disk that was brought to the host goes back, changed."""
    source = image(world, fmt)
    world.vm(VM, disk(fmt, "NO", SOURCE=source))
    world.do(world.tm("qcow2", "ln.ssh", f"fe:{source}", at(world), str(VM), "1"))
    path = f"{world.sys}/{VM}/disk.0"
    for number in range(snapshots):
        write_to(world, path, fmt, number * 65536, 200 + number)
        world.do(world.tm("qcow2", "snap_create.ssh", at(world), str(number), str(VM), "1"))
    write_to(world, path, fmt, snapshots * 65536, 210)
    return Plan(world.tm("qcow2", "mvds.ssh", at(world), source, str(VM), "1"))


scenario("tm.mvds.ssh.qcow2", "qcow2", 0)(mvds_ssh)
scenario("tm.mvds.ssh.qcow2.snapshots", "qcow2", 2)(mvds_ssh)
scenario("tm.mvds.ssh.raw.snapshots", "raw", 2)(mvds_ssh)


@scenario("tm.clone.qcow2.again")
def _(world):
    """Over a disk that is there, with its snapshots."""
    source = has_disk(world, "qcow2", False, 2)
    return Plan(world.tm("qcow2", "clone", f"fe:{source}", at(world), str(VM), "1"),
                undo=delete(world, "disk.0"), gone=[f"0/{VM}"])


@scenario("tm.clone.raw.again")
def _(world):
    source = has_disk(world, "raw", False, 2)
    return Plan(world.tm("qcow2", "clone", f"fe:{source}", at(world), str(VM), "1"),
                undo=delete(world, "disk.0"), gone=[f"0/{VM}"])


@scenario("tm.ln.qcow2.again")
def _(world):
    has_disk(world, "qcow2", False, 1)
    source = f"{world.ds}/image"
    world.vm(VM, disk("qcow2", "NO", SOURCE=source))
    return Plan(world.tm("qcow2", "ln", f"fe:{source}", at(world), str(VM), "1"),
                undo=delete(world, "disk.0"), gone=[f"0/{VM}"])


def volatile(action, words, world, **more):
    world.vm(VM, disk(more.pop("FORMAT", "raw"), **more))
    return Plan(world.tm("qcow2", action, *words, at(world), str(VM), "0"),
                undo=delete(world, "disk.0"), gone=[f"0/{VM}"])


scenario("tm.mkimage.raw", "mkimage", ["4", "raw"])(volatile)
scenario("tm.mkimage.qcow2", "mkimage", ["4", "qcow2"])(volatile)
scenario("tm.mkimage.ext4")(
    lambda world: volatile("mkimage", ["4", "raw"], world, FS="ext4"))
scenario("tm.mkimage.qcow2.ext4")(
    lambda world: volatile("mkimage", ["4", "qcow2"], world, FS="ext4"))
scenario("tm.mkswap", "mkswap", ["4"])(volatile)


@scenario("tm.context")
def _(world):
    world.write(f"{world.directory}/context.sh", "A='b'\n")
    world.write(f"{world.directory}/other", "text\n")
    return Plan(world.tm("qcow2", "context", f"{world.directory}/context.sh",
                         f"{world.directory}/other:'a name'", at(world, "disk.1"), str(VM), "0"),
                undo=delete(world, "disk.1"), gone=[f"0/{VM}"])


# --- transfer manager: moving, saving, removing -------------------------------------------

@scenario("tm.mv")
def _(world):
    has_disk(world, "qcow2", False, 1)
    to = f"{world.host}:{world.other}/{VM}"
    return Plan(world.tm("qcow2", "mv", f"{world.host}:{world.sys}/{VM}", to, str(VM), "2"))


@scenario("tm.mv.other-filesystem")
def _(world):
    """The temporary directory is another file system, see World."""
    has_disk(world, "qcow2", False, 1)
    world.write(f"{world.sys}/{VM}/deployment.0", "text")
    to = f"{world.host}:{world.elsewhere}/{VM}"
    return Plan(world.tm("qcow2", "mv", f"{world.host}:{world.sys}/{VM}", to, str(VM), "2"))


def cpds(fmt, persistent, number, world):
    has_disk(world, fmt, persistent, 2)
    to = f"{world.ds}/saved"
    rm = world.ds_dump(f"SOURCE={to}")
    return Plan(world.tm("qcow2", "cpds", at(world), to, str(number), str(VM), "1"),
                undo=[(world.dsa("rm", "9"), rm)], gone="before")


for _fmt in ("raw", "qcow2"):
    for _persistent in (False, True):
        for _number in (-1, 0):
            _name = f"tm.cpds.{_fmt}" + (".persistent" if _persistent else "") + \
                (".snapshot" if _number == 0 else "")
            scenario(_name, _fmt, _persistent, _number)(cpds)


def delete_disk(fmt, persistent, world):
    has_disk(world, fmt, persistent, 1)
    words, stdin = delete(world, "disk.0")[0]
    return Plan(words, stdin, undo=delete(world), gone=[f"0/{VM}"])


scenario("tm.delete.qcow2", "qcow2", False)(delete_disk)
scenario("tm.delete.raw", "raw", False)(delete_disk)
scenario("tm.delete.qcow2.persistent", "qcow2", True)(delete_disk)
scenario("tm.delete.raw.persistent", "raw", True)(delete_disk)


def delete_dir(fmt, persistent, world):
    has_disk(world, fmt, persistent, 1)
    words, stdin = delete(world)[0]
    return Plan(words, stdin)


scenario("tm.delete.directory", "qcow2", False)(delete_dir)
scenario("tm.delete.directory.persistent", "qcow2", True)(delete_dir)


@scenario("tm.postmigrate")
def _(world):
    has_disk(world, "qcow2", False, 1)
    world.do(["cp", "-a", f"{world.sys}/{VM}", f"{world.other}/{VM}"])
    xml = world.make_dump("vm", str(VM), "--", "history", "DS_ID=0", "--", "history",
                          "DS_ID=2")
    import base64
    return Plan(world.tm("qcow2", "postmigrate", world.host, "elsewhere",
                         f"{world.other}/{VM}", str(VM), "2"), base64.b64encode(xml))


# --- transfer manager: changing disks -------------------------------------------------------

def resize(fmt, persistent, world):
    has_disk(world, fmt, persistent, 1)
    file = {"raw": (f"0/{VM}/disk.0", "1/image"),
            "qcow2": (f"0/{VM}/disk.0.snap/1", "1/image.snap/1")}[fmt][persistent]
    return Plan(world.tm("qcow2", "resize", at(world), "8", str(VM), "1"),
                undo=delete(world, "disk.0"), gone=[f"0/{VM}"], in_place=[file])


def snapshot(action, fmt, persistent, number, world):
    has_disk(world, fmt, persistent, 0 if action == "snap_create" else 2)
    directory = "1/image.snap" if persistent else f"0/{VM}/disk.0.snap"
    # The file above the one that is deleted gets its data where it is.
    in_place = [f"{directory}/{number + 1}"] if action == "snap_delete" else []
    return Plan(world.tm("qcow2", action, at(world), str(number), str(VM), "1"),
                undo=delete(world, "disk.0"), gone=[f"0/{VM}"], in_place=in_place)


for _fmt in ("raw", "qcow2"):
    for _persistent in (False, True):
        _end = f"{_fmt}" + (".persistent" if _persistent else "")
        scenario(f"tm.resize.{_end}", _fmt, _persistent)(resize)
        for _action, _number in (("snap_create", 0), ("snap_delete", 0), ("snap_delete", 1),
                                 ("snap_revert", 0)):
            _name = f"tm.{_action}.{_end}" + \
                (".newest" if (_action, _number) == ("snap_delete", 1) else "")
            scenario(_name, _action, _fmt, _persistent, _number)(snapshot)


# --- transfer manager ssh -------------------------------------------------------------------

def ssh_delete(world, *disks):
    return [(world.tm("ssh", "delete", at(world, name), str(VM), "1"), b"")
            for name in disks] + \
        [(world.tm("ssh", "delete", f"{world.host}:{world.sys}/{VM}", str(VM), "0"), b"")]


def ssh_has_disk(world, fmt="raw", snapshots=0):
    source = image(world, fmt)
    world.vm(VM, disk(fmt, SOURCE=source, SIZE=8))
    world.do(world.tm("ssh", "clone", f"fe:{source}", at(world), str(VM), "1"))
    for number in range(snapshots):
        world.do(world.tm("ssh", "snap_create", at(world), str(number), str(VM), "1"))
        write_to(world, f"{world.sys}/{VM}/disk.0", fmt, number * 65536, 201 + number)
    return source


def ssh_clone(fmt, snapshots, world):
    source = image(world, fmt)
    world.vm(VM, disk(fmt, SOURCE=source, SIZE=8))
    world.write(f"{world.sys}/.monitor", "ssh\n")
    if snapshots:
        source = ssh_has_disk(world, fmt, snapshots)
    return Plan(world.tm("ssh", "clone", f"fe:{source}", at(world), str(VM), "1"),
                undo=ssh_delete(world, "disk.0"), gone=[f"0/{VM}"])


def ssh_store(action, snapshots, number, world):
    source = ssh_has_disk(world, "raw", snapshots)
    write_to(world, f"{world.sys}/{VM}/disk.0", "raw", 131072, 210)
    target = source if action == "mvds" else f"{world.ds}/saved"
    words = [number] if action == "cpds" else []
    rm = world.dsa("rm", "7"), world.ds_dump(f"SOURCE={target}")
    return Plan(world.tm("ssh", action, at(world), target, *words, str(VM), "1"),
                undo=[rm, *ssh_delete(world, "disk.0")],
                gone=[f"1/{os.path.basename(target)}", f"0/{VM}"])


scenario("ssh.clone.raw", "raw", 0)(ssh_clone)
scenario("ssh.clone.qcow2", "qcow2", 0)(ssh_clone)
scenario("ssh.clone.again", "raw", 2)(ssh_clone)
scenario("ssh.mvds", "mvds", 0, "-1")(ssh_store)
scenario("ssh.mvds.snapshots", "mvds", 2, "-1")(ssh_store)
scenario("ssh.cpds", "cpds", 0, "-1")(ssh_store)
scenario("ssh.cpds.snapshot", "cpds", 2, "1")(ssh_store)
