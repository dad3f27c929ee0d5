/* SPDX-License-Identifier: Apache-2.0 */
/* Names, snapshots, and what is settled how. */
#include "rbd/tree.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "rbd/tree-private.h"

#define NEW_SUFFIX ".new"

/* --- names
 * -------------------------------------------------------------------------------- */

gboolean
drv_rbd_tree_is_former(const char *disk, const char *name)
{
    gsize length = strlen(disk);
    gboolean in_number = FALSE;

    if (strncmp(name, disk, length) != 0 || name[length] != '-')
        return FALSE;
    for (const char *at = name + length + 1; *at; at++) {
        if (!g_ascii_isdigit(*at) && (*at != ':' || !in_number))
            return FALSE;
        in_number = g_ascii_isdigit(*at);
    }
    return in_number;
}

gboolean
drv_rbd_tree_is_own_clone(const char *disk, const rbd_linked_image_spec_t *child)
{
    return !child->trash && (g_str_equal(child->image_name, disk) ||
                             drv_rbd_tree_is_former(disk, child->image_name));
}

char **
drv_rbd_tree_former(DrvRbdPool *pool, const char *disk, GError **error)
{
    g_auto(GStrv) all = drv_rbd_image_list(pool, error);
    g_autoptr(GPtrArray) former = NULL;

    if (all == NULL)
        return NULL;
    former = g_ptr_array_new();
    for (guint i = 0; all[i]; i++) {
        if (drv_rbd_tree_is_former(disk, all[i]))
            g_ptr_array_add(former, g_strdup(all[i]));
    }
    g_ptr_array_add(former, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&former), FALSE);
}

static gboolean
is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

char *
drv_rbd_tree_former_name(const char *disk, char **snapshots)
{
    g_autoptr(GString) name = g_string_new(NULL);

    for (guint i = 0; snapshots[i]; i++) {
        if (is_number(snapshots[i]))
            g_string_append_printf(name, "%c%s", name->len ? ':' : '-', snapshots[i]);
    }
    if (name->len == 0)
        return NULL;
    g_string_prepend(name, disk);
    return g_string_free(g_steal_pointer(&name), FALSE);
}

char *
drv_rbd_tree_new_name(const char *disk)
{
    return g_strconcat(disk, NEW_SUFFIX, NULL);
}

/* --- who holds a snapshot
 * ------------------------------------------------------------------- */

static gboolean
holds(DrvRbdPool *pool, const char *name, const char *id, gboolean *yes, GError **error)
{
    g_auto(DrvRbdImage) image = NULL;
    g_auto(GStrv) snapshots = NULL;

    *yes = FALSE;
    if (!drv_rbd_image_find(pool, name, DRV_RBD_LOOK, &image, error))
        return FALSE;
    if (image == NULL)
        return TRUE;
    snapshots = drv_rbd_image_snapshots(pool, image, error);
    if (snapshots == NULL)
        return FALSE;
    *yes = g_strv_contains((const char *const *)snapshots, id);
    return TRUE;
}

/* Among the images that the disk was until reverts. */
static gboolean
find_former_holder(
    DrvRbdPool *pool, const char *disk, const char *id, char **holder, GError **error)
{
    g_auto(GStrv) former = NULL;
    gboolean yes;

    *holder = NULL;
    former = drv_rbd_tree_former(pool, disk, error);
    for (guint i = 0; former && former[i] && *holder == NULL; i++) {
        if (!holds(pool, former[i], id, &yes, error))
            return FALSE;
        if (yes)
            *holder = g_strdup(former[i]);
    }
    return former != NULL;
}

/* *holder is NULL when no image of the disk has the snapshot. */
static gboolean
find_holder(
    DrvRbdPool *pool, const char *disk, const char *id, char **holder, GError **error)
{
    gboolean yes;

    *holder = NULL;
    if (!holds(pool, disk, id, &yes, error))
        return FALSE;
    if (!yes)
        return find_former_holder(pool, disk, id, holder, error);
    *holder = g_strdup(disk);
    return TRUE;
}

