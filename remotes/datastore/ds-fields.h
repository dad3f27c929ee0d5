/* SPDX-License-Identifier: Apache-2.0 */
/* ds-fields.h - what the field tables of datastore actions have in common, for drivers
 * whose requests have more fields than those of ds.h.
 */
#pragma once

#include "datastore/ds.h"

#define DS_AT "DATASTORE/"
#define DS_TEMPLATE_AT "DATASTORE/TEMPLATE/"
#define DS_IMAGE_AT "IMAGE/"
#define DS_MARKET_AT "MARKETPLACE/TEMPLATE/"

#define DS_HEAD_FIELDS(type)                                                             \
    DRV_FIELD(type, image_id),                                                           \
        DRV_FIELD(type, base_path, .xpath = DS_AT "BASE_PATH", .flags = DRV_PATH),       \
        DRV_FIELD(type, bridges, .xpath = DS_TEMPLATE_AT "BRIDGE_LIST")

/* What cp and stat have in common: where the image is and how it is read. */
#define DS_ORIGIN_FIELDS                                                                 \
    DRV_FIELD(DsCp, path, .xpath = DS_IMAGE_AT "PATH", .flags = DRV_REQUIRED),           \
        DRV_FIELD(DsCp, safe_dirs, .xpath = DS_TEMPLATE_AT "SAFE_DIRS"),                 \
        DRV_FIELD(DsCp, restricted_dirs, .xpath = DS_TEMPLATE_AT "RESTRICTED_DIRS"),     \
        DRV_FIELD(DsCp, shown), DRV_FIELD(DsCp, ssh_hosts), DRV_FIELD(DsCp, min_rate),   \
        DRV_FIELD(DsCp, expand_limit_mb),                                                \
        DRV_FIELD(DsCp, ds_type, .xpath = DS_AT "TYPE"),                                 \
        DRV_FIELD(DsCp, no_decompress, .xpath = DS_TEMPLATE_AT "NO_DECOMPRESS"),         \
        DRV_FIELD(DsCp, limit_rate, .xpath = DS_TEMPLATE_AT "LIMIT_TRANSFER_BW"),        \
        DRV_FIELD(DsCp,                                                                  \
                  s3_access_key,                                                         \
                  .xpath =                                                               \
                      DS_MARKET_AT "ACCESS_KEY_ID|" DS_TEMPLATE_AT "ACCESS_KEY_ID"),     \
        DRV_FIELD(DsCp,                                                                  \
                  s3_secret_key,                                                         \
                  .xpath = DS_MARKET_AT "SECRET_ACCESS_KEY|" DS_TEMPLATE_AT              \
                                        "SECRET_ACCESS_KEY"),                            \
        DRV_FIELD(                                                                       \
            DsCp, s3_region, .xpath = DS_MARKET_AT "REGION|" DS_TEMPLATE_AT "REGION"),   \
        DRV_FIELD(DsCp,                                                                  \
                  s3_endpoint,                                                           \
                  .xpath = DS_MARKET_AT "ENDPOINT|" DS_TEMPLATE_AT "ENDPOINT"),          \
        DRV_FIELD(DsCp,                                                                  \
                  s3_aws,                                                                \
                  .xpath = DS_MARKET_AT "AWS|" DS_TEMPLATE_AT "AWS",                     \
                  .fallback = "YES")

#define DS_CP_FIELDS                                                                     \
    DS_HEAD_FIELDS(DsCp), DS_ORIGIN_FIELDS, DRV_FIELD(DsCp, name),                       \
        DRV_FIELD(DsCp, source),                                                         \
        DRV_FIELD(DsCp, md5, .xpath = DS_IMAGE_AT "TEMPLATE/MD5"),                       \
        DRV_FIELD(DsCp, sha1, .xpath = DS_IMAGE_AT "TEMPLATE/SHA1"),                     \
        DRV_FIELD(DsCp, sha256, .xpath = DS_IMAGE_AT "TEMPLATE/SHA256"),                 \
        DRV_FIELD(DsCp, convert, .xpath = DS_TEMPLATE_AT "CONVERT", .fallback = "YES"),  \
        DRV_FIELD(DsCp, driver, .xpath = DS_TEMPLATE_AT "DRIVER", .flags = DRV_LINE),    \
        DRV_FIELD(DsCp, sparse, .xpath = DS_TEMPLATE_AT "SPARSE", .fallback = "YES"),    \
        DRV_FIELD(DsCp, image_type, .xpath = DS_IMAGE_AT "TYPE"),                        \
        DRV_FIELD(DsCp, size_mb, .xpath = DS_IMAGE_AT "SIZE"),                           \
        DRV_FIELD(DsCp, is_unbounded)

#define DS_MKFS_FIELDS                                                                   \
    DS_HEAD_FIELDS(DsMkfs), DRV_FIELD(DsMkfs, name),                                     \
        DRV_FIELD(DsMkfs,                                                                \
                  format,                                                                \
                  .xpath = DS_IMAGE_AT "FORMAT|" DS_IMAGE_AT "FSTYPE",                   \
                  .fallback = "raw",                                                     \
                  .flags = DRV_LINE),                                                    \
        DRV_FIELD(DsMkfs, fs, .xpath = DS_IMAGE_AT "FS"),                                \
        DRV_FIELD(DsMkfs, size_mb, .xpath = DS_IMAGE_AT "SIZE"),                         \
        DRV_FIELD(DsMkfs, supported_fs), DRV_FIELD(DsMkfs, fs_options)
