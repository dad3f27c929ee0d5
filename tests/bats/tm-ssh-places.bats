#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# mv of tm/ssh between places with several names: what is one place is left alone, what are
# two is moved; and hops that are broken.
load lib/drv
load lib/far

setup_file() {
    far_setup_suite
    local node
    for node in fe host01 host02; do
        lab_root "$node" sh -c "awk '\$2 ~ /^host0/ { sub(/^host0/, \"alias\", \$2); print \$1, \$2 }' /etc/hosts >/tmp/more && cat /tmp/more >>/etc/hosts"
        lab_exec "$node" sed -i 's/^/alias1,alias2,localhost,/' /var/lib/one/.ssh/known_hosts
    done
}

teardown_file() { lab_teardown_suite; }

setup() {
    far_setup
    for node in fe host01 host02; do
        lab_exec "$node" sh -c "rm -rf $DATASTORES/2 && ln -sfn 0 $DATASTORES/3"
    done
}

address_of() { lab_exec fe awk -v host="$1" '$2 == host { print $1 }' /etc/hosts; }

copies() { # how many directories of VM 25 there are, by what they really are
    local node
    for node in fe host01 host02; do
        lab_exec "$node" sh -c "ls -d $DATASTORES/[02]/25 2>/dev/null | sed 's|^|$node:|'"
    done
}

lay() { # NODE: a VM with image 7
    local node
    far_setup
    for node in fe host01 host02; do
        lab_exec "$node" sh -c "rm -rf $DATASTORES/2; mkdir -p $SYS"
    done
    lab_exec fe cat "$DS/img" | lab_exec "$1" sh -c "mkdir -p $SYS/25 && cat >$SYS/25/disk.0"
}

# From NODE, called FROM, to a datastore of the host called TO: then it is at PLACE only.
moves() { # NODE FROM TO DS PLACE
    lay "$1"
    run_tm ssh mv "$2:$SYS/25" "$3:$DATASTORES/$4/25" 25 "$4"
    assert_success
    echo "$2 -> $3, datastore $4"
    assert_equal "$(copies)" "$5/25"
    assert_equal "$(digest "${5%%:*}" "${5#*:}/25/disk.0")" "$(IMG_DIGEST)"
    cells=$((cells + 1))
}

@test "names × hosts × datastores: copied or left alone as it is, not as it is called" {
    local name cells=0
    for name in host01 alias1 "$(address_of host01)"; do
        moves host01 host01 "$name" 0 "host01:$DATASTORES/0"
        moves host01 host01 "$name" 2 "host01:$DATASTORES/2"
        moves host01 host01 "$name" 3 "host01:$DATASTORES/0"
        moves host01 "$name" host01 2 "host01:$DATASTORES/2"
    done
    for name in host02 alias2 "$(address_of host02)"; do
        moves host01 host01 "$name" 0 "host02:$DATASTORES/0"
        moves host01 host01 "$name" 2 "host02:$DATASTORES/2"
        moves host01 host01 "$name" 3 "host02:$DATASTORES/0"
    done
    moves fe fe localhost 0 "fe:$DATASTORES/0"
    moves fe fe localhost 2 "fe:$DATASTORES/2"
    moves fe localhost fe 3 "fe:$DATASTORES/0"
    moves fe localhost host01 0 "host01:$DATASTORES/0"
    echo "# cells tried: $cells" >&3
}

@test "a bind mount of the same directory is the same place" {
    lay host01
    lab_exec host01 mkdir "$DATASTORES/2"
    lab_root host01 mount --bind "/var/lib/one/datastores/0" "/var/lib/one/datastores/2"
    run_tm ssh mv "host01:$SYS/25" "alias1:$DATASTORES/2/25" 25 2
    lab_root host01 umount "/var/lib/one/datastores/2"
    assert_success
    assert_disk_on host01
}

# --- hops ---------------------------------------------------------------------------------

forget() { # NODE: connections that are there
    lab_root "$1" sh -c 'rm -rf /run/one/drv-ssh /run/user/*/drv-ssh /var/lib/one/.drv-ssh'
}

# One line, which names the host that was not reached and what ssh says of it.
breaks() { # BREAK MEND REGEX: shell text on fe
    forget fe
    lab_exec fe sh -c "$1"
    run_tm ssh clone "fe:$DS/img" "${TO-host01}:$SYS/25/disk.0" 25 1
    lab_exec fe sh -c "$2"
    assert_error "$3"
    assert_equal "$(wc -l <<<"$stderr")" 1
}

@test "each broken hop from the front-end is one line with the host and ssh's reason" {
    local ssh=/var/lib/one/.ssh
    breaks "mv $ssh/id_ed25519 $ssh/kept" "mv $ssh/kept $ssh/id_ed25519" \
        "^cannot clone image 7 to disk.0 of VM 25: host01: .*Permission denied"
    breaks "mv $ssh/known_hosts $ssh/kept" "mv $ssh/kept $ssh/known_hosts" \
        "^cannot clone image 7 to disk.0 of VM 25: host01: .*Host key verification failed"
    breaks "printf 'Host host01\nPort 2\n' >$ssh/kept; cat $ssh/config >>$ssh/kept 2>/dev/null; [ ! -e $ssh/config ] || cp -p $ssh/config $ssh/was; mv $ssh/kept $ssh/config" \
        "if [ -e $ssh/was ]; then mv $ssh/was $ssh/config; else rm $ssh/config; fi" \
        "^cannot clone image 7 to disk.0 of VM 25: host01: .*Connection refused"
    TO=nowhere breaks true true \
        "^cannot clone image 7 to disk.0 of VM 25: nowhere: .*(Could not resolve|not known|Temporary failure)"
    clone_to host01
}

@test "a host in a state of failure that was given up: no connection, in 60 and in 61" {
    local state
    lay host01
    "$LAB_TOOLS/lab" unplug "$LAB" host01
    for state in 60 61; do
        far_vm LCM_STATE=$state
        SECONDS=0
        run_tm ssh mv "host01:$SYS/25" "host02:$SYS/25" 25 0
        assert_success
        [ "$SECONDS" -lt 2 ]
    done
    "$LAB_TOOLS/lab" plug "$LAB" host01
    assert_disk_on host01
}
