#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# run alone
# Power failures of either host in every phase of a migration: the guest runs once at most,
# the action ends in time, and what comes after ends right.
# shellcheck disable=SC2034
load ../bats/lib/drv
load ../bats/lib/vmm
load ../bats/lib/phase

# As a core does for a VM that has gone with its host.
deploy_again() { # HOST
    # shellcheck disable=SC2046 # words
    deploy "$1" 1 $(with_kernel)
    assert_state "$1" 1 running
}

@test "the source loses its power in a migration: none or one guest runs at the destination" {
    local phase n=0 arrived=0
    for phase in prepare copy finish confirm; do
        start_ticking
        begin_migrate
        reach $phase
        power_off host01
        release_all
        wait "$migration" || true
        [ $phase = copy ] || wait_until 90 settled host02
        power_on host01
        assert_state host01 1 ""
        # Where the destination has not yet noticed, this waits until it has.
        timed migrate_again
        [ "$elapsed" -lt 60000 ]
        echo "# $phase: status $status, $elapsed ms" >&3
        if [ "$status" = 0 ]; then
            [ $phase = finish ] || [ $phase = confirm ]
            assert_state host02 1 running
            assert_never_twice
            assert_ticking host02
            arrived=$((arrived + 1))
        else
            [ $phase != confirm ]
            assert_error "not on the source|running on neither"
            wait_until 60 eval '[ -z "$(vm_state host02 1)" ]'
            deploy_again host02
        fi
        vm_end_all
        n=$((n + 1))
    done
    told "power failure of the source of a migration $n times; $arrived had arrived"
}

@test "the destination loses its power in a migration: the guest goes on unless it had left" {
    local phase n=0 stays
    for phase in prepare copy finish confirm; do
        start_ticking
        begin_migrate
        reach $phase
        power_off host02
        release_all
        end_migrate
        echo "# $phase: status $status, $elapsed ms" >&3
        assert_failure
        [ "$elapsed" -lt 80000 ]
        # The word that it runs there may have been on its way: then libvirt goes back.
        stays=no
        if [ $phase != confirm ] || [[ $stderr = *"active on the source"* ]]; then
            stays=yes
        fi
        if [ $stays = yes ]; then
            assert_error "active on the source; destination|still runs on the source"
            assert_state host01 1 running
            assert_ticking host01
        else
            assert_error "gone from the source; destination"
            assert_state host01 1 ""
        fi
        power_on host02
        assert_state host02 1 ""
        quick_migrations
        migrate_again
        slow_migrations
        if [ $stays = yes ]; then
            assert_success
            assert_state host01 1 ""
            assert_never_twice
            assert_ticking host02
        else
            assert_error "not on the source"
            deploy_again host01
        fi
        vm_end_all
        n=$((n + 1))
    done
    told "power failure of the destination of a migration $n times"
}
