#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Configuration files name what the code reads, and nothing else.
load lib/drv

setup() { cd "$DRV_ROOT" || return; }

named() { # FILE: the names in it, commented out or not
    sed -nE 's/^(# )?(export )?([A-Z]\w*)=.*/\3/p' "$1" | sort -u
}

read_by_code() { # FILE: names asked for in sources that load it
    # shellcheck disable=SC2046 # our names have no spaces
    perl -0777 -ne 'while (/drv_config_get\w*\(\s*\w+,\s*"([A-Z]\w*)"/g) { print "$1\n" }' \
        $(grep -rl "\"$1\"" helpers remotes --include='*.c') | sort -u
}

@test "one-native.conf has each setting that is read" {
    diff <(read_by_code one-native.conf | grep -v LIBVIRT_URI) \
        <(named remotes/etc/one-native.conf)
}

@test "datastore.conf has each setting that is read" {
    diff <(read_by_code datastore/datastore.conf; grep -rhoE '"FS_OPTS_"' helpers remotes | sort -u) \
        <(named remotes/etc/datastore/datastore.conf | grep -v '^FS_OPTS_'; echo '"FS_OPTS_"')
}

@test "the README has the settings of one-native.conf" {
    local name
    for name in $(named remotes/etc/one-native.conf); do
        assert_file_contains README.md "\`$name\`"
    done
}

@test "the README's table has each driver with its actions" {
    local file driver suffix actions
    for file in remotes/*/*/driver*.c; do
        driver=${file#remotes/}
        suffix=$(sed -nE 's/.*driver-(\w+)\.c/\/\\*.\1/p' <<<"$driver")
        driver=${driver%/driver*.c}$suffix
        # A table may include another's.
        actions=$({
            cat "$file"
            sed -nE 's/^#include "(.*driver.*\.c)"/remotes\/\1/p' "$file" | xargs -r cat
        } | sed -nE 's/^[A-Z]+_SLOT\((\w+),.*/\1/p' | awk '!seen[$0]++' | tr '\n' ' ')
        echo "want: | \`$driver\` | … | ${actions% } |"
        grep -qE "^\| \`$driver\` \| .* \| ${actions% } \|\$" README.md
    done
}
