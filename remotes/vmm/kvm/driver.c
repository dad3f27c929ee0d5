/* SPDX-License-Identifier: Apache-2.0 */
/* kvm: domains of QEMU, run by the host's libvirt. */
#include "vmm/vmm.h"

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
VMM_SLOT(attach_nic, kvm_attach_nic);
VMM_SLOT(detach_nic, kvm_detach_nic);
VMM_SLOT(prereconfigure, kvm_prereconfigure);
VMM_SLOT(reconfigure, kvm_reconfigure);
VMM_SLOT(migrate, kvm_migrate);
VMM_SLOT(migrate_local, kvm_migrate_local);
VMM_SLOT(resize, kvm_resize);
VMM_SLOT(poll, kvm_poll);
VMM_SLOT(exec, kvm_exec);
VMM_SLOT(exec_cancel, kvm_exec_cancel);
