#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: systemd-analyze wants a directory in /run, which it gets in a place of its own
# The agent as a service: what is installed, its units, socket activation, the watchdog.
# shellcheck disable=SC2154,SC2034 # run sets variables
load lib/drv
load lib/core
load lib/drv-command

teardown() { core_stop; }

# What make install puts onto a host, without building anything.
installed_tree() {
    TREE=$BATS_TEST_TMPDIR/tree
    make -s -C "$DRV_ROOT" OUT="$DRV_OUT" DESTDIR="$TREE" -o all install-agent
}

@test "install: the command, the programs, units and completion; uninstall removes them" {
    installed_tree
    (cd "$TREE" && find . -type f | sort) >"$BATS_TEST_TMPDIR/files"
    diff - "$BATS_TEST_TMPDIR/files" <<'END'
./usr/bin/drv
./usr/lib/systemd/system/drv-agentd.service
./usr/lib/systemd/system/drv-agentd.socket
./usr/libexec/one-native/drv-agent-simulator
./usr/libexec/one-native/drv-agent-watcher
./usr/libexec/one-native/drv-agent-worker
./usr/libexec/one-native/drv-agentd
./usr/share/bash-completion/completions/drv
./usr/share/zsh/vendor-completions/_drv
END
    "$TREE/usr/bin/drv" --version
    make -s -C "$DRV_ROOT" OUT="$DRV_OUT" DESTDIR="$TREE" uninstall-agent
    assert_equal "$(find "$TREE" -type f)" ""
}

@test "units: systemd finds nothing wrong with them" {
    installed_tree
    sed -i "s|=/usr/libexec|=$TREE/usr/libexec|; /^Documentation/d" \
        "$TREE"/usr/lib/systemd/system/drv-agentd.*
    run "$LAB_TOOLS/installed" --root systemd-analyze verify --recursive-errors=no "$TREE"/usr/lib/systemd/system/drv-agentd.{service,socket}
    assert_success
    refute_output --partial drv-agentd
}

@test "units: the service is exposed to little" {
    installed_tree
    run "$LAB_TOOLS/installed" --root systemd-analyze security --offline=yes --threshold=20 \
        "$TREE/usr/lib/systemd/system/drv-agentd.service"
    assert_success
}

@test "socket activation: the first client starts the agent, which serves it" {
    core_activate
    run_drv vm list
    assert_success
    run_drv vm add --name web
    assert_success
    assert_equal "$(cat "/proc/$AGENT_JOB/comm")" drv-agentd
}

# Receive what the agent notifies, a line each, in $BATS_TEST_TMPDIR/notified.
receive_notifications() {
    python3 - "$BATS_TEST_TMPDIR/notify" "$BATS_TEST_TMPDIR/notified" 3>&- <<'END' &
import os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
with open(sys.argv[2], "w") as file:
    while True:
        print(receiver.recv(4096).decode(), file=file, flush=True)
END
    RECEIVER_JOB=$!
    wait_until 20 test -S "$BATS_TEST_TMPDIR/notify"
}

@test "notifications: ready when it serves, the watchdog is fed, with every worker hanging" {
    receive_notifications
    # of this shell's child only: the agent checks whom the watchdog is for
    NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify WATCHDOG_USEC=400000 core_start --workers 1
    wait_until 20 grep -q READY=1 "$BATS_TEST_TMPDIR/notified"
    echo '{"name": "web", "id": "u1", "platform": {"sim-hang": "build"}}' | drv vm add -
    drv --no-wait vm start --paused u1
    wait_until 20 bash -c "'$DRV_OUT/agent/drv' --json task list | grep -q build"
    : >"$BATS_TEST_TMPDIR/notified"
    wait_until 20 bash -c "[ \$(grep -c WATCHDOG=1 '$BATS_TEST_TMPDIR/notified') -ge 4 ]"
    kill "$RECEIVER_JOB"
    wait "$RECEIVER_JOB" || true
}

@test "in the foreground, without systemd, it is the same agent" {
    core_start
    run_drv vm list
    assert_success
    core_end
}

# In a place with a journal's socket of its own: start the agent with stderr as the journal
# would have it, run a task, and print what the journal gets of it.
journal_of_a_task() {
    cat >"$BATS_TEST_TMPDIR/journal.py" <<'END'
import os, socket, subprocess, sys
agentd, drv, place = sys.argv[1:]
os.makedirs("/run/systemd/journal", exist_ok=True)
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
journal.settimeout(30)
stderr = open(place + "/stderr", "wb")
st = os.fstat(stderr.fileno())
env = dict(os.environ, JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino}", DRV_SOCKET=place + "/s")
agent = subprocess.Popen([agentd, "--backend", "simulator", "--directory", place + "/r",
                          "--socket", place + "/s", "--group", "root"], stderr=stderr, env=env)
try:
    while "ready" not in (text := journal.recv(65536).decode()):
        pass
    subprocess.run([drv, "vm", "add", "--name", "web"], env=env, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([drv, "vm", "start", "--paused", "web"], env=env, check=True,
                   stdout=subprocess.DEVNULL)
    while "VM.start" not in (text := journal.recv(65536).decode()):
        pass
    print(text)
finally:
    agent.terminate()
    agent.wait()
print(os.path.getsize(place + "/stderr"), "bytes on stderr")
END
    mkdir "$BATS_TEST_TMPDIR/place"
    "$LAB_TOOLS/installed" --root python3 "$BATS_TEST_TMPDIR/journal.py" "$AGENT" \
        "$DRV_OUT/agent/drv" "$BATS_TEST_TMPDIR/place"
}

@test "journal: a task's messages have the task and the VM as fields" {
    run journal_of_a_task
    assert_success
    assert_line --regexp '^MESSAGE=task .*: VM.start of VM .* completed$'
    assert_line --regexp '^ONE_NATIVE_TASK=[0-9]+-[0-9]+$'
    assert_line --regexp '^ONE_NATIVE_VM=[0-9a-f-]{36}$'
    assert_line PRIORITY=6
    assert_line "0 bytes on stderr"
}

# listed NAME PAGE: the words behind .It of the list called NAME in the page.
listed() {
    awk -v name="$1" '/^\.\\" begin / { on = $3 == name; next } /^\.\\" end/ { on = 0 }
        on && /^\.It / { print $3 }' "$DRV_ROOT/docs/man/$2" | sort
}

@test "every method is in the man page of the protocol, and nothing else" {
    diff <(sed -nE 's/^ *\{ "([A-Za-z_.]+)", [a-z_]+, (NULL|"[A-Za-z_.]+"|FALSE|TRUE).*/\1/p' \
        "$DRV_ROOT"/agent/agentd/methods.c | sort) <(listed agent-methods drv-agent-protocol.7)
}

@test "every method that is not there is in that page, too" {
    diff <(sed -nE 's/^ *\{ "([A-Za-z0-9_.]+)",.*/\1/p' "$DRV_ROOT/agent/agentd/absent.c" | sort) \
        <(sed -nE '/begin agent-absent/,/" end/s/^\.Ic ([A-Za-z0-9_.]+).*/\1/p' \
            "$DRV_ROOT/docs/man/drv-agent-protocol.7" | sort)
}

@test "every option of the agent is in its man page, and nothing else" {
    diff <("$AGENT" --help | sed -nE 's/^ +--([a-z]+)=.*/\1/p' | sort) \
        <(sed -nE 's/^\.It Fl \\-([a-z]+) Ar.*/\1/p' "$DRV_ROOT/docs/man/drv-agentd.8" | sort)
}
