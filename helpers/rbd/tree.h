/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/tree.h - a disk with its snapshots, as images of a pool.
 *
 *     one-5-7-0             the disk as it is
 *     one-5-7-0@3           its snapshot 3, protected
 *     one-5-7-0-0:1:2       what it was until somebody reverted: keeps snapshots 0, 1, 2;
 *                           the disk is now a clone of one of them
 *
 * Names are those of the stock drivers, and trees made by them are used on.  Those of a
 * disk are "<disk>" and "<disk>-<number>[:<number>]…", exactly; what was cloned from what
 * is asked of librbd.
 *
 * All functions may be repeated, take the image as rbd/step.h says, and settle what was
 * cut off before.
 */
#pragma once

#include "rbd/image.h"
#include "rbd/step.h"

/* DRV_ERROR_EXISTS when the disk has that snapshot and was written to since. */
gboolean drv_rbd_tree_snap_create(DrvRbdPool *pool,
                                  const char *disk,
                                  guint64 id,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* In any order, as far as the cluster clones in format 2; where not, those clones of the
 * snapshot that are of the same disk become independent first.  One of another's is named
 * in the error.
 */
gboolean drv_rbd_tree_snap_delete(DrvRbdPool *pool,
                                  const char *disk,
                                  guint64 id,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The disk is what it was at a snapshot; becomes independent of its past when it would be
 * deeper than CEPH_MAX_DEPTH.
 */
gboolean drv_rbd_tree_revert(DrvRbdPool *pool,
                             const char *disk,
                             guint64 id,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The disk is what it was at a snapshot, and has neither snapshots nor a parent. */
gboolean drv_rbd_tree_flatten(DrvRbdPool *pool,
                              const char *disk,
                              guint64 id,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Fill a new image, which has the size 0. */
typedef gboolean (*DrvRbdFill)(DrvRbdPool *pool,
                               DrvRbdImage image,
                               gpointer data,
                               GError **error);

/* Make an image: all of it, or none.  DRV_ERROR_EXISTS. */
gboolean drv_rbd_tree_make(DrvRbdPool *pool,
                           const char *name,
                           DrvRbdFill fill,
                           gpointer data,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The disk gets new content, and keeps its snapshots: all of it, or none. */
gboolean drv_rbd_tree_put(DrvRbdPool *pool,
                          const char *disk,
                          DrvRbdFill fill,
                          gpointer data,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove disk and snapshots; with CEPH_TRASH, put them in the trash.  DRV_ERROR_BUSY for
 * a disk in use, or of which there are clones.
 */
gboolean drv_rbd_tree_remove(DrvRbdPool *pool,
                             const char *disk,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when @name is "<disk>-<number>[:<number>]…". */
gboolean drv_rbd_tree_is_former(const char *disk, const char *name);

/* Name of the image that holds snapshot @id of @disk; NULL with DRV_ERROR_NOT_FOUND. */
char *drv_rbd_tree_holder(DrvRbdPool *pool, const char *disk, guint64 id, GError **error);

/* Make snapshot @snapshot of @image, protected, if it is not there. */
gboolean drv_rbd_tree_base(DrvRbdPool *pool,
                           const char *image,
                           const char *snapshot,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove it again, unless somebody was cloned from it. */
gboolean drv_rbd_tree_drop_base(DrvRbdPool *pool,
                                const char *image,
                                const char *snapshot,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Of all notes of this file, and "make": an image that was not complete yet. */
gboolean drv_rbd_tree_settle(DrvRbdPool *pool,
                             const char *image,
                             const char *note,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
