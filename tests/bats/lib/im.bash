# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# im.bash - a fake front-end that receives what a host's monitoring client sends.
#
#     load lib/drv
#     load lib/im
#     setup_file() { lab_setup_suite --hosts 1; im_setup_suite; }

IM=/var/tmp/one/im

im_setup_suite() {
    openssl genrsa -out "$LAB/monitor.key" 2048 2>/dev/null
    chmod 644 "$LAB/monitor.key" # the stand-in for the daemon reads it as oneadmin
    openssl rsa -in "$LAB/monitor.key" -pubout -out "$LAB/monitor.pub" 2>/dev/null
    FE_ADDRESS=$(awk '$2 == "fe" { print $1 }' "$LAB/fe/hosts")
    export FE_ADDRESS
}

# Receive on port 4124 of fe from now on, into $IM_LOG.
monitord_start() { # [fake-monitord option...]
    IM_LOG=$LAB/fe/var-tmp/messages-$BATS_TEST_NUMBER
    rm -f "$LAB/fe/var-tmp/monitord-port"
    lab_exec fe python3 "$DRV_ROOT/tests/lib/fake-monitord" --address "$FE_ADDRESS" \
        --port 4124 --port-file /var/tmp/monitord-port "$@" "/var/tmp/${IM_LOG##*/}" \
        </dev/null >"$BATS_TEST_TMPDIR/monitord.out" 2>&1 &
    MONITORD_JOB=$!
    wait_until 10 test -e "$LAB/fe/var-tmp/monitord-port"
    read -r _ MONITORD <"$LAB/fe/var-tmp/monitord-port"
}

monitord_stop() {
    [ -n "${MONITORD-}" ] || return 0
    lab_exec fe kill "$MONITORD" || true
    # Its own job alone: bats has one that ends with the test's time limit.
    end_job "$MONITORD_JOB"
    MONITORD=
}

# The configuration as the front-end sends it: line breaks of the key became spaces.
im_config() { # [PERIOD=SECONDS...]
    local word periods=''
    for word; do periods+="<${word%%=*}><![CDATA[${word#*=}]]></${word%%=*}>"; done
    echo "<MONITOR_CONFIGURATION><DATASTORE_LOCATION><![CDATA[/var/lib/one//datastores]]></DATASTORE_LOCATION><NETWORK><ADDRESS><![CDATA[0.0.0.0]]></ADDRESS><MONITOR_ADDRESS><![CDATA[${IM_ADDRESS:-$FE_ADDRESS}]]></MONITOR_ADDRESS><PORT><![CDATA[4124]]></PORT><PRIKEY><![CDATA[]]></PRIKEY><PUBKEY><![CDATA[${IM_PUBLIC-}]]></PUBKEY></NETWORK><PROBES_PERIOD>$periods</PROBES_PERIOD><HOST_ID>0</HOST_ID></MONITOR_CONFIGURATION>"
}

with_key() { IM_PUBLIC=$(tr '\n' ' ' <"$LAB/monitor.pub"); }

im_start() { # [PERIOD=SECONDS...]: START_MONITOR; afterwards $status, $output, $stderr
    local config
    config=$(im_config "$@")
    run --separate-stderr im_launch "$config"
    drv_show
}

im_launch() { # CONFIG
    printf '%s' "$1" |
        lab_exec host01 env SSH_CLIENT="$FE_ADDRESS 1 22" timeout -k 5 90 \
            $IM/run_monitord_client kvm 0 host01
}

im_stop() { lab_exec host01 timeout -k 5 30 $IM/stop_monitord_client kvm 0 host01; }

im_pids() { # clients that run on the host
    # shellcheck disable=SC2016
    lab_exec host01 sh -c 'for p in /proc/[0-9]*; do
        tr "\0" " " <$p/cmdline 2>/dev/null | grep -q "^[^ ]*monitord-client " && echo ${p#/proc/}
        done; true'
}

# An element of the first pass, decoded.
first_pass() { # NAME < answer
    sed -n "s|.*<$1>\([^<]*\)</$1>.*|\1|p" | base64 -d
}

# Ask the messages so far; EXPRESSION sees them as the list m.
messages() { # EXPRESSION
    python3 -c 'import json, sys
m = [json.loads(line) for line in open(sys.argv[1])]
states = [(v["ID"], v["STATE"], x["at"]) for x in m if x["type"] == "STATE_VM"
          for v in x.get("vms", [])]
print(eval(sys.argv[2]))' "$IM_LOG" "$1"
}

said() { [ "$(messages "bool($1)")" = True ]; }

# Every message was decoded, decrypted and found to be what oned accepts.
assert_messages_good() {
    assert_equal "$(messages '[x["error"] for x in m if "error" in x]')" "[]"
}

im_domain() { # ID: a guest of firmware only
    "$LAB_TOOLS/guest-xml" --memory 32 --uuid "$(printf '11111111-2222-3333-4444-5555%08d' "$1")" \
        "one-$1" >"$LAB/one-$1.xml"
}
