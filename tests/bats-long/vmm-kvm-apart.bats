#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# run alone
# A guest on storage of its host's own is moved with its disks, and hosts, network and
# libvirtd fail in every phase: it runs once at most, and its data are somewhere whole.
# shellcheck disable=SC2016,SC2034,SC2154
load ../bats/lib/drv
load ../bats/lib/vmm
load ../bats/lib/phase

setup() { APART=yes; }

start_ticking_apart() {
    start_apart
    make_it_tick
    guest_run host01 one-1 sh -c 'echo kept-1 >/kept; sync'
}

# Its disk has what the guest had made sure of, and is no half of one.
assert_disk() { # HOST DIRECTORY
    lab_exec "$1" qemu-img check -q "$2/1/disk.0"
    run lab_exec "$1" sh -c "qemu-img convert -O raw $2/1/disk.0 /var/tmp/look &&
        /usr/sbin/e2fsck -p /var/tmp/look >&2; /usr/sbin/debugfs -R 'cat /kept' /var/tmp/look 2>/dev/null"
    assert_output --partial kept-1
}

# What libvirt had begun at the destination has come to its end.
decided() {
    case $(whereabouts) in
    running/* | */running | paused/paused | /) ;;
    /paused) settled host02 ;;
    *) return 1 ;;
    esac
}

# Where the guest runs, it goes on; if it is nowhere, it is started again from its disk at
# home.  Otherwise it waits for the repetition.
assert_not_lost() {
    wait_until 90 decided
    echo "# then: $(whereabouts)" >&3
    case $(whereabouts) in
    running/*) assert_ticking host01 ;;
    */running) assert_ticking host02 ;;
    /)
        assert_disk host01 "$HERE"
        deploy_apart
        make_it_tick
        ;;
    esac
}

# After the fault the same is asked for again, and the guest ends up where it should.
ends_right() {
    assert_never_twice
    assert_not_lost
    quick_migrations
    timed migrate_again
    slow_migrations
    [ "$elapsed" -lt 100000 ]
    [ "$status" = 0 ] || settle_apart
    assert_state host01 1 ""
    assert_state host02 1 running
    assert_never_twice
    assert_ticking host02
    vm_end_all
}

settle_apart() {
    assert_error "active on both hosts"
    case $(whereabouts) in
    paused/running) lab_virsh host01 destroy one-1 ;;
    running/paused | paused/paused) lab_virsh host02 destroy one-1 ;;
    *) fail "$(whereabouts)" ;;
    esac
    migrate_again
    assert_success
}

fails_at() { # PHASE FAULT...
    local phase=$1
    shift
    start_ticking_apart
    begin_migrate 170
    reach "$phase"
    "$@"
    echo "# $phase: status $status, $elapsed ms: $(drv_message)" >&3
    [ "$elapsed" -lt 120000 ]
    ends_right
}

in_each_phase() { # FAULT...
    local phase n=0
    for phase in prepare copy finish confirm; do
        fails_at $phase "$@"
        n=$((n + 1))
    done
    told "$* in a migration with storage $n times"
}

destination_dies() {
    power_off host02
    release_all
    end_migrate
    power_on host02
}

source_dies() {
    power_off host01
    release_all
    wait "$migration" || true
    status=- elapsed=0 stderr=
    power_on host01
}

line_fails() { # SECONDS|"": until it has ended
    cut host02
    release_all
    if [ -n "$1" ]; then
        nap "$1"
        mend host02
    fi
    end_migrate
    mend host02
}

libvirtd_dies() { # HOST
    kill_libvirtd "$1"
    release_all
    start_libvirtd "$1"
    end_migrate
}

@test "the destination loses its power while a guest comes with its disks" {
    in_each_phase destination_dies
}

@test "the source loses its power while a guest leaves with its disks" {
    in_each_phase source_dies
}

@test "the network fails for good, or for five seconds" {
    in_each_phase line_fails ""
    in_each_phase line_fails 5
}

@test "libvirtd is killed and restarted, at the source and at the destination" {
    in_each_phase libvirtd_dies host01
    in_each_phase libvirtd_dies host02
}