char *
drv_rbd_tree_holder(DrvRbdPool *pool, const char *disk, guint64 id, GError **error)
{
    g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT, id);
    g_auto(DrvRbdImage) image = NULL;
    char *holder = NULL;

    if (!find_holder(pool, disk, name, &holder, error))
        return NULL;
    if (holder)
        return holder;
    image = drv_rbd_image_open(pool, disk, DRV_RBD_LOOK, error);
    if (image)
        (void)drv_throw(error,
                        DRV_ERROR_NOT_FOUND,
                        "image '%s/%s' has no snapshot %s",
                        pool->name,
                        disk,
                        name);
    return NULL;
}

/* --- making
 * ------------------------------------------------------------------------------- */

static gboolean
protect(DrvRbdPool *pool, DrvRbdImage image, const char *name, GError **error)
{
    int rc = rbd_snap_protect(image, name);

    return rc == 0 || rc == -EBUSY /* it is already */ ||
           drv_rbd_throw(pool, rc, error, "cannot protect snapshot %s", name);
}

gboolean
drv_rbd_tree_base(DrvRbdPool *pool,
                  const char *name,
                  const char *snapshot,
                  GError **error)
{
    g_auto(DrvRbdImage) image = drv_rbd_image_open(pool, name, DRV_RBD_LOOK, error);
    int is_protected = 0;
    int rc;

    if (image == NULL || !drv_rbd_image_check_format(pool, image, error))
        return FALSE;
    if (rbd_snap_is_protected(image, snapshot, &is_protected) == 0 && is_protected)
        return TRUE;
    drv_rbd_image_close(g_steal_pointer(&image));
    image = drv_rbd_image_open(pool, name, DRV_RBD_CHANGE, error);
    if (image == NULL)
        return FALSE;
    rc = rbd_snap_create(image, snapshot);
    if (rc < 0 && rc != -EEXIST)
        return drv_rbd_throw(pool,
                             rc,
                             error,
                             "cannot create snapshot '%s/%s@%s'",
                             pool->name,
                             name,
                             snapshot);
    return protect(pool, image, snapshot, error);
}

static int
count_change(uint64_t offset, size_t length, int exists, void *data)
{
    (void)offset, (void)length, (void)exists;
    *(gboolean *)data = TRUE;
    return 0;
}

/* The snapshot is there, and no driver died over it: it is ours from a run whose answer
 * was lost if nothing was written since, else a number that is used twice.
 */
static gboolean
check_unchanged(DrvRbdPool *pool, DrvRbdImage image, const char *id, GError **error)
{
    gboolean changed = FALSE;
    guint64 size = 0;
    int rc = rbd_get_size(image, &size);

    if (rc == 0)
        rc = rbd_diff_iterate2(image, id, 0, size, 0, 1, count_change, &changed);
    if (rc < 0)
        return drv_rbd_throw(pool, rc, error, "cannot compare with snapshot %s", id);
    return !changed || drv_throw(error,
                                 DRV_ERROR_EXISTS,
                                 "there is a snapshot %s already, of another time",
                                 id);
}

static gboolean
create_snap(
    DrvRbdPool *pool, DrvRbdStep *step, const char *disk, const char *id, GError **error)
{
    g_auto(DrvRbdImage) image = drv_rbd_image_open(pool, disk, DRV_RBD_CHANGE, error);
    g_auto(GStrv) snapshots = image ? drv_rbd_image_snapshots(pool, image, error) : NULL;
    g_autofree char *note = g_strdup_printf("snap %s", id);
    g_autofree char *holder = NULL;
    int rc;

    if (snapshots == NULL || !drv_rbd_image_check_format(pool, image, error))
        return FALSE;
    if (g_strv_contains((const char *const *)snapshots, id))
        return check_unchanged(pool, image, id, error) && protect(pool, image, id, error);
    if (!find_former_holder(pool, disk, id, &holder, error))
        return FALSE;
    if (holder)
        return drv_throw(error,
                         DRV_ERROR_EXISTS,
                         "there is a snapshot %s already, in image '%s'",
                         id,
                         holder);
    if (!drv_rbd_step_note(step, note, error))
        return FALSE;
    rc = rbd_snap_create(image, id);
    if (rc < 0)
        return drv_rbd_throw(pool, rc, error, "cannot create snapshot %s", id);
    return protect(pool, image, id, error);
}

