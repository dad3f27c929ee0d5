# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# scripts_common.sh - shell functions for admins' own drivers and add-ons.
# Part of one-native: docs/shell-library.md says what each function promises.
#
# To be sourced by bash 4.2 or newer; works under set -e, -u and pipefail.  The names
# without a leading underscore are the interface, those with _one_ are ours alone.

export LANG=C
case $PATH in
/bin:/sbin:/usr/bin:*) ;;
*) export PATH="/bin:/sbin:/usr/bin:$PATH" ;;
esac

case ${BASH_SOURCE[0]} in
/*) _one_dir=${BASH_SOURCE[0]%/*} ;;
*/*) _one_dir=$PWD/${BASH_SOURCE[0]%/*} ;;
*) _one_dir=$PWD ;;
esac
_one_release=
_one_here=$_one_dir # not where the text of one function is all there is

# --- what drivers find set: a command may hold options, they are split at spaces --------
# shellcheck disable=SC2034 # for those who source us
{
    AWK=${AWK:-awk} CUT=${CUT:-cut} DATE=${DATE:-date} DD=${DD:-dd} DF=${DF:-df}
    DU=${DU:-du} GREP=${GREP:-grep} LN=${LN:-ln} MD5SUM=${MD5SUM:-md5sum}
    READLINK=${READLINK:-readlink} RM=${RM:-rm} CP=${CP:-cp} SED=${SED:-sed -r}
    SYNC=${SYNC:-sync} TAR=${TAR:-tar} TR=${TR:-tr} WGET=${WGET:-wget} SCP=${SCP:-scp}
    MKFS=${MKFS:-mkfs} MKSWAP=${MKSWAP:-mkswap} MKISOFS=${MKISOFS:-mkisofs}
    QEMU_IMG=${QEMU_IMG:-qemu-img} SUDO=${SUDO:-sudo -n}
    CEPH=${CEPH:-ceph} RADOS=${RADOS:-rados} RBD=${RBD:-rbd}
    LVCREATE=${LVCREATE:-lvcreate} LVREMOVE=${LVREMOVE:-lvremove}
    LVCHANGE=${LVCHANGE:-lvchange} LVSCAN=${LVSCAN:-lvscan} LVS=${LVS:-lvs}
    LVEXTEND=${LVEXTEND:-lvextend} VGDISPLAY=${VGDISPLAY:-vgdisplay}
    ISCSIADM=${ISCSIADM:-iscsiadm} TGTADM=${TGTADM:-tgtadm}
    TGTADMIN=${TGTADMIN:-tgt-admin} TGTSETUPLUN=${TGTSETUPLUN:-tgt-setup-lun-one}
    VMKFSTOOLS=${VMKFSTOOLS:-vmkfstools}
    SSH=${SSH:-ssh}
    SSH_FWD=${SSH_FWD:-$SSH -o ForwardAgent=yes -o ControlMaster=no -o ControlPath=none}
    SCRIPT_NAME=${0##*/}
    if [ -n "${ONE_LOCATION:-}" ]; then
        ONE_LOCAL_VAR=$ONE_LOCATION/var
    else
        ONE_LOCAL_VAR=/var/lib/one
    fi
    DS_DIR=${DS_DIR:-$ONE_LOCAL_VAR/datastores}
}

# --- the release of the front-end -------------------------------------------------------

