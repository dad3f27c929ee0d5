# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# frontend.bash - call drivers as a front-end of some release does, and read the answer as
# that release does.
#
#     frontend RELEASE             from now on we are this one
#     fe_ds MAD/ACTION ID NAME=VALUE...      a datastore action, with a dump of these
#     fe_tm MAD ACTION word...               a line of a transfer script
#
# Afterwards: $ok (yes/no), $info (what oned takes for the answer) or $message (what the
# user sees), $exit_code, and of run: $status, $output, $stderr.
load lib/drv

# What releases do (docs/compatibility.md):
#   dump     where the dump is: argv, stdin, or stdin with "-" in its place
#   cp, clone, mkfs  what the answer is read as: SOURCE is the first word, the whole line,
#            or the first of words of which the second is the FORMAT (! must be there)
#   format   the element that tells an image's format
#   errors   what of stderr is the message: what stands between markers, all, or what
#            does not look like a log line
#   status   of the exit: from a line that the calling shell adds to stderr, or wait(2)
#   words    of a line of a transfer script: read by a shell, or quoted
#   suffix   <action>.<suffix> is tried before <action>
#   xml      of the VM, for pre- and postmigrate: in argv or on stdin
#   resize   tm action resize exists;  usage: how disk sizes of VMs are told
FRONTENDS='
release   dump  cp     clone mkfs  format errors   status words  suffix xml   resize usage
4.14.2    argv  first  first first FSTYPE markers  line   shell  no     argv  no     none
5.4.15    argv  first  first first FSTYPE markers  line   shell  no     argv  yes    stdout
5.12.0.4  argv  first  first first FSTYPE markers  wait   quoted yes    stdin yes    udp
6.0.3     argv  words! line  line  FORMAT all      wait   quoted yes    stdin yes    udp
6.4.6     argv  words! words line  FORMAT all      wait   quoted yes    stdin yes    udp
6.4.6-i   dash  words! words line  FORMAT all      wait   quoted yes    stdin yes    udp
6.10.5    stdin words! words line  FORMAT all      wait   quoted yes    stdin yes    udp
7.0.2     stdin words! words line  FORMAT filtered wait   quoted yes    stdin yes    udp
7.4.0     stdin words! words line  FORMAT filtered wait   quoted yes    stdin yes    udp
'
declare -gA FE=()

frontend() { # RELEASE: a row of the table
    local -a names values
    local i
    read -ra names <<<"$(grep '^release ' <<<"$FRONTENDS")"
    read -ra values <<<"$(grep -F "$1 " <<<"$FRONTENDS" | grep "^${1//./[.]} ")"
    [ ${#values[@]} = ${#names[@]} ] || fail "no release $1"
    for i in "${!names[@]}"; do FE[${names[i]}]=${values[i]}; done
    with_release "${1%-i}"
}

# --- calling ----------------------------------------------------------------------------

# A command line for sh, as that is what all front-ends give their commands to.
fe_call() { # STDIN program [word...]
    local stdin=$1 line=$2
    shift 2
    if [ "${FE[words]}" = shell ]; then
        line+=" $*"
    else
        line+=$(printf ' %q' "$@")
    fi
    [ "${FE[status]}" != line ] || line="($line ; echo ExitCode: \$? 1>&2)"
    run --separate-stderr drv_run_with "$stdin" sh -c "$line"
    drv_show
    fe_judge
}

fe_ds() { # MAD/ACTION ID [NAME=VALUE...]
    local program=$REMOTES/datastore/$1 id=$2 dump
    shift 2
    dump=$(ds_dump "${@/#FORMAT=/${FE[format]}=}")
    case ${FE[dump]} in
    argv) fe_call "" "$program" "$dump" "$id" ;;
    dash) fe_call "$dump" "$program" - "$id" ;;
    stdin) fe_call "$dump" "$program" "$id" ;;
    esac
}

# The line is split at spaces, whatever is quoted in it.
fe_tm() { # MAD ACTION[.SUFFIX] [word...]
    local program=$REMOTES/tm/$1/$2
    local -a words
    shift 2
    set -f
    # shellcheck disable=SC2206 # split as one_tm does
    words=($*)
    set +f
    [ "${FE[suffix]}" = no ] || [ -e "$program" ] || program=${program%.*}
    fe_call "" "$program" "${words[@]}"
}

# --- reading ----------------------------------------------------------------------------

fe_judge() {
    local code=$status
    if [ "${FE[status]}" = line ]; then
        assert_equal "$status" 0
        code=$(grep -m 1 '^ExitCode: ' <<<"$stderr")
        code=${code#ExitCode: }
    fi
    exit_code=$code
    ok=no info='' message=''
    if [ "$code" = 0 ]; then
        ok=yes
        info=$output
    else
        fe_message
    fi
}

fe_message() {
    case ${FE[errors]} in
    markers)
        message=$(python3 -c 'import re, sys
found = re.search(r"^ERROR MESSAGE --8<------\n(.*?)ERROR MESSAGE ------>8--$",
                  sys.stdin.read(), re.M | re.S)
print(found.group(1).strip() if found else "-")' <<<"$stderr")
        ;;
    all) message=$(tr '\n' ' ' <<<"$stderr" | sed 's/ *$//') ;;
    filtered)
        message=$(grep -Ev '^(ERROR|INFO|WARN|DEBUG):[[:space:]]+([0-9]+)?[[:space:]]*(.*)$' \
            <<<"$stderr" | sed 's/^ *//; s/ *$//' | tr -d '\n')
        ;;
    esac
}

fe_ok() {
    [ "$ok" = yes ] || fail "failed with $exit_code: $message"
    # One line: what comes behind it would be the next message to oned.
    if [[ $info = *$'\n'* || $info = [\ -]* || $info = *\  ]]; then
        fail "no answer to oned: '$info'"
    fi
}

# The action failed with this status, and the user sees exactly that.
fe_failed() { # STATUS MESSAGE
    assert_equal "$ok" no
    assert_equal "$exit_code" "$1"
    assert_equal "$message" "$2"
    assert_equal "$output" ""
}

# What oned takes for SOURCE, and for FORMAT if it wants one.
fe_source() { # cp|clone|mkfs
    FORMAT=
    case ${FE[$1]} in
    first) SOURCE=${info%% *} ;;
    line) SOURCE=$info ;;
    words*) read -r SOURCE FORMAT <<<"$info" ;;
    esac
    [ "${FE[$1]}" != 'words!' ] || [ -n "$FORMAT" ] || fail "image FORMAT was not returned"
    [ "${SOURCE%/*}" = "$DS" ] || fail "'$SOURCE' is not in the datastore"
}
