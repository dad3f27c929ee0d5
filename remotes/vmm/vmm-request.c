/* SPDX-License-Identifier: Apache-2.0 */
/* Which word of argv is what (virtual machine protocol, section 2.1).  Words that some
 * release leaves out are not required; words behind the known ones are ignored.
 */
#include "vmm/vmm.h"

#define DEPLOY_ID(type, n) DRV_FIELD(type, deploy_id, .arg = n, .flags = DRV_REQUIRED)
#define VM_ID(type, n) DRV_FIELD(type, vm_id, .arg = n)
#define DOCUMENT(type) DRV_FIELD(type, xml) /* set by vmm_main() */
#define TM_MAD "DATASTORE/TM_MAD"

static const DrvField domain_fields[] = { DEPLOY_ID(VmmHead, 1),
                                          VM_ID(VmmHead, 3),
                                          DOCUMENT(VmmHead) };
const DrvRequestType vmm_domain = DRV_REQUEST_TYPE("vmm.domain", VmmHead, domain_fields);

static const DrvField poll_fields[] = { DRV_FIELD(VmmHead, deploy_id, .arg = 1),
                                        DOCUMENT(VmmHead) };
const DrvRequestType vmm_poll = DRV_REQUEST_TYPE("vmm.poll", VmmHead, poll_fields);

static const DrvField resize_fields[] = { DEPLOY_ID(VmmHead, 1),
                                          VM_ID(VmmHead, 2),
                                          DOCUMENT(VmmHead) };
const DrvRequestType vmm_resize = DRV_REQUEST_TYPE("vmm.resize", VmmHead, resize_fields);

static const DrvField deploy_fields[] = {
    DRV_FIELD(VmmDeploy, deploy_id), /* it has none yet */
    DRV_FIELD(VmmDeploy, file, .arg = 1, .flags = DRV_REQUIRED | DRV_PATH),
    VM_ID(VmmDeploy, 3),
    DOCUMENT(VmmDeploy),
};
const DrvRequestType vmm_deploy =
    DRV_REQUEST_TYPE("vmm.deploy", VmmDeploy, deploy_fields);

