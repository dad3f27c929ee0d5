/* SPDX-License-Identifier: Apache-2.0 */
/* The field tables of all datastore actions. */
#include "datastore/ds.h"

#define DS "DATASTORE/"
#define DT "DATASTORE/TEMPLATE/"
#define IM "IMAGE/"
#define MT "MARKETPLACE/TEMPLATE/"

#define HEAD(type)                                                                       \
    DRV_FIELD(type, image_id),                                                           \
        DRV_FIELD(type, base_path, .xpath = DS "BASE_PATH", .flags = DRV_PATH),          \
        DRV_FIELD(type, bridges, .xpath = DT "BRIDGE_LIST")

/* What cp and stat have in common: where the image is and how it is read. */
#define ORIGIN                                                                           \
    DRV_FIELD(DsCp, path, .xpath = IM "PATH", .flags = DRV_REQUIRED),                    \
        DRV_FIELD(DsCp, safe_dirs, .xpath = DT "SAFE_DIRS"),                             \
        DRV_FIELD(DsCp, restricted_dirs, .xpath = DT "RESTRICTED_DIRS"),                 \
        DRV_FIELD(DsCp, ds_type, .xpath = DS "TYPE"),                                    \
        DRV_FIELD(DsCp, no_decompress, .xpath = DT "NO_DECOMPRESS"),                     \
        DRV_FIELD(DsCp, limit_rate, .xpath = DT "LIMIT_TRANSFER_BW"),                    \
        DRV_FIELD(DsCp,                                                                  \
                  s3_access_key,                                                         \
                  .xpath = MT "ACCESS_KEY_ID|" DT "ACCESS_KEY_ID",                       \
                  .flags = DRV_SECRET),                                                  \
        DRV_FIELD(DsCp,                                                                  \
                  s3_secret_key,                                                         \
                  .xpath = MT "SECRET_ACCESS_KEY|" DT "SECRET_ACCESS_KEY",               \
                  .flags = DRV_SECRET),                                                  \
        DRV_FIELD(DsCp, s3_region, .xpath = MT "REGION|" DT "REGION"),                   \
        DRV_FIELD(DsCp, s3_endpoint, .xpath = MT "ENDPOINT|" DT "ENDPOINT"),             \
        DRV_FIELD(DsCp, s3_aws, .xpath = MT "AWS|" DT "AWS", .fallback = "YES")

static const DrvField cp_fields[] = {
    HEAD(DsCp),
    ORIGIN,
    DRV_FIELD(DsCp, name),
    DRV_FIELD(DsCp, source),
    DRV_FIELD(DsCp, md5, .xpath = IM "TEMPLATE/MD5"),
    DRV_FIELD(DsCp, sha1, .xpath = IM "TEMPLATE/SHA1"),
    DRV_FIELD(DsCp, sha256, .xpath = IM "TEMPLATE/SHA256"),
    DRV_FIELD(DsCp, convert, .xpath = DT "CONVERT", .fallback = "YES"),
    DRV_FIELD(DsCp, driver, .xpath = DT "DRIVER", .flags = DRV_LINE),
    DRV_FIELD(DsCp, sparse, .xpath = DT "SPARSE", .fallback = "YES"),
    DRV_FIELD(DsCp, image_type, .xpath = IM "TYPE"),
    DRV_FIELD(DsCp, expand_limit_mb),
    DRV_FIELD(DsCp, is_packed),
};
const DrvRequestType ds_cp = DRV_REQUEST_TYPE("ds.cp", DsCp, cp_fields);

static const DrvField stat_fields[] = { HEAD(DsCp), ORIGIN };
const DrvRequestType ds_stat = DRV_REQUEST_TYPE("ds.stat", DsCp, stat_fields);

static const DrvField mkfs_fields[] = {
    HEAD(DsMkfs),
    DRV_FIELD(DsMkfs, name),
    DRV_FIELD(DsMkfs,
              format,
              .xpath = IM "FORMAT|" IM "FSTYPE",
              .fallback = "raw",
              .flags = DRV_LINE),
    DRV_FIELD(DsMkfs, fs, .xpath = IM "FS"),
    DRV_FIELD(DsMkfs, size_mb, .xpath = IM "SIZE"),
    DRV_FIELD(DsMkfs, supported_fs),
    DRV_FIELD(DsMkfs, fs_options),
};
const DrvRequestType ds_mkfs = DRV_REQUEST_TYPE("ds.mkfs", DsMkfs, mkfs_fields);

static const DrvField clone_fields[] = {
    HEAD(DsClone),
    DRV_FIELD(DsClone, name),
    DRV_FIELD(DsClone, source, .xpath = IM "PATH", .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(DsClone, format, .xpath = IM "FORMAT", .flags = DRV_LINE),
    DRV_FIELD(DsClone, driver, .xpath = DT "DRIVER", .flags = DRV_LINE),
    DRV_FIELD(DsClone, source_bridges, .xpath = "SOURCE_BRIDGE_LIST"),
};
const DrvRequestType ds_clone = DRV_REQUEST_TYPE("ds.clone", DsClone, clone_fields);

static const DrvField rm_fields[] = {
    HEAD(DsImage),
    DRV_FIELD(DsImage, source, .xpath = IM "SOURCE"),
};
const DrvRequestType ds_rm = DRV_REQUEST_TYPE("ds.rm", DsImage, rm_fields);

static const DrvField snapshot_fields[] = {
    HEAD(DsImage),
    DRV_FIELD(DsImage, source, .xpath = IM "SOURCE", .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(DsImage,
              snapshot_id,
              .xpath = IM "TARGET_SNAPSHOT|TARGET_SNAPSHOT",
              .flags = DRV_REQUIRED),
    DRV_FIELD(DsImage, format, .xpath = IM "FORMAT", .flags = DRV_LINE),
};
const DrvRequestType ds_snapshot =
    DRV_REQUEST_TYPE("ds.snapshot", DsImage, snapshot_fields);

static const DrvField export_fields[] = {
    HEAD(DsImage),
    DRV_FIELD(DsImage, source, .xpath = IM "SOURCE", .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(DsImage, size_mb, .xpath = IM "SIZE"),
    DRV_FIELD(DsImage, format, .xpath = IM "FORMAT", .flags = DRV_LINE),
    DRV_FIELD(DsImage, md5),
};
const DrvRequestType ds_export = DRV_REQUEST_TYPE("ds.export", DsImage, export_fields);

static const DrvField monitor_fields[] = {
    DRV_FIELD(DsMonitor, image_id),
    DRV_FIELD(
        DsMonitor, base_path, .xpath = DS "BASE_PATH", .flags = DRV_PATH | DRV_REQUIRED),
    DRV_FIELD(DsMonitor, bridges, .xpath = DT "BRIDGE_LIST"),
};
const DrvRequestType ds_monitor =
    DRV_REQUEST_TYPE("ds.monitor", DsMonitor, monitor_fields);
