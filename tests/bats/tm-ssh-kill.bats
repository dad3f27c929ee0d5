#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run as root: it builds a lab
# shellcheck disable=SC2034,SC2154 # set and read by the library
# Moving a VM between two hosts, of which one dies at some change of a file; and the wrong
# recoveries that follow.  bats-long/tm-ssh-kill.bats tries all points.
load lib/drv
load lib/far
load lib/far-kill

setup_file() { far_kill_setup_suite; }

teardown_file() { lab_teardown_suite; }

teardown() {
    disarm host01
    disarm host02
}

@test "the source's worker is killed" { mv_killed_at host01 3 -k; }

@test "the destination's worker is killed" { mv_killed_at host02 7 -k; }

@test "the destination cannot write" { mv_killed_at host02 11 -e EIO; }

@test "the destination is full" { mv_killed_at host02 11 -e ENOSPC; }

@test "the driver is killed" {
    local delay
    for delay in 0.02 0.06 0.1 0.2; do
        lay_vm
        run --separate-stderr lab_exec fe timeout -s KILL "$delay" "$REMOTES/tm/ssh/mv" \
            "host01:$SYS/25" "host02:$SYS/25" 25 0
        assert_not_lost
        assert_completes
    done
}

@test "the driver is stopped at random moments" { mv_stopped 6; }

# --- a failed migration, and what people do then -------------------------------------------

reason_of() { # CAUSE
    case $1 in
    full) echo "no room for" ;;
    key | owner) echo "Permission denied" ;;
    *) echo host02 ;; # it is gone
    esac
}

fail_by() { # CAUSE
    case $1 in
    killed) arm host02 -k -n 12 ;;
    full) mount_tmpfs host02 "$SYS" size=64k ;;
    key) lab_exec host02 sh -c 'mv /var/lib/one/.ssh/authorized_keys /var/lib/one/keys' ;;
    owner) lab_root host02 chown root:root /var/lib/one/datastores/0 ;;
    cut) "$LAB_TOOLS/lab" unplug "$LAB" host02 ;;
    reboot) "$LAB_TOOLS/lab" kill "$LAB" host02 ;;
    esac
}

mend() { # CAUSE
    case $1 in
    killed) disarm host02 ;;
    full) lab_root host02 umount "$SYS" ;;
    owner) lab_root host02 chown oneadmin:oneadmin /var/lib/one/datastores/0 ;;
    key) lab_exec host02 sh -c 'mv /var/lib/one/keys /var/lib/one/.ssh/authorized_keys' ;;
    cut) "$LAB_TOOLS/lab" plug "$LAB" host02 ;;
    reboot) "$LAB_TOOLS/lab" boot "$LAB" host02 3>&- ;;
    esac
    wait_until 20 lab_exec fe ssh -o ControlPath=none host02 true
}

disk_is_somewhere() {
    local node name
    for node in host01 host02; do
        for name in $(lab_exec "$node" sh -c "cd $SYS && ls -d 25 .aside-25-* 2>/dev/null"); do
            ! has_disk "$node" "$name" || return 0
        done
    done
    fail "the disk is lost"
}

@test "a migration that failed, called a success, and back again: the disk is kept" {
    local cause
    for cause in killed full key owner cut reboot; do
        echo "cause: $cause"
        lay_vm
        lab_root host01 sh -c 'rm -rf /run/one/drv-ssh /run/user/*/drv-ssh /var/lib/one/.drv-ssh'
        lab_root fe sh -c 'rm -rf /run/one/drv-ssh /run/user/*/drv-ssh /var/lib/one/.drv-ssh'
        fail_by "$cause"
        move host01 host02
        assert_error "^cannot move the directory of VM 25 .*: .*$(reason_of "$cause")"
        mend "$cause"
        disk_is_somewhere
        # "recover --success": the front-end believes that it is on host02,
        # where there is nothing, so that a move back finds the VM where it always was.
        move host02 host01
        assert_success
        has_disk host01
        # Or it deploys it there, which makes a directory with a context,
        lab_exec fe sh -c 'echo x >/var/lib/one/context.sh'
        run_tm ssh context /var/lib/one/context.sh "host02:$SYS/25/disk.1" 25 0
        assert_success
        # and when that fails, moves back what there is.
        move host02 host01
        assert_success
        disk_is_somewhere
        run_tm ssh delete "host02:$SYS/25" 25 0
        disk_is_somewhere
        lab_exec host01 sh -c "rm -rf $SYS/.aside*"
        lab_exec host02 sh -c "rm -rf $SYS/.aside*"
    done
}
