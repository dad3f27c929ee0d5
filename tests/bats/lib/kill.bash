# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# kill.bash - drivers that are ended, or whose calls fail, at their Nth change of a file.
#
#     load lib/drv
#     load lib/kill

# Try the points, and say how many there were of each action.
kill_points() { # kill-points option or NAME...
    need_root
    run timeout -k 20 1500 "$DRV_ROOT/tests/kill/kill-points" --out "$DRV_OUT" "$@"
    drv_show
    assert_success
    sed -n 's/^# \([A-Za-z]*\) points: \([^ ]*\) \([0-9]*\).*/\1 \2 \3/p' <<<"$output" |
        awk -v what="$*" '{ said = said (NR > 1 ? ", " : "") $2 " " $3 }
            END { print "# points tried (" what "): " said }' >&3
}
