#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2034,SC2153,SC2154 # set and read by the library
# What an image may cost: bytes, and time.
load lib/ds

teardown() {
    web_end
    drv_teardown
}

web_end() {
    [ -z "${WEB_PID-}" ] || kill "$WEB_PID" 2>/dev/null || true
    WEB_PID=
}

# A server that answers each request as the Python expression BODY does, with socket c.
web_says() { # STATEMENTS
    web_end
    rm -f "$BATS_TEST_TMPDIR/port"
    python3 - "$BATS_TEST_TMPDIR/port" "$1" 3>&- >/dev/null <<'PY' &
import os, socket, sys, threading, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(16)
open(sys.argv[1] + "~", "w").write(str(s.getsockname()[1])); os.rename(sys.argv[1] + "~", sys.argv[1])
def answer(c):
    try:
        c.recv(65536)
        exec(sys.argv[2], {"c": c, "time": time})
    except OSError:
        pass
    finally:
        c.close()
while True:
    threading.Thread(target=answer, args=(s.accept()[0],), daemon=True).start()
PY
    WEB_PID=$!
    wait_until 10 test -s "$BATS_TEST_TMPDIR/port"
    WEB=http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")
}

setting() { echo "$1" >>"$REMOTES/etc/one-native.conf"; }

# A small qcow2 of SIZE bytes whose tables name one cluster of DATA (zeros, noise) everywhere.
qcow2_bomb() { # FILE SIZE DATA
    python3 - "$@" <<'PY'
import os, struct, sys
path, size, data = sys.argv[1], int(sys.argv[2]), sys.argv[3]
c = 65536
l1 = (size + c * 8192 - 1) // (c * 8192)
n = (l1 * 8 + c - 1) // c
l2 = 3 + n
with open(path, "wb") as f:
    f.write(struct.pack(">IIQIIQIIQQIIQ", 0x514649fb, 2, 0, 0, 16, size, 0, l1, 3 * c, c, 1, 0, 0).ljust(c, b"\0"))
    f.write(struct.pack(">Q", 2 * c).ljust(c, b"\0"))
    f.write((struct.pack(">H", 1) * (l2 + 2)).ljust(c, b"\0"))
    f.write((struct.pack(">Q", (1 << 63) | (l2 * c)) * l1).ljust(n * c, b"\0"))
    f.write(struct.pack(">Q", (1 << 63) | ((l2 + 1) * c)) * 8192)
    f.write(os.urandom(c) if data == "noise" else bytes(c))
PY
}

@test "a stream without a length is limited as a compressed one is" {
    setting EXPAND_LIMIT_MB=16
    web_says 'c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
while True: c.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")'
    DUMP=$(ds_dump PATH="$WEB/x")
    for action in cp stat; do
        run_ds fs/$action 7
        assert_error "is larger than the 16777216 bytes of EXPAND_LIMIT_MB"
        assert_equal "$status" 7
    done
    assert_only "$DS"
}

@test "answers that go on before there is an answer come to an end" {
    web_says 'while True: c.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")'
    DUMP=$(ds_dump PATH="$WEB/x")
    for action in cp stat; do
        run_ds fs/$action 7
        assert_error "too many lines of headers"
    done
    assert_only "$DS"
}

@test "what exceeds SIZE, with which quotas are charged, is refused" {
    register os.raw SIZE=8
    rm "$SOURCE"
    for file in os.raw os.qcow2 os.raw.gz; do
        dump_path "$SAFE/$file" SIZE=7
        run_ds fs/cp 7
        assert_error "the disk has 8 MB, more than SIZE 7 of the image"
        assert_equal "$status" 7
    done
    truncate -s 400M "$SAFE/zeros"
    gzip -1 "$SAFE/zeros"
    dump_path "$SAFE/zeros.gz" SIZE=1
    run_ds fs/cp 7
    assert_error "is larger than the 68288512 bytes of its SIZE"
    assert_only "$DS"
}

@test "a small image that a conversion would make large is not converted" {
    qcow2_bomb "$SAFE/bomb" $((512 << 20)) noise
    setting EXPAND_LIMIT_MB=16
    dump_path "$SAFE/bomb" DRIVER=raw
    run_ds fs/cp 7
    assert_error "not converted: the disk has 512 MB, more than the 16 of EXPAND_LIMIT_MB"
    assert_equal "$status" 7
    setting EXPAND_LIMIT_MB=0
    dump_path "$SAFE/bomb" DRIVER=raw SIZE=16
    run_ds fs/cp 7
    assert_error "more than SIZE 16"
    qcow2_bomb "$SAFE/bomb" $((8 << 40)) zeros
    dump_path "$SAFE/bomb" DRIVER=raw
    run_ds fs/cp 7
    assert_error "not converted: the disk has 8388608 MB, more than the .* of free space"
    assert_only "$DS"
}

@test "zeros of a converted image become holes" {
    qcow2_bomb "$SAFE/bomb" $((64 << 20)) zeros
    register bomb DRIVER=raw
    assert_equal "$(stat -c %s "$SOURCE")" $((64 << 20))
    [ "$(stat -c %b "$SOURCE")" -le 1024 ]
}

