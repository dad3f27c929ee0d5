# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# libfs.sh - shell functions for admins' own datastore drivers.
# Part of one-native: docs/shell-library.md says what each function promises.
#
# To be sourced by bash, after scripts_common.sh or alone (then it sources that).

if ! declare -F _one_xml_leaves >/dev/null; then
    case ${BASH_SOURCE[0]} in
    */*) _fs_dir=${BASH_SOURCE[0]%/*} ;;
    *) _fs_dir=. ;;
    esac
    # shellcheck source=scripts_common.sh
    . "$_fs_dir/../scripts_common.sh"
    unset _fs_dir
fi

# set_up_datastore BASE_PATH RESTRICTED_DIRS SAFE_DIRS
set_up_datastore() {
    export BASE_PATH=$1
    export RESTRICTED_DIRS=${2:-}
    export SAFE_DIRS=${3:-}
}

# A name that nobody can guess or meet twice, of the form the datastores have.
generate_image_hash() {
    od -An -v -tx1 -N 16 /dev/urandom | tr -d ' \n'
    echo
}

generate_image_path() {
    printf '%s/%s\n' "$BASE_PATH" "$(generate_image_hash)"
}

# set_downloader_args MD5 SHA1 NO_DECOMPRESS LIMIT SOURCE TARGET: quoted for a shell.
set_downloader_args() {
    local -a words

    [ -z "$1" ] || words+=(--md5 "$1")
    [ -z "$2" ] || words+=(--sha1 "$2")
    ! [[ $3 =~ ^[Yy][Ee][Ss]$ ]] || words+=(--nodecomp)
    [ -z "$4" ] || words+=(--limit "$4")
    words+=("$5" "$6")
    _one_quote "${words[@]}"
    echo
}

# --- what may be read -------------------------------------------------------------------

# check_restricted PATH: 1 when the datastore forbids it, else 0.  Whole components of
# the resolved path count; SAFE_DIRS win; URLs are not paths.
check_restricted() {
    local path

    case $1 in
    file://*) path=${1#file://} ;;
    *://*)
        if [[ $1 =~ ^[a-z][a-z0-9+.-]*:// ]]; then
            echo 0
            return 0
        fi
        path=$1
        ;;
    *) path=$1 ;;
    esac
    path=$(realpath -m -- "$path" 2>/dev/null && printf .) || path=
    path=${path%$'\n'.}
    if [ -z "$path" ]; then
        echo 1
    elif _fs_is_below "$path" "${SAFE_DIRS:-}"; then
        echo 0
    elif _fs_is_below "$path" "$(_fs_always_restricted) ${RESTRICTED_DIRS:-}"; then
        echo 1
    else
        echo 0
    fi
}

_fs_always_restricted() {
    if [ -n "${ONE_LOCATION:-}" ]; then
        printf '%s/var %s/etc' "$ONE_LOCATION" "$ONE_LOCATION"
    else
        printf '/var/lib/one /etc/one'
    fi
    case ${HOME:-/} in / | //*) ;; *) printf ' %s' "$HOME" ;; esac
}

# _fs_is_below PATH DIRECTORIES: DIRECTORIES are separated by spaces.
_fs_is_below() {
    local path=$1 directory real

    [[ $2 == *[![:space:]]* ]] || return 1
    _one_split "$2"
    for directory in "${_one_words[@]}"; do
        real=$(realpath -m -- "$directory" 2>/dev/null) || continue
        [[ $path/ != "${real%/}/"* ]] || return 0
    done
    return 1
}

# --- what an image is -------------------------------------------------------------------

# _fs_bytes FILE OFFSET COUNT: in hex, without spaces.
_fs_bytes() {
    od -An -v -tx1 -j "$2" -N "$3" <"$1" 2>/dev/null | tr -d ' \n'
}

# image_format FILE: raw, qcow2, vmdk ..., by what is in its first bytes.  No tool opens
# the image, so it cannot make one read other files.
image_format() {
    local head

    [ -r "$1" ] && [ ! -d "$1" ] || return 1
    head=$(_fs_bytes "$1" 0 21)
    case $head in
    514649fb00000001*) echo qcow ;;
    514649fb*) echo qcow2 ;;
    51454400*) echo qed ;;
    4b444d56* | 434f5744* | 23204469736b2044657363726970746f7246696c65) echo vmdk ;;
    4c554b53babe*) echo luks ;;
    7668647866696c65*) echo vhdx ;;
    636f6e6563746978*) echo vpc ;;
    *)
        case $(_fs_bytes "$1" 64 4) in
        7f10dabe) echo vdi ;;
        *) echo raw ;;
        esac
        ;;
    esac
}

# _fs_number HEX [little]: refuses what is not a sensible size.
_fs_number() {
    local hex=$1 turned='' at

    if [ "${2:-}" = little ]; then
        for ((at = ${#hex} - 2; at >= 0; at -= 2)); do
            turned+=${hex:at:2}
        done
        hex=$turned
    fi
    [[ $hex =~ ^00[0-9a-f]{14}$ ]] || return 1
    echo $((16#$hex))
}

# image_vsize FILE: the size in bytes that a guest sees.
image_vsize() {
    local format sectors

    format=$(image_format "$1") || return 1
    case $format in
    qcow2 | qcow) _fs_number "$(_fs_bytes "$1" 24 8)" ;;
    vdi) _fs_number "$(_fs_bytes "$1" 368 8)" little ;;
    vpc) _fs_number "$(_fs_bytes "$1" 48 8)" ;;
    vmdk)
        [ "$(_fs_bytes "$1" 0 4)" = 4b444d56 ] || return 1
        sectors=$(_fs_number "$(_fs_bytes "$1" 12 8)" little) || return 1
        [ "$sectors" -lt $((1 << 47)) ] || return 1
        echo $((sectors * 512))
        ;;
    raw | luks) file_size "$1" ;;
    *) return 1 ;;
    esac
}

# file_size FILE: bytes; of a directory, of all that is in it.
file_size() {
    if [ -d "$1" ]; then
        du -sb -- "$1" | cut -f 1
    elif [ -b "$1" ]; then
        blockdev --getsize64 "$1"
    else
        stat -L -c %s -- "$1"
    fi
}

# file_type FILE: its MIME type.
file_type() {
    file -L -b --mime-type -- "$1"
}

# The bytes that come out: counted, as what the headers say is wrong above 4 GiB (gzip)
# or absent (bzip2).
gzip_file_size() {
    _fs_unpacked gzip "$1"
}

xz_file_size() {
    _fs_unpacked xz "$1"
}

bzip_file_size() {
    _fs_unpacked bzip2 "$1"
}

_fs_unpacked() (
    set -o pipefail
    "$1" -dc <"$2" | wc -c
)

# _fs_packer FILE: the program that unpacks it, or nothing.
_fs_packer() {
    case $(_fs_bytes "$1" 0 6) in
    1f8b*) echo gzip ;;
    fd377a585a00) echo xz ;;
    425a68*) echo bzip2 ;;
    esac
}

# --- the size of a source ---------------------------------------------------------------

# fs_size SOURCE [NO_DECOMPRESS] [LIMIT]: the MB, rounded up, that SOURCE will have as an
# image; or a line that says why not, and status 1.
fs_size() (
    directory=$(mktemp -d) || exit 1
    trap 'rm -rf -- "$directory"' EXIT
    case $1 in
    http://* | https://*) _fs_fetch_head "$1" "${3:-}" >"$directory/head" ;;
    *) _fs_local_head "$1" >"$directory/head" ;;
    esac || {
        cat "$directory/head"
        exit 1
    }
    if [ -d "$1" ]; then
        bytes=$(file_size "$1")
    else
        bytes=$(_fs_size_behind "$directory" "$1" "${2:-}") || {
            printf '%s\n' "${bytes:-Cannot determine size for $1}"
            exit 1
        }
    fi
    if ! [[ $bytes =~ ^[0-9]+$ ]] || [ "$bytes" -eq 0 ]; then
        printf 'Cannot determine size for %s\n' "$1"
        exit 1
    fi
    echo $(((bytes + 1048575) / 1048576))
)

_fs_local_head() {
    if [ ! -e "$1" ]; then
        printf "cannot access '%s' (No such file or directory)\n" "$1"
        return 1
    elif [ ! -r "$1" ]; then
        printf "cannot access '%s' (Permission denied)\n" "$1"
        return 1
    fi
    [ -d "$1" ] || head -c 65536 <"$1"
}

_fs_fetch_head() {
    local -a limit

    [[ ${2:-} =~ ^[0-9]+[kKmMgG]?$ ]] && limit=(--limit-rate "$2")
    # curl says 23 when head has had enough of a server that sends all.
    curl -fsSL --proto '=http,https' --connect-timeout 10 --max-time 60 \
        ${limit[@]+"${limit[@]}"} -r 0-65535 -- "$1" 2>/dev/null | head -c 65536
    case ${PIPESTATUS[0]} in
    0 | 23) ;;
    *)
        echo "Failed to get image head"
        return 1
        ;;
    esac
}

# _fs_size_behind DIRECTORY SOURCE NO_DECOMPRESS: DIRECTORY/head has the first bytes of SOURCE.
_fs_size_behind() {
    local head=$1/head packer='' format

    [[ ${3:-} =~ ^[Yy][Ee][Ss]$ ]] || packer=$(_fs_packer "$head")
    if [ -n "$packer" ]; then # what is cut off makes no difference
        { "$packer" -dc <"$head" 2>/dev/null || :; } | head -c 65536 >"$1/plain"
        head=$1/plain
    fi
    format=$(image_format "$head") || {
        echo "Failed to detect image format"
        return 1
    }
    case $format in
    raw | luks) ;;
    *)
        image_vsize "$head"
        return
        ;;
    esac
    case $2 in
    http://* | https://*)
        if [ -n "$packer" ]; then
            echo "Unsupported remote image format"
            return 1
        fi
        curl -fsSLI --proto '=http,https' --connect-timeout 10 --max-time 60 -- "$2" \
            2>/dev/null | tr -d '\r' | awk '
                tolower($1) ~ /^http\// { size = "" }
                tolower($1) == "content-length:" { size = $2 }
                END { print size }'
        ;;
    *)
        if [ -n "$packer" ]; then
            _fs_unpacked "$packer" "$2"
        else
            file_size "$2"
        fi
        ;;
    esac
}

# --- bridge hosts -----------------------------------------------------------------------

# remove_off_hosts LIST: without those the core says are off, broken or disabled; all of
# it when the core does not answer.
remove_off_hosts() {
    local xml path text name='' state='' off=' ' host IFS=' '
    local -a left

    [[ $1 == *[![:space:]]* ]] || return 0
    if xml=$(onehost list -x 2>/dev/null); then
        while IFS=$'\t' read -r path text; do
            case $path in
            /HOST_POOL/HOST/NAME) name=$text ;;
            /HOST_POOL/HOST/STATE) state=$text ;;
            /HOST_POOL/HOST/)
                case $state in 3 | 4 | 5 | 7 | 8) off+="$name " ;; esac
                name='' state=''
                ;;
            esac
        done < <(printf '%s' "$xml" | _one_xml_leaves)
    fi
    _one_split "$1"
    for host in "${_one_words[@]}"; do
        case $off in *" $host "*) ;; *) left+=("$host") ;; esac
    done
    printf '%s\n' "${left[*]-}"
}

# get_destination_host [ID]: a host of BRIDGE_LIST, the same one for the same ID.
get_destination_host() {
    local hosts pick

    [[ ${BRIDGE_LIST:-} == *[![:space:]]* ]] || return 0
    hosts=$(remove_off_hosts "$BRIDGE_LIST")
    if [ -z "$hosts" ]; then
        error_message "All hosts from 'BRIDGE_LIST' are offline, error or disabled"
        exit 255
    fi
    _one_split "$hosts"
    if [[ ${1:-} =~ ^[0-9]+$ ]]; then
        pick=$((10#$1 % ${#_one_words[@]}))
    else
        pick=$((RANDOM % ${#_one_words[@]}))
    fi
    printf '%s\n' "${_one_words[pick]}"
}
