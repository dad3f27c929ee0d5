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

# undocumented_actions REMOTES: "family/driver action" for those no page tells of; what
# clone.ssh is called with is said of clone.
undocumented_actions() {
    local program family driver action

    for program in "$1"/datastore/*/* "$1"/tm/*/* "$1"/vmm/*/*; do
        if [ ! -f "$program" ] || [ ! -x "$program" ]; then
            continue
        fi
        action=${program##*/}
        driver=${program%/*}
        family=${driver%/*}
        driver=${driver##*/}
        family=${family##*/}
        documented "$family" | grep -qx "${action%%.*}" || echo "$family $action"
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

# settings_in DIRECTORY: the keys of the configuration files in it, commented out or not.
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
    for family in datastore tm vmm; do
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

@test "every probe and program of monitoring is in its page" {
    local source
    while read -r source; do
        echo "want: $source"
        grep -qE "^\.(Pf \( )?Nm (im/|kvm\.d/)?${source##*/}( [,.)])?$" "$MAN/one-native-im.7"
    done < <(cd "$ROOT" && find remotes/im -name '*.c' |
        grep -vE '^remotes/im/(base|client|probes|state)/' | sed 's/\.c$//')
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
        "$ROOT/helpers/base/error.c" | grep -E '^[0-9]+ [A-Z_]+$' | sort -n)
    in_page=$(documented exit-status | paste -d ' ' - -)
    [ "$(wc -l <<<"$in_code")" -gt 10 ]
    assert_equal "$in_page" "$in_code"
}

# unsupported FAMILY/DRIVER: the actions the page says that of.
unsupported() {
    awk -v name="$1" '
        /^\.\\" begin / { on = $3 == name; next }
        /^\.It / { items = $0; next }
        on && /^not supported/ {
            n = split(items, word, " ")
            for (i = 3; i <= n; i++) if (word[i] != ",") print word[i]
        }' "$MAN/one-native-dummy-dev.7"
}

@test "dummy and dev support what their page says, and nothing else" {
    fake onevm 'echo "<VM><ID>25</ID><TEMPLATE><DISK><DISK_ID>0</DISK_ID></DISK></TEMPLATE></VM>"'
    export HOME=$BATS_TEST_TMPDIR PATH=$BIN:$PATH
    unset ONE_AUTH
    dump="<DS_DRIVER_ACTION_DATA><IMAGE><PATH>/x</PATH><SOURCE>/x</SOURCE><SIZE>1</SIZE>
        <TARGET_SNAPSHOT>0</TARGET_SNAPSHOT></IMAGE><DATASTORE><BASE_PATH>$PWD</BASE_PATH>
        </DATASTORE></DS_DRIVER_ACTION_DATA>"
    for driver in datastore/dummy datastore/dev tm/dummy tm/dev; do
        said=$(unsupported $driver)
        for program in "$REMOTES/$driver"/*; do
            action=${program##*/}
            args=("localhost:$PWD/25/disk.0" 1 25 0) input=$dump
            case $driver/$action in
            datastore/* | */monitor) args=(1) ;;
            */monitor_ds) args=("$PWD") ;;
            */mkimage) args=(1 raw "localhost:$PWD/25/disk.0" 25 0) ;;
            */mkswap) args=(1 "localhost:$PWD/25/disk.0" 25 0) ;;
            */clone | */ln) args=(localhost:/dev/null "localhost:$PWD/25/disk.0" 25 0) ;;
            */mv) args=("localhost:$PWD/25" "localhost:$PWD/25" 25 0) ;;
            */mvds) args=("localhost:$PWD/25/disk.0" /x 25 0) ;;
            */cpds) args=("localhost:$PWD/25/disk.0" /x -1 25 0) ;;
            */delete) args=("localhost:$PWD/25" 25 0) ;;
            */context) args=(/etc/passwd "localhost:$PWD/25/disk.1" 25 0) ;;
            */*migrate)
                args=(host01 host02 "$PWD/25" 25 0)
                input="<VM/>"
                ;;
            esac
            run --separate-stderr "$program" "${args[@]}" <<<"$(base64 -w 0 <<<"$input")"
            want=0
            ! grep -qx "$action" <<<"$said" || want=17
            assert_equal "$driver/$action $status $stderr" "$driver/$action $want $(
                [ $want = 0 ] || echo "$action: Operation not supported")"
        done
    done
}

@test "the pages are well formed, and each is named by another" {
    cd "$MAN"
    for page in *.7; do
        mandoc -T lint -W warning "$page"
        grep -l "^\.Xr ${page%.7} 7" ./*.7 | grep -qv "/$page$"
    done
}

@test "every program says what it is, how it is called, and of which build it is" {
    local program name count=0
    while read -r program; do
        name=${program##*/} count=$((count + 1))
        case $name in worker-*) name=worker ;; *.*) name=${name%.*} ;; esac
        run --separate-stderr timeout 20 "$program" --help
        assert_success
        [[ ${lines[0]} == "$name - "* ]] || fail "$program --help: ${lines[0]}"
        assert_line --regexp "^  (.*/)?$name( |$)"
        page=$(sed -nE 's/^Manual: man ([0-9]) (.*)/\2.\1/p' <<<"$output")
        [ -e "$MAN/$page" ] || fail "$program --help: no manual '$page'"
        run --separate-stderr timeout 20 "$program" --version
        assert_success
        assert_output "one-native $(cat "$REMOTES/../build-id")"
    done < <(find "$REMOTES" "$DRV_OUT"/agent/drv-* -type f -perm -u+x ! -name '*.sh')
    [ "$count" -gt 100 ]
}
