#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The man pages say what is there: every action, every setting, every exit status.  Lists
# that are compared stand between '.\" begin NAME...' and '.\" end' in the pages.
# shellcheck disable=SC2154 # run sets variables
load lib/shell

MAN=$ROOT/docs/man

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# documented NAME: the words of the .It lines of the lists called NAME.
documented() {
    awk -v name="$1" '
        /^\.\\" begin / { on = 0; for (i = 3; i <= NF; i++) if ($i == name) on = 1; next }
        /^\.\\" end/ { on = 0 }
        on && /^\.It / { for (i = 2; i <= NF; i++) print $i }' "$MAN"/*.7
}

# undocumented_actions REMOTES: "family/driver action" for those no page tells of.
undocumented_actions() {
    local program family driver action

    for program in "$1"/datastore/*/* "$1"/tm/*/*; do
        if [ ! -f "$program" ] || [ ! -x "$program" ]; then
            continue
        fi
        action=${program##*/}
        driver=${program%/*}
        family=${driver%/*}
        driver=${driver##*/}
        family=${family##*/}
        documented "$family" | grep -qx "$action" || echo "$family $action"
        documented "$family/$driver" | grep -qx "$action" || echo "$family/$driver $action"
    done
}

# undocumented_settings KEY...: those that no page has as .It Va KEY.
undocumented_settings() {
    local key

    for key; do
        case $key in FS_OPTS_*) key=FS_OPTS_ ;; esac
        sed -nE 's/^\.(It )?Va //p' "$MAN"/*.7 | tr -s ' ,' '\n' | grep -qx "$key" || echo "$key"
    done
}

# settings_in FOLDER: the keys of the configuration files in it, commented out or not.
settings_in() {
    find "$1" -type f -exec sed -nE \
        's/^[[:space:]]*(#[[:space:]]*)?(export[[:space:]]+)?([A-Z][A-Z0-9_a-z]*)=.*/\3/p' {} +
}

# settings_read: the keys that our sources ask for.
settings_read() {
    cd "$ROOT" || return
    grep -rhoE --include='*.c' 'drv_config_get[a-z_]*\([^;]*;' helpers remotes -z |
        tr '\0\n' '  ' | grep -oE 'drv_config_get[a-z_]*\( *[a-z_]+, *"[A-Z_]+"' |
        grep -oE '"[A-Z_]+"' | tr -d '"'
}

@test "every action of every driver is in its pages" {
    run undocumented_actions "$REMOTES"
    assert_success
    assert_output ""
}

@test "every action and driver that there are sources for is in the pages" {
    cd "$ROOT"
    tree=$BATS_TEST_TMPDIR/tree
    for family in datastore tm; do
        for driver in remotes/"$family"/*/driver.c; do
            driver=${driver%/driver.c}
            for action in remotes/"$family"/main/*.c; do
                if [ -f "$action" ] && [ -d "$driver" ]; then
                    mkdir -p "$tree/$family/${driver##*/}"
                    action=${action##*/}
                    install /dev/null "$tree/$family/${driver##*/}/${action%.c}"
                fi
            done
        done
    done
    mkdir -p "$tree"
    run undocumented_actions "$tree"
    assert_output ""
}

@test "an action or a driver that is in no page is found" {
    mkdir -p tree/tm/{shared,acme} tree/datastore/fs
    install /dev/null tree/tm/shared/clone
    install /dev/null tree/tm/shared/teleport
    install /dev/null tree/tm/acme/clone
    install /dev/null tree/datastore/fs/mkimage
    run undocumented_actions tree
    assert_output "datastore mkimage
datastore/fs mkimage
tm/acme clone
tm teleport
tm/shared teleport"
}

@test "every setting of the configuration files, and every one that is read, is in a page" {
    if [ -d "$ROOT/remotes/etc" ]; then
        mapfile -t keys < <(settings_in "$ROOT/remotes/etc" | sort -u)
        run undocumented_settings "${keys[@]}"
        assert_output ""
    fi
    mapfile -t keys < <(settings_read | sort -u)
    [ "${#keys[@]}" -gt 5 ]
    run undocumented_settings "${keys[@]}"
    assert_output ""
}

@test "a setting that is in no page is found" {
    mkdir -p etc/a
    printf '%s\n' '# SUPPORTED_FS is a list' '#SUPPORTED_FS="ext4"' 'FS_OPTS_xfs=-q' \
        'export TELEPORT=yes' >etc/a/conf
    mapfile -t keys < <(settings_in etc)
    assert_equal "${keys[*]}" "SUPPORTED_FS FS_OPTS_xfs TELEPORT"
    run undocumented_settings "${keys[@]}"
    assert_output TELEPORT
}

@test "the exit statuses are those of the code" {
    in_code=$(sed -n 's/\[DRV_ERROR_\([A-Z_]*\)\] = \([0-9]*\),/\n\2 \1\n/gp' \
        "$ROOT/helpers/drv-error.c" | grep -E '^[0-9]+ [A-Z_]+$' | sort -n)
    in_page=$(documented exit-status | paste -d ' ' - -)
    [ "$(wc -l <<<"$in_code")" -gt 10 ]
    assert_equal "$in_page" "$in_code"
}

@test "the pages are well formed, and each is named by another" {
    cd "$MAN"
    for page in *.7; do
        mandoc -T lint -W warning "$page"
        grep -l "^\.Xr ${page%.7} 7" ./*.7 | grep -qv "/$page$"
    done
}
