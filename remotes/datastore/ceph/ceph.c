/* SPDX-License-Identifier: Apache-2.0 */
/* The front-end's half of ceph: requests, and which of worker-rbd's ops does them. */
#include "datastore/ceph/ceph.h"
#include "datastore/ds-fields.h"

static const DrvField cp_fields[] = {
    DS_CP_FIELDS,
    DRV_RBD_SITE_FIELDS(CephCp, site, DS_TEMPLATE_AT),
    DRV_FIELD(CephCp,
              staging_dir,
              .xpath = DS_TEMPLATE_AT "STAGING_DIR",
              .flags = DRV_PATH,
              .fallback = "/var/tmp"),
};
const DrvRequestType ceph_cp_type = DRV_REQUEST_TYPE("ceph.cp", CephCp, cp_fields);

static const DrvField mkfs_fields[] = {
    DS_MKFS_FIELDS,
    DRV_RBD_SITE_FIELDS(CephMkfs, site, DS_TEMPLATE_AT),
    DRV_FIELD(CephMkfs,
              staging_dir,
              .xpath = DS_TEMPLATE_AT "STAGING_DIR",
              .flags = DRV_PATH,
              .fallback = "/var/tmp"),
};
const DrvRequestType ceph_mkfs_type =
    DRV_REQUEST_TYPE("ceph.mkfs", CephMkfs, mkfs_fields);

static const DrvField clone_fields[] = {
    DS_HEAD_FIELDS(DsClone),
    DRV_FIELD(DsClone, name),
    DRV_FIELD(
        DsClone, source, .xpath = DS_IMAGE_AT "PATH", .flags = DRV_REQUIRED | DRV_LINE),
    DRV_FIELD(DsClone, format),
    DRV_FIELD(DsClone, driver),
    DRV_FIELD(DsClone, source_bridges),
    DRV_RBD_SITE_FIELDS(CephClone, site, DS_TEMPLATE_AT),
};
const DrvRequestType ceph_clone_type =
    DRV_REQUEST_TYPE("ceph.clone", CephClone, clone_fields);

#define IMAGE_FIELDS(presence)                                                           \
    DS_HEAD_FIELDS(DsImage),                                                             \
        DRV_FIELD(DsImage,                                                               \
                  source,                                                                \
                  .xpath = DS_IMAGE_AT "SOURCE",                                         \
                  .flags = (presence) | DRV_LINE),                                       \
        DRV_RBD_SITE_FIELDS(CephImage, site, DS_TEMPLATE_AT)

static const DrvField rm_fields[] = { IMAGE_FIELDS(0) };
const DrvRequestType ceph_rm_type = DRV_REQUEST_TYPE("ceph.rm", CephImage, rm_fields);

static const DrvField snapshot_fields[] = {
    IMAGE_FIELDS(DRV_REQUIRED),
    DRV_FIELD(DsImage,
              snapshot_id,
              .xpath = DS_IMAGE_AT "TARGET_SNAPSHOT|TARGET_SNAPSHOT",
              .flags = DRV_REQUIRED),
};
const DrvRequestType ceph_snapshot_type =
    DRV_REQUEST_TYPE("ceph.snapshot", CephImage, snapshot_fields);

static const DrvField export_fields[] = {
    IMAGE_FIELDS(DRV_REQUIRED),
    DRV_FIELD(DsImage, size_mb, .xpath = DS_IMAGE_AT "SIZE"),
    DRV_FIELD(DsImage, format, .xpath = DS_IMAGE_AT "TEMPLATE/FORMAT", .flags = DRV_LINE),
    DRV_FIELD(DsImage, md5, .xpath = DS_IMAGE_AT "TEMPLATE/MD5", .flags = DRV_LINE),
};
const DrvRequestType ceph_export_type =
    DRV_REQUEST_TYPE("ceph.export", CephImage, export_fields);

static const DrvField monitor_fields[] = {
    DRV_FIELD(DsMonitor, image_id),
    DRV_FIELD(DsMonitor, base_path),
    DRV_FIELD(DsMonitor, bridges, .xpath = DS_TEMPLATE_AT "BRIDGE_LIST"),
    DRV_RBD_SITE_FIELDS(CephMonitor, site, DS_TEMPLATE_AT),
};
const DrvRequestType ceph_monitor_type =
    DRV_REQUEST_TYPE("ceph.monitor", CephMonitor, monitor_fields);

/* --- ops
 * ---------------------------------------------------------------------------------- */

#define PREPARE(type)                                                                    \
    static gboolean prepare_##type(gpointer request, GError **error)                     \
    {                                                                                    \
        return drv_rbd_site_complete(&((type *)request)->site, error);                   \
    }
PREPARE(CephCp)
PREPARE(CephMkfs)
PREPARE(CephClone)
PREPARE(CephImage)
PREPARE(CephMonitor)

#define OP(symbol, op_name, fields, type)                                                \
    const DrvOp symbol = {                                                               \
        .name = op_name,                                                                 \
        .request = &fields,                                                              \
        .worker = DRV_WORKER_RBD,                                                        \
        .prepare = prepare_##type,                                                       \
        .answers = TRUE,                                                                 \
    }

/* An image that never got a name needs no removal. */
static DrvWhere
where(gconstpointer data)
{
    const CephImage *request = data;

    return *request->image.source ? DRV_AT_DATA : DRV_NOWHERE;
}

OP(ceph_cp, "ceph.cp", ceph_cp_type, CephCp);
OP(ceph_mkfs, "ceph.mkfs", ceph_mkfs_type, CephMkfs);
OP(ceph_clone, "ceph.clone", ceph_clone_type, CephClone);
OP(ceph_monitor, "ceph.monitor", ceph_monitor_type, CephMonitor);
OP(ceph_export, "ceph.export", ceph_export_type, CephImage);
OP(ceph_snap_delete, "ceph.snap_delete", ceph_snapshot_type, CephImage);
OP(ceph_snap_revert, "ceph.snap_revert", ceph_snapshot_type, CephImage);
OP(ceph_snap_flatten, "ceph.snap_flatten", ceph_snapshot_type, CephImage);

const DrvOp ceph_rm = {
    .name = "ceph.rm",
    .request = &ceph_rm_type,
    .worker = DRV_WORKER_RBD,
    .prepare = prepare_CephImage,
    .where = where,
};
