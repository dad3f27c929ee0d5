#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034 # run sets variables
# drv ps, drv cancel, drv log: what runs on a front-end, without an agent.
load lib/ds
load lib/drv-command
load lib/crowd

setup() {
    drv_setup
    STATUS=$ONE_LOCATION/var/.drv-status
    SAFE=$BATS_TEST_TMPDIR/images
    mkdir "$SAFE"
}

teardown() {
    finish
    [ -z "${WEB_PID-}" ] || web_end
    drv_teardown
}

# A web server with an image of MB megabytes, at most 1 MB/s as "slow".
web_begin() { # MB
    head -c "$1"000000 /dev/urandom >"$SAFE/os.raw"
    mkfifo "$BATS_TEST_TMPDIR/web-stop"
    "$LAB_TOOLS/http-server.py" "$SAFE/os.raw" <"$BATS_TEST_TMPDIR/web-stop" \
        >"$BATS_TEST_TMPDIR/web-port" 2>/dev/null 3>&- &
    WEB_PID=$!
    exec 9>"$BATS_TEST_TMPDIR/web-stop"
    wait_until 10 test -s "$BATS_TEST_TMPDIR/web-port"
    DUMP=$(ds_dump PATH="http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/web-port")/slow")
}

web_end() {
    exec 9>&-
    wait "$WEB_PID" || true
    WEB_PID=
}

is_shown() { [ -n "$(drv --json ps)" ]; }

begin_cp() { # MB
    web_begin "$1"
    begin_ds cp fs/cp 7
    wait_until 10 is_shown
}

@test "nothing runs: a heading, no JSON, no error; and no agent is asked" {
    run_drv ps
    assert_success
    assert_equal "$output" "ID  OBJECT  ACTION  PHASE  DONE  OF  RATE  REST  SINCE  WAITS FOR"
    run_drv --json ps
    assert_success
    assert_equal "$output$stderr" ""
    run_drv cancel 1
    assert_drv_error 4 "no action that runs has the id 1"
    run_drv log 1
    assert_drv_error 4 "no action has the id 1"
    run_drv cancel
    assert_equal "$status" 2
}

@test "a download: object, bytes, rate and rest; the estimate is right after a third" {
    local begin=${EPOCHREALTIME/./}
    begin_cp 9
    run_drv --json ps
    assert_success
    assert_equal "$(drv_json 'sorted(a[0])')" "['action', 'at', 'bytes_kept', 'bytes_left', \
'bytes_moved', 'bytes_total', 'detail', 'from', 'id', 'object', 'phase', 'pid', 'rate', \
'seconds_left', 'started', 'to', 'undone', 'waits_for']"
    assert_equal "$(drv_json '[a[0][k] for k in ("action", "object", "detail", "phase", "at")]')" \
        "['datastore/fs/cp', 'image 7', '', 'writing', '']"
    assert_equal "$(drv_json 'a[0]["bytes_total"]')" 9000000
    assert_equal "$(drv_json 'a[0]["bytes_moved"] + a[0]["bytes_left"]')" 9000000
    wait_until 20 eval '[ "$(drv --json ps | sed -E "s/.*bytes_moved\":([0-9]+).*/\1/")" -gt 3500000 ]'
    run_drv --json ps
    local rest estimate now=${EPOCHREALTIME/./}
    estimate=$(drv_json 'a[0]["seconds_left"] * 1000')
    run_drv ps
    assert_line --regexp '^[0-9]+-[0-9a-f]{4} +image 7 +datastore/fs/cp +writing +[0-9]+ % +8\.6 MiB +[0-9.]+ [KM]iB/s +0:0[0-9] +0:0[0-9] +-$'
    finish cp
    rest=$(((${EPOCHREALTIME/./} - now) / 1000))
    echo "# estimated $estimate ms, took $rest ms" >&3
    # What is shown is up to half a second old, and in whole seconds.
    [ "$estimate" -le $((rest * 6 / 5 + 1500)) ] && [ "$estimate" -ge $((rest * 4 / 5 - 1500)) ]
    result cp
    assert_success
    assert_only "$STATUS" "$(cd "$STATUS" && echo ./*.log | sed 's|^./||')"
    run_drv --json ps
    assert_equal "$output" ""
}

@test "what takes less than 2 s leaves nothing" {
    web_begin 1
    begin_ds cp fs/cp 7
    finish cp
    result cp
    assert_success
    assert_not_exists "$STATUS"
}

