/* SPDX-License-Identifier: Apache-2.0 */
/* Putting another image in a disk's place, and removing a disk. */
#include <errno.h>

#include "base/error.h"
#include "base/log.h"
#include "rbd/tree-private.h"

/* --- removing
 * ------------------------------------------------------------------------------- */

/* A clone of @image that is none of the disk's own: it would lose its data. */
static gboolean
check_children(DrvRbdPool *pool,
               const char *disk,
               const char *name,
               gboolean *has_own,
               GError **error)
{
    g_autoptr(GArray) children = drv_rbd_image_children(pool, name, NULL, error);

    *has_own = FALSE;
    for (guint i = 0; children && i < children->len; i++) {
        const rbd_linked_image_spec_t *child =
            &g_array_index(children, rbd_linked_image_spec_t, i);

        if (!drv_rbd_tree_is_own_clone(disk, child))
            return drv_throw(error,
                             DRV_ERROR_BUSY,
                             "'%s/%s'%s is a clone of '%s/%s'",
                             child->pool_name,
                             child->image_name,
                             child->trash ? " in the trash" : "",
                             pool->name,
                             name);
        *has_own = TRUE;
    }
    return children != NULL;
}

static gboolean
drop_snaps(DrvRbdPool *pool, const char *disk, const char *name, GError **error)
{
    g_auto(DrvRbdImage) image = NULL;
    g_auto(GStrv) snapshots = NULL;

    if (!drv_rbd_image_find(pool, name, DRV_RBD_LOOK, &image, error))
        return FALSE;
    if (image == NULL)
        return TRUE;
    snapshots = drv_rbd_image_snapshots(pool, image, error);
    for (guint i = 0; snapshots && snapshots[i]; i++) {
        if (!drv_rbd_tree_drop_snap(pool, disk, name, snapshots[i], error))
            return FALSE;
    }
    return snapshots != NULL;
}

/* What goes to the trash keeps nothing but itself there. */
static gboolean
remove_one(DrvRbdPool *pool, const char *disk, const char *name, GError **error)
{
    gboolean exists;

    if (!drop_snaps(pool, disk, name, error))
        return FALSE;
    if (!pool->site->trash)
        return drv_rbd_image_remove(pool, name, FALSE, error);
    return drv_rbd_image_exists(pool, name, &exists, error) &&
           (!exists || (drv_rbd_image_flatten(pool, name, error) &&
                        drv_rbd_image_remove(pool, name, TRUE, error)));
}

static char **
images_of(DrvRbdPool *pool, const char *disk, GError **error)
{
    g_auto(GStrv) former = drv_rbd_tree_former(pool, disk, error);
    char **all;
    guint n;

    if (former == NULL)
        return NULL;
    n = g_strv_length(former);
    all = g_new0(char *, n + 2);
    all[0] = g_strdup(disk);
    for (guint i = 0; i < n; i++)
        all[i + 1] = g_strdup(former[i]);
    return all;
}

/* *has_own: some image of the disk is a clone of another. */
static gboolean
check_images(
    DrvRbdPool *pool, const char *disk, char **images, gboolean *has_own, GError **error)
{
    *has_own = FALSE;
    for (guint i = 0; images[i]; i++) {
        gboolean yes;

        if (!check_children(pool, disk, images[i], &yes, error))
            return FALSE;
        *has_own = *has_own || yes;
    }
    return TRUE;
}

gboolean
drv_rbd_tree_check_unused(DrvRbdPool *pool, const char *disk, GError **error)
{
    g_auto(GStrv) images = images_of(pool, disk, error);
    gboolean has_own;

    return images && check_images(pool, disk, images, &has_own, error);
}

