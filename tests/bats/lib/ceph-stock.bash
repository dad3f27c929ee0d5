# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# ceph-stock.bash - what the stock drivers do to a pool, step by step as in section 3.7 of
# the storage protocol, with the rbd command.  After lib/drv and lib/ceph.
#
# STOCK is the release: 5.4 (images with layering alone, as clusters of that time had),
# 5.12 (with all features, data in another pool), 7.4.

stock_options() {
    case $STOCK in
    5.4) echo --image-feature layering ;;
    *) echo --data-pool one-data ;;
    esac
}

stock_mkfs() { # IMAGE MB
    # shellcheck disable=SC2046 # words
    rbd create --size "$2" --image-format 2 $(stock_options) "one/$1"
}

stock_clone() { # IMAGE DISK
    if ! rbd snap ls "one/$1" | grep -w snap >/dev/null; then
        rbd snap create --no-progress "one/$1@snap"
        rbd snap protect "one/$1@snap"
    fi
    # shellcheck disable=SC2046
    rbd clone $(stock_options) "one/$1@snap" "one/$2"
}

stock_snap_create() { # DISK ID
    rbd snap create --no-progress "one/$1@$2"
    rbd snap protect "one/$1@$2"
}

# The image that has snapshot ID: the disk, or what a revert has renamed.
stock_holder() { # DISK ID
    local image
    for image in $(rbd ls one); do
        case $image in "$1" | "$1"-*) ;; *) continue ;; esac
        [[ $image = "$1" || ${image#"$1-"} =~ ^[0-9:]+$ ]] || continue
        ! stock_ids "$image" | grep -x "$2" >/dev/null || echo "$image"
    done
}

stock_ids() { # IMAGE: its snapshots, one a line
    rbd snap ls "one/$1" --format json | python3 -c 'import json, sys
for snap in json.load(sys.stdin): print(snap["name"])'
}

stock_snap_revert() { # DISK ID
    local holder ids
    ids=$(stock_ids "$1" | paste -sd :)
    if [ -n "$ids" ]; then
        rbd mv "one/$1" "one/$1-$ids"
    else
        rbd rm --no-progress "one/$1"
    fi
    holder=$(stock_holder "$1" "$2")
    # shellcheck disable=SC2046
    rbd clone $(stock_options) "one/$holder@$2" "one/$1"
}

stock_snap_delete() { # DISK ID
    local holder ids
    holder=$(stock_holder "$1" "$2")
    rbd snap unprotect "one/$holder@$2"
    rbd snap rm --no-progress "one/$holder@$2"
    [ "$holder" != "$1" ] || return 0
    ids=$(stock_ids "$holder" | paste -sd :)
    if [ -n "$ids" ]; then
        rbd mv "one/$holder" "one/$1-$ids"
    else
        rbd rm --no-progress "one/$holder"
    fi
}

# The whole tree, from the disk's topmost own parent down, and the snapshot for clones.
stock_delete() { # IMAGE DISK
    local top=$2 parent
    while parent=$(rbd info "one/$top" | sed -n 's|.*parent: one/\(.*\)@.*|\1|p') &&
        [[ $parent = "$2"-* ]]; do
        top=$parent
    done
    stock_rm_r "$top"
    if rbd snap unprotect "one/$1@snap" 2>/dev/null; then
        rbd snap rm --no-progress "one/$1@snap"
    fi
}

stock_rm_r() { # IMAGE
    local snap child
    for snap in $(stock_ids "$1"); do
        for child in $(rbd children "one/$1@$snap"); do stock_rm_r "${child#one/}"; done
        rbd snap unprotect "one/$1@$snap" || true
        rbd snap rm --no-progress "one/$1@$snap"
    done
    rbd rm --no-progress "one/$1"
}
