# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# crowd.bash - many calls of drivers at once, in a lab.  After lib/drv.
#
#     begin NAME MAD ACTION arg...      begins run_tm NAME
#     begin_ds NAME MAD/ACTION ID       begins run_ds NAME on $DUMP
#     finish NAME...                    waits for them; then, for each one, result NAME
#     result NAME                       sets $status, $output and $stderr as run_tm does

CROWD=${BATS_TEST_TMPDIR-}/crowd
declare -gA CROWD_PIDS=()

crowd_begin() { # NAME STDIN cmd...
    local name=$1 text=$2
    shift 2
    mkdir -p "$CROWD"
    {
        rc=0
        drv_run_with "$text" "$@" >"$CROWD/$name.out" 2>"$CROWD/$name.err" || rc=$?
        echo "$rc" >"$CROWD/$name.rc"
    } </dev/null >/dev/null 2>&1 3>&- &
    CROWD_PIDS[$name]=$!
}

begin() { # NAME MAD ACTION [arg...]
    local name=$1 program=$REMOTES/tm/$2/$3
    shift 3
    crowd_begin "$name" "" "$program" "$@"
}

begin_ds() { # NAME MAD/ACTION ID
    crowd_begin "$1" "$DUMP" "$REMOTES/datastore/$2" "$3"
}

finish() { # [NAME...]: all of them, if none is named
    local name
    [ $# -gt 0 ] || set -- "${!CROWD_PIDS[@]}"
    for name; do
        wait "${CROWD_PIDS[$name]}"
        unset "CROWD_PIDS[$name]"
    done
}

result() { # NAME
    status=$(cat "$CROWD/$1.rc")
    output=$(cat "$CROWD/$1.out")
    stderr=$(cat "$CROWD/$1.err")
    printf '%s: ' "$1"
    drv_show
}

assert_all_well() { # NAME...
    local name
    for name; do
        result "$name"
        assert_success
    done
}

# --- what is left -----------------------------------------------------------------------

# No stage, note or half of a file in the datastores.
assert_tidy() {
    local left
    left=$(find "$LAB/shared" -name '.drv-*')
    assert_equal "$left" ""
}

workers() { # NODE: processes of ours that run there
    lab_exec "$1" sh -c 'for exe in /proc/[0-9]*/exe; do readlink "$exe"; done' |
        grep -E '/drv/bin/worker|/remotes/(tm|datastore)/|/qemu-img$' || true
}

assert_idle() { # NODE...
    local node
    for node; do
        wait_until 5 no_workers "$node" || fail "on $node: $(workers "$node")"
    done
}

no_workers() { [ -z "$(workers "$1")" ]; }

# --- a web server on fe ------------------------------------------------------------------

web_start() { # FILE: $WEB/NAME serves it, see http-server.py
    rm -f "$LAB/web-port" "$LAB/web-stop"
    mkfifo "$LAB/web-stop"
    lab_exec fe "$LAB_TOOLS/http-server.py" "$1" <"$LAB/web-stop" >"$LAB/web-port" 2>/dev/null 3>&- &
    WEB_PID=$!
    exec 9>"$LAB/web-stop"
    wait_until 10 test -s "$LAB/web-port"
    WEB=http://127.0.0.1:$(cat "$LAB/web-port")
}

web_stop() {
    exec 9>&-
    wait "$WEB_PID" || true
}
