/* SPDX-License-Identifier: Apache-2.0 */
/* kvm: domains of QEMU, run by the host's libvirt. */
#include "vmm.h"

VMM_SLOT(deploy, kvm_deploy);
VMM_SLOT(shutdown, kvm_shutdown);
VMM_SLOT(cancel, kvm_cancel);
VMM_SLOT(save, kvm_save);
VMM_SLOT(restore, kvm_restore);
VMM_SLOT(reboot, kvm_reboot);
VMM_SLOT(reset, kvm_reset);
VMM_SLOT(resize_disk, kvm_resize_disk);
VMM_SLOT(snapshot_create, kvm_snapshot_create);
VMM_SLOT(snapshot_delete, kvm_snapshot_delete);
VMM_SLOT(snapshot_revert, kvm_snapshot_revert);
VMM_SLOT(attach_disk, kvm_attach_disk);
VMM_SLOT(detach_disk, kvm_detach_disk);
