/* SPDX-License-Identifier: Apache-2.0 */
/* Images that are filled with what is not in the pool. */
#include "base/error.h"
#include "rbd/tree-private.h"

static gboolean
make(DrvRbdPool *pool, const char *name, DrvRbdFill fill, gpointer data, GError **error)
{
    g_auto(DrvRbdImage) image = NULL;

    if (!drv_rbd_image_create(pool, name, 0, error))
        return FALSE;
    image = drv_rbd_image_open(pool, name, DRV_RBD_CHANGE, error);
    return image && fill(pool, image, data, error);
}

gboolean
drv_rbd_tree_make(
    DrvRbdPool *pool, const char *name, DrvRbdFill fill, gpointer data, GError **error)
{
    g_autoptr(DrvRbdStep) step =
        drv_rbd_step_begin(pool, name, drv_rbd_tree_settle, error);
    gboolean exists;

    /* What a dead driver left is settled: an image that is there is somebody else's. */
    if (step == NULL || !drv_rbd_image_exists(pool, name, &exists, error))
        return FALSE;
    if (exists)
        return drv_throw(error,
                         DRV_ERROR_EXISTS,
                         "there is an image '%s/%s' already",
                         pool->name,
                         name);
    return drv_rbd_step_note(step, "make", error) &&
           make(pool, name, fill, data, error) && drv_rbd_step_end(step, error);
}

gboolean
drv_rbd_tree_put(
    DrvRbdPool *pool, const char *disk, DrvRbdFill fill, gpointer data, GError **error)
{
    g_autofree char *fresh = drv_rbd_tree_new_name(disk);
    g_autoptr(DrvRbdStep) step =
        drv_rbd_step_begin(pool, disk, drv_rbd_tree_settle, error);

    return step && drv_rbd_tree_drop_base(pool, disk, DRV_RBD_BASE_SNAPSHOT, error) &&
           drv_rbd_tree_check_unused(pool, disk, error) &&
           drv_rbd_step_note(step, "prepare", error) &&
           drv_rbd_image_remove(pool, fresh, FALSE, error) &&
           make(pool, fresh, fill, data, error) &&
           drv_rbd_step_note(step, "switch", error) &&
           drv_rbd_tree_finish_switch(pool, disk, TRUE, error) &&
           drv_rbd_step_end(step, error);
}
