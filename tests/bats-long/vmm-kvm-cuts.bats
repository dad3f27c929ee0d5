#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# run alone
# The network between the hosts, or between front-end and host, is cut in every phase, for
# some seconds or until the action has ended.
# shellcheck disable=SC2016,SC2034
load ../bats/lib/drv
load ../bats/lib/vmm
load ../bats/lib/phase

setup_file() {
    lab_setup_suite
    vmm_setup_suite
    slow_migrations
    # A front-end that notices.
    printf '%s\n' 'Host *' '    BatchMode yes' '    ConnectTimeout 5' \
        '    ServerAliveInterval 2' '    ServerAliveCountMax 2' >>"$LAB/fe/one/.ssh/config"
}

teardown_file() { lab_teardown_suite; }
teardown() {
    release_all
    mend fe
    mend host02
    vm_end_all
    end_network_disk
}

# Wherever it is now: it runs at one of the hosts, and nothing waits at the other.
one_runs() {
    case $(whereabouts) in
    running/ | /running) ;;
    *) return 1 ;;
    esac
}

# Both hosts have it, and the one at the source does not run: nobody but an admin may say
# which one it is to be.
end_the_one_that_stands() {
    local paused=host01
    assert_error "active on both hosts"
    [[ $stderr =~ (paused at the source, running|running at the source, paused) ]]
    [[ $stderr = *"paused at the source"* ]] || paused=host02
    lab_virsh "$paused" destroy one-1
}

cut_in_each_phase() { # SECONDS|"" the cable is out; "": until the action has ended
    local phase n=0 twice=0
    for phase in "${PHASES[@]}"; do
        start_ticking
        [ "$phase" != connect ] || cut host02
        begin_migrate
        reach "$phase"
        [ "$phase" = connect ] || cut host02
        release_all
        if [ -n "$1" ]; then
            nap "$1"
            mend host02
        fi
        end_migrate
        [ "$elapsed" -lt 80000 ]
        mend host02
        echo "# $phase: status $status, $elapsed ms" >&3
        assert_never_twice
        quick_migrations
        timed migrate_again
        slow_migrations
        [ "$elapsed" -lt 80000 ]
        if [ "$status" != 0 ]; then
            end_the_one_that_stands
            twice=$((twice + 1))
            migrate_again
            assert_success
        fi
        wait_until 60 one_runs
        assert_state host01 1 ""
        assert_never_twice
        assert_ticking host02
        vm_end_all
        n=$((n + 1))
    done
    told "the hosts cut from one another in a migration $n times, ${1:-until it ended}${1:+ s}; $twice times one stood still and one ran"
}

@test "the network between the hosts fails for good in each phase of a migration" {
    cut_in_each_phase ""
}

@test "the network between the hosts is away for five seconds in each phase of a migration" {
    cut_in_each_phase 5
}

@test "with a disk that nothing locks, a guest does not run twice either" {
    start_ticking_on_network_disk
    begin_migrate
    reach finish
    cut host02
    release_all
    end_migrate
    assert_failure
    [ "$elapsed" -lt 80000 ]
    mend host02
    assert_state host01 1 running
    wait_until 60 eval '[ "$(vm_state host02 1)" != running ]'
    assert_ticking host01
    assert_never_twice
    quick_migrations
    migrate_again
    if [ "$status" != 0 ]; then
        assert_error "active on both hosts"
        [[ $stderr = *"running at the source, paused at the destination"* ]]
        lab_virsh host02 destroy one-1
        migrate_again
    fi
    assert_success
    slow_migrations
    assert_state host01 1 ""
    assert_ticking host02
    assert_never_twice
    told "the network cut at the switch-over of a guest without locks once"
}

# --- front-end and host -----------------------------------------------------------------

front_end() { # ACTION: of VM 1, by an ssh of its own
    local file words
    file=$(vm_dir 1)/checkpoint
    case $1 in
    save) words=("$(vm_uuid 1)" "$file" host01) ;;
    restore) words=("$file" host01 "$(vm_uuid 1)") ;;
    migrate) words=("$(vm_uuid 1)" host02 host01) ;;
    esac
    vmm_document 1 | timeout -k 5 150 "$DRV_ROOT/tests/lib/front-end-call" "$LAB" once \
        host01 "$1" "${words[@]}" 1 host01
}

# The action is in its middle, and stays there until release_all.
reach_middle() { # ACTION
    case $1 in
    save) wait_for_line "$(status_file host01)" "async='save'" ;;
    restore) wait_for_line "$(status_file host01)" "<domstatus state='paused'" ;;
    migrate) wait_for_line "$(status_file host01)" "phase='perform3'" ;;
    esac
    hold host01
}

not_running() { # ACTION: on the host
    ! lab_exec host01 pidof "$1"
}

lose_front_end() { # away|gone|back
    case $1 in
    away) cut fe ;;
    back) cut fe && nap 3 && mend fe ;;
    gone) # its ssh is killed, and the host is told
        lab_exec fe sh -c 'for pid in $(pgrep -x ssh); do kill -9 $pid; done' ;;
    esac
}

@test "the front-end is lost in the middle of save, restore and migrate: again, all end right" {
    local how action call n=0
    quick_migrations
    for how in away back gone; do
        start_ticking
        for action in save restore migrate; do
            front_end $action >"$LAB/said" 2>"$LAB/complained" 3>&- 4>&- &
            call=$!
            reach_middle $action
            lose_front_end $how
            release_all
            status=0
            wait "$call" || status=$?
            [ $how = back ] || [ "$status" != 0 ]
            wait_until 90 not_running $action
            mend fe
            wait_until 20 lab_exec fe ssh host01 true
            assert_never_twice
            run --separate-stderr front_end $action
            drv_show
            echo "# $how $action: $(head -n 1 "$LAB/complained")" >&3
            assert_success
            case $action in
            save) assert_state host01 1 "" ;;
            restore) assert_ticking host01 ;;
            migrate)
                assert_state host01 1 ""
                assert_ticking host02
                ;;
            esac
            assert_never_twice
            n=$((n + 1))
        done
        assert_not_exists "$LAB/shared/0/1/checkpoint"
        vm_end_all
    done
    slow_migrations
    told "the front-end cut off, for some seconds or for good, or its ssh killed, $n times"
}
