# SPDX-License-Identifier: Apache-2.0
"""world - a front-end with an image and a system datastore, in a directory.

Its state is what a driver may change: the datastores, and the directory for temporary files.
States can be kept, brought back and described: by what a file is to its users, not by how
it came to be (a qcow2 file is its size, backing file and content as a guest sees it).
"""
import base64
import concurrent.futures
import hashlib
import os
import pwd
import re
import shutil
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
LAB = os.path.join(HERE, "..", "lab")
HIDDEN = ".drv-"
ARRIVED = ".incoming-"  # stays for the next try
NEW_NAME = re.compile(r"^[0-9a-f]{32}(?=$|\.)")
LEAKS = " leaks"  # clusters are allocated and not used
AWAY = "faraway"  # a host that is reached by the stand-in for ssh


ELSEWHERE = "one/var/datastores/3"  # another file system


def in_installation():
    """This program goes on as root of a place where oneadmin is a user, with mounts and a
    network of its own."""
    if "INSTALLED" not in os.environ:
        os.execv(f"{LAB}/installed", ["installed", "--root", "/usr/bin/python3", *sys.argv])


def as_oneadmin(directory, work, *args):
    """What work(@args) gives, done by a process of oneadmin's, as a front-end's daemons run
    drivers.  @directory becomes oneadmin's, for a World at @directory/world."""
    elsewhere = f"{directory}/world/{ELSEWHERE}"
    user = pwd.getpwnam("oneadmin")
    os.makedirs(elsewhere, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "kill", elsewhere], check=True)
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", directory], check=True)
    try:
        with concurrent.futures.ProcessPoolExecutor(1, initializer=become,
                                                    initargs=(user,)) as pool:
            return pool.submit(work, *args).result()
    finally:
        subprocess.run(["umount", elsewhere], check=True)


