# SPDX-License-Identifier: Apache-2.0
"""trace_calls - which processes an action starts, here and on the host.

Two sides talk: the one on the front-end prepares an action and says READY; then strace is
attached to the host's sshds, the action runs under strace, and both logs are read.
"""
import collections
import json
import os
import re
import subprocess
import sys
import time

from connections import close_drivers
from measure import Command, Problem

EXEC = re.compile(r'^(\d+) +execve\("([^"]*)", \[(.*)\], .*\) += 0$')
RESUMED_EXEC = re.compile(r"^(\d+) +<\.\.\. execve resumed>.*= 0$")
UNFINISHED_EXEC = re.compile(r'^(\d+) +execve\("([^"]*)", \[(.*)\], .*<unfinished')
CHILD = re.compile(r"^(\d+) +(?:clone3?|v?fork|<\.\.\. (?:clone3?|v?fork) resumed>).*\) += (\d+)$")
CALL = re.compile(r"^(\d+) +\w+\(")
SYNC = re.compile(r"^(\d+) +(?:f(?:data)?sync|syncfs|sync)\(")
INTERPRETERS = {"sh", "bash", "dash", "ksh", "zsh", "ruby", "python3", "perl", "awk"}


class Tracer:
    """On the front-end, in place of a Report: nothing is timed."""

    def __init__(self, pattern):
        self.pattern = pattern

    def wants(self, name):
        return self.pattern.search(name) is not None and not re.search("cp_4g|ssh.mv_", name)

    def compare(self, name, prepare, measured, _floors):
        if not self.wants(name) or not isinstance(measured, Command):
            return
        prepare()
        measured.run()  # leaves a connection, where one may be reused
        prepare()
        print(json.dumps([name, measured.argv]), flush=True)
        log = sys.stdin.readline().strip()
        if not log:
            raise Problem("nobody waits for a trace")
        run_traced(measured.argv, measured, log)
        print("DONE", flush=True)
        sys.stdin.readline()


def run_traced(argv, command, log):
    """Run under strace.  A connection that the action leaves behind is traced too, so it
    is ended once the action itself has.
    """
    strace = Command("strace", "-f", "-s", "200", "-o", log, *argv)
    os.dup2(command.stdin, strace.stdin)
    pid = strace.start()
    while not is_over(log):
        time.sleep(0.02)
    close_drivers()
    strace.wait(pid)


def is_over(log):
    """Whether the first process of a trace has ended."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            first, *rest = file.read().splitlines() or [""]
    except FileNotFoundError:
        return False
    pid = first.partition(" ")[0]
    return any(line.startswith(pid + " ") and " +++ " in line for line in rest)


def sshds(root):
    """All sshd processes below a process."""
    children = collections.defaultdict(list)
    names = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                head, _, tail = file.read().rpartition(")")
        except FileNotFoundError:
            continue
        names[pid] = head.partition("(")[2]
        children[tail.split()[1]].append(pid)
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        queue += children[pid]
        if names.get(pid) == "sshd":
            found.append(pid)
    return found


class Attached:
    """strace on the host's sshds and all they start."""

    def __init__(self, lab_tool, lab, log):
        self.strace = None
        root = subprocess.run([lab_tool, "pid", lab, "host01"], capture_output=True,
                              text=True, check=False).stdout.strip()
        if not root:
            return
        pids = [word for pid in sshds(root) for word in ("-p", pid)]
        self.strace = subprocess.Popen(["strace", "-f", "-s", "200", "-o", log, *pids],
                                       stderr=subprocess.PIPE, text=True)
        for _ in range(len(pids) // 2):
            self.strace.stderr.readline()

    def end(self):
        if self.strace is None:
            return
        time.sleep(0.3)  # what the action started there ends
        self.strace.terminate()
        self.strace.communicate()


class Log:
    """What one strace saw: programs in their order, and calls by program."""

    def __init__(self, path, first="sshd"):
        self.programs, self.calls, self.syncs = [], collections.Counter(), 0
        self.shells = []
        self.children = 0
        of = collections.defaultdict(lambda: first)
        begun = {}
        if not os.path.exists(path):
            return
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                self.read(line.rstrip("\n"), of, begun)

    def read(self, line, of, begun):
        pid = line.partition(" ")[0]
        started = EXEC.match(line)
        if unfinished := UNFINISHED_EXEC.match(line):
            begun[pid] = unfinished.groups()[1:]
        elif RESUMED_EXEC.match(line) and pid in begun:
            self.started(pid, *begun.pop(pid), of)
        elif started:
            self.started(*started.groups(), of)
        elif child := CHILD.match(line):
            of[child[2]] = of[pid]
            self.children += "CLONE_THREAD" not in line
        if CALL.match(line):
            self.calls[of[pid]] += 1
        if SYNC.match(line):
            self.syncs += 1

    def started(self, pid, path, words, of):
        name = os.path.basename(path)
        # sshd starts every command by the user's login shell: "ssh HOST true" does too.
        if name in INTERPRETERS and of[pid] == "sshd" and '"-c"' in words:
            name += "(login)"
        elif name in INTERPRETERS:
            self.shells.append(name)
        self.programs.append(name)
        of[pid] = name

    def text(self):
        calls = " ".join(f"{name}={n}" for name, n in self.calls.items())
        return f"{' '.join(self.programs) or '-'}\n    calls: {calls}; syncs: {self.syncs}"


def show(name, argv, here, there):
    action = os.path.basename(argv[0])
    one, two = Log(here, action), Log(there)
    print(f"{name}\n  here:   {one.text()}", file=sys.stderr)
    if os.path.exists(there):
        print(f"  host01: {two.text()}", file=sys.stderr)
    shells = one.shells + two.shells
    print("  shells and interpreters: " + (" ".join(shells) or "none"), file=sys.stderr)


def trace_group(lab_tool, lab, group, bench, pattern):
    command = [lab_tool, "exec", lab, "fe", bench, "--inside", group, "--trace", "--lab", lab,
               "--only", pattern]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as inside:
        for line in inside.stdout:
            name, argv = json.loads(line)
            here, there = os.path.join(lab, "trace.here"), os.path.join(lab, "trace.host01")
            for path in (here, there):
                if os.path.exists(path):
                    os.unlink(path)
            attached = Attached(lab_tool, lab, there)
            print(here, file=inside.stdin, flush=True)
            done = inside.stdout.readline().strip() == "DONE"
            attached.end()
            if not done:
                break
            print("seen", file=inside.stdin, flush=True)
            show(name, argv, here, there)
    if inside.returncode != 0:
        raise subprocess.CalledProcessError(inside.returncode, command)