static const DrvField save_fields[] = {
    DEPLOY_ID(VmmCheckpoint, 1),
    DRV_FIELD(VmmCheckpoint, file, .arg = 2, .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(VmmCheckpoint, host, .arg = 3),
    VM_ID(VmmCheckpoint, 4),
    DRV_FIELD(VmmCheckpoint, tm_mad, .xpath = TM_MAD),
    DOCUMENT(VmmCheckpoint),
};
const DrvRequestType vmm_save = DRV_REQUEST_TYPE("vmm.save", VmmCheckpoint, save_fields);

static const DrvField restore_fields[] = {
    DRV_FIELD(VmmCheckpoint, file, .arg = 1, .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(VmmCheckpoint, host, .arg = 2),
    DRV_FIELD(VmmCheckpoint, deploy_id, .arg = 3),
    VM_ID(VmmCheckpoint, 4),
    DRV_FIELD(VmmCheckpoint, tm_mad, .xpath = TM_MAD),
    DOCUMENT(VmmCheckpoint),
};
const DrvRequestType vmm_restore =
    DRV_REQUEST_TYPE("vmm.restore", VmmCheckpoint, restore_fields);

static const DrvField migrate_fields[] = {
    DEPLOY_ID(VmmMigrate, 1),
    DRV_FIELD(VmmMigrate, destination, .arg = 2, .flags = DRV_REQUIRED),
    DRV_FIELD(VmmMigrate, source, .arg = 3),
    VM_ID(VmmMigrate, 4),
    DRV_FIELD(VmmMigrate, directory, .xpath = "DISK_TARGET_PATH"),
    DRV_FIELD(
        VmmMigrate, shared, .xpath = "DATASTORE/TEMPLATE/SHARED", .fallback = "YES"),
    DOCUMENT(VmmMigrate),
};
const DrvRequestType vmm_migrate =
    DRV_REQUEST_TYPE("vmm.migrate", VmmMigrate, migrate_fields);

static const DrvField attach_disk_fields[] = {
    DEPLOY_ID(VmmDisk, 1),
    DRV_FIELD(VmmDisk, path, .arg = 2),
    DRV_FIELD(VmmDisk, target, .arg = 3, .flags = DRV_REQUIRED),
    VM_ID(VmmDisk, 6),
    DOCUMENT(VmmDisk),
};
const DrvRequestType vmm_attach_disk =
    DRV_REQUEST_TYPE("vmm.attach_disk", VmmDisk, attach_disk_fields);

static const DrvField detach_disk_fields[] = {
    DEPLOY_ID(VmmDisk, 1),
    DRV_FIELD(VmmDisk, path, .arg = 2),
    DRV_FIELD(VmmDisk, target, .arg = 3, .flags = DRV_REQUIRED),
    VM_ID(VmmDisk, 5),
    DOCUMENT(VmmDisk),
};
const DrvRequestType vmm_detach_disk =
    DRV_REQUEST_TYPE("vmm.detach_disk", VmmDisk, detach_disk_fields);

static const DrvField attach_nic_fields[] = {
    DEPLOY_ID(VmmNic, 1),
    DRV_FIELD(VmmNic, mac, .arg = 2),
    DRV_FIELD(VmmNic, bridge, .arg = 3),
    DRV_FIELD(VmmNic, model, .arg = 4),
    DRV_FIELD(VmmNic, vn_mad, .arg = 5),
    DRV_FIELD(VmmNic, target, .arg = 6),
    VM_ID(VmmNic, 7),
    DOCUMENT(VmmNic),
};
const DrvRequestType vmm_attach_nic =
    DRV_REQUEST_TYPE("vmm.attach_nic", VmmNic, attach_nic_fields);

static const DrvField detach_nic_fields[] = {
    DEPLOY_ID(VmmNic, 1),
    DRV_FIELD(VmmNic, mac, .arg = 2),
    VM_ID(VmmNic, 3),
    DOCUMENT(VmmNic),
};
const DrvRequestType vmm_detach_nic =
    DRV_REQUEST_TYPE("vmm.detach_nic", VmmNic, detach_nic_fields);

static const DrvField prereconfigure_fields[] = {
    DEPLOY_ID(VmmContext, 1),
    DRV_FIELD(VmmContext, target, .arg = 2),
    VM_ID(VmmContext, 3),
    DOCUMENT(VmmContext),
};
const DrvRequestType vmm_prereconfigure =
    DRV_REQUEST_TYPE("vmm.prereconfigure", VmmContext, prereconfigure_fields);

static const DrvField reconfigure_fields[] = {
    DEPLOY_ID(VmmContext, 1),
    DRV_FIELD(VmmContext, target, .arg = 2),
    DRV_FIELD(VmmContext, path, .arg = 3, .flags = DRV_PATH),
    VM_ID(VmmContext, 4),
    DOCUMENT(VmmContext),
};
const DrvRequestType vmm_reconfigure =
    DRV_REQUEST_TYPE("vmm.reconfigure", VmmContext, reconfigure_fields);

static const DrvField snapshot_fields[] = {
    DEPLOY_ID(VmmSnapshot, 1),
    DRV_FIELD(VmmSnapshot, snapshot, .arg = 2, .flags = DRV_REQUIRED),
    VM_ID(VmmSnapshot, 3),
    DOCUMENT(VmmSnapshot),
};
const DrvRequestType vmm_snapshot =
    DRV_REQUEST_TYPE("vmm.snapshot", VmmSnapshot, snapshot_fields);

static const DrvField resize_disk_fields[] = {
    DEPLOY_ID(VmmResizeDisk, 1),
    DRV_FIELD(VmmResizeDisk, disk_id, .arg = 2, .flags = DRV_REQUIRED),
    DRV_FIELD(VmmResizeDisk, size_mib, .arg = 3, .flags = DRV_REQUIRED),
    VM_ID(VmmResizeDisk, 6),
    DRV_FIELD(VmmResizeDisk,
              target,
              .xpath = "VM/TEMPLATE/DISK[DISK_ID=$disk_id]/TARGET",
              .flags = DRV_REQUIRED),
    DOCUMENT(VmmResizeDisk),
};
const DrvRequestType vmm_resize_disk =
    DRV_REQUEST_TYPE("vmm.resize_disk", VmmResizeDisk, resize_disk_fields);

static const DrvField exec_fields[] = {
    VM_ID(VmmExec, 1),
    DRV_FIELD(VmmExec, command, .arg = 3, .flags = DRV_REQUIRED),
    DRV_FIELD(VmmExec, input, .arg = 4),
    DRV_FIELD(VmmExec, deploy_id, .xpath = "DEPLOY_ID|VM/DEPLOY_ID"),
    DOCUMENT(VmmExec),
};
const DrvRequestType vmm_exec = DRV_REQUEST_TYPE("vmm.exec", VmmExec, exec_fields);

static const DrvField exec_cancel_fields[] = {
    VM_ID(VmmExec, 1),
    DRV_FIELD(VmmExec, deploy_id, .xpath = "DEPLOY_ID|VM/DEPLOY_ID"),
    DOCUMENT(VmmExec),
};
const DrvRequestType vmm_exec_cancel =
    DRV_REQUEST_TYPE("vmm.exec_cancel", VmmExec, exec_cancel_fields);
