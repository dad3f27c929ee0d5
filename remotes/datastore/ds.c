/* SPDX-License-Identifier: Apache-2.0 */
/* The field tables of all datastore actions. */
#include "datastore/ds-fields.h"

static const DrvField cp_fields[] = { DS_CP_FIELDS };
const DrvRequestType ds_cp = DRV_REQUEST_TYPE("ds.cp", DsCp, cp_fields);

static const DrvField stat_fields[] = { DS_HEAD_FIELDS(DsCp), DS_ORIGIN_FIELDS };
const DrvRequestType ds_stat = DRV_REQUEST_TYPE("ds.stat", DsCp, stat_fields);

static const DrvField mkfs_fields[] = { DS_MKFS_FIELDS };
const DrvRequestType ds_mkfs = DRV_REQUEST_TYPE("ds.mkfs", DsMkfs, mkfs_fields);

static const DrvField clone_fields[] = {
    DS_HEAD_FIELDS(DsClone),
    DRV_FIELD(DsClone, name),
    DRV_FIELD(
        DsClone, source, .xpath = DS_IMAGE_AT "PATH", .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(DsClone, format, .xpath = DS_IMAGE_AT "FORMAT", .flags = DRV_LINE),
    DRV_FIELD(DsClone, driver, .xpath = DS_TEMPLATE_AT "DRIVER", .flags = DRV_LINE),
    DRV_FIELD(DsClone, source_bridges, .xpath = "SOURCE_BRIDGE_LIST"),
};
const DrvRequestType ds_clone = DRV_REQUEST_TYPE("ds.clone", DsClone, clone_fields);

static const DrvField rm_fields[] = {
    DS_HEAD_FIELDS(DsImage),
    DRV_FIELD(DsImage, source, .xpath = DS_IMAGE_AT "SOURCE"),
};
const DrvRequestType ds_rm = DRV_REQUEST_TYPE("ds.rm", DsImage, rm_fields);

static const DrvField snapshot_fields[] = {
    DS_HEAD_FIELDS(DsImage),
    DRV_FIELD(
        DsImage, source, .xpath = DS_IMAGE_AT "SOURCE", .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(DsImage,
              snapshot_id,
              .xpath = DS_IMAGE_AT "TARGET_SNAPSHOT|TARGET_SNAPSHOT",
              .flags = DRV_REQUIRED),
    DRV_FIELD(DsImage, format, .xpath = DS_IMAGE_AT "FORMAT", .flags = DRV_LINE),
};
const DrvRequestType ds_snapshot =
    DRV_REQUEST_TYPE("ds.snapshot", DsImage, snapshot_fields);

static const DrvField export_fields[] = {
    DS_HEAD_FIELDS(DsImage),
    DRV_FIELD(
        DsImage, source, .xpath = DS_IMAGE_AT "SOURCE", .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(DsImage, size_mb, .xpath = DS_IMAGE_AT "SIZE"),
    DRV_FIELD(DsImage, format, .xpath = DS_IMAGE_AT "FORMAT", .flags = DRV_LINE),
    DRV_FIELD(DsImage, md5),
};
const DrvRequestType ds_export = DRV_REQUEST_TYPE("ds.export", DsImage, export_fields);

static const DrvField monitor_fields[] = {
    DRV_FIELD(DsMonitor, image_id),
    DRV_FIELD(DsMonitor,
              base_path,
              .xpath = DS_AT "BASE_PATH",
              .flags = DRV_PATH | DRV_REQUIRED),
    DRV_FIELD(DsMonitor, bridges, .xpath = DS_TEMPLATE_AT "BRIDGE_LIST"),
};
const DrvRequestType ds_monitor =
    DRV_REQUEST_TYPE("ds.monitor", DsMonitor, monitor_fields);
