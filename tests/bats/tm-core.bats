#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2153,SC2154 # set and read by the library
# An oned that is not there, slow, or talks nonsense: the action fails soon, says what is
# wrong, and has done nothing.
load lib/tm

# Also what disks there are, to see that nothing happens to them.
disks_there() {
    clone qcow2 0
    assert_success
    link raw 3
    assert_success
    find "$DATASTORES" -printf '%p %i %s %T@ %l\n' | sort >"$BATS_TEST_TMPDIR/before"
    echo CORE_TIMEOUT=1 >>"$REMOTES/etc/one-native.conf"
}

# Every action that needs an answer; it must fail with what fits REGEX.
all_fail() { # REGEX
    local -A calls=(
        [clone]="clone fe:$DS/raw $HERE:$VM/disk.1 25 1"
        [ln]="ln fe:$DS/qcow2 $HERE:$VM/disk.2 25 1"
        [mkimage]="mkimage 16 raw $HERE:$VM/disk.4 25 0"
        [cpds]="cpds $HERE:$VM/disk.0 $DS/saved -1 25 1"
        [resize]="resize $HERE:$VM/disk.0 16 25 1"
        [snap_create]="snap_create $HERE:$VM/disk.0 0 25 1"
        [snap_create_live]="snap_create_live $HERE:$VM/disk.0 0 25 1"
        [snap_delete]="snap_delete $HERE:$VM/disk.0 0 25 1"
        [snap_revert]="snap_revert $HERE:$VM/disk.0 0 25 1"
    )
    local action start ms
    for action in ${ACTIONS-"${!calls[@]}"}; do
        start=${EPOCHREALTIME/./}
        # shellcheck disable=SC2086 # words
        run_tm qcow2 ${calls[$action]}
        ms=$(((${EPOCHREALTIME/./} - start) / 1000))
        assert_error "^cannot .*(disk.[0-4] of VM 25|image '$DS/[a-z0-9]*').*: $1"
        assert_equal "$(drv_message | wc -l)" 1
        [ "$ms" -lt 8000 ] || fail "$action took $ms ms"
    done
    find "$DATASTORES" -printf '%p %i %s %T@ %l\n' | sort |
        diff "$BATS_TEST_TMPDIR/before" -
}

# The second way to oned, through libcurl.
far() { ONE_XMLRPC=${ONE_XMLRPC/127.0.0.1/someone@127.0.0.1}; }

@test "nobody listens" {
    disks_there
    core_stop
    all_fail "cannot ask oned: Connection refused$"
    assert_equal "$status" 15
    far
    ACTIONS="clone" all_fail "cannot ask oned: Couldn't connect to server$"
}

@test "it hangs, drips, or stops in the middle" {
    disks_there
    core_fault hang
    ACTIONS="clone snap_create" all_fail "cannot ask oned: no answer within 1 s$"
    assert_equal "$status" 15
    core_fault drip
    ACTIONS="cpds" all_fail "cannot ask oned: no answer within 1 s$"
    core_fault lies
    ACTIONS="resize" all_fail "cannot ask oned: (no answer within 1 s|response truncated)$"
    far
    for fault in hang drip lies; do
        core_fault $fault
        ACTIONS="ln" all_fail "cannot ask oned: Timeout was reached$"
    done
}

@test "it is slow, and answers" {
    disks_there
    core_fault slow 0.5
    snap create 0 0
    assert_success
    far
    snap create 0 1
    assert_success
}

@test "it hangs up, or breaks off" {
    disks_there
    core_fault down
    ACTIONS="mkimage cpds" all_fail "cannot ask oned: invalid HTTP response$"
    core_fault reset
    ACTIONS="clone resize" all_fail "cannot ask oned: (Connection reset by peer|invalid HTTP response)$"
    core_fault truncated
    ACTIONS="clone resize" all_fail "(invalid HTTP response|invalid answer from oned, the dump is not XML)"
    far
    core_fault down
    ACTIONS="clone" all_fail "cannot ask oned: Server returned nothing"
    core_fault reset
    ACTIONS="clone" all_fail "cannot ask oned: (Failure when receiving data|Server returned nothing)"
}

@test "HTTP says no" {
    disks_there
    for code in 404 500 503; do
        core_fault http $code
        ACTIONS="clone cpds" all_fail "oned answered HTTP $code$"
        (far && ACTIONS="clone" all_fail "oned answered HTTP $code$")
    done
    core_fault http 500
    ACTIONS="ln resize" all_fail "oned answered HTTP 500$"
    assert_equal "$status" 15
}

@test "HTTP says to ask elsewhere: nobody is asked" {
    disks_there
    core_fault moved "file:///etc/passwd"
    ACTIONS="clone" all_fail "oned answered HTTP 301$"
    far
    ACTIONS="clone" all_fail "oned answered HTTP 301$"
    core_fault moved "$ONE_XMLRPC"
    : >"$CORE/requests"
    ACTIONS="clone" all_fail "oned answered HTTP 301$"
    assert_equal "$(core_requests)" ""
}

