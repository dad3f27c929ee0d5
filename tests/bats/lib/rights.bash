# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# rights.bash - who may read what a driver made.  After lib/drv and a lab.

# Umask of the front-end's daemons, mode of the image, what a copy of it may have at most.
RIGHTS='0027 644 640
0077 644 600
0022 640 640
0022 600 600'

# Run "FUNCTION MOST" for each of them; IMAGE_MODE is what the image has to get.
with_all_rights() { # FUNCTION
    local mask most
    while read -r mask IMAGE_MODE most; do
        echo "# umask $mask, image $IMAGE_MODE: at most $most"
        export LAB_UMASK=$mask
        "$1" "$most"
    done <<<"$RIGHTS"
    unset LAB_UMASK
}

# No file below is readable or writable by more than MODE allows.
assert_at_most() { # NODE MODE PATH...
    local node=$1 mode=$2 wrong
    shift 2
    wrong=$(lab_exec "$node" find "$@" -type f -perm "/$(printf %o $((0777 & ~0$mode)))" \
        ! -name .monitor -printf '%m %p\n')
    [ -z "$wrong" ] || fail "more than $mode on $node: $wrong"
    [ -n "$(lab_exec "$node" find "$@" -type f)" ] || fail "nothing there: $*"
}