gboolean
drv_rbd_tree_snap_create(DrvRbdPool *pool, const char *disk, guint64 id, GError **error)
{
    g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT, id);
    g_autoptr(DrvRbdStep) step =
        drv_rbd_step_begin(pool, disk, drv_rbd_tree_settle, error);

    return step && create_snap(pool, step, disk, name, error) &&
           drv_rbd_step_end(step, error);
}

/* --- deleting a snapshot
 * -------------------------------------------------------------------- */

/* Without the feature deep-flatten, snapshots stay clones when their image is flattened.
 */
static gboolean
check_flattens(DrvRbdPool *pool, const char *child, GError **error)
{
    g_auto(DrvRbdImage) image = drv_rbd_image_open(pool, child, DRV_RBD_LOOK, error);
    g_auto(GStrv) snapshots = image ? drv_rbd_image_snapshots(pool, image, error) : NULL;
    guint64 features = 0;
    int rc;

    if (snapshots == NULL)
        return FALSE;
    rc = rbd_get_features(image, &features);
    if (rc < 0)
        return drv_rbd_throw(pool, rc, error, "cannot read the features of '%s'", child);
    return snapshots[0] == NULL || (features & RBD_FEATURE_DEEP_FLATTEN) ||
           drv_throw(error,
                     DRV_ERROR_BUSY,
                     "snapshot %s of '%s/%s' is a clone of it",
                     snapshots[0],
                     pool->name,
                     child);
}

/* Of the snapshot's clones, those of the same disk become independent; one of another's
 * stops it.
 */
static gboolean
free_clones(DrvRbdPool *pool,
            const char *disk,
            const char *holder,
            const char *snapshot,
            GError **error)
{
    g_autoptr(GArray) children = drv_rbd_image_children(pool, holder, snapshot, error);

    for (guint i = 0; children && i < children->len; i++) {
        const rbd_linked_image_spec_t *child =
            &g_array_index(children, rbd_linked_image_spec_t, i);

        if (!drv_rbd_tree_is_own_clone(disk, child))
            return drv_throw(error,
                             DRV_ERROR_BUSY,
                             "'%s/%s'%s is a clone of it",
                             child->pool_name,
                             child->image_name,
                             child->trash ? " in the trash" : "");
        if (!check_flattens(pool, child->image_name, error) ||
            !drv_rbd_image_flatten(pool, child->image_name, error))
            return FALSE;
    }
    return children != NULL;
}

/* Unprotect and remove.  With *busy FALSE, clones of format 1 are no error but make it
 * TRUE.
 */
static gboolean
remove_snap(DrvRbdPool *pool,
            const char *holder,
            const char *snapshot,
            gboolean *busy,
            GError **error)
{
    g_auto(DrvRbdImage) image = drv_rbd_image_open(pool, holder, DRV_RBD_CHANGE, error);
    int rc;

    if (image == NULL)
        return FALSE;
    rc = rbd_snap_unprotect(image, snapshot);
    if (rc == -EBUSY && !*busy) {
        *busy = TRUE;
        return TRUE;
    }
    *busy = FALSE;
    if (rc == 0 || rc == -EINVAL /* is not protected */)
        rc = rbd_snap_remove(image, snapshot);
    return rc == 0 || rc == -ENOENT ||
           drv_rbd_throw(pool, rc, error, "cannot delete snapshot %s", snapshot);
}

gboolean
drv_rbd_tree_drop_snap(DrvRbdPool *pool,
                       const char *disk,
                       const char *holder,
                       const char *name,
                       GError **error)
{
    gboolean busy = FALSE;

    if (!remove_snap(pool, holder, name, &busy, error))
        return FALSE;
    if (!busy)
        return TRUE;
    if (!free_clones(pool, disk, holder, name, error))
        return drv_prefix(error, "cannot delete snapshot %s", name);
    return remove_snap(pool, holder, name, &busy, error);
}

/* An image of the past is named after the snapshots it has; without any, it goes as soon
 * as nothing was cloned from it.
 */
