# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# sources.bash - what make-deb and make-rpm have in common: which files a package is built
# from, their date, and whether they have changed since the last time.
#
# The caller is at the top of the tree and has set out, the directory for packages.  Built
# twice from the same files, packages have the same bytes: the date is that of the last
# commit, or of packaging/VERSION where there is no repository.

version=${VERSION:-$(cat packaging/VERSION)}
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y packaging/VERSION)

list_sources() {
    git ls-files -z --cached --others --exclude-standard 2>/dev/null ||
        find . \( -path ./.git -o -path './out*' \) -prune -o ! -type d -print0
}

copy_sources() { # DIRECTORY
    mkdir -p "$1"
    list_sources | tar -c --null --no-recursion --ignore-failed-read -T - | tar -x -C "$1"
}

sources_id() {
    echo "$version $(list_sources | LC_ALL=C sort -z | xargs -0 sha256sum 2>/dev/null | sha256sum)"
}

is_built() { [ "$(cat "$out/built" 2>/dev/null)" = "$(sources_id)" ]; }

note_built() { sources_id >"$out/built"; }

# run_build LOG cmd...
run_build() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 && return
    tail -n 40 "$log" >&2
    echo "${0##*/}: $1 failed: $log" >&2
    exit 1
}
