#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What speaks to the host agent's socket: HTTP, JSON-RPC, XML-RPC, garbage, crowds.
load lib/drv
load lib/core

setup() { core_start; }
teardown() { core_stop; }

PYTHON_HELPERS='
def raw(data, half_close=True, sock=None):
    """All that comes back."""
    sock = sock or connect()
    sock.sendall(data)
    if half_close:
        sock.shutdown(socket.SHUT_WR)
    got = b""
    while part := sock.recv(65536):
        got += part
    return got
def request(body, head=""):
    return f"POST /x HTTP/1.1\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body
QUERY = b"{\"method\":\"query\",\"params\":[{}],\"id\":1}"
'
wire() { py "$PYTHON_HELPERS$1"; }

@test "J76: HTTP: one call per connection, keep-alive, pipelined, in one-byte pieces" {
    wire '
one = raw(request(QUERY, "Connection: close\r\n"))
assert one.startswith(b"HTTP/1.1 200 OK\r\n") and one.count(b"drv-agentd") == 1
assert raw(request(QUERY) * 3).count(b"drv-agentd") == 3
sock = connect()
for _ in range(2):
    for byte in request(QUERY):
        sock.sendall(bytes([byte]))
    assert b"drv-agentd" in sock.recv(65536)'
}

@test "J76: HTTP: curl, with JSON and XML bodies" {
    run -0 curl -sS --unix-socket "$AGENT_SOCKET" http://x/ -d '{"method":"VM.list","params":[{}],"id":"a"}'
    assert_output '{"result":[],"error":null,"id":"a"}'
    run -0 curl -sS --unix-socket "$AGENT_SOCKET" http://x/ \
        -d '<?xml version="1.0"?><methodCall><methodName>VM.list</methodName><params><param><value><struct/></value></param></params></methodCall>'
    assert_output --partial '<name>Status</name><value><string>Success</string>'
    run -0 curl -sS --unix-socket "$AGENT_SOCKET" -o /dev/null -w '%{http_code}' http://x/
    assert_output 404
}

@test "J76: HTTP: what is wrong has its status" {
    wire '
def status(text):
    answer = raw(text)
    return int(answer.split()[1]) if answer else None
for text, expected in (
        (b"GET / HTTP/1.1\r\n\r\n", 404), (b"POST / HTTP/1.1\r\n\r\n", 411),
        (b"PUT / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 0x10\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nnonsense\r\n\r\n", 400), (b"POST /\r\n\r\n", 400),
        (b"POST / SPDY/1\r\n\r\n", 400), (b"POST / HTTP/1.1\r\nA: \0\r\n\r\n", 400),
        (b"x" * 20000, 431), (b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 4000, 431)):
    assert status(text) == expected, (text[:60], status(text))'
}

@test "J76: the raw stream: many calls on a connection, by newline, NUL or nothing" {
    wire '
for end in (b"\n", b"\0", b"", b" \r\n\t"):
    answers = raw((QUERY + end) * 50).splitlines()
    assert len(answers) == 50 and all(json.loads(a)["error"] is None for a in answers)
sock = connect()
for byte in QUERY:
    sock.sendall(bytes([byte]))
assert b"drv-agentd" in sock.recv(65536)'
}