static gboolean
tidy_former(DrvRbdPool *pool, const char *disk, const char *name, GError **error)
{
    g_auto(DrvRbdImage) image = drv_rbd_image_open(pool, name, DRV_RBD_LOOK, error);
    g_auto(GStrv) left = image ? drv_rbd_image_snapshots(pool, image, error) : NULL;
    g_autofree char *wanted = NULL;
    g_autoptr(GArray) children = NULL;

    if (left == NULL)
        return FALSE;
    wanted = drv_rbd_tree_former_name(disk, left);
    if (wanted) {
        drv_rbd_image_close(g_steal_pointer(&image));
        return g_str_equal(wanted, name) ||
               drv_rbd_image_rename(pool, name, wanted, error);
    }
    drv_rbd_image_close(g_steal_pointer(&image));
    children = drv_rbd_image_children(pool, name, NULL, error);
    return children && (children->len > 0 || left[0] ||
                        drv_rbd_image_remove(pool, name, FALSE, error));
}

/* Repeatable: a cut-off run has removed the snapshot, and not yet renamed its image. */
static gboolean
finish_delete(DrvRbdPool *pool, const char *disk, const char *id, GError **error)
{
    g_autofree char *holder = NULL;
    g_auto(GStrv) former = NULL;

    if (!find_holder(pool, disk, id, &holder, error) ||
        (holder && !drv_rbd_tree_drop_snap(pool, disk, holder, id, error)))
        return FALSE;
    former = drv_rbd_tree_former(pool, disk, error);
    for (guint i = 0; former && former[i]; i++) {
        if (!tidy_former(pool, disk, former[i], error))
            return FALSE;
    }
    return former != NULL;
}

gboolean
drv_rbd_tree_snap_delete(DrvRbdPool *pool, const char *disk, guint64 id, GError **error)
{
    g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT, id);
    g_autofree char *note = g_strdup_printf("unsnap %s", name);
    g_autoptr(DrvRbdStep) step =
        drv_rbd_step_begin(pool, disk, drv_rbd_tree_settle, error);
    g_auto(DrvRbdImage) image =
        step ? drv_rbd_image_open(pool, disk, DRV_RBD_LOOK, error) : NULL;

    if (image == NULL || !drv_rbd_image_check_format(pool, image, error))
        return FALSE;
    drv_rbd_image_close(g_steal_pointer(&image));
    return drv_rbd_step_note(step, note, error) &&
           finish_delete(pool, disk, name, error) && drv_rbd_step_end(step, error);
}

/* --- what was cut off
 * --------------------------------------------------------------------- */

static gboolean
remove_if_there(DrvRbdPool *pool, const char *name, GError **error)
{
    return drv_rbd_image_remove(pool, name, FALSE, error);
}

/* A clone that is in the way may be in the way for long, and nothing was changed then. */
static gboolean
settle_delete(DrvRbdPool *pool, const char *disk, const char *id, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (finish_delete(pool, disk, id, &why))
        return TRUE;
    if (!drv_error_is(why, DRV_ERROR_BUSY)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    drv_ignore(&why, "the snapshot stays");
    return TRUE;
}

gboolean
drv_rbd_tree_settle(DrvRbdPool *pool, const char *image, const char *note, GError **error)
{
    g_autofree char *fresh = drv_rbd_tree_new_name(image);

    if (g_str_equal(note, "make"))
        return remove_if_there(pool, image, error);
    if (g_str_has_prefix(note, "snap "))
        return drv_rbd_tree_drop_snap(pool, image, image, note + 5, error);
    if (g_str_has_prefix(note, "unsnap "))
        return settle_delete(pool, image, note + 7, error);
    if (g_str_equal(note, "remove"))
        return drv_rbd_tree_finish_remove(pool, image, error);
    if (g_str_equal(note, "prepare"))
        return remove_if_there(pool, fresh, error);
    if (g_str_equal(note, "switch"))
        return drv_rbd_tree_finish_switch(pool, image, TRUE, error);
    if (g_str_equal(note, "replace"))
        return drv_rbd_tree_finish_switch(pool, image, FALSE, error);
    return drv_throw(
        error,
        DRV_ERROR_REFUSED,
        "a driver has left '%s' at image '%s/%s', which is not known here: a "
        "later release of it",
        note,
        pool->name,
        image);
}
