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

@test "docs/libraries.md has each library that a program links or loads, and no other" {
    local out=${OUT:-out}
    diff <(grep -oE 'lib[a-z0-9-]+(-2\.0)?\.so\.[0-9]+' docs/libraries.md | sort -u) \
        <({
            find "$out/remotes" "$out/agent" -type f -perm -u+x -exec readelf -d {} + 2>/dev/null |
                sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p'
            grep -rhoE '"lib[a-z0-9.-]+\.so\.[0-9]+"' helpers agent --include='*.c' | tr -d '"'
        } | grep -v '^ld-linux' | sort -u)
}
