# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# ds.bash - images to register, for tests of the datastore fs.
load lib/drv

setup() {
    drv_setup
    SAFE=$BATS_TEST_TMPDIR/images
    mkdir "$SAFE"
    head -c 300000 /dev/urandom >"$SAFE/os.raw"
    truncate -s 8M "$SAFE/os.raw"
    qemu-img convert -f raw -O qcow2 "$SAFE/os.raw" "$SAFE/os.qcow2"
    gzip -k "$SAFE/os.raw"
}

teardown() { drv_teardown; }

# A dump for PATH in SAFE, and what else is said.
dump_path() { # FILE [NAME=VALUE...]
    local path=$1
    shift
    DUMP=$(ds_dump PATH="$path" SAFE_DIRS="$SAFE" RESTRICTED_DIRS=/ "$@")
}

# Register SAFE/$1; SOURCE is the image then.
register() { # FILE [NAME=VALUE...]
    local file=$1
    shift
    dump_path "$SAFE/$file" "$@"
    run_ds fs/cp 7
    assert_success
    SOURCE=${output% *}
    FORMAT=${output##* }
}

# A persistent qcow2 image with snapshots as the transfer manager leaves it.
make_chain() {
    local name=${SOURCE##*/}
    mkdir "$SOURCE.snap"
    ln -s . "$SOURCE.snap/$name.snap"
    ln -s "$SOURCE" "$SOURCE.snap/0"
    for i in 1 2; do
        qemu-img create -q -f qcow2 -F qcow2 -b "$SOURCE.snap/$((i - 1))" "$SOURCE.snap/$i"
        qemu-io -f qcow2 -c "write -P $i 1M 64k" "$SOURCE.snap/$i" >/dev/null
    done
}
