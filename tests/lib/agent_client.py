# SPDX-License-Identifier: Apache-2.0
"""agent_client - speak to drv-agentd: the raw stream, HTTP and XML-RPC.

Used by tests as "from agent_client import *"; the socket is $AGENT_SOCKET.
"""
import http.client
import json
import os
import socket
import time
import xmlrpc.client

SOCKET = os.environ.get("AGENT_SOCKET", "")


class ApiError(Exception):
    """A variant of the interface: name and argument."""

    def __init__(self, variant):
        super().__init__(json.dumps(variant))
        self.name = variant[0] if isinstance(variant, list) else variant
        self.argument = variant[1] if isinstance(variant, list) and len(variant) > 1 else None


def connect(timeout=60):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(SOCKET)
    sock.settimeout(timeout)
    return sock


class Raw:
    """Many calls on one connection, a line each."""

    def __init__(self, timeout=60):
        self.sock = connect(timeout)
        self.file = self.sock.makefile("rwb")
        self.number = 0

    def send(self, method, **args):
        self.number += 1
        args.setdefault("debug_info", "test")
        self.file.write(json.dumps({"method": method, "params": [args],
                                    "id": self.number}).encode() + b"\n")
        self.file.flush()

    def line(self):
        text = self.file.readline()
        if not text:
            raise EOFError("the agent closed the connection")
        return json.loads(text)

    def call(self, method, **args):
        self.send(method, **args)
        answer = self.line()
        assert answer["id"] == self.number, answer
        if answer["error"] is not None:
            raise ApiError(answer["error"])
        return answer["result"]

    def close(self):
        self.file.close()
        self.sock.close()


_shared = []


def call(method, **args):
    if not _shared:
        _shared.append(Raw())
    return _shared[0].call(method, **args)


def reconnect():
    """After a restart of the agent."""
    _shared.clear()


def final(task):
    return task["state"][0] != "Pending"


def wait(*ids, timeout=60):
    """Their tasks, final, by updates only; one id: the task itself."""
    client = Raw()
    token = client.call("UPDATES.last_id", extended=True)
    found = {}
    end = time.monotonic() + timeout
    left = set(ids)
    while True:
        for one in list(left):
            task = client.call("Task.stat", id=one)
            if final(task):
                found[one] = task
                left.discard(one)
        if not left:
            break
        assert time.monotonic() < end, f"not final: {[client.call('Task.stat', id=x) for x in left]}"
        news = client.call("UPDATES.get", last_id=token, timeout=5)
        changed = {entry[1] for entry in news[1] if entry[0] == "Task"}
        token = news[2]
        left_now = left & changed
        for one in left_now:
            task = client.call("Task.stat", id=one)
            if final(task):
                found[one] = task
                left.discard(one)
    client.close()
    return found[ids[0]] if len(ids) == 1 else [found[one] for one in ids]


def run(method, **args):
    """The task of an operation, when it is final."""
    return wait(call(method, **args))


def ok(method, **args):
    task = run(method, **args)
    assert task["state"][0] == "Completed", task
    return task


def fails(name, method, **args):
    """The task of an operation has to fail with this error; its argument."""
    task = run(method, **args)
    assert task["state"][0] == "Failed", task
    error = task["state"][1]
    assert (error[0] if isinstance(error, list) else error) == name, task
    return error[1] if isinstance(error, list) else None


def refused(name, method, **args):
    """The call has to be answered with this error; its argument."""
    try:
        answer = call(method, **args)
    except ApiError as error:
        assert error.name == name, error
        return error.argument
    raise AssertionError(f"{method} was accepted: {answer}")


def state(vm):
    return call("VM.stat", id=vm)[1]


def power(vm):
    return state(vm)["power_state"]


def until(condition, timeout=30):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def add(vm, disks=(), nics=(), **more):
    """A VM; disks: (name, mode); more: sim_delay_ms=5 and so on, or keys of the record."""
    platform = {key.replace("_", "-"): str(value) for key, value in more.items()
                if key.startswith("sim_")}
    record = {key: value for key, value in more.items() if not key.startswith("sim_")}
    call("VM.add", vm={"id": vm, "name": f"name of {vm}", "platformdata": platform, **record})
    for name, mode in disks:
        call("VBD.add", vbd={"id": [vm, name], "mode": mode})
    for name in nics:
        call("VIF.add", vif={"id": [vm, name]})
    return vm


class HttpConnection(http.client.HTTPConnection):
    def __init__(self, *_args, **_kwargs):
        super().__init__("localhost", timeout=60)

    def connect(self):
        self.sock = connect()


def post(body, **headers):
    """Status and body of one request."""
    connection = HttpConnection()
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


class Transport(xmlrpc.client.Transport):
    def make_connection(self, host):
        return HttpConnection()


def xml():
    return xmlrpc.client.ServerProxy("http://localhost", transport=Transport(), allow_none=True)


def diagnostics():
    return json.loads(call("get_diagnostics"))