def become(user):
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.umask(0o027)
    os.environ["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/games"


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds


class World:
    """See as_oneadmin(), in which it must be made."""

    def __init__(self, directory, out, away=False):
        self.directory = os.path.realpath(directory)
        self.one = f"{self.directory}/one"
        self.remotes = f"{self.one}/var/remotes"
        self.state = f"{self.one}/var/datastores"
        self.kept = f"{self.directory}/kept"
        self.ds, self.sys, self.other = (f"{self.state}/{n}" for n in (1, 0, 2))
        self.tmp = f"{self.state}/tmp"
        self.elsewhere = f"{self.directory}/{ELSEWHERE}"
        self.core = f"{self.directory}/core"
        self.fault = os.path.join(out, "tests/fault")
        self.host = AWAY if away else socket.gethostname()
        self.away = away
        self.digests = {}
        self.arrived = []
        self.make(out)

    def make(self, out):
        for path in (f"{self.remotes}/etc", f"{self.one}/etc", f"{self.directory}/home",
                     *(f"{self.core}/{kind}" for kind in
                       ("vm", "datastore", "host", "image"))):
            os.makedirs(path, exist_ok=True)
        subprocess.run(["cp", "-as", f"{os.path.realpath(out)}/remotes/.", self.remotes],
                       check=True)
        self.write(f"{self.remotes}/VERSION", "7.4.0\n")
        self.write(f"{self.one}/var/config", f"SCRIPTS_REMOTE_DIR={self.remotes}\n")
        self.write(f"{self.directory}/auth", "oneadmin:opennebula\n")
        self.write(f"{self.remotes}/etc/one-native.conf",
                   "SSH_MULTIPLEX=no\nLOCK_TIMEOUT=5\n")
        self.env = {
            "PATH": f"{self.directory}/bin:{os.environ['PATH']}", "LANG": "C.UTF-8",
            "HOME": f"{self.directory}/home", "ONE_LOCATION": self.one, "TMPDIR": self.tmp,
            "ONE_AUTH": f"{self.directory}/auth",
        }
        if self.away:
            self.make_ssh()
        self.clear()
        port_file = f"{self.directory}/port"
        self.core_process = subprocess.Popen(
            [f"{LAB}/fake-core", "--port", "0", "--port-file", port_file, self.core],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for(lambda: os.path.exists(port_file))
        with open(port_file, encoding="ascii") as file:
            self.env["ONE_XMLRPC"] = f"http://127.0.0.1:{file.read().strip()}/RPC2"

    def make_ssh(self):
        """What is asked of the host AWAY is done here, by processes that outlive ssh."""
        os.makedirs(f"{self.directory}/bin")
        self.write(f"{self.directory}/bin/ssh", f"""#!/bin/bash
while [ "$1" != -- ]; do shift; done
shift 2
{self.directory}/bin/command "$@" <&0 &
wait $!
""")
        os.chmod(f"{self.directory}/bin/ssh", 0o755)
        self.set_remote([])

    def set_remote(self, before):
        """What is run on AWAY is run by the words @before."""
        script = f"{self.directory}/bin/command"
        words = " ".join(f"'{word}'" for word in before)
        self.write(script + ".new", f"#!/bin/sh\nexec {words} $*\n")
        os.chmod(script + ".new", 0o755)
        os.rename(script + ".new", script)

    def close(self):
        self.core_process.kill()
        self.core_process.wait()

    @staticmethod
    def wait_for(condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("waited in vain")
            time.sleep(0.005)

    @staticmethod
    def write(path, text):
        """A new file: the old one may be a link to what was built."""
        with open(path + ".aside", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".aside", path)

    # --- states -------------------------------------------------------------------------

    def clear(self):
        for path in (self.ds, self.sys, self.other, self.elsewhere, self.tmp):
            os.makedirs(path, exist_ok=True)
            for name in os.listdir(path):
                full = os.path.join(path, name)
                if os.path.isdir(full) and not os.path.islink(full):
                    shutil.rmtree(full)
                else:
                    os.unlink(full)

    def copy(self, from_dir, to_dir):
        subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=auto", f"{from_dir}/.",
                        to_dir], check=True)

    def keep(self):
        shutil.rmtree(self.kept, ignore_errors=True)
        os.makedirs(self.kept)
        self.copy(self.state, self.kept)

    def bring_back(self):
        self.clear()
        self.copy(self.kept, self.state)

    # --- running ------------------------------------------------------------------------

    def run(self, words, stdin=b"", fault=(), timeout=60):
        """Run a driver; @fault are options of the program fault, which runs it."""
        begin = time.monotonic()
        # The worker must not die with the driver: it is on another host.
        away = ["-x", "command"] if self.away else []
        before = [self.fault, "-p", self.state, *away, *fault] if fault else []
        done = subprocess.run([*before, *words], input=stdin, capture_output=True,
                              env=self.env, cwd=f"{self.one}/var", timeout=timeout,
                              check=False)
        return Result(done.returncode, done.stdout.decode(errors="replace"),
                      done.stderr.decode(errors="replace"), time.monotonic() - begin)

    def tm(self, mad, action, *args):
        return [f"{self.remotes}/tm/{mad}/{action}", *args]

    def dsa(self, action, image):
        return [f"{self.remotes}/datastore/fs/{action}", image]

    def make_dump(self, *words):
        return subprocess.run([f"{LAB}/make-dump", *words], check=True,
                              capture_output=True).stdout

    def ds_dump(self, *words):
        bridge = [f"BRIDGE_LIST={AWAY}"] if self.away else []
        return base64.b64encode(self.make_dump("ds", f"BASE_PATH={self.ds}", *bridge, *words))

    def vm(self, number, *disks, extra=()):
        """oned knows VM @number from now on."""
        words = ["vm", str(number), "LCM_STATE=3", "VM_MAD=kvm", f"HOSTNAME={self.host}",
                 *extra]
        for disk in disks:
            words += ["--", "disk", *disk]
        with open(f"{self.core}/vm/{number}.xml", "wb") as file:
            file.write(self.make_dump(*words))

    def do(self, words, stdin=b""):
        """A step of the preparation, which must succeed; its answer."""
        result = self.run(words, stdin)
        if result.status != 0:
            raise RuntimeError(f"{words}: {result.status}: {result.err}")
        return result.out.strip()

    # --- describing ---------------------------------------------------------------------

    def describe(self):
        """All that is there: {path below the state: what it is}; and what is hidden."""
        seen, hidden = {}, []
        self.arrived = []
        known = set(os.listdir(f"{self.kept}/1")) if os.path.isdir(f"{self.kept}/1") else set()
        for directory, directories, files in os.walk(self.state):
            for name in directories + files:
                path = os.path.join(directory, name)
                shown = os.path.relpath(path, self.state)
                if ARRIVED in shown:
                    if name.startswith(ARRIVED):
                        self.arrived.append(shown)
                    continue
                if HIDDEN in shown:
                    if name.startswith(HIDDEN):
                        hidden.append(shown)
                    continue
                parts = [p if p in known else NEW_NAME.sub("NEW", p) for p in shown.split("/")]
                key = "/".join(parts)
                while key in seen:
                    key += "+"
                seen[key] = self.describe_one(path)
        return seen, sorted(hidden)

    def describe_one(self, path):
        if os.path.islink(path):
            return "link " + os.readlink(path)
        if os.path.isdir(path):
            return "directory"
        with open(path, "rb") as file:
            data = file.read()
        digest = hashlib.sha256(data).hexdigest()
        return self.describe_data(path, data, digest)

    def describe_data(self, path, data, digest):
        key = digest
        if data[:4] == b"QFI\xfb":
            key = self.chain_key(path, data, digest)
        if key not in self.digests:
            self.digests[key] = self.describe_qcow2(path) if key != digest else \
                self.look(path, data, digest)
        return self.digests[key]

    def chain_key(self, path, data, digest):
        """What decides what is seen of a qcow2 file: its bytes and those of its backing files."""
        offset, size = struct.unpack(">QI", data[8:20])
        if not offset:
            return "qcow2 " + digest
        backing = data[offset:offset + size].decode(errors="replace")
        below = os.path.join(os.path.dirname(path), backing)
        try:
            with open(below, "rb") as file:
                under = file.read()
        except OSError as problem:
            return f"qcow2 {digest} on {problem}"
        under_digest = hashlib.sha256(under).hexdigest()
        if under[:4] == b"QFI\xfb":
            under_digest = self.chain_key(below, under, under_digest)
        return f"qcow2 {digest} on {backing} {under_digest}"

    @staticmethod
    def look(path, data, digest):
        if data[0x438:0x43A] == b"\x53\xef":
            check = subprocess.run(["/sbin/e2fsck", "-fn", path], capture_output=True, check=False)
            return f"ext {len(data)} {'good' if check.returncode == 0 else 'BAD'}"
        if data[4086:4096] == b"SWAPSPACE2":
            return f"swap {len(data)} {data[1052:1056]}"
        if data[32769:32774] == b"CD001":
            names = subprocess.run(["isoinfo", "-f", "-R", "-i", path], capture_output=True,
                                   check=True).stdout
            text = subprocess.run(["isoinfo", "-R", "-x", "/context.sh", "-i", path],
                                  capture_output=True, check=True).stdout
            return f"iso {names} {text}"
        return f"file {len(data)} {digest}"

    def describe_qcow2(self, path):
        info = subprocess.run(["qemu-img", "info", "-U", "-f", "qcow2", "--output=json", path],
                              capture_output=True, text=True, check=False)
        if info.returncode != 0:
            return "qcow2 BAD " + info.stderr
        check = subprocess.run(["qemu-img", "check", "-q", "-U", "-f", "qcow2", path],
                               capture_output=True, text=True, check=False)
        if check.returncode not in (0, 3):
            return f"qcow2 BAD {check.returncode} {check.stdout}{check.stderr}"
        facts = dict(re.findall(r'^ {4}"(virtual-size|backing-filename|'
                                r'backing-filename-format)": "?(.*?)"?,?$', info.stdout, re.M))
        backing = facts.get("backing-filename", "")
        return (f"qcow2 {facts['virtual-size']} on '{NEW_NAME.sub('NEW', backing)}' "
                f"{facts.get('backing-filename-format', '')} {self.content(path)}"
                f"{LEAKS if check.returncode == 3 else ''}")

    def content(self, path):
        """Digest of what a guest would see."""
        raw = f"{self.directory}/content"
        done = subprocess.run(["qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", path,
                               raw], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return "UNREADABLE " + done.stderr
        with open(raw, "rb") as file:
            data = file.read()
        return self.look(raw, data, hashlib.sha256(data).hexdigest())
