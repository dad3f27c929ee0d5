# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# root-rpm.bash - front-end and drivers as RPM packages, for root-lib.bash.  This system's
# libraries are not in rpm's database: --nodeps.

# shellcheck disable=SC2034 # of the scripts
ours=$(echo /packages/one-native-[0-9]*"$(uname -m)".rpm)

# build SPEC: its package in /tmp/rpms
build() {
    quietly rpmbuild -bb --define "_rpmdir /tmp/rpms" --define "_topdir /tmp/rpmbuild" \
        --define "_build_name_fmt %%{NAME}-%%{VERSION}.rpm" "$1"
}

stock() { # RELEASE
    stock_tree "$1" "/tmp/stock-$1"
    cat >"/tmp/stock-$1.spec" <<END
Name: opennebula
Version: $1
Release: 1
Summary: A front-end in small
License: Apache-2.0
BuildArch: noarch
%description
A front-end in small.
%install
cp -a /tmp/stock-$1/. %{buildroot}
%files
$remotes
%config(noreplace) $remotes/etc/vmm/kvm/kvmrc
END
    build "/tmp/stock-$1.spec"
}

# Our package with another version and a changed program, and its scripts and triggers.
other_version() { # VERSION
    local top=/tmp/ours-$1 program=usr/lib/one-native/remotes/tm/qcow2/clone
    mkdir -p "$top"
    (cd "$top" && rpm2cpio "$ours" | cpio -id --quiet)
    echo "$1" >>"$top/$program"
    echo "new in $1" >"$top/usr/lib/one-native/remotes/tm/qcow2/new"
    {
        printf '%s\n' "%global __os_install_post %{nil}" "%global debug_package %{nil}" \
            "Name: one-native" "Version: $1" "Release: 1" "Summary: Drivers" \
            "License: Apache-2.0" "AutoReqProv: no" "%description" "Drivers." \
            "%install" "cp -a $top/. %{buildroot}" "%files" "/usr"
        sed -n '/^%post /,/^%files$/p' /source/packaging/rpm/one-native.spec |
            sed -e 's|%{tree}|/usr/lib/one-native|g' -e '/^%files$/d'
    } >"/tmp/ours-$1.spec"
    build "/tmp/ours-$1.spec"
    mv "/tmp/rpms/one-native-$1.rpm" "/tmp/ours-$1.rpm"
}

install() { quietly rpm -U --nodeps --oldpackage "$@"; }
install_stock() { install "/tmp/rpms/opennebula-$1.rpm"; }
install_ours() { if [ $# = 0 ]; then install "$ours"; else install "/tmp/ours-$1.rpm"; fi; }
remove_ours() { quietly rpm -e one-native; }
remove_stock() { quietly rpm -e opennebula; }
purge_ours() { ! rpm -q one-native >/dev/null || remove_ours; }
