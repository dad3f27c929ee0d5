#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# libfs.sh
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2154,SC2210 # lib is given code as text
load lib/shell

setup() {
    make_tree 7.4.0
    WORK=$BATS_TEST_TMPDIR/work
    mkdir "$WORK"
    cd "$WORK" || return
}

teardown() {
    [ -z "${SERVER:-}" ] || stop_process "$SERVER"
}

# serve: the files of $WORK at $URL.
serve() {
    python3 "$ROOT/tests/data/third-party/httpd" "$WORK" "$BATS_TEST_TMPDIR/port" \
        >/dev/null 2>&1 3>&- &
    SERVER=$!
    until_true 100 test -s "$BATS_TEST_TMPDIR/port"
    URL=http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")
}

restricted() {
    lib 'set_up_datastore /ds/1 "$2" "$3"; check_restricted "$1"' "$@"
}

@test "set_up_datastore exports its three values" {
    lib 'set_up_datastore "$@"; printenv BASE_PATH RESTRICTED_DIRS SAFE_DIRS' \
        /var/lib/one//datastores/1 / "/var/tmp /srv"
    assert_output $'/var/lib/one//datastores/1\n/\n/var/tmp /srv'
}

@test "generate_image_path: 32 hex digits that never come twice" {
    lib 'BASE_PATH="/a b" ID=7; for i in 1 2 3 4 5; do generate_image_path; done | sort -u'
    assert_equal "${#lines[@]}" 5
    for line in "${lines[@]}"; do
        [[ $line =~ ^/a\ b/[0-9a-f]{32}$ ]]
    done
}

@test "set_downloader_args prints words that a shell reads back unchanged" {
    lib 'eval "set -- $(set_downloader_args abc def YES 2m "$1" -)"; printf "%s\n" "$@"' "$HOSTILE"
    assert_output "--md5
abc
--sha1
def
--nodecomp
--limit
2m
$HOSTILE
-"
    lib 'set_downloader_args "" "" no "" http://x/y /ds/z'
    assert_output "http://x/y /ds/z"
}

@test "check_restricted: whole components of the resolved path" {
    mkdir -p "$WORK/safe" "$WORK/safe2" "$WORK/no"
    touch "$WORK/no/file"
    ln -s "$WORK/no/file" "$WORK/safe2/link"
    while read -r want path forbidden safe; do
        restricted "${path//W/$WORK}" "${forbidden//W/$WORK}" "${safe//W/$WORK}"
        assert_equal "$path $forbidden $safe: $output" "$path $forbidden $safe: $want"
    done <<'CASES'
0 /srv/image
1 /srv/image /
1 W/no/file W/no
0 W/no2/file W/no
1 W/safe2/link W/no
1 W/safe/../no/file W/no W/safe
0 W/safe/x / W/safe
1 W/safe2/x / W/safe
1 W/safe.x / W/safe
0 W/safe / W/safe/
1 /var/lib/one/x
0 /var/lib/oneself/x
1 /etc/one/oned.conf
0 ssh://host/x /
0 s3://x/y /
1 x;y://z /
1 file:///etc/one/x
CASES
    restricted "/srv/a b/$HOSTILE" "" ""
    assert_output 0
    HOME=$WORK restricted "$WORK/no/file" "" ""
    assert_output 1
    restricted "" "" ""
    assert_output 1
}

@test "image_format and image_vsize read headers themselves" {
    for format in raw qcow2 vdi vmdk vpc; do
        qemu-img create -q -f $format "image.$format" 8M
        lib 'image_format "$1"; image_vsize "$1"' "$WORK/image.$format"
        assert_success
        assert_line -n 0 $format
        assert_equal "${lines[1]}" "$(qemu-img info --output=json "image.$format" |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["virtual-size"])')"
    done
    for format in qcow qed vhdx; do
        qemu-img create -q -f $format "image.$format" 8M
        lib 'image_format "$1"' "$WORK/image.$format"
        assert_output $format
    done
    printf 'LUKS\272\276\0\1%0504d' 0 >luks
    lib 'image_format "$1"; image_vsize "$1"' "$WORK/luks"
    assert_output $'luks\n512'
    printf '# Disk DescriptorFile\nversion=1\n' >descriptor
    lib 'image_format "$1"; ! image_vsize "$1"' "$WORK/descriptor"
    assert_output vmdk
    : >"$HOSTILE"
    lib 'image_format "$1"; image_vsize "$1"' "$HOSTILE"
    assert_output $'raw\n0'
    printf 'QFI\373\0\0\0\3%020d\377\377\377\377\377\377\377\377' 0 >absurd
    lib '! image_vsize "$1"; ! image_format /nope; ! image_format "$2"' "$WORK/absurd" "$WORK"
    assert_success
    assert_output ""
}

