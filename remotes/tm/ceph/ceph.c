/* SPDX-License-Identifier: Apache-2.0 */
/* The field tables of ceph's requests: as in tm.c, but for what SOURCE looks like, and
 * with what it takes to get at a pool.
 */
#include "tm/ceph/ceph.h"

#define DISK "TEMPLATE/DISK[DISK_ID=$disk_id]/"

#define HEAD(type, place, vm)                                                            \
    DRV_FIELD(type, host, .arg = (place), .flags = DRV_HOST_OF),                         \
        DRV_FIELD(type, target, .arg = (place), .flags = DRV_REQUIRED | DRV_PATH_OF),    \
        DRV_FIELD(type, disk_id, .arg = (place), .flags = DRV_DISK_OF),                  \
        DRV_FIELD(type, vm_id, .arg = (vm), .flags = DRV_REQUIRED)

/* A member of @type's CephDisk, under a name of its own. */
#define DISK_FIELD(type, member, ...)                                                    \
    {                                                                                    \
        .name = "disk-" #member, .kind = DRV_KIND_OF(CephDisk, member),                  \
        .offset = G_STRUCT_OFFSET(type, disk.member), __VA_ARGS__                        \
    }
#define CEPH_DISK(type, ds)                                                              \
    DRV_RBD_SITE_FIELDS(type, disk.site, DISK),                                          \
        DISK_FIELD(type, ds_id, .arg = (ds), .fallback = "-1"),                          \
        DISK_FIELD(type, bridges),                                                       \
        DISK_FIELD(type, source, .xpath = DISK "SOURCE", .flags = DRV_LINE),             \
        DISK_FIELD(type, clone, .xpath = DISK "CLONE", .fallback = "YES"),               \
        DISK_FIELD(type, kind, .xpath = DISK "TYPE", .flags = DRV_LINE),                 \
        DISK_FIELD(type, shareable, .xpath = DISK "SHAREABLE"),                          \
        DISK_FIELD(type, lcm_state, .xpath = "LCM_STATE")

static const DrvField clone_fields[] = {
    DRV_FIELD(TmClone, source, .arg = 1, .flags = DRV_REQUIRED | DRV_NAME_OF),
    HEAD(TmClone, 2, 3),
    DRV_FIELD(TmClone, image_id, .xpath = DISK "IMAGE_ID"),
    DRV_FIELD(TmClone, format),
    DRV_FIELD(TmClone, disk_type),
    DRV_FIELD(TmClone, size_mb, .xpath = DISK "SIZE"),
    DRV_FIELD(TmClone, original_size_mb, .xpath = DISK "ORIGINAL_SIZE"),
    DRV_FIELD(TmClone, standalone),
    DRV_FIELD(TmClone, sparse),
    DRV_FIELD(TmClone, qcow2_options),
    CEPH_DISK(CephClone, 4),
};
const DrvRequestType ceph_tm_clone =
    DRV_REQUEST_TYPE("ceph.tm.clone", CephClone, clone_fields);

static const DrvField cpds_fields[] = {
    HEAD(TmStore, 1, 4),
    DRV_FIELD(TmStore, image, .arg = 2, .flags = DRV_REQUIRED | DRV_NAME_OF),
    DRV_FIELD(TmStore, snapshot_id, .arg = 3, .flags = DRV_REQUIRED),
    DRV_FIELD(TmStore, format),
    DRV_FIELD(TmStore, clone),
    DRV_FIELD(TmStore, source),
    DRV_FIELD(TmStore, lcm_state),
    DRV_FIELD(TmStore, deploy_id, .xpath = "DEPLOY_ID"),
    DRV_FIELD(TmStore, vm_mad, .xpath = "HISTORY_RECORDS/HISTORY[last()]/VM_MAD"),
    DRV_FIELD(TmStore, dev_target, .xpath = DISK "TARGET"),
    CEPH_DISK(CephStore, 5),
};
const DrvRequestType ceph_tm_cpds =
    DRV_REQUEST_TYPE("ceph.tm.cpds", CephStore, cpds_fields);

static const DrvField mvds_fields[] = {
    HEAD(TmStore, 1, 3),
    DRV_FIELD(TmStore, image, .arg = 2, .flags = DRV_REQUIRED | DRV_NAME_OF),
    CEPH_DISK(CephStore, 4),
};
const DrvRequestType ceph_tm_mvds =
    DRV_REQUEST_TYPE("ceph.tm.mvds", CephStore, mvds_fields);