@test "oned says no" {
    disks_there
    core_fault error "No space in the database.  Try
again"
    ACTIONS="clone snap_create_live" all_fail "oned: \[one.vm.info\] No space in the database.  Try\\\\x0aagain$"
    core_fault auth
    ACTIONS="clone" all_fail "oned: \[one.vm.info\] User couldn't be authenticated, aborting call.$"
    core_fault fault "Call not processed.
ERROR: rubbish"
    ACTIONS="clone snap_delete" all_fail "oned: Call not processed.\\\\x0aERROR: rubbish$"
    core_fault
    rm "$CORE/vm/25.xml"
    ACTIONS="clone snap_revert" all_fail "oned: \[one.vm.info\] Error getting virtual machine \[25\].$"
    assert_equal "$status" 5
}

@test "an answer that is rubbish" {
    disks_there
    core_fault garbage
    all_fail "invalid answer from oned, the dump is "
    assert_equal "$status" 15
    core_fault empty
    ACTIONS="clone" all_fail "invalid answer from oned, the dump is empty"
    core_fault reply "<html><body>It works!</body></html>"
    ACTIONS="clone" all_fail "oned: unexpected response$"
    core_fault reply "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><methodResponse>&a;</methodResponse>"
    ACTIONS="clone" all_fail "invalid answer from oned, the dump has a document type"
    core_fault reply "$(printf '<a>%.0s' $(seq 2000))"
    ACTIONS="clone" all_fail "invalid answer from oned, the dump is "
    core_fault text "no VM"
    ACTIONS="clone cpds" all_fail "invalid answer from oned, the dump is "
    core_fault text ""
    ACTIONS="clone" all_fail "oned: unexpected response$"
    core_fault text "<VM><ID>25</ID><TEMPLATE/></VM>"
    ACTIONS="clone cpds" all_fail "VM 25 has no disk [0-4]$"
    core_fault text "<HOST><ID>25</ID></HOST>"
    ACTIONS="clone" all_fail "oned returned no VM 25$"
}

@test "an answer without end" {
    disks_there
    core_fault huge
    ACTIONS="clone" all_fail "cannot ask oned: response too long$"
    core_fault longhead
    ACTIONS="clone" all_fail "cannot ask oned: (response too long|no answer within 1 s)$"
    far
    core_fault huge
    ACTIONS="clone" all_fail "cannot ask oned: response too long$"
    core_fault longhead
    ACTIONS="clone" all_fail "cannot ask oned: "
}

@test "the VM has no such disk, or is another" {
    disks_there
    vm_put 25 LCM_STATE=2 -- disk DISK_ID=9 IMAGE_ID=7 SOURCE="$DS/raw" FORMAT=raw CLONE=YES
    all_fail "VM 25 has no disk [0-4]$"
    assert_equal "$status" 5
    facts ID=26
    ACTIONS="clone snap_create_live" all_fail "oned returned no VM 25$"
    assert_equal "$status" 15
}

@test "facts of a disk that are no facts" {
    local field
    disks_there
    odd() {
        vm_put 25 LCM_STATE=2 -- disk DISK_ID=1 IMAGE_ID=8 SOURCE="$DS/raw" FORMAT=raw \
            TYPE=FILE CLONE=YES SIZE=8 ORIGINAL_SIZE=8 "$1"
    }
    for field in SIZE=-1 SIZE=x SIZE=99999999999999999999 SIZE=1e3 SPARSE=0x; do
        odd "$field"
        ACTIONS="clone" all_fail "[a-z_]*: not a number: |${field%%=*}"
    done
    # What the image is decides, not what it is called.
    for field in 'FORMAT=qcow2,file=/etc/shadow' FORMAT=../raw FORMAT=vmdk; do
        odd "$field"
        clone raw 1
        assert_success
        cmp "$DS/raw" "$VM/disk.1"
    done
}

@test "nobody says who we are" {
    disks_there
    unset ONE_AUTH
    ACTIONS="clone snap_create" all_fail "cannot ask oned: no credentials in ONE_AUTH or ~/.one/one_auth$"
    ONE_AUTH=$BATS_TEST_TMPDIR/nowhere ACTIONS="clone" all_fail "cannot ask oned: no credentials"
    ONE_AUTH=/ ACTIONS="clone" all_fail "cannot ask oned: no credentials"
    export ONE_AUTH=$BATS_TEST_TMPDIR/auth ONE_XMLRPC
    for ONE_XMLRPC in nonsense "" ftp://127.0.0.1/ file:///etc/passwd http:// http://127.0.0.1:99999/ \
        'http://no such host/' ; do
        ACTIONS="clone" all_fail "cannot ask oned"
    done
}

@test "the command line tool is asked when oned cannot be: its failures count" {
    disks_there
    core_stop
    shim onevm rc=1 err="onevm: no such VM"
    ACTIONS="clone" all_fail "onevm: no such VM$"
    shim onevm out="<rubbish"
    ACTIONS="clone" all_fail ""
    shim onevm sleep=60
    ACTIONS="clone" all_fail "onevm: "
    shim onevm out="$(cat "$CORE/vm/25.xml")"
    snap create 0 0
    assert_success
}

@test "bridges: without an answer all hosts are tried, with rubbish too" {
    local fault
    echo CORE_TIMEOUT=1 >>"$REMOTES/etc/one-native.conf"
    for fault in "http 500" garbage hang; do
        core_fault "$fault"
        DUMP=$(ds_dump SIZE=8 FORMAT=raw BRIDGE_LIST=localhost)
        run_ds fs/mkfs 7
        assert_success
        DUMP=$(ds_dump SOURCE="$output" BRIDGE_LIST=localhost)
        run_ds fs/rm 7
        assert_success
    done
    assert_only "$DS" raw qcow2
}
