# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# phase.bash - stop a migration of VM 1 from host01 to host02 in a phase of our choice, by
# what libvirt says of itself, and see that its guest never runs twice.  After lib/drv and
# lib/vmm.
#
#     start_ticking
#     begin_migrate
#     reach copy            # connect prepare copy finish confirm
#     cut host02            # the fault
#     release_all
#     end_migrate           # $status, $stderr, $elapsed
#     assert_never_twice
#
# prepare: the destination's QEMU is being started; copy: memory is on its way; finish: all
# of it is there, the guest stands still, and the destination has not been told to let it
# run; confirm: it runs there, and the source has not been told to let go.

PHASES=(connect prepare copy finish confirm)

# A file may have others.
setup_file() {
    lab_setup_suite
    vmm_setup_suite
    slow_migrations
}
teardown_file() { lab_teardown_suite; }
teardown() {
    release_all
    mend host02
    vm_end_all
}

told() { echo "# injected: $*" >&3; }

nap() { read -rt "$1" <> <(:) || true; } # SECONDS

# --- what libvirt is at -----------------------------------------------------------------

# The file in which libvirtd keeps what it is at with the domain.
status_file() { # HOST
    echo "/proc/$("$LAB_TOOLS/lab" pid "$LAB" "$1")/root/run/libvirt/qemu/one-1.xml"
}

wait_for_line() { # FILE REGEX
    local end=$((SECONDS + 60))
    until grep -qsE "$2" "$1"; do
        [ "$SECONDS" -lt "$end" ] || fail "no '$2' in $1"
        read -rt 0.005 <> <(:) || true
    done
}

libvirtd_of() { # HOST
    local init
    init=$("$LAB_TOOLS/lab" pid "$LAB" "$1")
    pgrep -x libvirtd --ns "$init" --nslist pid
}

HELD=()
hold() { # HOST: its libvirtd does nothing any more
    local pid
    for pid in $(libvirtd_of "$1"); do
        kill -STOP "$pid"
        HELD+=("$pid")
    done
}

release_all() {
    local pid
    for pid in ${HELD[@]+"${HELD[@]}"}; do kill -CONT "$pid" 2>/dev/null || true; done
    HELD=()
}

# The migration that was begun comes to PHASE, and stays there as long as it can.
reach() { # PHASE
    local here there
    here=$(status_file host01) there=$(status_file host02)
    case $1 in
    connect) ;;
    prepare)
        wait_for_line "$there" "async='migration in'"
        hold host02
        ;;
    copy)
        wait_for_line "$here" "phase='perform3'"
        wait_until 60 eval 'lab_virsh host01 domjobinfo one-1 | grep -q "Memory processed: *[1-9]"'
        ;;
    finish | confirm)
        reach copy
        hold host02
        lab_virsh host01 migrate-setspeed one-1 10000
        wait_for_line "$here" "phase='perform3_done'"
        [ "$1" = confirm ] || return 0
        hold host01
        kill -CONT "$(libvirtd_of host02)"
        if [ "${APART-}" = yes ]; then # it waits there for the proof
            wait_until 60 eval "! grep -q 'migration in' $there"
        else
            wait_for_line "$there" "<domstatus state='running'"
        fi
        ;;
    esac
}

# --- the migration ----------------------------------------------------------------------

# What migrate reads; with APART=yes, for a guest on storage of its host's own.
migrate_document() {
    if [ "${APART-}" = yes ]; then
        VMM_MORE="<DISK_TARGET_PATH>$THERE/1</DISK_TARGET_PATH>" SHARED=NO vmm_document 1
    else
        vmm_document 1
    fi
}

begin_migrate() { # [SECONDS]: it is ended then
    began=${EPOCHREALTIME/./}
    migrate_document >"$LAB/document"
    lab_exec host01 timeout -k 5 "${1:-120}" /var/tmp/one/vmm/kvm/migrate "$(vm_uuid 1)" \
        host02 host01 1 host01 <"$LAB/document" >"$LAB/said" 2>"$LAB/complained" 3>&- 4>&- &
    migration=$!
}

end_migrate() {
    status=0
    wait "$migration" || status=$?
    elapsed=$(((${EPOCHREALTIME/./} - began) / 1000))
    output=$(cat "$LAB/said") stderr=$(cat "$LAB/complained")
    echo "took $elapsed ms"
    drv_show
}

migrate_again() {
    STDIN=$(migrate_document) run_vmm host01 migrate "$(vm_uuid 1)" host02 host01 1 host01
}

# Slow enough to be stopped on its way.
slow_migrations() {
    kvmrc host01 'MIGRATE_OPTIONS="--unsafe --bandwidth 16"'
    kvmrc host02 'MIGRATE_OPTIONS="--unsafe --bandwidth 16"'
}

