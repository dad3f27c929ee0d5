#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lint.sh - what can be said of the sources without running them.
set -u
cd "$(dirname "$0")/.." || exit 1

failed=()

step() { # NAME cmd...
    local name=$1
    shift
    if ! "$@"; then
        failed+=("$name")
        echo "lint: $name failed" >&2
    fi
}

# Files of the tree, new ones too, but not links and not what git ignores.
sources() { # PATTERN...
    local file
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
        if [ -f "$file" ] && [ ! -L "$file" ]; then echo "$file"; fi
    done
}

shell_scripts() {
    sources '*.sh' '*.bash' '*.bats'
    sources | while read -r file; do
        case $file in *.sh | *.bash | *.bats | tests/data/*) continue ;; esac
        if head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*\b(ba)?sh$'; then
            echo "$file"
        fi
    done
}

check_format() {
    sources '*.c' '*.h' | xargs -r clang-format --dry-run -Werror
}

check_shell() {
    # SC1091: files found at run time only.  SC2154: bats' own variables.  In tests,
    # variables are for the library (SC2034), and expressions for eval (SC2016).
    shell_scripts | grep -vE '\.(bats|bash)$' | xargs -r shellcheck -x -e SC1091,SC2154 &&
        shell_scripts | grep -E '\.(bats|bash)$' |
        xargs -r shellcheck -x -e SC1091,SC2154,SC2016,SC2034
}

check_spelling() {
    sources | grep -vE '^(LICENSE|tests/(data|fuzz)/)' | xargs -r codespell -q 3 -I ci/words
}

check_man() {
    sources '*.[178]' | xargs -r mandoc -T lint -W warning
}

step format check_format
step shellcheck check_shell
step man check_man
step spelling check_spelling
step source ci/lint-source

[ ${#failed[@]} -eq 0 ] || {
    echo "lint: failed: ${failed[*]}" >&2
    exit 1
}
