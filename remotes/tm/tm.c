/* SPDX-License-Identifier: Apache-2.0 */
/* The field tables of all transfer manager actions. */
#include "tm/tm.h"

#define DISK "TEMPLATE/DISK[DISK_ID=$disk_id]/"

/* Fields of the head, from "host:path" at @place and the VM's number at @vm. */
#define HEAD(type, place, vm)                                                            \
    DRV_FIELD(type, host, .arg = (place), .flags = DRV_HOST_OF),                         \
        DRV_FIELD(type, target, .arg = (place), .flags = DRV_REQUIRED | DRV_PATH_OF),    \
        DRV_FIELD(type, disk_id, .arg = (place), .flags = DRV_DISK_OF),                  \
        DRV_FIELD(type, vm_id, .arg = (vm), .flags = DRV_REQUIRED)

static const DrvField clone_fields[] = {
    DRV_FIELD(TmClone, source, .arg = 1, .flags = DRV_REQUIRED | DRV_PATH_OF),
    HEAD(TmClone, 2, 3),
    DRV_FIELD(TmClone, image_id, .xpath = DISK "IMAGE_ID"),
    DRV_FIELD(TmClone, format, .xpath = DISK "FORMAT"),
    DRV_FIELD(TmClone, disk_type, .xpath = DISK "TYPE"),
    DRV_FIELD(TmClone, size_mb, .xpath = DISK "SIZE"),
    DRV_FIELD(TmClone, original_size_mb, .xpath = DISK "ORIGINAL_SIZE"),
    DRV_FIELD(TmClone, standalone, .xpath = DISK "QCOW2_STANDALONE"),
    DRV_FIELD(TmClone, sparse, .xpath = DISK "SPARSE", .fallback = "YES"),
    DRV_FIELD(TmClone, qcow2_options, .env = "QCOW2_OPTIONS"),
    DRV_FIELD(TmClone, content),
    DRV_FIELD(TmClone, allocated),
};
const DrvRequestType tm_clone = DRV_REQUEST_TYPE("tm.clone", TmClone, clone_fields);

static const DrvField mv_fields[] = {
    DRV_FIELD(TmMove, source_host, .arg = 1, .flags = DRV_HOST_OF),
    DRV_FIELD(TmMove, source, .arg = 1, .flags = DRV_REQUIRED | DRV_PATH_OF),
    HEAD(TmMove, 2, 3),
    DRV_FIELD(TmMove, copy),
    DRV_FIELD(TmMove, unprobed),
};
const DrvRequestType tm_mv = DRV_REQUEST_TYPE("tm.mv", TmMove, mv_fields);

static const DrvField mvds_fields[] = {
    HEAD(TmStore, 1, 3),
    DRV_FIELD(TmStore, image, .arg = 2, .flags = DRV_REQUIRED | DRV_PATH_OF),
};
const DrvRequestType tm_mvds = DRV_REQUEST_TYPE("tm.mvds", TmStore, mvds_fields);

static const DrvField cpds_fields[] = {
    HEAD(TmStore, 1, 4),
    DRV_FIELD(TmStore, image, .arg = 2, .flags = DRV_REQUIRED | DRV_PATH_OF),
    DRV_FIELD(TmStore, snapshot_id, .arg = 3, .flags = DRV_REQUIRED),
    DRV_FIELD(TmStore, format, .xpath = DISK "FORMAT|" DISK "DRIVER"),
    DRV_FIELD(TmStore, clone, .xpath = DISK "CLONE"),
    DRV_FIELD(TmStore, source, .xpath = DISK "SOURCE"),
    DRV_FIELD(TmStore, lcm_state, .xpath = "LCM_STATE"),
    DRV_FIELD(TmStore, deploy_id, .xpath = "DEPLOY_ID"),
    DRV_FIELD(TmStore, vm_mad, .xpath = "HISTORY_RECORDS/HISTORY[last()]/VM_MAD"),
    DRV_FIELD(TmStore, dev_target, .xpath = DISK "TARGET"),
};
const DrvRequestType tm_cpds = DRV_REQUEST_TYPE("tm.cpds", TmStore, cpds_fields);

static const DrvField delete_fields[] = {
    HEAD(TmDelete, 1, 2),
    DRV_FIELD(TmDelete, ds_id, .arg = 3),
};
const DrvRequestType tm_delete = DRV_REQUEST_TYPE("tm.delete", TmDelete, delete_fields);