/* Clones before what they were cloned from, so that nothing has to be copied. */
gboolean
drv_rbd_tree_finish_remove(DrvRbdPool *pool, const char *disk, GError **error)
{
    g_auto(GStrv) images = images_of(pool, disk, error);
    guint left = images ? g_strv_length(images) : 0;
    gboolean has_own;

    while (left > 0) {
        guint before = left;

        for (guint i = 0; i < left;) {
            if (!check_children(pool, disk, images[i], &has_own, error))
                return FALSE;
            if (has_own) {
                i++;
                continue;
            }
            if (!remove_one(pool, disk, images[i], error))
                return FALSE;
            g_free(images[i]);
            images[i] = images[--left];
            images[left] = NULL;
        }
        if (left == before)
            return drv_throw(error,
                             DRV_ERROR_FAILED,
                             "the images of '%s/%s' are clones of each other",
                             pool->name,
                             disk);
    }
    return images != NULL;
}

gboolean
drv_rbd_tree_remove(DrvRbdPool *pool, const char *disk, GError **error)
{
    g_autoptr(DrvRbdStep) step =
        drv_rbd_step_begin(pool, disk, drv_rbd_tree_settle, error);
    g_auto(GStrv) images = step ? images_of(pool, disk, error) : NULL;
    gboolean has_own, done;

    /* What stands against it is found before anything is written down or done. */
    if (images == NULL || !check_images(pool, disk, images, &has_own, error) ||
        !drv_rbd_step_note(step, "remove", error))
        return FALSE;
    /* Mostly it is a single image. */
    done = has_own || images[1] ? drv_rbd_tree_finish_remove(pool, disk, error)
                                : remove_one(pool, disk, disk, error);
    return done && drv_rbd_step_end(step, error);
}

gboolean
drv_rbd_tree_drop_base(DrvRbdPool *pool,
                       const char *name,
                       const char *snapshot,
                       GError **error)
{
    g_autoptr(GArray) children = drv_rbd_image_children(pool, name, snapshot, error);
    g_auto(DrvRbdImage) image = NULL;
    int is_protected = 0;
    int rc;

    if (children == NULL)
        return FALSE;
    if (children->len > 0)
        return TRUE;
    if (!drv_rbd_image_find(pool, name, DRV_RBD_CHANGE, &image, error))
        return FALSE;
    if (image == NULL || rbd_snap_is_protected(image, snapshot, &is_protected) == -ENOENT)
        return TRUE;
    rc = is_protected ? rbd_snap_unprotect(image, snapshot) : 0;
    if (rc == 0)
        rc = rbd_snap_remove(image, snapshot);
    /* Somebody was faster, with a clone or with removing it. */
    return rc == 0 || rc == -EBUSY || rc == -ENOENT || rc == -EINVAL ||
           drv_rbd_throw(
               pool, rc, error, "cannot remove '%s/%s@%s'", pool->name, name, snapshot);
}

/* --- switching
 * ------------------------------------------------------------------------------ */

/* The disk's image becomes one of its past if it has snapshots, and goes if not. */
static gboolean
set_aside(DrvRbdPool *pool, const char *disk, GError **error)
{
    g_auto(DrvRbdImage) image = NULL;
    g_auto(GStrv) ids = NULL;
    g_autofree char *name = NULL;

    if (!drv_rbd_image_find(pool, disk, DRV_RBD_LOOK, &image, error))
        return FALSE;
    if (image == NULL)
        return TRUE;
    ids = drv_rbd_image_snapshots(pool, image, error);
    if (ids == NULL)
        return FALSE;
    drv_rbd_image_close(g_steal_pointer(&image));
    name = drv_rbd_tree_former_name(disk, ids);
    return name ? drv_rbd_image_rename(pool, disk, name, error)
                : drv_rbd_image_remove(pool, disk, FALSE, error);
}

/* The new image is whole.  Without @keep_past all others of the disk go. */
gboolean
drv_rbd_tree_finish_switch(DrvRbdPool *pool,
                           const char *disk,
                           gboolean keep_past,
                           GError **error)
{
    g_autofree char *fresh = drv_rbd_tree_new_name(disk);
    gboolean exists;

    if (!drv_rbd_image_exists(pool, fresh, &exists, error))
        return FALSE;
    if (!exists) /* it has its name already */
        return TRUE;
    return (keep_past ? set_aside(pool, disk, error)
                      : drv_rbd_tree_finish_remove(pool, disk, error)) &&
           drv_rbd_image_rename(pool, fresh, disk, error);
}