# _one_since MAJOR MINOR PATCH: is the front-end at least that?  The release is in
# VERSION, beside us or two directories above the driver; without it: the newest we know.
_one_since() {
    local file line

    if [ -z "$_one_release" ]; then
        _one_release=7004000
        for file in "$_one_dir/VERSION" "${0%/*}/../../VERSION"; do
            [ -r "$file" ] || continue
            read -r line <"$file" || :
            [[ $line =~ ^([0-9]+)\.([0-9]+)(\.([0-9]+))? ]] || continue
            _one_release=$(((10#${BASH_REMATCH[1]} * 1000 + 10#${BASH_REMATCH[2]}) * 1000 + \
                10#${BASH_REMATCH[4]:-0}))
            break
        done
    fi
    [ "$_one_release" -ge $((($1 * 1000 + $2) * 1000 + $3)) ]
}

# --- words, paths, quoting --------------------------------------------------------------

# _one_split TEXT: the words of TEXT in _one_words.  Only spaces count: no quotes, and
# no file name patterns, so that a '*' in a name stays a '*'.
_one_split() {
    local IFS=$' \t\n' pattern=on

    [[ $- != *f* ]] || pattern=off
    set -f
    # shellcheck disable=SC2206 # splitting is what we are for
    _one_words=($1)
    [ $pattern = off ] || set +f
    [ ${#_one_words[@]} -gt 0 ] || _one_words=(_one_nothing)
}

_one_nothing() {
    echo "no command was given" >&2
    return 127
}

# _one_quote WORD...: one line of shell text that means exactly these words.
_one_quote() {
    local text

    printf -v text ' %q' "$@"
    printf '%s' "${text:1}"
}

# _one_file PATH: PATH in a form that no tool takes for an option or a protocol.
_one_file() {
    case $1 in
    /*) printf '%s' "$1" ;;
    -* | *:*) printf './%s' "$1" ;;
    *) printf '%s' "$1" ;;
    esac
}

fix_dir_slashes() {
    local path=$1

    while [[ $path == *//* ]]; do
        path=${path//\/\//\/}
    done
    [ "$path" = / ] || path=${path%/}
    printf '%s\n' "$path"
}

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

# contains LIST ELEMENT SEPARATOR
contains() {
    local list=$1 element=$2 separator=${3:-,} one
    local -a all

    [ -n "$element" ] || return 1
    while [[ $list == *"$separator"* ]]; do
        all+=("${list%%"$separator"*}")
        list=${list#*"$separator"}
    done
    all+=("$list")
    for one in "${all[@]}"; do
        [ "$one" != "$element" ] || return 0
    done
    return 1
}

xml_esc() {
    printf '%s' "$1" | LC_ALL=C tr -d '\000-\010\013\014\016-\037' |
        sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' \
            -e 's/"/\&quot;/g' -e "s/'/\\&apos;/g"
}

# --- log and errors: all on stderr ------------------------------------------------------

log_date() (
    LC_ALL=C
    printf '%(%a %b %d %H:%M:%S %Y)T\n' -1
)

# log_function SEVERITY MESSAGE.  Every line gets the prefix: since 7.0 the front-end
# takes each line without one for a part of the error message.
log_function() {
    local severity=$1 text=$2 line

    while :; do
        line=${text%%$'\n'*}
        line=${line//$'\t'/ }
        printf '%s: %s: %s\n' "$severity" "$SCRIPT_NAME" "${line//[[:cntrl:]]/?}" >&2
        [[ $text == *$'\n'* ]] || break
        text=${text#*$'\n'}
    done
}

log() {
    log_function INFO "$1"
}

log_info() {
    log_function INFO "$1"
}

log_error() {
    log_function ERROR "$1"
}

log_debug() {
    log_function DEBUG "$1"
}

# _one_message TEXT: TEXT as lines that no release takes for something else.
_one_message() {
    local text=$1 line said=

    while :; do
        line=${text%%$'\n'*}
        line=${line//$'\t'/ }
        line=${line//[[:cntrl:]]/?}
        case $line in
        "ExitCode:"*) line=" $line" ;;
        *"ERROR MESSAGE ------>8--") line+=" ." ;;
        esac
        if _one_since 6 0 3; then
            while [[ $line =~ ^[[:space:]]*(ERROR|INFO|WARN|DEBUG):[[:space:]]+(.*)$ ]]; do
                line=${BASH_REMATCH[2]}
            done
            said+="${said:+ }$line"
        else
            said+="${said:+$'\n'}$line"
        fi
        [[ $text == *$'\n'* ]] || break
        text=${text#*$'\n'}
    done
    # A leading '-' means "no message" to the core.
    [[ $said != -* ]] || said="error: $said"
    printf '%s\n' "$said"
}

error_message() {
    if _one_since 6 0 3; then
        _one_message "${1:-}" >&2
    else
        printf 'ERROR MESSAGE --8<------\n%s\nERROR MESSAGE ------>8--\n' \
            "$(_one_message "${1:-}")" >&2
    fi
}

# --- running commands -------------------------------------------------------------------

# _one_run COMMAND...: stdout dropped, stderr in _one_err, status in _one_rc.
_one_run() {
    _one_rc=0
    _one_err=$("$@" 2>&1 >/dev/null) || _one_rc=$?
}

# _one_capture COMMAND...: as _one_run, and stdout in _one_out, byte for byte.  One pipe
# carries stdout, then stderr and the status behind separators; stderr cannot hold one.
_one_capture() {
    local all

    all=$(
        _one_run_split "$@"
        printf '\001%s\001%s' "${_one_err//$'\001'/?}" "$_one_rc"
    )
    _one_rc=${all##*$'\001'}
    all=${all%$'\001'*}
    _one_err=${all##*$'\001'}
    _one_out=${all%$'\001'*}
}

# _one_run_split COMMAND...: as _one_run, but stdout is ours.
_one_run_split() {
    local _one_to

    exec {_one_to}>&1
    _one_rc=0
    _one_err=$("$@" 2>&1 >&"$_one_to" {_one_to}>&-) || _one_rc=$?
    exec {_one_to}>&-
}

# _one_failed COMMAND-TEXT [MESSAGE]: log it, and tell the user.
_one_failed() {
    log_error "Command \"$1\" failed: $_one_err"
    error_message "${2:-"cannot run '${1%%$'\n'*}': ${_one_err##*$'\n'}"}"
}

# _one_script TEXT...: what a bash reads on its stdin.  The braces make it read all of it
# before it runs any: a connection that breaks half-way runs nothing.
_one_script() {
    printf '%s\n' 'export LANG=C' 'export LC_ALL=C' \
        "export PATH=\"\$PATH:/usr/sbin:/sbin\"" '{ :' "$@" '' '}'
}

_one_bash() {
    bash -s < <(_one_script "$@" 2>/dev/null)
}

# _one_there HOST TEXT...
_one_there() {
    local host=$1

    shift
    case $host in
    '' | -* | *[[:cntrl:][:space:]\'\"\`\$\;\&\|\<\>\(\)\{\}\\\*\?\!\#]*)
        printf "not a host name: '%s'\n" "$host" >&2
        return 255
        ;;
    esac
    _one_split "$SSH"
    "${_one_words[@]}" "$host" bash -s < <(_one_script "$@" 2>/dev/null)
}

# exec_and_log COMMAND [MESSAGE]: COMMAND is words separated by spaces, by contract: it
# can hold no blank inside a word, and knows no quotes, pipes or patterns.
exec_and_log() {
    _one_split "$1"
    _one_run "${_one_words[@]}"
    [ "$_one_rc" -ne 0 ] || return 0
    _one_failed "$1" "${2:-}"
    exit "$_one_rc"
}

multiline_exec_and_log() {
    _one_run _one_bash "$1"
    [ "$_one_rc" -ne 0 ] || return 0
    _one_failed "$1" "${2:-}"
    exit "$_one_rc"
}

# The two below keep the message in ERROR, where an earlier one stays if all goes well.
exec_and_set_error() {
    _one_split "$1"
    _one_run "${_one_words[@]}"
    [ "$_one_rc" -ne 0 ] || return 0
    log_error "Command \"$1\" failed: $_one_err"
    # shellcheck disable=SC2034 # for the caller
    ERROR=${2:-"cannot run '$1': ${_one_err##*$'\n'}"}
}

multiline_exec_and_set_error() {
    _one_run _one_bash "$1"
    [ "$_one_rc" -ne 0 ] || return 0
    log_error "Command \"$1\" failed: $_one_err"
    # shellcheck disable=SC2034 # for the caller
    ERROR=${2:-"cannot run '${1%%$'\n'*}': ${_one_err##*$'\n'}"}
}

# monitor_and_log SCRIPT NAME: all of its stdout, or none and a log line.
monitor_and_log() {
    _one_capture _one_bash "$1"
    _one_monitored "${2:-$SCRIPT_NAME}"
}

_one_monitored() {
    if [ "$_one_rc" -ne 0 ]; then
        log_error "Command \"$1\" failed: $_one_err"
        exit "$_one_rc"
    fi
    printf '%s' "$_one_out"
}

# timeout_exec_and_log SECONDS COMMAND [MESSAGE]: 124 when it took longer.
timeout_exec_and_log() {
    local _one_to

    if ! [[ $1 =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
        error_message "timeout_exec_and_log: not a number of seconds: '$1'"
        exit 1
    fi
    _one_split "$2"
    # A file, because a pipe would stay open for as long as what left its group lives.
    _one_rc=0 _one_err=$(mktemp)
    exec {_one_to}<>"$_one_err"
    rm -f -- "$_one_err"
    _one_within "$1" "${_one_words[@]}" 2>&"$_one_to" >/dev/null || _one_rc=$?
    _one_err=$(cat "/dev/fd/$_one_to")
    exec {_one_to}>&-
    [ "$_one_rc" -ne 0 ] || return 0
    if [ "$_one_rc" -eq 124 ] && [[ $_one_err == *"Timeout executing"* ]]; then
        log_error "$_one_err"
        error_message "Timeout executing $2"
    else
        _one_failed "$2" "${3:-}"
    fi
    exit "$_one_rc"
}

# _one_within SECONDS COMMAND...: with job control every background job leads a process
# group, so the command and all it started can be ended together.
_one_within() (
    set -m +e
    _one_seconds=$1 _one_late='' _one_self=$BASHPID _one_end=0
    shift
    trap '_one_late=1; kill -TERM -- "-$_one_job"' USR1
    trap 'kill -TERM -- "-$_one_job" "-$_one_watch"; exit 143' TERM INT HUP
    "$@" &
    _one_job=$!
    { # if we are gone when the time is over, it ends the command itself
        sleep "$_one_seconds"
        kill -USR1 "$_one_self" || kill -KILL -- "-$_one_job"
    } >/dev/null 2>&1 &
    _one_watch=$!
    {
        wait "$_one_job"
        _one_end=$?
        kill -TERM -- "-$_one_watch"
        if [ -n "$_one_late" ]; then
            for _ in 1 2 3 4 5 6 7 8 9 10; do # up to 2 s to clean up
                kill -0 -- "-$_one_job" || break
                sleep 0.2
            done
            kill -KILL -- "-$_one_job"
        fi
    } 2>/dev/null
    [ -n "$_one_late" ] || exit "$_one_end"
    printf 'Timeout executing %s (%s s)\n' "$*" "$_one_seconds" >&2
    exit 124
)

# In the functions below COMMAND may be a function of the script.  It sees our local
# variables, so their names must be none of its own.

# retry TIMES COMMAND...: in a subshell, one second apart.
retry() {
    local _one_left=$1 _one_status=1

    shift
    if [ $# -eq 1 ]; then
        _one_split "$1"
        set -- "${_one_words[@]}"
    fi
    while [ "$_one_left" -gt 0 ]; do
        _one_status=0
        ("$@") || _one_status=$?
        [ $_one_status -ne 0 ] || return 0
        _one_left=$((_one_left - 1))
        [ "$_one_left" -eq 0 ] || sleep 1
    done
    return $_one_status
}

# retry_if REGEX TIMES SECONDS COMMAND...: as long as it fails with REGEX on stderr.
# From 6.6.1 on it ends the script with the status, before it returned it.
retry_if() {
    local _one_status=0

    retry_if_no_error "$@" || _one_status=$?
    ! _one_since 6 6 1 || exit $_one_status
    return $_one_status
}

retry_if_no_error() {
    local _one_regex=$1 _one_left=$2 _one_pause=$3 _one_said=

    shift 3
    while :; do
        _one_run_split "$@"
        [ -z "$_one_err" ] || _one_said+="${_one_said:+ }${_one_err//$'\n'/ }"
        _one_left=$((_one_left - 1))
        [ "$_one_rc" -ne 0 ] || break
        [ "$_one_left" -gt 0 ] || break
        [[ $_one_err =~ $_one_regex ]] || break
        sleep "$_one_pause"
    done
    [ -z "$_one_said" ] || printf '%s\n' "$_one_said" >&2
    return "$_one_rc"
}

# exclusive NAME SECONDS COMMAND...: COMMAND runs while we alone hold NAME.  What it
# starts in the background does not keep the lock.
exclusive() {
    local _one_file="${ONE_LOCK_DIR:-/var/lock/one}/$1" _one_pause=$2 _one_lock _one_status

    case $1 in
    '' | . | .. | */*) _one_unlocked "not the name of a lock: '$1'" ;;
    esac
    shift 2
    mkdir -p -- "${_one_file%/*}" 2>/dev/null || :
    # <> makes the file if need be and never changes what is in it; < is for a file of
    # somebody else's.
    { exec {_one_lock}<>"$_one_file"; } 2>/dev/null ||
        { exec {_one_lock}<"$_one_file"; } 2>/dev/null ||
        _one_unlocked "cannot open lock file '$_one_file'"
    flock -w "$_one_pause" "$_one_lock" ||
        _one_unlocked "Could not acquire exclusive lock on $_one_file in $_one_pause s"
    "$@" {_one_lock}>&-
    _one_status=$?
    exec {_one_lock}>&-
    return $_one_status
}

_one_unlocked() {
    log_error "$1"
    error_message "$1"
    exit 254
}

# force_shutdown DEPLOY_ID COMMAND: after a retry; acts on the status of that.
force_shutdown() {
    local failed=$?

    [ $failed -ne 0 ] || return 0
    if [ "${FORCE_DESTROY:-}" != yes ]; then
        log_error "Timed out shutting down $1"
        error_message "Timed out shutting down $1"
        exit 255
    fi
    exec_and_log "$2" "Timed out shutting down $1, and cannot destroy it"
    sleep 2
}

# --- other hosts ------------------------------------------------------------------------

# ssh_forward COMMAND...: COMMAND's $SSH forwards the agent.
ssh_forward() {
    # shellcheck disable=SC2034 # seen by the functions COMMAND calls
    local SSH=$SSH_FWD

    "$@"
}

ssh_exec_and_log() {
    _one_run _one_there "$1" "$2"
    [ "$_one_rc" -ne 0 ] || return 0
    _one_failed "$2" "${3:-"command failed on host '$1': ${_one_err##*$'\n'}"}"
    exit "$_one_rc"
}

# ssh_exec_and_log_no_error HOST SCRIPT [MESSAGE] [STATUS]: STATUS is no failure either.
ssh_exec_and_log_no_error() {
    _one_run _one_there "$1" "$2"
    if [ "$_one_rc" -ne 0 ] && [ "$_one_rc" != "${4:-0}" ]; then
        _one_failed "$2" "${3:-"command failed on host '$1': ${_one_err##*$'\n'}"}"
    fi
    return "$_one_rc"
}

# ssh_exec_and_log_stdin HOST SCRIPT FILE [MESSAGE]: FILE, with functions, goes before.
ssh_exec_and_log_stdin() {
    local functions

    _one_rc=0
    functions=$(cat 2>/dev/null <"$3") || _one_rc=1
    if [ "$_one_rc" -ne 0 ]; then
        error_message "cannot read '$3'"
        exit 1
    fi
    _one_run _one_there "$1" "$functions" "$2"
    [ "$_one_rc" -ne 0 ] || return 0
    _one_failed "$2" "${4:-"command failed on host '$1': ${_one_err##*$'\n'}"}"
    exit "$_one_rc"
}

ssh_monitor_and_log() {
    _one_capture _one_there "$1" "$2"
    _one_monitored "${3:-$SCRIPT_NAME}"
}

# ssh_make_path HOST DIRECTORY [MONITOR]: before 6.4 MONITOR went to DIRECTORY/../.monitor.
ssh_make_path() {
    ssh_exec_and_log "$1" "mkdir -p -- $(_one_quote "$2")" \
        "Error creating directory $2 at $1"
    if [ $# -gt 2 ] && ! _one_since 6 4 0; then
        if [ -n "$3" ]; then
            enable_local_monitoring "$1" "$2" "$3"
        else
            disable_local_monitoring "$1" "$2"
        fi
    fi
}

# enable_local_monitoring HOST DIRECTORY [DRIVER], disable_local_monitoring HOST DIRECTORY: who
# measures the disks on the host, named in the file .monitor beside DIRECTORY.
enable_local_monitoring() {
    local file

    file=$(fix_dir_slashes "$2")
    file=$(_one_file "$(dirname -- "$file")/.monitor")
    ssh_exec_and_log "$1" "printf '%s\\n' $(_one_quote "${3:-ssh}") >$(_one_quote "$file")" \
        "Error writing $file at $1"
}

disable_local_monitoring() {
    local file

    file=$(fix_dir_slashes "$2")
    file=$(_one_file "$(dirname -- "$file")/.monitor")
    ssh_exec_and_log "$1" "rm -f -- $(_one_quote "$file")" "Error removing $file at $1"
}

# --- building images --------------------------------------------------------------------

# mkfs_command PATH FORMAT SIZE_MB [SUPPORTED_FS FS FS_OPTS]
# mkfs_command PATH FSTYPE SIZE_MB                          (up to 5.12)
# Prints shell text that makes the image: one simple command if one is enough, else a
# subshell that fails as a whole and leaves nothing under PATH.
mkfs_command() {
    local path format=${2:-} size=${3:-} supported=${4:-} fs=${5:-} why=

    path=$(_one_file "$1" && printf .)
    path=${path%.}
    if [ $# -lt 4 ]; then # the older form knows one word for both
        [ -n "$format" ] || _one_since 5 0 0 || format=ext3
        case $format in
        ext[234] | ntfs | xfs | jfs | reiserfs) fs=$format supported=$fs format=raw ;;
        esac
    fi
    case ${format:=raw} in
    save_as)
        echo :
        return 0
        ;;
    swap) fs=swap ;;
    raw | qcow2)
        [ -z "$fs" ] || contains "${supported// /}" "$fs" , ||
            why="Unsupported file system type: $fs. Supported types are: $supported"
        ;;
    *) why="Unsupported image format: $format" ;;
    esac
    [[ $size =~ ^[0-9]+$ ]] || why="not a size in MB: '$size'"
    if [ -n "$why" ]; then
        log_error "$why"
        printf '( printf "%%s\\n" %s >&2; exit 1 )\n' "$(_one_quote "$why")"
        return 1
    fi
    if [ -n "$fs" ]; then
        _one_mkfs_steps "$path" "$format" "$size" "$fs" "${6:-}"
    else
        _one_split "$QEMU_IMG"
        _one_quote "${_one_words[@]}" create -f "$format" "$path" "${size}M"
        echo
    fi
}

# _one_mkfs_steps PATH FORMAT SIZE_MB FS OPTIONS.  The steps are joined by && inside a
# subshell: this fails rightly with and without set -e around it.
_one_mkfs_steps() {
    local path=$1 part=$1.part done=$1.part
    local -a qemu_img make

    _one_split "$QEMU_IMG"
    qemu_img=("${_one_words[@]}")
    case $4 in
    swap) _one_split "$MKSWAP -L swap" ;;
    xfs | reiserfs) _one_split "$MKFS -t $4 -f -q ${5:-}" ;;
    btrfs | f2fs) _one_split "$MKFS -t $4 -f ${5:-}" ;;
    jfs) _one_split "$MKFS -t $4 -q ${5:-}" ;;
    *) _one_split "$MKFS -t $4 -F ${5:-}" ;;
    esac
    make=("${_one_words[@]}")
    [ "$2" != qcow2 ] || done=$path.qcow2
    printf '( trap %s EXIT\n' "$(_one_quote "rm -f -- $(_one_quote "$part" "$done")")"
    _one_quote "${qemu_img[@]}" create -f raw "$part" "${3}M"
    printf ' &&\n%s' "$(_one_quote "${make[@]}" "$part")"
    [ "$done" = "$part" ] || printf ' &&\n%s' \
        "$(_one_quote "${qemu_img[@]}" convert -f raw -O qcow2 "$part" "$done")"
    printf ' &&\n%s )\n' "$(_one_quote mv -f -T -- "$done" "$path")"
}