@test "cancel: within a second, says what is undone, and nothing is left" {
    begin_cp 60
    local id begin
    id=$(drv --json ps | sed -E 's/.*"id":"([^"]*)".*/\1/')
    begin=${EPOCHREALTIME/./}
    run_drv cancel "${id%-*}" # what is unique is enough
    local ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
    echo "# $ms ms" >&3
    assert_success
    assert_equal "$output" "cancelled: datastore/fs/cp of image 7: what was prepared for \
'$(sed -nE "s/.*what was prepared for '([^']*)'.*/\1/p" <<<"$output")' is removed"
    [ "$ms" -le 1000 ]
    finish cp
    result cp
    assert_equal "$status" 12
    assert_error "cancelled$"
    assert_only "$DS"
    run_drv log "$id"
    assert_success
    assert_line --regexp '^20[-0-9]+T[:0-9]+\.[0-9]{3}Z PHASE writing$'
    assert_line --regexp ' CANCELLED cannot (register|copy).* image 7: .*cancelled$'
    run_drv cancel "$id"
    assert_drv_error 4 "no action that runs"
}

@test "cancel and follow as JSON; --no-wait does not wait" {
    begin_cp 60
    local id
    id=$(drv --json ps | sed -E 's/.*"id":"([^"]*)".*/\1/')
    drv log --follow "$id" >"$BATS_TEST_TMPDIR/followed" 3>&- &
    local follower=$!
    run_drv --json cancel "$id"
    assert_success
    assert_equal "$(drv_json '[a[0]["id"], a[0]["result"], "is removed" in a[0]["undone"]]')" \
        "['$id', 'cancelled', True]"
    wait "$follower"
    tail -n 1 "$BATS_TEST_TMPDIR/followed" | grep -q ' CANCELLED '
    finish cp
    begin_ds cp fs/cp 7
    wait_until 10 is_shown
    run_drv --no-wait cancel "$(drv --json ps | sed -E 's/.*"id":"([^"]*)".*/\1/')"
    assert_success
    assert_equal "$output$stderr" ""
    finish cp
    result cp
    assert_error "cancelled$"
}

@test "a dead action's files are recognised and removed; its log stays" {
    begin_cp 60
    local pid id
    id=$(drv --json ps | sed -E 's/.*"id":"([^"]*)".*/\1/')
    pid=${id%-*}
    kill -9 "$pid"
    finish cp
    assert_exists "$STATUS/$id.status"
    run_drv --json ps
    assert_success
    assert_equal "$output" ""
    assert_only "$STATUS" "$id.log"
    run_drv log --follow "$id" # ends, too
    assert_success
}

@test "what an action waits for: a lock" {
    core_start
    qemu-img create -q -f raw "$DS/os" 8M
    vm_put 25 -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/os" FORMAT=raw TYPE=FILE CLONE=YES SIZE=8
    mkdir -p "$SYS/25/.drv-disk.0"
    touch "$SYS/25/.drv-disk.0/lock"
    flock -F "$SYS/25/.drv-disk.0/lock" tail -f /dev/null 3>&- &
    local holder=$!
    begin clone shared clone "$HERE:$DS/os" "$HERE:$SYS/25/disk.0" 25 1
    wait_until 10 is_shown
    run_drv --json ps
    assert_equal "$(drv_json '[a[0][k] for k in ("action", "object", "detail", "waits_for")]')" \
        "['tm/shared/clone', 'VM 25', 'disk.0', 'lock']"
    kill "$holder"
    finish clone
    result clone
    assert_success
}

@test "what an action waits for: the core" {
    core_start
    core_fault hang
    begin clone shared clone "$HERE:$DS/os" "$HERE:$SYS/25/disk.0" 25 1
    wait_until 10 is_shown
    run_drv --json ps
    assert_equal "$(drv_json '[a[0][k] for k in ("object", "waits_for")]')" "['VM 25', 'core']"
    run_drv cancel "$(drv_json 'a[0]["id"]')"
    assert_success
    assert_equal "$output" "cancelled: tm/shared/clone of VM 25: nothing had been changed"
    finish clone
}

# --- hostile files ----------------------------------------------------------------------

plant() { # NAME LINE...: a status of a process that lives
    local name=$1
    shift
    (umask 077 && mkdir -p "$STATUS")
    printf '%s\n' "$@" >"$STATUS/$name.status"
    exec {LOCK}>"$STATUS/$name.lock"
    flock "$LOCK"
}

@test "nothing in a status commands a terminal, and nothing in it is believed" {
    plant 1-a $'object=\e]0;owned\a\e[2J' $'phase=\u009b31m\u202eabc' "bytes_total=-5" \
        "bytes_moved=99999999999999999999999" "rate=1e400" "started=x" "no equals" "=" "pid=x"
    for words in ps "--json ps"; do
        # shellcheck disable=SC2086
        run_drv $words
        assert_success
        ! LC_ALL=C.UTF-8 grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\x{9b}|\x{202e}' <<<"$output"
        [[ $output == *owned* ]]
    done
    run_drv cancel 1-a
    assert_drv_error 4 "no action has the id 1-a"
    echo >"$STATUS/1-a.log"
    run_drv cancel 1-a
    assert_drv_error 1 "the status has no valid process"
}

@test "another user's process gets no signal, not even by root's hand" {
    plant 1-b "object=VM 1" "pid=1"
    echo >"$STATUS/1-b.log"
    run_drv cancel 1-b
    assert_drv_error 1 "(cannot stop|process 1 is not of the user|the status has no valid)"
    plant 2-b "object=VM 1" "pid=$(pgrep -u root -o -x systemd || pgrep -u root | sed -n 2p)"
    echo >"$STATUS/2-b.log"
    run_drv cancel 2-b
    assert_drv_error 1 "process [0-9]+ is not of the user who wrote the status"
}

@test "links, pipes, giants and many: none of them stops the others from being shown" {
    plant 3-c "object=VM 3" "pid=$$"
    ln -s /etc/passwd "$STATUS/4-c.status"
    touch "$STATUS/4-c.lock"
    mkfifo "$STATUS/5-c.status"
    head -c 100000000 /dev/zero >"$STATUS/6-c.status"
    cp "$STATUS/3-c.lock" "$STATUS/6-c.lock"
    exec 7<"$STATUS/6-c.lock"
    flock 7
    for i in $(seq 500); do echo "object=VM $i" >"$STATUS/9$i-d.status"; done
    DRV_TIMEOUT=5 run_drv --json ps
    assert_success
    assert_equal "$(drv_json 'sorted(x["object"] for x in a)')" "['', 'VM 3']"
    [ "$(find "$STATUS" -name '9*' | wc -l)" = 0 ] # dead, removed
}

@test "a directory that others may write to is not read; one that we may not is an error" {
    plant 3-c "object=VM 3" "pid=$$"
    chmod 777 "$STATUS"
    run_drv --json ps
    assert_success
    assert_equal "$output" ""
    [ "$(id -u)" != 0 ] || return 0
    chmod 000 "$STATUS"
    run_drv ps
    chmod 700 "$STATUS"
    assert_drv_error 1 "Permission denied"
}

@test "at most 100 logs are kept, the newest" {
    (umask 077 && mkdir -p "$STATUS")
    for i in $(seq 130); do
        touch -d "2020-01-01 + $i seconds" "$STATUS/$i-e.log"
    done
    begin_cp 4
    finish cp
    assert_equal "$(find "$STATUS" -name '*.log' | wc -l)" 100
    assert_exists "$STATUS/130-e.log"
    assert_not_exists "$STATUS/31-e.log"
}

# --- the attribute of the VM --------------------------------------------------------------

# A clone that waits for a lock, with the setting.
begin_published() {
    echo PROGRESS_ATTRIBUTE=DRV_PROGRESS >>"$REMOTES/etc/one-native.conf"
    core_start
    qemu-img create -q -f raw "$DS/os" 8M
    vm_put 25 -- disk DISK_ID=0 IMAGE_ID=7 SOURCE="$DS/os" FORMAT=raw TYPE=FILE CLONE=YES SIZE=8
    mkdir -p "$SYS/25/.drv-disk.0"
    touch "$SYS/25/.drv-disk.0/lock"
    flock -F "$SYS/25/.drv-disk.0/lock" tail -f /dev/null 3>&- &
    HOLDER=$!
    begin clone shared clone "$HERE:$DS/os" "$HERE:$SYS/25/disk.0" 25 1
}

written() { sed -E 's/^[0-9.]+ //' "$CORE/vm/25.attributes" 2>/dev/null || true; }

@test "the attribute of the VM: after 10 s, only if it changes, emptied at the end" {
    begin_published
    wait_until 20 grep -q . "$CORE/vm/25.attributes"
    run written
    assert_output 'DRV_PROGRESS=tm/shared/clone: at work, waits for lock'
    sleep 11 # nothing new, so nothing is written
    run written
    assert_output 'DRV_PROGRESS=tm/shared/clone: at work, waits for lock'
    kill "$HOLDER"
    finish clone
    result clone
    assert_success
    assert_equal "$stderr" ""
    run written
    assert_output $'DRV_PROGRESS=tm/shared/clone: at work, waits for lock\nDRV_PROGRESS='
}

@test "the attribute is emptied by a cancel, too; a core that hangs does not hold the action" {
    begin_published
    wait_until 20 grep -q . "$CORE/vm/25.attributes"
    run_drv cancel "$(drv --json ps | sed -E 's/.*"id":"([^"]*)".*/\1/')"
    assert_success
    finish clone
    run written
    assert_line --index 1 DRV_PROGRESS=
    rm "$CORE/vm/25.attributes"
    begin clone shared clone "$HERE:$DS/os" "$HERE:$SYS/25/disk.0" 25 1
    wait_until 20 grep -q . "$CORE/vm/25.attributes"
    core_fault hang
    local begin=${EPOCHREALTIME/./}
    kill "$HOLDER"
    finish clone
    local ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
    result clone
    assert_success
    echo "# $ms ms" >&3
    [ "$ms" -lt 8000 ]
}

@test "without the setting, or with an invalid one, the core is not written to" {
    begin_published
    kill "$HOLDER"
    finish clone
    echo 'PROGRESS_ATTRIBUTE=a=b' >>"$REMOTES/etc/one-native.conf"
    run_tm shared clone "$HERE:$DS/os" "$HERE:$SYS/25/disk.1" 25 1
    [[ $stderr == *"PROGRESS_ATTRIBUTE is not a valid name"* ]]
    refute [ -e "$CORE/vm/25.attributes" ]
}

# --- completion -------------------------------------------------------------------------

# Zsh's completion of a command line; candidates on stdout.
zsh_completion() { # word...
    # shellcheck disable=SC2016 # zsh expands it
    zsh -fc 'compadd() { print -rl -- ${(P)2}; }; _files() { print files; }
        words=("$@"); CURRENT=$#; file=$0; . $file' "$DRV_ROOT/packaging/drv.zsh-completion" "$@"
}

@test "zsh and bash complete ids of actions that run" {
    plant 3-c "object=VM 3" "pid=$$"
    run zsh_completion "$DRV_OUT/agent/drv" cancel ""
    assert_output 3-c
    run zsh_completion "$DRV_OUT/agent/drv" ps --w
    assert_line -- --watch
    run zsh_completion "$DRV_OUT/agent/drv" ""
    assert_line log
    run zsh_completion "$DRV_OUT/agent/drv" nonsense x ""
    assert_output files
    run bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _drv
        printf "%s\n" "${COMPREPLY[@]}"' "$DRV_ROOT/packaging/drv.bash-completion" \
        "$DRV_OUT/agent/drv" log ""
    assert_output 3-c
}

# --- a terminal -------------------------------------------------------------------------

@test "on a terminal there is a bar and a heading; NO_COLOR and TERM=dumb are obeyed" {
    plant 3-c "object=VM 3" "bytes_total=1000" "bytes_moved=250" "bytes_kept=250"
    run script -qec "$DRV_OUT/agent/drv ps" /dev/null
    assert_output --partial '[########........]  50 %'
    assert_output --partial $'\e[1mID'
    NO_COLOR=1 run script -qec "$DRV_OUT/agent/drv ps" /dev/null
    assert_output --partial '[########........]  50 %'
    refute_output --partial $'\e['
    TERM=dumb run script -qec "$DRV_OUT/agent/drv ps" /dev/null
    assert_output --partial ' 50 %'
    refute_output --partial '['
}

@test "--watch shows it again and again until it is interrupted" {
    plant 3-c "object=VM 3" "bytes_total=1000" "bytes_moved=250"
    "$DRV_OUT/agent/drv" --json ps --watch >"$BATS_TEST_TMPDIR/watched" 3>&- &
    local watcher=$!
    wait_until 10 eval '[ "$(wc -l <"$BATS_TEST_TMPDIR/watched")" -ge 3 ]'
    kill -INT "$watcher"
    wait "$watcher"
    grep -q '"object":"VM 3"' "$BATS_TEST_TMPDIR/watched"
}
