/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of rbd/tree.h share. */
#pragma once

#include "rbd/image.h"
#include "rbd/tree.h"

/* The images that @disk was until reverts, see tree.h; caller frees. */
char **drv_rbd_tree_former(DrvRbdPool *pool, const char *disk, GError **error);

/* TRUE when @child is the disk, or was it until a revert; one in the trash is not. */
gboolean drv_rbd_tree_is_own_clone(const char *disk,
                                   const rbd_linked_image_spec_t *child);

/* "<disk>-<ids>" for an image with these snapshots; NULL when none is one of a disk's.
 * Caller frees.
 */
char *drv_rbd_tree_former_name(const char *disk, char **snapshots);

/* Names without an image: images being created, until they are complete. */
char *drv_rbd_tree_new_name(const char *disk);

/* Remove snapshot @name, which may be gone; see drv_rbd_tree_snap_delete(). */
gboolean drv_rbd_tree_drop_snap(DrvRbdPool *pool,
                                const char *disk,
                                const char *holder,
                                const char *name,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* DRV_ERROR_BUSY, naming it, when there is a clone of the disk that is none of its own
 * images: it would lose its data.
 */
gboolean drv_rbd_tree_check_unused(DrvRbdPool *pool,
                                   const char *disk,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The work of removing and switching, to be repeated until it is done. */
gboolean drv_rbd_tree_finish_remove(DrvRbdPool *pool,
                                    const char *disk,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_rbd_tree_finish_switch(DrvRbdPool *pool,
                                    const char *disk,
                                    gboolean keep_past,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
