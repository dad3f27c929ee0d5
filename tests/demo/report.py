# SPDX-License-Identifier: Apache-2.0
"""report - what a demo prints, what it proved, and how it begins and ends."""
import argparse
import os
import re
import signal
import subprocess
import sys
import time

from cloud import ROOT, TOOLS, Lab, Problem


class Report:
    """What is printed, and what was proved."""

    def __init__(self):
        self.proofs, self.calls, self.spent = [], 0, 0.0
        self.started = time.monotonic()

    def chapter(self, text):
        print(f"\n{text}", flush=True)

    def call(self, program, argv, status, said, took):
        words = " ".join(word if len(word) < 200 else "…" for word in map(str, argv))
        said = " ".join(said.split()) or "ok"
        result = f"refused: {said}" if status else said
        print(f"  {program:27} {took:5.0f} ms  {self.short(words)} → {self.short(result)}",
              flush=True)
        self.calls += 1
        self.spent += took

    @staticmethod
    def short(text):
        text = text.replace("/var/lib/one//datastores/", "").replace(
            "/var/lib/one/datastores/", "")
        return re.sub(r"\b([0-9a-f]{6})[0-9a-f]{26}\b", r"\1…", text)

    def prove(self, what, seen, wanted=True):
        good = seen == wanted
        print(f"  {'proved:' if good else 'NOT SO:'} {what}" +
              ("" if good else f"\n          wanted {wanted!r}\n          saw    {seen!r}"),
              flush=True)
        self.proofs.append((what, good))

    def summary(self, problem):
        took = time.monotonic() - self.started
        self.chapter(f"{self.calls} driver calls in {self.spent / 1000:.1f} s, "
                     f"all in {took:.0f} s")
        for what, good in self.proofs:
            print(f"  {'yes' if good else 'NO '}  {what}")
        if problem:
            print(f"  NO   the story came to its end: {problem}")
        good = not problem and self.proofs and all(good for _, good in self.proofs)
        print("All of it was true." if good else "Not all of it was true.")
        return 0 if good else 1


def interrupted(*_):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # once is enough: now all is removed
    raise KeyboardInterrupt


def main(usage, tell, *options):
    """TELL(lab, say, files, args) is the story; its exit status is returned.  OPTIONS are
    those of the lab."""
    parser = argparse.ArgumentParser(usage=usage)
    parser.add_argument("--out", default=os.environ.get("OUT", os.path.join(ROOT, "out")))
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("demo: only root can make the lab")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    remotes = os.path.join(os.path.abspath(args.out), "remotes")
    say, problem = Report(), None
    say.chapter("The guest and the lab are made")
    try:
        files = subprocess.run([f"{TOOLS}/guest"], check=True, capture_output=True,
                               text=True).stdout.strip()
        with Lab(remotes, *options) as lab:
            tell(lab, say, files, args)
    except KeyboardInterrupt:
        problem = "interrupted"
    except (Problem, subprocess.CalledProcessError) as caught:
        problem = str(caught)
    return say.summary(problem)