static const DrvField mkimage_fields[] = {
    DRV_FIELD(TmMake, size_mb, .arg = 1, .flags = DRV_REQUIRED),
    DRV_FIELD(TmMake, format, .arg = 2, .flags = DRV_REQUIRED),
    HEAD(TmMake, 3, 4),
    DRV_FIELD(TmMake, fs, .xpath = DISK "FS"),
    DRV_FIELD(TmMake, supported_fs),
    DRV_FIELD(TmMake, fs_options),
};
const DrvRequestType tm_mkimage = DRV_REQUEST_TYPE("tm.mkimage", TmMake, mkimage_fields);

static const DrvField mkswap_fields[] = {
    DRV_FIELD(TmMake, size_mb, .arg = 1, .flags = DRV_REQUIRED),
    HEAD(TmMake, 2, 3),
    DRV_FIELD(TmMake, format),
    DRV_FIELD(TmMake, fs),
    DRV_FIELD(TmMake, supported_fs),
    DRV_FIELD(TmMake, fs_options),
};
const DrvRequestType tm_mkswap = DRV_REQUEST_TYPE("tm.mkswap", TmMake, mkswap_fields);

static const DrvField resize_fields[] = {
    HEAD(TmResize, 1, 3),
    DRV_FIELD(TmResize, size_mb, .arg = 2, .flags = DRV_REQUIRED),
    DRV_FIELD(TmResize, format, .xpath = DISK "FORMAT|" DISK "DRIVER"),
    DRV_FIELD(TmResize, sparse, .xpath = DISK "SPARSE", .fallback = "YES"),
    DRV_FIELD(TmResize, lcm_state, .xpath = "LCM_STATE"),
};
const DrvRequestType tm_resize = DRV_REQUEST_TYPE("tm.resize", TmResize, resize_fields);

static const DrvField snapshot_fields[] = {
    HEAD(TmSnapshot, 1, 3),
    DRV_FIELD(TmSnapshot, snapshot_id, .arg = 2, .flags = DRV_REQUIRED),
    DRV_FIELD(TmSnapshot, format, .xpath = DISK "FORMAT|" DISK "DRIVER"),
    DRV_FIELD(TmSnapshot, clone, .xpath = DISK "CLONE"),
    DRV_FIELD(TmSnapshot, source, .xpath = DISK "SOURCE"),
    DRV_FIELD(TmSnapshot, lcm_state, .xpath = "LCM_STATE"),
    DRV_FIELD(TmSnapshot, deploy_id, .xpath = "DEPLOY_ID"),
    DRV_FIELD(TmSnapshot, vm_mad, .xpath = "HISTORY_RECORDS/HISTORY[last()]/VM_MAD"),
    DRV_FIELD(TmSnapshot, dev_target, .xpath = DISK "TARGET"),
};
const DrvRequestType tm_snapshot =
    DRV_REQUEST_TYPE("tm.snapshot", TmSnapshot, snapshot_fields);

static const DrvField put_fields[] = {
    HEAD(TmPut, 1, 2),
    DRV_FIELD(TmPut, iso_link),
};
const DrvRequestType tm_put = DRV_REQUEST_TYPE("tm.put", TmPut, put_fields);

static const DrvField migrate_fields[] = {
    DRV_FIELD(TmMigrate, host, .arg = 1, .flags = DRV_REQUIRED),
    DRV_FIELD(TmMigrate, destination_host, .arg = 2, .flags = DRV_REQUIRED),
    DRV_FIELD(TmMigrate, target, .arg = 3, .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(TmMigrate, disk_id),
    DRV_FIELD(TmMigrate, vm_id, .arg = 4, .flags = DRV_REQUIRED),
    DRV_FIELD(TmMigrate,
              old_ds_id,
              .xpath = "HISTORY_RECORDS/HISTORY[last()-1]/DS_ID",
              .fallback = "-1"),
    DRV_FIELD(TmMigrate,
              new_ds_id,
              .xpath = "HISTORY_RECORDS/HISTORY[last()]/DS_ID",
              .fallback = "-1"),
    DRV_FIELD(TmMigrate, is_called),
};
const DrvRequestType tm_migrate =
    DRV_REQUEST_TYPE("tm.migrate", TmMigrate, migrate_fields);

/* The path is the datastore's own or, in older dumps, made of location and number. */
static const DrvField monitor_fields[] = {
    DRV_FIELD(TmMonitor, host),
    DRV_FIELD(TmMonitor,
              target,
              .xpath = "DATASTORE/BASE_PATH",
              .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(TmMonitor, disk_id),
    DRV_FIELD(TmMonitor, vm_id),
    DRV_FIELD(TmMonitor, bridges, .xpath = "DATASTORE/TEMPLATE/BRIDGE_LIST"),
    DRV_FIELD(TmMonitor, vms, .xpath = "MONITOR_VM_DISKS"),
};
const DrvRequestType tm_monitor =
    DRV_REQUEST_TYPE("tm.monitor", TmMonitor, monitor_fields);