@test "sizes of files, directories and what is packed in files" {
    head -c 3000000 /dev/zero >plain
    for tool in gzip xz bzip2; do $tool -kc plain >"plain.$tool"; done
    cat plain.gzip plain.gzip >twice.gzip
    lib 'file_size plain; gzip_file_size plain.gzip; gzip_file_size twice.gzip
        xz_file_size plain.xz; bzip_file_size plain.bzip2; file_type plain.gzip
        ! gzip_file_size plain 2>/dev/null >/dev/null'
    assert_success
    assert_output $'3000000\n3000000\n6000000\n3000000\n3000000\napplication/gzip'
    mkdir directory && mv plain directory
    lib 'file_size directory'
    [ "$output" -ge 3000000 ]
}

@test "fs_size of local sources" {
    head -c 3145729 /dev/urandom >raw
    gzip -k raw && xz -k raw && bzip2 -k raw
    qemu-img create -q -f qcow2 "$WORK/$HOSTILE" 77M
    gzip -c <"$HOSTILE" >q.gz
    mkdir directory && cp raw directory
    lib 'for f in raw raw.gz raw.xz raw.bz2 "$1" q.gz directory; do fs_size "$f"; done
        fs_size q.gz yes' "$HOSTILE"
    assert_success
    assert_output $'4\n4\n4\n4\n77\n77\n4\n1'
    : >empty
    lib 'fs_size nope || echo "rc $?"; fs_size empty || echo "rc $?"'
    assert_output "cannot access 'nope' (No such file or directory)
rc 1
Cannot determine size for empty
rc 1"
}

@test "fs_size of http sources fetches no more than the head" {
    head -c 5242881 /dev/urandom >raw
    qemu-img create -q -f qcow2 q 77M
    gzip -k q && gzip -k raw
    serve
    lib 'for f in raw q q.gz whole/raw; do fs_size "$1/$f"; done; fs_size "$1/raw.gz" YES 900k' "$URL"
    assert_success
    assert_output $'6\n77\n77\n6\n6'
    lib 'fs_size "$1/raw.gz" || echo "rc $?"; fs_size "$1/nope" || echo "rc $?"
        fs_size http://127.0.0.1:1/x || echo "rc $?"' "$URL"
    assert_output "Unsupported remote image format
rc 1
Failed to get image head
rc 1
Failed to get image head
rc 1"
}

@test "bridge hosts: those the core says are off are skipped" {
    fake onehost '[ "$*" = "list -x" ] && echo "<HOST_POOL>
        <HOST><NAME>h1</NAME><STATE>2</STATE></HOST><HOST><NAME>h2</NAME><STATE>8</STATE></HOST>
        <HOST><NAME>h3</NAME><STATE>3</STATE></HOST><HOST><NAME>h4</NAME><STATE>4</STATE></HOST>
        <HOST><NAME>h5</NAME><STATE>1</STATE></HOST></HOST_POOL>"'
    lib "PATH=$BIN:\$PATH"'; remove_off_hosts "h1 h2  h3 h4 h5 h6"; remove_off_hosts "h2"
        BRIDGE_LIST="h1 h2 h5"
        for id in 0 1 2 008; do get_destination_host $id; done
        get_destination_host | grep -cx "h[15]"; BRIDGE_LIST=; get_destination_host 1
        BRIDGE_LIST="h2 h3"; get_destination_host 1; echo not reached'
    assert_failure 255
    assert_output $'h1 h5 h6\n\nh1\nh5\nh1\nh1\n1'
    assert_stderr "All hosts from 'BRIDGE_LIST' are offline, error or disabled"
    lib "onehost() { return 1; }"'; remove_off_hosts "h1 h2"'
    assert_output "h1 h2"
}
