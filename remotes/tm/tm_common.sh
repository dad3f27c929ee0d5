# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# tm_common.sh - shell functions for admins' own transfer manager drivers.
# Part of one-native: docs/shell-library.md says what each function promises.
#
# To be sourced by bash, after scripts_common.sh or alone (then it sources that).

if ! declare -F _one_xml_leaves >/dev/null; then
    case ${BASH_SOURCE[0]} in
    */*) _tm_dir=${BASH_SOURCE[0]%/*} ;;
    *) _tm_dir=. ;;
    esac
    # shellcheck source=scripts_common.sh
    . "$_tm_dir/../scripts_common.sh"
    unset _tm_dir
fi

# arg_host HOST:PATH, arg_path HOST:PATH [NOFIX]: without a ':' both are the whole.
arg_host() {
    printf '%s\n' "${1%%:*}"
}

arg_path() {
    local path=${1#*:}

    if [ "${2:-}" = NOFIX ]; then
        printf '%s\n' "$path"
    else
        fix_dir_slashes "$path"
    fi
}

is_yes() {
    [[ ${1:-} =~ ^([Yy][Ee][Ss]|[Tt][Rr][Uu][Ee])$ ]]
}

# is_disk PATH: 1 for a disk, 0 for the directory of a VM.
is_disk() {
    if [[ $1 =~ /disk\.[0-9]+ ]]; then
        echo 1
    else
        echo 0
    fi
}

# make_relative PATH DIRECTORY: PATH as seen from DIRECTORY.  By name: links are not followed.
make_relative() {
    realpath -s -m --relative-to="$2" -- "$1"
}

# --- facts of a VM ----------------------------------------------------------------------

# _tm_vm VMID: its leaves (see _one_xml_leaves).
_tm_vm() {
    local xml

    if ! [[ ${1:-} =~ ^[0-9]+$ ]]; then
        log_error "not the id of a VM: '${1:-}'"
        return 1
    fi
    if ! xml=$(onevm show -x "$1"); then
        log_error "cannot ask the core for VM $1"
        return 1
    fi
    printf '%s' "$xml" | _one_xml_leaves
}

# _tm_pick PATH: the text of the last leaf with this path, on stdin.
_tm_pick() {
    local path text last=

    while IFS=$'\t' read -r path text; do
        [ "$path" != "$1" ] || last=$text
    done
    printf '%b\n' "$last"
}

lcm_state() {
    local vm

    vm=$(_tm_vm "${1:-${VMID:-}}") || return 1
    _tm_pick /VM/LCM_STATE <<<"$vm"
}

# is_undeployed VMID HOST: did the VM last run on another host?  Unknown is no.
is_undeployed() {
    local vm last

    vm=$(_tm_vm "$1") || return 1
    last=$(_tm_pick /VM/HISTORY_RECORDS/HISTORY/HOSTNAME <<<"$vm")
    [ -n "$last" ] && [ "$last" != "$2" ]
}

# disk_type: TYPE of the disk DST_PATH of the VM VMID.
disk_type() {
    local vm disk path text id='' type=''

    [[ ${DST_PATH:-} =~ disk\.([0-9]+)[^/]*$ ]] || return 1
    disk=${BASH_REMATCH[1]}
    vm=$(_tm_vm "${VMID:-}") || return 1
    while IFS=$'\t' read -r path text; do
        case $path in
        /VM/TEMPLATE/DISK/DISK_ID) id=$text ;;
        /VM/TEMPLATE/DISK/TYPE) type=$text ;;
        /VM/TEMPLATE/DISK/)
            if [ "$id" = "$disk" ]; then
                printf '%b\n' "$type"
                return 0
            fi
            id='' type=''
            ;;
        esac
    done <<<"$vm"
    return 1
}

# --- migration --------------------------------------------------------------------------

# migrate_other "$@": run this action of every other driver that has a disk in the VM,
# with our arguments and our name behind them.  TEMPLATE_64 holds the VM.  Called so
# ourselves, we return: the first driver does all the work.
migrate_other() {
    local xml mad own directory path text seen=' ' rc=0

    # Up to 5.8 the VM is the sixth argument, then it is on stdin.
    case $# in
    6) [[ $(base64 -d 2>/dev/null <<<"$6" | tr -d '\0') == '<VM'* ]] || return 0 ;;
    esac
    [ $# -lt 7 ] || return 0
    directory=${DRIVER_PATH:-${0%/*}}
    own=$(basename -- "$(cd -- "$directory" && pwd -L)")
    case ${TEMPLATE_64:-} in
    '<'*) xml=$TEMPLATE_64 ;;
    *) xml=$(base64 -d <<<"${TEMPLATE_64:-}") || return 1 ;;
    esac
    while IFS=$'\t' read -r path text; do
        [ "$path" = /VM/TEMPLATE/DISK/TM_MAD ] || continue
        mad=$(printf '%b' "$text")
        case $seen in *" $mad "*) continue ;; esac
        seen+="$mad "
        [ "$mad" != "$own" ] || continue
        _tm_other "$directory" "$own" "$mad" "$@" || rc=$?
    done < <(printf '%s' "$xml" | _one_xml_leaves)
    return $rc
}

# _tm_other DIRECTORY OWN-MAD OTHER-MAD ARGUMENT...
_tm_other() {
    local program=$1/../$3/${0##*/} own=$2 mad=$3 rc=0

    shift 3
    if ! [[ $mad =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]]; then
        log_error "not the name of a driver: '$mad'"
        return 1
    fi
    if [ ! -x "$program" ]; then
        log_info "driver $mad has no ${0##*/}"
        return 0
    fi
    "$program" "$@" "$own" <<<"$TEMPLATE_64" || rc=$?
    [ $rc -eq 0 ] || log_error "${0##*/} of driver $mad failed with status $rc"
    return $rc
}

