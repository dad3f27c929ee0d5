/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/pool.h - one connection to a cluster, and one pool of it.
 *
 * Every wait for the cluster is bounded: DRV_ERROR_NO_STORAGE when none of its
 * monitors answers here (another bridge may do better), DRV_ERROR_TIMEOUT with what the
 * cluster says of its state when an operation takes too long.
 */
#pragma once

#include <glib.h>
#include <rados/librados.h>
#include <rbd/librbd.h>

#include "rbd/site.h"

typedef struct {
    rados_t cluster;
    rados_ioctx_t io;
    char *name;             /* pool, or pool/namespace */
    const DrvRbdSite *site; /* borrowed */
} DrvRbdPool;

/* @name: as in "pool/image", without the image. */
DrvRbdPool *drv_rbd_pool_open(const DrvRbdSite *site, const char *name, GError **error);

/* Leave the connection as it is, because librbd hangs in it, and make a new one. */
gboolean drv_rbd_pool_reconnect(DrvRbdPool *pool,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

void drv_rbd_pool_free(DrvRbdPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvRbdPool, drv_rbd_pool_free)

/* Throw what librbd or librados returned, a negative errno: "<message>: <reason>". */
gboolean drv_rbd_throw(DrvRbdPool *pool, int rc, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* What may be stored in the pool yet, in bytes, as `ceph df detail` says; of a pool so
 * new that no use of it is reported, what the whole cluster may store.
 */
gboolean drv_rbd_pool_room(DrvRbdPool *pool,
                           guint64 *available,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Used and available space as monitors report it, "USED_MB=1 FREE_MB=2 TOTAL_MB=3";
 * caller frees. */
char *drv_rbd_pool_df_text(DrvRbdPool *pool, GError **error);

/* For librbd's functions with progress: aborts them on cancellation. */
int drv_rbd_progress(uint64_t done, uint64_t total, void *data);