static gboolean
clone_snapshot(DrvRbdPool *pool,
               const char *disk,
               guint64 id,
               const char *fresh,
               gboolean flat,
               GError **error)
{
    g_autofree char *holder = drv_rbd_tree_holder(pool, disk, id, error);
    g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT, id);
    guint64 depth = 0;

    if (holder == NULL || !drv_rbd_image_depth(pool, holder, &depth, error) ||
        !drv_rbd_tree_base(pool, holder, name, error) ||
        !drv_rbd_image_clone(pool, holder, name, fresh, error))
        return FALSE;
    if (!flat && depth + 1 <= pool->site->max_depth)
        return TRUE;
    if (!flat)
        drv_info("'%s/%s' becomes independent: it would consist of %" G_GUINT64_FORMAT
                 " images",
                 pool->name,
                 disk,
                 depth + 1);
    return drv_rbd_image_flatten(pool, fresh, error);
}

/* No past, no snapshots, no parent: what flattening leaves. */
static gboolean
is_flat(DrvRbdPool *pool, const char *disk, gboolean *flat, GError **error)
{
    g_auto(GStrv) former = drv_rbd_tree_former(pool, disk, error);
    g_auto(DrvRbdImage) image =
        former ? drv_rbd_image_open(pool, disk, DRV_RBD_LOOK, error) : NULL;
    g_auto(GStrv) snapshots = image ? drv_rbd_image_snapshots(pool, image, error) : NULL;
    g_autofree char *parent = NULL;
    g_autofree char *base = NULL;

    if (snapshots == NULL || !drv_rbd_image_parent(pool, image, &parent, &base, error))
        return FALSE;
    *flat = former[0] == NULL && snapshots[0] == NULL && parent == NULL;
    return TRUE;
}

/* What is found before anything is noted needs no settling. */
static gboolean
check_snapshot(DrvRbdPool *pool, const char *disk, guint64 id, GError **error)
{
    g_auto(DrvRbdImage) image = drv_rbd_image_open(pool, disk, DRV_RBD_LOOK, error);
    g_autofree char *holder = NULL;

    if (image == NULL || !drv_rbd_image_check_format(pool, image, error))
        return FALSE;
    holder = drv_rbd_tree_holder(pool, disk, id, error);
    return holder != NULL;
}

static gboolean
switch_to(DrvRbdPool *pool, const char *disk, guint64 id, const char *how, GError **error)
{
    g_autofree char *fresh = drv_rbd_tree_new_name(disk);
    gboolean keep_past = g_str_equal(how, "switch");
    g_autoptr(DrvRbdStep) step =
        drv_rbd_step_begin(pool, disk, drv_rbd_tree_settle, error);
    gboolean done = FALSE;

    if (step == NULL || (!keep_past && !is_flat(pool, disk, &done, error)))
        return FALSE;
    if (done)
        return drv_rbd_step_end(step, error);
    return check_snapshot(pool, disk, id, error) &&
           (keep_past || drv_rbd_tree_check_unused(pool, disk, error)) &&
           drv_rbd_step_note(step, "prepare", error) &&
           drv_rbd_image_remove(pool, fresh, FALSE, error) &&
           clone_snapshot(pool, disk, id, fresh, !keep_past, error) &&
           drv_rbd_step_note(step, how, error) &&
           drv_rbd_tree_finish_switch(pool, disk, keep_past, error) &&
           drv_rbd_step_end(step, error);
}

gboolean
drv_rbd_tree_revert(DrvRbdPool *pool, const char *disk, guint64 id, GError **error)
{
    return switch_to(pool, disk, id, "switch", error);
}

gboolean
drv_rbd_tree_flatten(DrvRbdPool *pool, const char *disk, guint64 id, GError **error)
{
    return switch_to(pool, disk, id, "replace", error);
}
