/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/image.h - one RBD image: open, look, its snapshots, parents and children.
 *
 * An image that is not there is looked for in the trash before it is said to be absent,
 * and the message says which it is.  Parents and children are librbd's own, by id: they
 * are never taken from names.
 */
#pragma once

#include "rbd/pool.h"

/* The snapshot of every image that disks are cloned from. */
#define DRV_RBD_BASE_SNAPSHOT "snap"

typedef rbd_image_t DrvRbdImage;
void drv_rbd_image_close(DrvRbdImage image);

/* TRUE for one that librbd never gave back: it is not closed. */
gboolean drv_rbd_image_is_abandoned(DrvRbdImage image);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(DrvRbdImage, drv_rbd_image_close, NULL)

typedef enum { DRV_RBD_LOOK, DRV_RBD_CHANGE } DrvRbdAccess;

/* NULL with DRV_ERROR_NOT_FOUND (absent, or in the trash), or what else is wrong. */
DrvRbdImage drv_rbd_image_open(DrvRbdPool *pool,
                               const char *name,
                               DrvRbdAccess access,
                               GError **error);

/* The same with *image NULL for an image that is absent or in the trash. */
gboolean drv_rbd_image_find(DrvRbdPool *pool,
                            const char *name,
                            DrvRbdAccess access,
                            DrvRbdImage *image,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean drv_rbd_image_exists(DrvRbdPool *pool,
                              const char *name,
                              gboolean *exists,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Names of all images of the pool; caller frees. */
char **drv_rbd_image_list(DrvRbdPool *pool, GError **error);

/* Names of its snapshots, oldest first, without those that clones alone keep alive. */
char **drv_rbd_image_snapshots(DrvRbdPool *pool, DrvRbdImage image, GError **error);

/* Images cloned from snapshot @snapshot (NULL: from any) of image @name, as
 * rbd_linked_image_spec_t; none when it is absent.  When librbd does not answer in time,
 * another connection is asked, which the pool has then: nothing may be open that is
 * needed afterwards.  DRV_ERROR_BUSY when that does not answer either.
 */
GArray *drv_rbd_image_children(DrvRbdPool *pool,
                               const char *name,
                               const char *snapshot,
                               GError **error);

/* How many images this one is made of: 1 without a parent. */
gboolean drv_rbd_image_depth(DrvRbdPool *pool,
                             const char *name,
                             guint64 *depth,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Name of the parent in the same pool and of the snapshot it was cloned from; both NULL
 * without a parent.
 */
gboolean drv_rbd_image_parent(DrvRbdPool *pool,
                              DrvRbdImage image,
                              char **parent,
                              char **snapshot,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean drv_rbd_image_create(DrvRbdPool *pool,
                              const char *name,
                              guint64 size,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make @child, of the pool as well, a clone of a protected snapshot. */
gboolean drv_rbd_image_clone(DrvRbdPool *pool,
                             const char *parent,
                             const char *snapshot,
                             const char *child,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean drv_rbd_image_flatten(DrvRbdPool *pool,
                               const char *name,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* DRV_ERROR_EXISTS when @to is there. */
gboolean drv_rbd_image_rename(DrvRbdPool *pool,
                              const char *from,
                              const char *to,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove an image without snapshots or, with @to_trash, put it away for a while.  One
 * with more than CEPH_REMOVE_MB of data is put away for monitoring to purge.  Absent is
 * fine.  DRV_ERROR_BUSY names the client that has it open.
 */
gboolean drv_rbd_image_remove(DrvRbdPool *pool,
                              const char *name,
                              gboolean to_trash,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Only images of format 2 have snapshots: DRV_ERROR_UNSUPPORTED. */
gboolean drv_rbd_image_check_format(DrvRbdPool *pool,
                                    DrvRbdImage image,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