@test "J76: JSON-RPC: errors are answered, and the connection goes on" {
    wire '
client = Raw()
def send(text):
    client.file.write(text.encode() + b"\n"), client.file.flush()
    return client.line()
answer = send("""{"jsonrpc":"2.0","method":"nothing","params":{},"id":5}""")
assert answer["id"] == 5 and answer["error"]["code"] == -32601 and "result" not in answer
assert answer["error"]["data"] == ["Unimplemented", "nothing"]
assert send("""{"method":"nothing","params":[],"id":5}""")["error"] == ["Unimplemented", "nothing"]
assert send("""{"jsonrpc":"2.0","id":6}""")["error"]["code"] == -32600
assert send("""{"jsonrpc":"2.0","method":7,"id":6}""")["error"]["code"] == -32600
assert send("""{"jsonrpc":"2.0","method":"VM.add","params":{"vm":3},"id":7}""")["error"]["code"] == -32602
assert send("""{"jsonrpc":"2.0","method":"VM.stat","params":{"id":"u"},"id":7}""")["error"] == {
    "code": -32000, "message": "[\"Does_not_exist\",[\"VM\",\"u\"]]", "data": ["Does_not_exist", ["VM", "u"]]}
assert send("""{"method":"VM.stat","params":["xn","u"],"id":7}""")["error"][0] == "Internal_error"
assert send("""{"method":"query" "params":[]}""")["error"][0] == "Internal_error"
assert send("""{"jsonrpc":"2.0","method":"query","id":8}""")["result"]["name"] == "drv-agentd"
client.file.write(b"""{"jsonrpc":"2.0","method":"query"}\n""")
assert send("""{"method":"query","id":9}""")["id"] == 9
status, body = post(b"[1, 2")
assert status == 200 and b"error" in body
assert post(b"")[0] == 200 and post(b"null")[0] == 200 and post(b"[]")[0] == 200'
}

@test "J76: XML-RPC: Python's client; typed, untyped, nil; errors are Failure structs" {
    py '
server = xml()
def value(answer):
    assert answer["Status"] == "Success", answer
    return answer["Value"]
assert value(server.VM.add({"debug_info": "x", "vm": {"id": "u<&>\u00e4", "memory_static_max": 2**31 - 1,
                            "vcpus": "2", "generation_id": None, "suppress_spurious_page_faults": True}})) == "u<&>\u00e4"
[[record, st]] = value(server.VM.list({"unit": None}))
assert record["id"] == "u<&>\u00e4" and record["vcpus"] == 2 and st["last_start_time"] == 0.0
assert record["suppress_spurious_page_faults"] is True and st["numa_optimised"] is False
one = value(server.VM.start({"id": "u<&>\u00e4", "paused": False}))
wait(one)
assert value(server.Task.stat({"id": one}))["state"][0] == "Completed"
answer = server.VM.stat({"id": "no"})
assert answer == {"Status": "Failure", "ErrorDescription": ["Does_not_exist", ["VM", "no"]]}
assert server.nothing({})["Status"] == "Failure"
untyped = b"""<methodCall><methodName> VM.exists </methodName><params><param><value><struct>
 <member><name>id</name><value>u&lt;&amp;&gt;&#228;</value></member></struct></value></param></params></methodCall>"""
assert b"<boolean>1</boolean>" in post(untyped)[1]
big = value(server.VM.add({"vm": {"id": "b", "memory_static_max": xmlrpc.client.MAXINT}}))
call("VM.add", vm={"id": "b", "memory_static_max": 2**40})
assert b"<i8>1099511627776</i8>" in post(untyped.replace(b" VM.exists ", b"VM.list"))[1]
for bad in (b"<methodCall>", b"<x/>", b"<methodCall/>", b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            untyped.replace(b"<value>u", b"<value><int>u</int>"),
            b"<methodCall><methodName>query</methodName><params><param>" + b"<value><array><data>" * 500):
    status, body = post(bad)
    assert status == 200 and b"Failure" in body, (bad, status, body)'
}

@test "J76: a body of 100 MB is refused, and the agent does not grow" {
    wire '
pid = int(os.environ["AGENT_PID"])
def rss():
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])
import re
before = rss()
for start in (b"POST / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n", b"{\"method\":\""):
    sock = connect()
    try:
        sock.sendall(start)
        for _ in range(1000):
            sock.sendall(b"x" * 100000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    answer = sock.recv(65536)
    assert b"413" in answer or b"too large" in answer, answer
assert rss() - before < 20000, (before, rss())
call("query")'
}

@test "J76: deep nesting is refused, in both languages; equal and hostile keys are not a problem" {
    wire '
for text in (b"{\"method\":\"query\",\"params\":" + b"[" * 1000 + b"]" * 1000 + b"}",
             b"{\"a\":" * 1000 + b"1" + b"}" * 1000):
    assert b"error" in raw(text) and b"drv-agentd" not in raw(text)
    assert post(text)[0] == 200
deep = b"<value><array><data>" * 100 + b"</data></array></value>" * 100
assert b"Failure" in post(b"<methodCall><methodName>query</methodName><params><param>" + deep +
                          b"</param></params></methodCall>")[1]
assert json.loads(raw(b"{\"method\":\"nothing\",\"method\":\"query\",\"id\":1}"))["result"]
assert b"error" in raw(b"{\"method\":\"query\xff\",\"id\":1}")
call("query")'
}

