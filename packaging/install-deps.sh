#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building and testing need, from Debian's packages.  Does nothing, and
# needs no rights, when all is there.
set -eu

build=(gcc clang make pkg-config libglib2.0-dev libxml2-dev libcurl4-openssl-dev
    libarchive-dev libssl-dev libvirt-dev librbd-dev zlib1g-dev liblzma-dev libisal-dev
    libyaml-dev libjson-c-dev libpci-dev libsystemd-dev libmosquitto-dev git tar gzip findutils)
check=(bats bats-support bats-assert bats-file qemu-utils qemu-system-x86
    libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients openssh-server
    openssh-client iproute2 busybox-static cpio kmod zstd xz-utils bzip2 lz4 isal xfsprogs e2fsprogs
    strace shellcheck universal-ctags clang-format codespell genisoimage zsh rsync python3
    qemu-guest-agent libclang-rt-14-dev util-linux procps curl file openssl mandoc bindfs ovmf
    swtpm swtpm-tools sudo debootstrap ceph-mon ceph-mgr ceph-osd ceph-common qemu-block-extra
    debhelper lintian rpm rpmlint systemd mosquitto mosquitto-clients python3-paho-mqtt
    python3-yaml)

missing=()
for package in "${build[@]}" "${check[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
        missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >&2
# Services of the packages are not wanted: the lab starts its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f $policy' EXIT
fi
apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
