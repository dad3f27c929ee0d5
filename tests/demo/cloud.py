# SPDX-License-Identifier: Apache-2.0
"""cloud - the lab as the demo sees it: nodes that run commands, guests that answer."""
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TOOLS = os.path.join(ROOT, "tests", "lab")
STORES = "/var/lib/one/datastores"


class Problem(Exception):
    """Something that should have worked did not; the text says what."""


def text_of(data):
    return data.decode(errors="replace").strip()


class Lab:
    """A front-end "fe" and two hosts; gone, with all they hold, when it is closed."""

    def __init__(self, remotes, *options):
        self.directory = tempfile.mkdtemp(prefix="one-native-demo-")
        self.dir = os.path.join(self.directory, "lab")
        self.remotes, self.options = remotes, options

    def __enter__(self):
        up = subprocess.Popen([f"{TOOLS}/lab", "up", *self.options, "--remotes", self.remotes,
                               self.dir],
                              stdin=subprocess.DEVNULL)
        try:
            if up.wait() != 0:
                raise Problem("the lab did not start")
        except BaseException:
            up.wait()  # half a lab could not be ended
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([f"{TOOLS}/lab", "down", self.dir], check=True)
        os.rmdir(self.directory)

    def run(self, node, argv, stdin=b""):
        return subprocess.run([f"{TOOLS}/lab", "exec", self.dir, node, *argv],
                              input=stdin, capture_output=True)

    def must(self, node, argv, stdin=b""):
        done = self.run(node, argv, stdin)
        if done.returncode != 0:
            raise Problem(f"{node}: {' '.join(argv)[:200]}: {text_of(done.stderr)}")
        return text_of(done.stdout)

    def root(self, node, argv):
        """What only an admin may do or see."""
        return text_of(subprocess.run([f"{TOOLS}/lab", "root", self.dir, node, *argv],
                                      check=True, stdout=subprocess.PIPE).stdout)

    def write(self, node, path, text):
        self.must(node, ["sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1"', "sh", path],
                  text.encode())

    def put(self, node, path, source):
        """A file of this machine, as PATH on NODE."""
        self.must(node, ["cp", "--sparse=always", source, path])

    def start(self, node, argv):
        """A program that runs until the lab ends."""
        self.must(node, ["sh", "-c", 'setsid "$@" </dev/null >/dev/null 2>&1 &', "sh", *argv])

    def wait_for(self, node, script, what):
        self.must(node, ["bash", "-c", f"""
            for _ in {{1..500}}; do
                {{ {script}; }} >/dev/null 2>&1 && exit
                sleep 0.02
            done
            echo '{what} did not come' >&2
            exit 1"""])

    def core_says(self, kind, number, xml):
        """What one.KIND.info(NUMBER) answers from now on."""
        path = os.path.join(self.dir, "core", kind, f"{number}.xml")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(xml)
        os.rename(path + ".new", path)

    def files(self, node, *directories):
        """All names below DIRECTORIES on NODE."""
        found = self.must(node, ["find", *directories, "-xdev", "-mindepth", "1"])
        return set(found.splitlines())


class Guest:
    """The system inside a domain, asked through its agent."""

    def __init__(self, lab, host, domain):
        self.lab, self.host, self.domain = lab, host, domain

    def ask(self, *words):
        return subprocess.run([f"{TOOLS}/guest-run", "--timeout", "60", *words],
                              capture_output=True, stdin=subprocess.DEVNULL)

    def wait(self):
        done = self.ask("--wait", self.lab.dir, self.host, self.domain)
        if done.returncode != 0:
            raise Problem(text_of(done.stderr))

    def run(self, script):
        done = self.ask(self.lab.dir, self.host, self.domain, "/bin/sh", "-c", script)
        if done.returncode != 0:
            raise Problem(f"guest {self.domain}: {script}: {text_of(done.stderr)}")
        return text_of(done.stdout)