@test "J76: a thousand inputs of noise, and the agent answers the next" {
    wire '
import random
random.seed(4711)
seeds = [QUERY, request(QUERY), request(b"<methodCall><methodName>query</methodName></methodCall>"),
         b"{\"method\":\"VM.add\",\"params\":[{\"vm\":{\"id\":\"u\"}}],\"id\":1}"]
for i in range(1000):
    data = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(data))
        data[at:at + random.randint(0, 3)] = random.randbytes(random.randint(0, 4))
    try:
        raw(bytes(data))
    except (BrokenPipeError, ConnectionResetError):
        pass
call("query")
until(lambda: diagnostics()["clients"] == 1)'
}

@test "J77: a socket that a dead process left is replaced; one of a living one is not" {
    core_kill
    [ -S "$AGENT_SOCKET" ]
    core_start
    run ! --separate-stderr timeout 10 "$AGENT" --backend simulator --socket "$AGENT_SOCKET" \
        --directory "$AGENT_DIRECTORY-2" --group "$(id -gn)"
    rm -rf "$AGENT_DIRECTORY-2"
    [[ $stderr =~ "an agent listens on" ]]
    run ! --separate-stderr timeout 10 "$AGENT" --backend simulator --socket "$AGENT_SOCKET-2" \
        --directory "$AGENT_DIRECTORY" --group "$(id -gn)"
    [[ $stderr =~ "another agent owns" ]]
    py 'call("query")'
}

@test "J77: socket activation" {
    need systemd-socket-activate
    AGENT_KEEP=1 core_stop
    core_activate
    py 'add("u1"), ok("VM.start", id="u1")'
}

@test "J78: a client that goes while its get is blocked leaves nothing behind" {
    py '
token = call("UPDATES.last_id")
count = lambda: len(os.listdir("/proc/%s/fd" % os.environ["AGENT_PID"]))
before = count()
for _ in range(50):
    client = Raw()
    client.send("UPDATES.get", last_id=token, timeout=1000)
    client.close()
until(lambda: diagnostics()["clients"] == 1 and count() <= before)
half = connect()
half.sendall(json.dumps({"method": "UPDATES.get", "params": [{"last_id": token, "timeout": 1}], "id": 1}).encode())
half.shutdown(socket.SHUT_WR)
assert b"result" in half.recv(4096) and half.recv(4096) == b""'
}

@test "J: a thousand clients at once; one more is refused with a reason" {
    py '
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
clients = [Raw() for _ in range(1000)]
for client in clients:
    client.send("query")
assert all(client.line()["result"]["name"] == "drv-agentd" for client in clients)
call("query")
more = [connect() for _ in range(40)]
answers = []
for sock in more:
    sock.settimeout(1)
    try:
        answers.append(sock.recv(4096))
    except TimeoutError:
        pass
assert answers and all(b"503" in a for a in answers)
assert call("query")["name"] == "drv-agentd"'
}

@test "D39: a reader that never reads is held to one answer; others see no delay" {
    py '
for i in range(300):
    add(f"u{i}")
pid = int(os.environ["AGENT_PID"])
rss = lambda: int(open(f"/proc/{pid}/statm").read().split()[1]) * 4096
before = rss()
deaf = connect()
deaf.setblocking(False)
one = json.dumps({"method": "VM.list", "params": [{}], "id": 1}).encode() + b"\n"
sent = 0
end = time.monotonic() + 3
while time.monotonic() < end and sent < 200000 * len(one):
    try:
        sent += deaf.send(one * 100)
    except BlockingIOError:
        began = time.monotonic()
        call("query")
        assert time.monotonic() - began < 2
        time.sleep(0.05)
assert rss() - before < 24 * 2**20, (before, rss())
print(sent)'
}