# --- the core's XML ---------------------------------------------------------------------

# _one_xml_leaves <XML: a line "/PATH/OF/ELEMENT<TAB>text" for each element that holds
# no other, in order, and "/PATH/OF/ELEMENT/<TAB>" where one that does ends.  The text is
# written for printf %b.
_one_xml_leaves() {
    # shellcheck disable=SC2016 # $ is awk's
    LC_ALL=C awk '
    function plain(text) {
        gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text)
        gsub(/&apos;|&#39;/, "\047", text); gsub(/&#10;|&#xA;/, "\n", text)
        gsub(/&#13;|&#xD;/, "\r", text); gsub(/&#9;/, "\t", text)
        gsub(/&amp;/, "\\&", text)
        return text
    }
    function ended(    text) {
        text = value[depth]
        if (parent[depth]) {
            print path "/\t"
        } else {
            gsub(/\\/, "&&", text); gsub(/\n/, "\\n", text); gsub(/\t/, "\\t", text)
            print path "\t" text
        }
        sub(/\/[^\/]*$/, "", path)
        depth--
    }
    BEGIN { RS = "<" }
    NR == 1 { next }
    comment || /^!--/ { comment = !/-->/; next }
    cdata || /^!\[CDATA\[/ {
        text = cdata ? "<" $0 : substr($0, 9)
        cdata = 1
        at = index(text, "]]>")
        if (at) {
            cdata = 0
            text = substr(text, 1, at - 1) plain(substr(text, at + 3))
        }
        value[depth] = value[depth] text
        next
    }
    /^[?!]/ { next }
    {
        at = index($0, ">")
        tag = substr($0, 1, at - 1)
        rest = substr($0, at + 1)
        if (tag ~ /^\//) {
            ended()
        } else {
            name = tag
            sub(/[ \t\r\n\/].*$/, "", name)
            parent[depth] = 1
            path = path "/" name
            depth++
            parent[depth] = 0
            value[depth] = ""
            if (tag ~ /\/$/) ended()
        }
        value[depth] = value[depth] plain(rest)
    }'
}

# --- monitoring -------------------------------------------------------------------------

# send_to_monitor TYPE STATUS ID PAYLOAD: a message to monitord; STATUS 0 is SUCCESS.
send_to_monitor() (
    status=$2 directory='' network=udp key=''
    case $status in 0) status=SUCCESS ;; SUCCESS | FAILURE) ;; *) status=FAILURE ;; esac
    trap '[ -z "$directory" ] || rm -rf -- "$directory"' EXIT
    directory=$(mktemp -d) || exit 1
    printf '%s' "$4" >"$directory/data" || exit 1
    _one_monitord
    if [ -n "$key" ]; then
        _one_encrypt "$key" "$directory/data" || exit 1
    fi
    printf '%s %s %s 0 %s\n' "$1" "$status" "$3" \
        "$(_one_zlib "$directory/data" | base64 -w 0)" >"$directory/message" || exit 1
    # A datagram has a limit; monitord takes the same message by TCP.
    [ "$(stat -c %s "$directory/message")" -lt 65000 ] || network=tcp
    # dd writes it in one piece: each write is a datagram.
    dd bs=1M iflag=fullblock status=none <"$directory/message" \
        2>/dev/null >"/dev/$network/$address/$port" || exit 1
)

