# SPDX-License-Identifier: Apache-2.0
"""connections - ssh from the front-end to the host: the drivers' and our own."""
import glob
import os
import stat
import time

from measure import Command, must

HOST = "host01"
OURS = "/var/tmp/bench.ssh"  # our own shared connection
DRIVERS = ["/run/one/drv-ssh", f"/run/user/{os.geteuid()}/drv-ssh", "/var/lib/one/.drv-ssh"]


def open_ours():
    must("ssh", "-o", "ControlMaster=yes", "-o", "ControlPersist=yes", "-o",
         f"ControlPath={OURS}", "-fN", HOST)


def close_ours():
    must("ssh", "-o", f"ControlPath={OURS}", "-O", "exit", HOST)


def close_drivers():
    """End the connections that the drivers keep, so that the next is a new one."""
    sockets = [s for d in DRIVERS for s in glob.glob(d + "/*")
               if stat.S_ISSOCK(os.stat(s).st_mode)]
    for socket in sockets:
        must("ssh", "-o", f"ControlPath={socket}", "-O", "exit", HOST)
    for socket in sockets:
        while os.path.exists(socket):
            time.sleep(0.005)
    if sockets:
        time.sleep(0.1)  # what served it on the host ends


def ssh_true(kind):
    how = ["-o", f"ControlPath={OURS}"] if kind == "reused" else ["-o", "ControlPath=none"]
    return Command("ssh", "-o", "BatchMode=yes", *how, "--", HOST, "true")
