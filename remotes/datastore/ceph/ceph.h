/* SPDX-License-Identifier: Apache-2.0 */
/* ceph.h - datastore requests with what it takes to get at a pool.  The ops are those of
 * worker-rbd: files *-rbd.c.
 */
#pragma once

#include "datastore/ds.h"
#include "rbd/site.h"

typedef struct {
    DsCp cp;
    DrvRbdSite site;
    char *staging_dir; /* for what must be converted */
} CephCp;
extern const DrvRequestType ceph_cp_type;

typedef struct {
    DsMkfs mkfs;
    DrvRbdSite site;
    char *staging_dir;
} CephMkfs;
extern const DrvRequestType ceph_mkfs_type;

typedef struct {
    DsClone clone;
    DrvRbdSite site;
} CephClone;
extern const DrvRequestType ceph_clone_type;

/* rm, export and snapshots. */
typedef struct {
    DsImage image;
    DrvRbdSite site;
} CephImage;
extern const DrvRequestType ceph_rm_type;
extern const DrvRequestType ceph_export_type;
extern const DrvRequestType ceph_snapshot_type;

typedef struct {
    DsMonitor monitor;
    DrvRbdSite site;
} CephMonitor;
extern const DrvRequestType ceph_monitor_type;
