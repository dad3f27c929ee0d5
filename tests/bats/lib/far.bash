# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# far.bash - a lab whose nodes have datastores of their own.  After lib/drv.
#
# Image 7 is $DS/img on fe, 64 MiB with 5 MiB of data; VM 25 has it as disk.0.

far_setup_suite() {
    lab_setup_suite --fs none "$@"
    lab_exec fe sh -ec "printf '%s\n' SSH_CONNECT_TIMEOUT=2 LOCK_TIMEOUT=20 \
        >>$REMOTES/etc/one-native.conf
        truncate -s 64M $DS/img.keep
        dd if=/dev/urandom of=$DS/img.keep bs=1M count=5 seek=3 conv=notrunc status=none"
    for node in host01 host02; do
        lab_exec "$node" sh -c "echo LOCK_TIMEOUT=20 >>/var/tmp/one/etc/one-native.conf"
    done
}

far_setup() { # everything as new
    local node
    for node in fe host01 host02; do
        lab_exec "$node" sh -c "rm -rf $SYS $DATASTORES/2"
    done
    lab_exec fe sh -c "rm -rf $DS/img $DS/img.snap && cp --sparse=always $DS/img.keep $DS/img && mkdir -p $SYS"
    far_vm LCM_STATE=8
}

far_vm() { # [NAME=VALUE...] [-- disk NAME=VALUE...]: the document of VM 25
    vm_xml 25 STATE=3 DEPLOY_ID=one-25 HOSTNAME=host01 DS_ID=0 TM_MAD=ssh VM_MAD=kvm "$@" \
        -- disk DISK_ID=0 TYPE=FILE FORMAT="${FAR_FORMAT:-raw}" CLONE="${FAR_CLONE:-YES}" \
        SIZE="${FAR_SIZE:-64}" ORIGINAL_SIZE=64 IMAGE_ID=7 SOURCE="$DS/img" TARGET=vda \
        | core_put vm 25
}

clone_to() { # NODE
    run_tm ssh clone "fe:$DS/img" "$1:$SYS/25/disk.0" 25 1
    assert_success
}

move() { # FROM TO
    run_tm ssh mv "$1:$SYS/25" "$2:$SYS/25" 25 0
}

digest() { # NODE FILE
    lab_exec "$1" sha256sum "$2" | cut -d ' ' -f 1
}

IMG_DIGEST() { digest fe "$DS/img.keep"; }

assert_disk_on() { # NODE [FILE]: it is image 7
    assert_equal "$(digest "$1" "${2:-$SYS/25/disk.0}")" "$(IMG_DIGEST)"
}

# What a node has below its system datastore, but the word for its probe.
there() { # NODE
    lab_exec "$1" find "$SYS/" -mindepth 1 ! -name .monitor -printf '%P\n' | sort
}

assert_there() { # NODE path...
    local node=$1
    shift
    assert_equal "$(there "$node")" "$(printf '%s\n' "$@")"
}

assert_nothing_on() { # NODE
    assert_equal "$(there "$1" 2>/dev/null)" ""
}

sent_bytes() { # of the last mv, from its receipt
    sed -n 's/.* bytes, \([0-9]*\) sent.*/\1/p' <<<"$stderr"
}
