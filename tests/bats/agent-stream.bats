#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The host agent's core and a watcher that says what the test wants: streams of events,
# and what becomes of those who do not read them.
# shellcheck disable=SC2154,SC2034 # run sets variables
load lib/drv
load lib/core

setup() {
    export FAKE_EVENTS=$BATS_TEST_TMPDIR/events
    : >"$FAKE_EVENTS"
    mkdir "$BATS_TEST_TMPDIR/programs"
    ln -s "$DRV_OUT/agent/drv-agent-simulator" "$BATS_TEST_TMPDIR/programs/drv-agent-worker"
    ln -s "$DRV_ROOT/tests/lib/fake-watcher" "$BATS_TEST_TMPDIR/programs/drv-agent-watcher"
    core_start --backend libvirt --programs "$BATS_TEST_TMPDIR/programs"
    py 'until(lambda: diagnostics()["events"]["connected"])'
}
teardown() { core_stop; }

# Events of COUNT domains, two each.
EVENTS='
def happen(count, size=0):
    with open(os.environ["FAKE_EVENTS"], "a") as file:
        for i in range(count):
            for event, state in (("ADDED", "Running"), ("REMOVED", "Halted")):
                file.write(json.dumps({"event": event, "seq": 0, "time": 1, "source": "derived",
                                       "uuid": f"00000000-0000-0000-0000-{i:012}",
                                       "name": "n" * (size or 5), "state": state,
                                       "persistent": False}).replace("\"seq\": 0", "\"seq\":{N}")
                           + "\n")
'

@test "D39: a subscriber that does not read is cut off with the reason; others get every event" {
    DRV_TIMEOUT=300 py "$EVENTS"'
import threading
pid = int(os.environ["AGENT_PID"])
rss = lambda: int(open(f"/proc/{pid}/statm").read().split()[1]) * 4096
deaf, reader, other = Raw(), Raw(), Raw()
for client in (deaf, reader):
    client.call("EVENTS.subscribe")
before, count = rss(), 3000
got, worst = [], 0
def read():
    while len(got) < 2 * count:
        line = reader.line()
        if "event" in line:
            got.append(line["seq"])
thread = threading.Thread(target=read)
thread.start()
happen(count, size=400)
while thread.is_alive():
    began = time.monotonic()
    other.call("query")
    worst = max(worst, time.monotonic() - began)
    time.sleep(0.01)
assert len(got) == 2 * count and got == sorted(set(got)), len(got)
assert worst < 5, worst  # under sanitizers and load; a second would be long
assert rss() - before < 24 * 2**20, (before, rss())
# What it had begun to read is whole; then the reason, then the end.
lines = []
while True:
    text = deaf.file.readline()
    if not text:
        break
    lines.append(json.loads(text))
assert "reads too slowly" in lines[-1]["error"][1] and all("event" in x for x in lines[:-1])
seen = [x["seq"] for x in lines[:-1]]
assert seen == got[:len(seen)] and len(seen) < len(got)
# It knows where it was: from there it gets the rest, or is told that it is not complete.
again = Raw()
answer = again.call("EVENTS.subscribe", since=seen[-1])
assert answer["complete"] is False and answer["events"][-1]["seq"] == got[-1]
until(lambda: diagnostics()["clients"] <= 4)
print(len(seen), "of", len(got), "events before it was cut off")' >"$BATS_TEST_TMPDIR/figure"
    grep -q 'bytes behind its stream' "$BATS_TEST_TMPDIR/messages"
    echo "# injected: a subscriber that does not read, $(cat "$BATS_TEST_TMPDIR/figure")" >&3
}

@test "G54: a subscriber that comes back with its last number gets what it has missed, once" {
    py "$EVENTS"'
client = Raw()
client.call("EVENTS.subscribe")
happen(5)
seen = [client.line()["seq"] for _ in range(4)]
client.close()
again = Raw()
until(lambda: len(call("EVENTS.list")) == 10)
answer = again.call("EVENTS.subscribe", since=seen[-1])
assert answer["complete"] is True
assert [e["seq"] for e in answer["events"]] == [seen[-1] + i for i in range(1, 7)]
happen(1)
assert again.line()["seq"] == seen[-1] + 7'
}

@test "what a watcher must not say is not believed, and stops nothing" {
    local line
    for line in 'no JSON' '[]' '{"event":"ADDED","seq":{N}}' '{"event":"ADDED","uuid":"../../x","seq":{N}}' \
        '{"relist":[{"uuid":"../x"},7,null]}' '{"event":7,"uuid":{}}' '{"connected":"maybe"}' \
        '{"connected":true,"events":[]}' '{"list_s":"long"}'; do
        echo "$line" >>"$FAKE_EVENTS"
    done
    py "$EVENTS"'
happen(1)
until(lambda: len(call("EVENTS.list")) == 2)
assert call("VM.list") == [] and diagnostics()["damaged"] == []
assert "no JSON" not in call("get_metrics")'
    assert_equal "$(ls "$AGENT_DIRECTORY/domains")" ""
    echo "# injected: 9 lines of a watcher that are not right" >&3
}