# The address, port and key from monitord.conf, in the variables of those names.
_one_monitord() {
    local file=${ONE_LOCATION:+$ONE_LOCATION/etc}

    file=${file:-/etc/one}/monitord.conf
    address=$(_one_monitord_value MONITOR_ADDRESS "$file")
    port=$(_one_monitord_value PORT "$file")
    key=$(_one_monitord_value PUBKEY "$file")
    case $address in '' | auto) address=127.0.0.1 ;; esac
    port=${port:-4124}
}

_one_monitord_value() {
    [ -r "$2" ] || return 0
    # shellcheck disable=SC2016 # $ is awk's
    awk -v key="$1" '
        { sub(/#.*/, "") }
        match($0, "(^|[^A-Z_])" key "[ \t]*=[ \t]*") {
            value = substr($0, RSTART + RLENGTH)
            sub(/^"/, "", value)
            sub(/[ \t]*[",\]].*$/, "", value)
            print value
            exit
        }' "$2"
}

# RSA takes a few bytes less than its key is long at a time.
_one_encrypt() {
    local key=$1 file=$2 bits size at length

    bits=$(openssl pkey -pubin -in "$key" -noout -text) || return 1
    [[ $bits =~ \(([0-9]+)\ bit\) ]] || return 1
    size=$((BASH_REMATCH[1] / 8 - 11))
    length=$(stat -c %s "$file")
    for ((at = 0; at < length; at += size)); do
        dd if="$file" iflag=skip_bytes,count_bytes skip=$at count=$size bs=4k status=none |
            openssl pkeyutl -encrypt -pubin -inkey "$key" || return 1
    done >"$file.rsa"
    mv -- "$file.rsa" "$file"
}

# _one_zlib FILE: what gzip makes of it, in zlib's wrapping.
_one_zlib() {
    # shellcheck disable=SC2059 # the format is what we print
    {
        printf '\x78\x9c'
        gzip -n -c <"$1" | tail -c +11 | head -c -8
        printf "$(od -An -v -tu1 "$1" | awk '
            BEGIN { a = 1; b = 0 }
            { for (i = 1; i <= NF; i++) { a = (a + $i) % 65521; b = (b + a) % 65521 } }
            END { printf "\\x%02x\\x%02x\\x%02x\\x%02x",
                int(b / 256), b % 256, int(a / 256), a % 256 }')"
    }
}

# hup_collectd HOST: there is no collectd since 5.12.
hup_collectd() {
    _one_since 5 12 0 || _one_from_stock hup_collectd "$@"
}

# --- what only the stock library has ----------------------------------------------------

# make install keeps the stock file as scripts_common.stock.sh.  The first call of such a
# function loads it; from then on the script runs with the stock library, as it always did.
_one_from_stock() {
    local file lib=${ONE_LOCATION:+$ONE_LOCATION/lib}

    lib=${lib:-/usr/lib/one}
    for file in "$_one_dir/scripts_common.stock.sh" "$lib/sh/scripts_common.sh"; do
        [ -r "$file" ] || continue
        ! grep -q '^# Part of one-native' "$file" || continue
        # shellcheck disable=SC1090 # not in this tree
        . "$file"
        [[ $(declare -f "$1") == *_one_from_stock* ]] || break
    done
    if [[ $(declare -f "$1") == *_one_from_stock* ]]; then
        echo "$1: only the stock scripts_common.sh has it, which is not installed" >&2
        exit 1
    fi
    "$@"
}

get_source_xml() {
    _one_from_stock get_source_xml "$@"
}

get_disk_information() {
    _one_from_stock get_disk_information "$@"
}

get_nic_information() {
    _one_from_stock get_nic_information "$@"
}

is_iscsi() {
    _one_from_stock is_iscsi "$@"
}

is_cdrom() {
    _one_from_stock is_cdrom "$@"
}

autonfs_cleanup_command() {
    _one_from_stock autonfs_cleanup_command "$@"
}

autonfs_mount_command() {
    _one_from_stock autonfs_mount_command "$@"
}

autonfs_tmpsetup_command() {
    _one_from_stock autonfs_tmpsetup_command "$@"
}

tgtadm_target_new() {
    _one_from_stock tgtadm_target_new "$@"
}

tgtadm_target_bind_all() {
    _one_from_stock tgtadm_target_bind_all "$@"
}

tgtadm_logicalunit_new() {
    _one_from_stock tgtadm_logicalunit_new "$@"
}

tgtadm_target_delete() {
    _one_from_stock tgtadm_target_delete "$@"
}

tgtadm_get_tid_for_iqn() {
    _one_from_stock tgtadm_get_tid_for_iqn "$@"
}

tgtadm_next_tid() {
    _one_from_stock tgtadm_next_tid "$@"
}

tgt_admin_dump_config() {
    _one_from_stock tgt_admin_dump_config "$@"
}

iscsiadm_discovery() {
    _one_from_stock iscsiadm_discovery "$@"
}

iscsiadm_login() {
    _one_from_stock iscsiadm_login "$@"
}

iscsiadm_logout() {
    _one_from_stock iscsiadm_logout "$@"
}

tgt_setup_lun_install() {
    _one_from_stock tgt_setup_lun_install "$@"
}

tgt_setup_lun() {
    _one_from_stock tgt_setup_lun "$@"
}

iqn_get_lv_name() {
    _one_from_stock iqn_get_lv_name "$@"
}

iqn_get_vg_name() {
    _one_from_stock iqn_get_vg_name "$@"
}

iqn_get_host() {
    _one_from_stock iqn_get_host "$@"
}