@test "actions work whatever the parent left: SIGCHLD ignored, blocked signals, few descriptors" {
    for setup in "signal.signal(signal.SIGCHLD, signal.SIG_IGN)" \
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))" \
        "resource.setrlimit(resource.RLIMIT_NOFILE, (12, 4096))"; do
        dump_path "$SAFE/os.raw" DRIVER=qcow2
        run timeout 60 python3 -c "import os, resource, signal, sys
$setup
os.execv(sys.argv[1], sys.argv[1:])" "$REMOTES/datastore/fs/cp" 7 <<<"$DUMP"
        assert_success
        assert_output --partial " qcow2"
    done
    run --separate-stderr timeout 60 python3 -c "import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
os.execv(sys.argv[1], sys.argv[1:])" "$REMOTES/datastore/fs/cp" 7 <<<"$(ds_dump PATH="$SAFE/os.qcow2" SAFE_DIRS="$SAFE")"
    assert_error "^cannot register image 7: .*File too large"
}

# An xz of zeros that asks for a dictionary of 4 GiB.
xz_bomb() { # FILE
    python3 - "$1" <<'PY'
import lzma, struct, sys, zlib
c = lzma.LZMACompressor(preset=1)
b = bytearray(c.compress(bytes(1 << 20)) + c.flush())
n = (b[12] + 1) * 4
h = b[12:12 + n]
h[h.index(b"\x21\x01") + 2] = 40
h[n - 4:] = struct.pack("<I", zlib.crc32(bytes(h[:n - 4])))
b[12:12 + n] = h
open(sys.argv[1], "wb").write(b)
PY
}

@test "xz: a dictionary that needs much memory is refused, in the second stream, too" {
    xz_bomb "$SAFE/bomb"
    xz -k "$SAFE/os.raw"
    cat "$SAFE/os.raw.xz" "$SAFE/bomb" >"$SAFE/second"
    for file in bomb second; do
        dump_path "$SAFE/$file"
        for action in cp stat; do
            run_ds fs/$action 7
            assert_error "needs 409[67] MiB of memory, the limit is 256"
        done
    done
    assert_only "$DS"
}

@test "xz: what is wrong is said" {
    xz -k "$SAFE/os.raw"
    cp "$SAFE/os.raw.xz" "$SAFE/tail.xz"
    echo tail >>"$SAFE/tail.xz"
    dump_path "$SAFE/tail.xz"
    run_ds fs/cp 7
    assert_error "data behind its end"
    head -c 5000 "$SAFE/os.raw.xz" >"$SAFE/cut.xz"
    dump_path "$SAFE/cut.xz"
    run_ds fs/cp 7
    assert_error "data is truncated"
    register os.raw.xz
    cmp "$SAFE/os.raw" "$SOURCE"
}

# The error of cp for SAFE/FILE, and what it says.
refused() { # FILE REGEX
    dump_path "$SAFE/$1"
    run_ds fs/cp 7
    assert_error "$2"
    assert_only "$DS"
}

@test "what is wrong with a compressed image is said" {
    zstd -q "$SAFE/os.raw" -o "$SAFE/os.raw.zst"
    lz4 -q "$SAFE/os.raw" "$SAFE/os.raw.lz4"
    bzip2 -k "$SAFE/os.raw"
    for kind in gz zst lz4 bz2; do
        head -c 5000 "$SAFE/os.raw.$kind" >"$SAFE/cut"
        refused cut "data is truncated"
    done
    for kind in gz bz2 lz4; do
        { cat "$SAFE/os.raw.$kind" && echo tail; } >"$SAFE/tail"
        refused tail "trailing data after its end"
    done
    head -c 300M /dev/zero | zstd -q -1 --long=31 >"$SAFE/long"
    refused long "needs 2048 MiB of memory, the limit is 128"
}

# Peak memory of cp, in KiB, for what FILE becomes.
peak_of() { # FILE
    dump_path "$SAFE/$1" EXPAND_LIMIT_MB=2000
    drv_run_with "$DUMP" python3 -c 'import os, subprocess, sys
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(p.pid, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))' "$REMOTES/datastore/fs/cp" 7
}

@test "no decompressor takes more memory than its limit" {
    local peak
    head -c 300M /dev/zero >"$SAFE/zeros"
    gzip -1 -c "$SAFE/zeros" >"$SAFE/gzip"
    bzip2 -9 -c "$SAFE/zeros" >"$SAFE/bzip2"
    xz -0 --lzma2=preset=0,dict=192MiB -c "$SAFE/zeros" >"$SAFE/xz"
    zstd -q -1 --long=27 -c "$SAFE/zeros" >"$SAFE/zstd"
    lz4 -q -9 -B7 -c "$SAFE/zeros" >"$SAFE/lz4"
    for limit in gzip:48 bzip2:48 lz4:64 zstd:192 xz:300; do
        run peak_of "${limit%:*}"
        assert_success
        echo "# ${limit%:*} takes $((output / 1024)) MiB" >&3
        [ "$output" -le $((${limit#*:} * 1024)) ]
        rm -f "$DS"/*
    done
}
