/* SPDX-License-Identifier: Apache-2.0 */
/* ceph.h - disks that are RBD images: one-<image> of a persistent one,
 * one-<image>-<vm>-<disk> of one that was cloned, one-sys-<vm>-<disk> of a volatile one.
 *
 * The ops are those of worker-rbd: files *-rbd.c.
 */
#pragma once

#include "rbd/site.h"
#include "tm/tm.h"

/* What every request has behind its own fields. */
typedef struct {
    DrvRbdSite site;
    gint64 ds_id;       /* of the disk's image, or of the system */
    char **bridges;     /* BRIDGE_LIST of that datastore */
    char *source;       /* "pool/one-5"; "" of volatile disks */
    gboolean clone;     /* the disk is a clone of it, else it is the image itself */
    char *kind;         /* RBD, CDROM, fs … */
    gboolean shareable; /* several VMs have it at once */
    gint64 lcm_state;
} CephDisk;

/* Complete the disk of a request from its datastore and from settings.  The datastore is
 * asked where an image is made (@makes), for its data pool; where the front-end would
 * work, for its bridges; and for directories and volatile disks, for all.
 */
gboolean ceph_disk_prepare(TmHead *head, CephDisk *disk, gboolean makes, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    TmClone clone;
    CephDisk disk;
} CephClone;
extern const DrvRequestType ceph_tm_clone;

typedef struct {
    TmStore store;
    CephDisk disk;
} CephStore;
extern const DrvRequestType ceph_tm_cpds;
extern const DrvRequestType ceph_tm_mvds;

/* The op that makes a file an image: of cpds.ssh, also by another worker. */
#define CEPH_CPDS_SSH "ceph.tm.cpds_ssh"

typedef struct {
    TmMove move;
    CephDisk disk;
} CephMove;
extern const DrvRequestType ceph_tm_mv;

typedef struct {
    TmDelete delete;
    CephDisk disk;
} CephDelete;
extern const DrvRequestType ceph_tm_delete;

typedef struct {
    TmMake make;
    CephDisk disk;
} CephMake;
extern const DrvRequestType ceph_tm_mkimage;
extern const DrvRequestType ceph_tm_mkswap;

typedef struct {
    TmResize resize;
    CephDisk disk;
} CephResize;
extern const DrvRequestType ceph_tm_resize;

typedef struct {
    TmSnapshot snapshot;
    CephDisk disk;
} CephSnapshot;
extern const DrvRequestType ceph_tm_snapshot;

typedef struct {
    TmMonitor monitor;
    DrvRbdSite site;
} CephTmMonitor;
extern const DrvRequestType ceph_tm_monitor;
