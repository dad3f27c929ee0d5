# SPDX-License-Identifier: Apache-2.0
"""measure - run commands one after the other, and tell how long they take."""
import fcntl
import os
import random
import statistics
import subprocess
import sys
import time

FICLONE = 0x40049409


class Problem(Exception):
    """A command that is measured has failed: there is nothing to report."""


class Command:
    """A program with its arguments and, maybe, a text for its stdin and more environment."""

    def __init__(self, *argv, stdin=b"", cwd=None, env=None):
        self.argv = [str(word) for word in argv]
        self.cwd = cwd
        self.env = env or {}
        self.stdin = os.memfd_create("stdin")
        os.write(self.stdin, stdin)
        self.stderr = os.memfd_create("stderr")
        self.usage = None
        self.path = next((p for p in [self.argv[0]] + [
            os.path.join(d, self.argv[0]) for d in os.environ["PATH"].split(":")]
            if "/" in p and os.access(p, os.X_OK)), None)
        if self.path is None:
            raise Problem(f"{self.argv[0]}: no such program")

    def start(self):
        os.lseek(self.stdin, 0, os.SEEK_SET)
        os.ftruncate(self.stderr, 0)
        actions = [(os.POSIX_SPAWN_DUP2, self.stdin, 0),
                   (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
                   (os.POSIX_SPAWN_DUP2, self.stderr, 2)]
        if self.cwd:
            os.chdir(self.cwd)
        return os.posix_spawn(self.path, self.argv, os.environ | self.env, file_actions=actions)

    def wait(self, pid):
        _, status, self.usage = os.wait4(pid, 0)
        if status != 0:
            said = os.pread(self.stderr, 4000, 0).decode(errors="replace").strip()
            raise Problem(f"{' '.join(self.argv)[:300]}: status {status:#x}: {said}")

    def run(self):
        """Run to the end; seconds."""
        start = time.perf_counter()
        self.wait(self.start())
        return time.perf_counter() - start

    def cpu(self):
        """The same; seconds of processor time, which other load changes little."""
        self.run()
        return self.usage.ru_utime + self.usage.ru_stime


def all_at_once(jobs):
    """Run lists of commands, each list in order, all lists at the same time; seconds."""
    left = [list(job) for job in jobs]
    running = {}
    start = time.perf_counter()
    for job in left:
        running[job[0].start()] = job
    while running:
        pid, status = os.waitpid(-1, 0)
        job = running.pop(pid, None)
        if job is None:
            continue
        if status != 0:
            said = os.pread(job[0].stderr, 4000, 0).decode(errors="replace").strip()
            raise Problem(f"{' '.join(job[0].argv)[:300]}: status {status:#x}: {said}")
        job.pop(0)
        if job:
            running[job[0].start()] = job
    return time.perf_counter() - start


def reflink(source, target):
    """FICLONE alone, durable; seconds."""
    with open(source, "rb") as one, open(target, "xb") as two:
        start = time.perf_counter()
        fcntl.ioctl(two.fileno(), FICLONE, one.fileno())
        os.fsync(two.fileno())
        return time.perf_counter() - start


def durable(path):
    """What it takes to make a file's data last, once a tool has written it; seconds."""
    with open(path, "rb+") as file:
        start = time.perf_counter()
        os.fdatasync(file.fileno())
        return time.perf_counter() - start


def must(*argv, stdin=b""):
    """Run what only prepares; its stdout."""
    done = subprocess.run(argv, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise Problem(f"{' '.join(argv)[:300]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Report:
    """Figures as lines of name, value, unit, floor, ratio."""

    def __init__(self, runs, pattern, verbose):
        self.runs = runs
        self.pattern = pattern
        self.verbose = verbose

    def wants(self, name):
        return self.pattern.search(name) is not None

    def line(self, name, value, unit, floor):
        ratio = value / floor if floor else 0
        print(f"{name}\t{value:.2f}\t{unit}\t{floor:.2f}\t{ratio:.2f}", flush=True)

    def compare(self, name, prepare, measured, floors):
        """Measure by turns a command (or a function that tells the seconds); @floors are
        functions, and the fastest of them is the floor.  The first turn only warms up, and
        each has an order of its own: what a tool leaves to the disk is felt by the next.
        """
        if not self.wants(name):
            return
        measured = measured.run if isinstance(measured, Command) else measured
        functions = list(enumerate([measured, *floors]))
        times = [[] for _ in functions]
        for turn in range(self.runs + 1):
            for which, function in random.sample(functions, len(functions)):
                prepare()
                os.sync()  # what was prepared shall not be written while we measure
                seconds = function()
                if turn > 0:
                    times[which].append(seconds * 1000)
        medians = [statistics.median(t) for t in times]
        if self.verbose:
            for label, all_times in zip(["measured", "floor", "floor 2"], times):
                print(f"# {name} {label}: " + " ".join(f"{t:.1f}" for t in all_times),
                      file=sys.stderr)
        self.line(name, medians[0], "ms", min(medians[1:]))