quick_migrations() {
    kvmrc host01 MIGRATE_OPTIONS=--unsafe
    kvmrc host02 MIGRATE_OPTIONS=--unsafe
}

# --- a guest that can tell ----------------------------------------------------------------

console() { echo "$LAB/$1/libvirt/log/qemu/one-1.console"; }

# A guest that is busy in memory and counts aloud on its console, of which each host has
# its own: who ran when can be read there.  Its kernel does the talking, which waits for no
# interrupt of the serial line: one may get lost where QEMU hands it over.
start_ticking() {
    # shellcheck disable=SC2046 # words
    deploy host01 1 $(with_kernel)
    make_it_tick
}

# A guest on storage of host01's own, and where it would be at host02.
HERE=/var/tmp/vms/5
THERE=/var/tmp/vms/6

deploy_apart() {
    # shellcheck disable=SC2046 # words
    STDIN=$("$LAB_TOOLS/guest-xml" --uuid "$(vm_uuid 1)" $(with_kernel) --disk "$HERE/1/disk.0" \
        one-1 | vm_decorate "$HERE/1") run_vmm host01 deploy "$HERE/1/deployment.0" host01 1 host01
    assert_success
    guest_wait host01 one-1
}

start_apart() {
    lab_exec host01 sh -c "rm -rf $HERE; mkdir -p $HERE/1"
    lab_exec host02 rm -rf "$THERE"
    lab_exec host01 qemu-img convert -O qcow2 "$GUEST/disk.raw" "$HERE/1/disk.0"
    deploy_apart
}

# Its disk is served by fe to whoever comes, and nobody locks it.
start_ticking_on_network_disk() {
    local dir disk
    dir=$(vm_dir 1)
    lab_exec fe sh -ec "mkdir -p $dir && cp $GUEST/disk.raw $dir/served"
    lab_exec fe qemu-nbd --fork --pid-file=/var/tmp/nbd.pid --persistent --shared=9 -f raw \
        -p 10809 "$dir/served"
    disk="<disk type='network'><driver name='qemu' type='raw'/><source protocol='nbd' name=''><host name='fe' port='10809'/></source><target dev='vdb' bus='virtio'/></disk>"
    # shellcheck disable=SC2046 # words
    "$LAB_TOOLS/guest-xml" --uuid "$(vm_uuid 1)" $(with_kernel) one-1 |
        sed "s|</devices>|$disk</devices>|" >"$LAB/domain.xml"
    lab_virsh host01 create "$LAB/domain.xml"
    make_it_tick
}

end_network_disk() {
    lab_exec fe sh -c 'read -r pid </var/tmp/nbd.pid && kill $pid; rm -f /var/tmp/nbd.pid' 2>/dev/null || true
}

make_it_tick() {
    local host=host01
    rm -f "$(console host02)"
    guest_wait "$host" one-1
    guest_run "$host" one-1 write /tmp/state kept-1
    guest_run "$host" one-1 sh -c 'exec </dev/null >/dev/null 2>&1
        echo on >/proc/sys/kernel/printk_devkmsg
        (i=0; while :; do i=$((i + 1)); echo "<1>tick $i" >/dev/kmsg; sleep 0.1; done) &
        (while :; do dd if=/dev/urandom of=/tmp/load bs=64k count=64; sleep 0.2; done) &'
    wait_for_line "$(console "$host")" 'tick 3'
}

ticks() { sed -n 's/.*tick \([0-9]*\).*/\1/p' "$(console "$1")" 2>/dev/null | sort -n; }

# Its states at source and destination, "running/paused" say; nothing where there is none.
whereabouts() { echo "$(vm_state host01 1)/$(vm_state host02 1)"; }

# No moment of the guest's life was lived at both hosts, but for the one in which it moved.
assert_never_twice() {
    local both
    both=$(comm -12 <(ticks host01 | sort) <(ticks host02 | sort) | wc -l)
    [ "$both" -le 1 ] || fail "the guest ran at both hosts for $both ticks"
    case $(whereabouts) in
    running/running) fail "it runs at both hosts" ;;
    esac
}

# The guest at HOST is the one that was started, and goes on.
assert_ticking() { # HOST
    local last
    last=$(ticks "$1" | tail -n 1)
    if ! (wait_until 60 eval "[ \"\$(ticks $1 | tail -n 1)\" -gt $((last + 2)) ]"); then
        tail -n 5 "$(console "$1")"
        lab_virsh "$1" domstate --reason one-1
        lab_virsh "$1" qemu-monitor-command one-1 --hmp info status
        lab_virsh "$1" qemu-monitor-command one-1 --hmp info registers | grep -E 'RIP|HLT'
        fail "the guest at $1 stands still"
    fi
    run guest_run "$1" one-1 cat /tmp/state
    assert_output kept-1
}