static const DrvField mv_fields[] = {
    DRV_FIELD(TmMove, source_host, .arg = 1, .flags = DRV_HOST_OF),
    DRV_FIELD(TmMove, source, .arg = 1, .flags = DRV_REQUIRED | DRV_PATH_OF),
    HEAD(TmMove, 2, 3),
    DRV_FIELD(TmMove, copy),
    DRV_FIELD(TmMove, unprobed),
    CEPH_DISK(CephMove, 4),
};
const DrvRequestType ceph_tm_mv = DRV_REQUEST_TYPE("ceph.tm.mv", CephMove, mv_fields);

static const DrvField delete_fields[] = {
    HEAD(TmDelete, 1, 2),
    DRV_FIELD(TmDelete, ds_id, .arg = 3),
    CEPH_DISK(CephDelete, 3),
};
const DrvRequestType ceph_tm_delete =
    DRV_REQUEST_TYPE("ceph.tm.delete", CephDelete, delete_fields);

#define MAKE_FIELDS                                                                      \
    DRV_FIELD(TmMake, fs, .xpath = DISK "FS"), DRV_FIELD(TmMake, supported_fs),          \
        DRV_FIELD(TmMake, fs_options)

static const DrvField mkimage_fields[] = {
    DRV_FIELD(TmMake, size_mb, .arg = 1, .flags = DRV_REQUIRED),
    DRV_FIELD(TmMake, format, .arg = 2, .flags = DRV_REQUIRED),
    HEAD(TmMake, 3, 4),
    MAKE_FIELDS,
    CEPH_DISK(CephMake, 5),
};
const DrvRequestType ceph_tm_mkimage =
    DRV_REQUEST_TYPE("ceph.tm.mkimage", CephMake, mkimage_fields);

static const DrvField mkswap_fields[] = {
    DRV_FIELD(TmMake, size_mb, .arg = 1, .flags = DRV_REQUIRED),
    HEAD(TmMake, 2, 3),
    DRV_FIELD(TmMake, format),
    MAKE_FIELDS,
    CEPH_DISK(CephMake, 4),
};
const DrvRequestType ceph_tm_mkswap =
    DRV_REQUEST_TYPE("ceph.tm.mkswap", CephMake, mkswap_fields);

static const DrvField resize_fields[] = {
    HEAD(TmResize, 1, 3),
    DRV_FIELD(TmResize, size_mb, .arg = 2, .flags = DRV_REQUIRED),
    DRV_FIELD(TmResize, format),
    DRV_FIELD(TmResize, sparse),
    DRV_FIELD(TmResize, lcm_state),
    CEPH_DISK(CephResize, 4),
};
const DrvRequestType ceph_tm_resize =
    DRV_REQUEST_TYPE("ceph.tm.resize", CephResize, resize_fields);

static const DrvField snapshot_fields[] = {
    HEAD(TmSnapshot, 1, 3),
    DRV_FIELD(TmSnapshot, snapshot_id, .arg = 2, .flags = DRV_REQUIRED),
    DRV_FIELD(TmSnapshot, format),
    DRV_FIELD(TmSnapshot, clone),
    DRV_FIELD(TmSnapshot, source),
    DRV_FIELD(TmSnapshot, lcm_state),
    DRV_FIELD(TmSnapshot, deploy_id, .xpath = "DEPLOY_ID"),
    DRV_FIELD(TmSnapshot, vm_mad, .xpath = "HISTORY_RECORDS/HISTORY[last()]/VM_MAD"),
    DRV_FIELD(TmSnapshot, dev_target, .xpath = DISK "TARGET"),
    CEPH_DISK(CephSnapshot, 4),
};
const DrvRequestType ceph_tm_snapshot =
    DRV_REQUEST_TYPE("ceph.tm.snapshot", CephSnapshot, snapshot_fields);

static const DrvField monitor_fields[] = {
    DRV_FIELD(TmMonitor, host),
    DRV_FIELD(TmMonitor, target),
    DRV_FIELD(TmMonitor, disk_id),
    DRV_FIELD(TmMonitor, vm_id),
    DRV_FIELD(TmMonitor, bridges, .xpath = "DATASTORE/TEMPLATE/BRIDGE_LIST"),
    DRV_FIELD(TmMonitor, vms, .xpath = "MONITOR_VM_DISKS"),
    DRV_RBD_SITE_FIELDS(CephTmMonitor, site, "DATASTORE/TEMPLATE/"),
};
const DrvRequestType ceph_tm_monitor =
    DRV_REQUEST_TYPE("ceph.tm.monitor", CephTmMonitor, monitor_fields);