# --- directories of qcow2 snapshots ---------------------------------------------------------

# rebase_backing_files FILE: in the current directory, which is to be FILE.snap, give every
# overlay its backing file's new name, FILE.snap/<name>.  Nothing but names changes.
# Complete in itself: drivers send its text to other hosts.
rebase_backing_files() {
    local file info old format

    for file in *; do
        if [ ! -f "$file" ] || [ -L "$file" ]; then
            continue
        fi
        [ "$(head -c 4 -- "./$file" | od -An -tx1 | tr -d ' \n')" = 514649fb ] || continue
        info=$(LC_ALL=C ${QEMU_IMG:-qemu-img} info -f qcow2 --output=json "./$file") ||
            return 1
        old=$(sed -n 's/^    "backing-filename": "\(.*\)",\{0,1\}$/\1/p' <<<"$info")
        [ -n "$old" ] || continue
        format=$(sed -n 's/^    "backing-filename-format": "\(.*\)",\{0,1\}$/\1/p' <<<"$info")
        case $old in
        *\\*)
            echo "cannot rebase '$file': backing file '$old' has a strange name" >&2
            return 1
            ;;
        esac
        ${QEMU_IMG:-qemu-img} rebase -u -f qcow2 -F "${format:-qcow2}" \
            -b "$1.snap/${old##*/}" "./$file" || return 1
    done
}

# qcow_dir_cmd IMAGE DISK create|convert: prints shell text that gives the VM a fresh
# DISK with its directory DISK.snap: an overlay on IMAGE, or a full copy of it.  On failure
# DISK is not touched.  $QCOW2_OPTIONS are words for qemu-img create.
qcow_dir_cmd() {
    local src=$1 dst=$2 mode=$3 snap base make
    local -a qemu_img options

    _one_split "$QEMU_IMG"
    qemu_img=("${_one_words[@]}")
    snap=$dst.snap base=${dst##*/}
    case $mode in
    create)
        options=()
        if [ -n "${QCOW2_OPTIONS:-}" ]; then
            _one_split "$QCOW2_OPTIONS"
            options=("${_one_words[@]}")
        fi
        make="$(_one_quote "${qemu_img[@]}" create -f qcow2 ${options[@]+"${options[@]}"} \
            -b "$src") -F \"\$format\" $(_one_quote "$snap/0")"
        ;;
    convert)
        make="$(_one_quote "${qemu_img[@]}" convert) -f \"\$format\" -O qcow2"
        make+=" $(_one_quote "$src" "$snap/0")"
        ;;
    *)
        log_error "qcow_dir_cmd: neither create nor convert: '$mode'"
        printf '( exit 1 )\n'
        return 1
        ;;
    esac
    # Its first bytes, read on the host, tell the format of IMAGE.
    # shellcheck disable=SC2016 # $ is for the shell that runs this
    printf '( format=$(head -c 4 -- %s | od -An -tx1) &&\n' "$(_one_quote "$src")"
    # shellcheck disable=SC2016
    printf 'case $format in " 51 46 49 fb") format=qcow2 ;; ?*) format=raw ;;'
    printf ' *) exit 1 ;; esac &&\n'
    printf '%s &&\n' "$(_one_quote rm -rf -- "$snap")"
    printf '%s &&\n' "$(_one_quote mkdir -p -- "$snap")"
    printf '%s &&\n' "$make"
    printf '%s &&\n' "$(_one_quote ln -s -- . "$snap/$base.snap")"
    printf '%s )\n' "$(_one_quote ln -s -f -T -- "$base.snap/0" "$dst")"
}