# What the destination had begun has come to its end.
settled() { # HOST
    case $(lab_virsh "$1" domstate --reason one-1 2>/dev/null | head -n 1) in
    *migrating* | *"starting up"*) return 1 ;;
    esac
}

# --- faults -------------------------------------------------------------------------------

cut() { "$LAB_TOOLS/lab" unplug "$LAB" "$1"; } # NODE
mend() { "$LAB_TOOLS/lab" plug "$LAB" "$1"; }

# All at once, and not a word to the others.
power_off() { # NODE
    cut "$1"
    "$LAB_TOOLS/lab" kill "$LAB" "$1"
}

power_on() { # NODE
    "$LAB_TOOLS/lab" boot "$LAB" "$1" 3>&- 4>&-
}

# --- libvirtd in trouble ------------------------------------------------------------------

kill_libvirtd() { # HOST
    kill -9 "$(libvirtd_of "$1")"
    lab_root "$1" rm -f /run/libvirtd.pid
}

start_libvirtd() { # HOST
    lab_root "$1" libvirtd --listen --daemon
    wait_until 30 lab_virsh "$1" list
}

# A migration to host02 comes to PHASE, and libvirtd at HOST gets into trouble.
disturb_at() { # PHASE kill|restart|hang HOST
    start_ticking
    begin_migrate 170
    reach "$1"
    case $2 in
    kill | restart)
        kill_libvirtd "$3"
        release_all
        [ "$2" = kill ] || start_libvirtd "$3"
        end_migrate
        [ "$2" = restart ] || start_libvirtd "$3"
        ;;
    hang)
        release_all
        hold "$3"
        end_migrate
        release_all
        ;;
    esac
    echo "# $1: status $status, $elapsed ms: $(drv_message)" >&3
    [ "$elapsed" -lt 120000 ]
    assert_never_twice
}

disturb() { # kill|restart|hang in each phase at HOST
    local phase host=$2 n=0 stands=0
    for phase in prepare copy finish confirm; do
        disturb_at $phase "$1" "$host"
        quick_migrations
        timed migrate_again
        [ "$elapsed" -lt 120000 ]
        if [ "$status" != 0 ]; then
            settle_by_hand
            stands=$((stands + 1))
        fi
        slow_migrations
        assert_state host01 1 ""
        assert_state host02 1 running
        assert_never_twice
        assert_ticking host02
        vm_end_all
        n=$((n + 1))
    done
    told "$1 of libvirtd on $host in a migration $n times; $stands times it was at both, one standing still"
}

# It is at both hosts, and does not run at the source: what an admin would do.
settle_by_hand() {
    assert_error "active on both hosts"
    [[ $stderr = *"paused at the source, running at the destination"* ]]
    lab_virsh host01 destroy one-1
    migrate_again
    assert_success
}

# --- storage that fails ---------------------------------------------------------------------

save_to() { STDIN=$(vmm_document 1) run_vmm host01 save one-1 "$1" host01 1 host01; } # FILE
restore_from() { # FILE
    STDIN=$(vmm_document 1) run_vmm host01 restore "$1" host01 "$(vm_uuid 1)" 1 host01
}

# /tmp/bad of host01 becomes a file system that does not take what it is given.
spoil() { # full|ext4|dying|read-only
    case $1 in
    full) mount_tmpfs host01 /tmp/bad size=8m ;;
    ext4) mount_claiming host01 /tmp/bad 16m 16M ;;
    dying) mount_claiming host01 /tmp/bad 12m 200M ;; # a disk whose blocks cannot be written: EIO
    read-only)
        mount_tmpfs host01 /tmp/bad size=8m
        lab_root host01 mount -o remount,ro /tmp/bad
        ;;
    esac
}

unspoil() {
    lab_root host01 sh -c 'umount -l /tmp/bad; umount -l /tmp/tiny; true' 2>/dev/null
}

# From now on reading the checkpoint at this place is an error of the medium.
damage_checkpoint() { # SECTOR
    local file
    file=$(vm_dir 1)/checkpoint
    lab_root host01 qemu-storage-daemon --daemonize --pidfile /var/tmp/damage.pid \
        --blockdev "driver=file,filename=$file,node-name=file" \
        --blockdev "driver=blkdebug,image=file,node-name=bad,inject-error.0.event=none,inject-error.0.errno=5,inject-error.0.iotype=read,inject-error.0.sector=$1,inject-error.0.once=off" \
        --export "type=fuse,id=export,node-name=bad,mountpoint=$file"
    run lab_exec host01 dd if="$file" of=/dev/null bs=64k
    assert_failure
}

repair_checkpoint() {
    lab_root host01 sh -c 'read -r pid </var/tmp/damage.pid || exit 0
        kill $pid && timeout 10 tail -s 0.05 --pid=$pid -f /dev/null; rm -f /var/tmp/damage.pid' 2>/dev/null
}
