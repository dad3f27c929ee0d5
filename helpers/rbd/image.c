/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/image.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "rbd/pace.h"
#include "rbd/trash.h"

#define LARGE_TRASH_S 1 /* a date, so that it is ours to purge */
#define DEPTH_MAX 64    /* librbd's own limit is far lower: a loop, then */

void
drv_rbd_image_close(DrvRbdImage image)
{
    if (image && !drv_rbd_image_is_abandoned(image))
        (void)rbd_close(image);
}

/* --- there, in the trash, or absent
 * ------------------------------------------------------- */

/* Users without the right to look into the trash get the plain answer. */
static gboolean
throw_absent(DrvRbdPool *pool, const char *name, GError **error)
{
    g_autofree char *until = drv_rbd_trash_until(pool, name);

    if (until)
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "image '%s/%s' is in the trash, from which it can be restored "
                         "until %s",
                         pool->name,
                         name,
                         until);
    return drv_throw(
        error, DRV_ERROR_NOT_FOUND, "there is no image '%s/%s'", pool->name, name);
}

static int
open_image(DrvRbdPool *pool, const char *name, DrvRbdAccess access, DrvRbdImage *image)
{
    *image = NULL;
    return access == DRV_RBD_CHANGE ? rbd_open(pool->io, name, image, NULL)
                                    : rbd_open_read_only(pool->io, name, image, NULL);
}

gboolean
drv_rbd_image_find(DrvRbdPool *pool,
                   const char *name,
                   DrvRbdAccess access,
                   DrvRbdImage *image,
                   GError **error)
{
    int rc = open_image(pool, name, access, image);

    return rc == 0 || rc == -ENOENT ||
           drv_rbd_throw(pool, rc, error, "cannot open image '%s/%s'", pool->name, name);
}

DrvRbdImage
drv_rbd_image_open(DrvRbdPool *pool,
                   const char *name,
                   DrvRbdAccess access,
                   GError **error)
{
    DrvRbdImage image = NULL;

    if (drv_rbd_image_find(pool, name, access, &image, error) && image == NULL)
        (void)throw_absent(pool, name, error);
    return image;
}

gboolean
drv_rbd_image_exists(DrvRbdPool *pool, const char *name, gboolean *exists, GError **error)
{
    g_auto(DrvRbdImage) image = NULL;

    if (!drv_rbd_image_find(pool, name, DRV_RBD_LOOK, &image, error))
        return FALSE;
    *exists = image != NULL;
    return TRUE;
}

gboolean
drv_rbd_image_check_format(DrvRbdPool *pool, DrvRbdImage image, GError **error)
{
    uint8_t old = 0;
    int rc = rbd_get_old_format(image, &old);

    if (rc < 0)
        return drv_rbd_throw(pool, rc, error, "cannot read an image's format");
    return !old || drv_throw(error,
                             DRV_ERROR_UNSUPPORTED,
                             "Only RBD Format 2 is supported for this operation");
}

/* --- lists
 * -------------------------------------------------------------------------------- */

char **
drv_rbd_image_list(DrvRbdPool *pool, GError **error)
{
    rbd_image_spec_t *images = NULL;
    char **names;
    size_t n = 256;
    int rc = -ERANGE;

    while (rc == -ERANGE) {
        images = g_renew(rbd_image_spec_t, images, n);
        rc = rbd_list2(pool->io, images, &n);
    }
    if (rc < 0) {
        g_free(images);
        (void)drv_rbd_throw(pool, rc, error, "cannot list pool '%s'", pool->name);
        return NULL;
    }
    names = g_new0(char *, n + 1);
    for (size_t i = 0; i < n; i++)
        names[i] = g_strdup(images[i].name);
    rbd_image_spec_list_cleanup(images, n);
    g_free(images);
    return names;
}

char **
drv_rbd_image_snapshots(DrvRbdPool *pool, DrvRbdImage image, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree rbd_snap_info_t *snaps = NULL;
    int n = 32, rc = -ERANGE;

    while (rc == -ERANGE) {
        snaps = g_renew(rbd_snap_info_t, snaps, n);
        rc = rbd_snap_list(image, snaps, &n);
    }
    if (rc < 0) {
        (void)drv_rbd_throw(pool, rc, error, "cannot list snapshots");
        return NULL;
    }
    for (int i = 0; i < rc; i++) {
        rbd_snap_namespace_type_t type = RBD_SNAP_NAMESPACE_TYPE_USER;

        if (rbd_snap_get_namespace_type(image, snaps[i].id, &type) == 0 &&
            type == RBD_SNAP_NAMESPACE_TYPE_USER)
            g_ptr_array_add(names, g_strdup(snaps[i].name));
    }
    if (rc > 0)
        rbd_snap_list_end(snaps);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

/* --- parents
 * ------------------------------------------------------------------------------ */

typedef struct {
    rbd_linked_image_spec_t image;
    rbd_snap_spec_t snapshot;
} Parent;

static void
parent_clear(Parent *parent)
{
    rbd_linked_image_spec_cleanup(&parent->image);
    rbd_snap_spec_cleanup(&parent->snapshot);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parent, parent_clear)

gboolean
drv_rbd_image_parent(
    DrvRbdPool *pool, DrvRbdImage image, char **parent, char **snapshot, GError **error)
{
    g_auto(Parent) found = { 0 };
    int rc = rbd_get_parent(image, &found.image, &found.snapshot);

    if (rc == -ENOENT)
        return TRUE;
    if (rc < 0)
        return drv_rbd_throw(pool, rc, error, "cannot find an image's parent");
    *parent = g_strdup(found.image.image_name);
    *snapshot = g_strdup(found.snapshot.name);
    return TRUE;
}

/* Open the parent, which may be in another pool or in the trash: *next is NULL without.
 */
static int
open_parent(DrvRbdPool *pool, DrvRbdImage image, DrvRbdImage *next)
{
    g_auto(Parent) parent = { 0 };
    rados_ioctx_t io;
    int rc = rbd_get_parent(image, &parent.image, &parent.snapshot);

    *next = NULL;
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    rc = rados_ioctx_create2(pool->cluster, parent.image.pool_id, &io);
    if (rc < 0)
        return rc;
    rados_ioctx_set_namespace(io, parent.image.pool_namespace);
    rc = rbd_open_by_id_read_only(io, parent.image.image_id, next, NULL);
    rados_ioctx_destroy(io);
    return rc;
}

gboolean
drv_rbd_image_depth(DrvRbdPool *pool, const char *name, guint64 *depth, GError **error)
{
    DrvRbdImage image = drv_rbd_image_open(pool, name, DRV_RBD_LOOK, error);
    int rc = 0;

    if (image == NULL)
        return FALSE;
    for (*depth = 0; image && *depth < DEPTH_MAX; (*depth)++) {
        g_auto(DrvRbdImage) this = image;

        rc = open_parent(pool, this, &image);
        if (rc < 0)
            image = NULL;
    }
    drv_rbd_image_close(image);
    return rc == 0 ||
           drv_rbd_throw(
               pool, rc, error, "cannot follow the parents of '%s/%s'", pool->name, name);
}

/* --- changes
 * ------------------------------------------------------------------------------ */

static rbd_image_options_t
options_of(const DrvRbdSite *site)
{
    rbd_image_options_t options;

    rbd_image_options_create(&options);
    (void)rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_FORMAT, site->format);
    if (*site->data_pool)
        (void)rbd_image_options_set_string(
            options, RBD_IMAGE_OPTION_DATA_POOL, site->data_pool);
    return options;
}

gboolean
drv_rbd_image_create(DrvRbdPool *pool, const char *name, guint64 size, GError **error)
{
    rbd_image_options_t options = options_of(pool->site);
    int rc = rbd_create4(pool->io, name, size, options);

    rbd_image_options_destroy(options);
    return rc == 0 ||
           drv_rbd_throw(
               pool, rc, error, "cannot create image '%s/%s'", pool->name, name);
}

gboolean
drv_rbd_image_clone(DrvRbdPool *pool,
                    const char *parent,
                    const char *snapshot,
                    const char *child,
                    GError **error)
{
    rbd_image_options_t options = options_of(pool->site);
    int rc;

    (void)rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_FORMAT, 2);
    rc = rbd_clone3(pool->io, parent, snapshot, pool->io, child, options);
    rbd_image_options_destroy(options);
    return rc == 0 || drv_rbd_throw(pool,
                                    rc,
                                    error,
                                    "cannot clone '%s/%s@%s' to '%s'",
                                    pool->name,
                                    parent,
                                    snapshot,
                                    child);
}

gboolean
drv_rbd_image_flatten(DrvRbdPool *pool, const char *name, GError **error)
{
    g_auto(DrvRbdImage) image = drv_rbd_image_open(pool, name, DRV_RBD_CHANGE, error);
    g_auto(DrvRbdPace) pace = DRV_RBD_PACE_INIT;
    int rc;

    drv_rbd_pace_begin(&pace, pool->site->flatten_rate, 0);
    if (image == NULL)
        return FALSE;
    drv_rbd_pace_image(&pace, image);
    rc = rbd_flatten_with_progress(image, drv_rbd_pace, &pace);
    /* Without a parent there is nothing to do: that is -EINVAL. */
    return rc == 0 || rc == -EINVAL ||
           drv_rbd_throw(
               pool, rc, error, "cannot flatten image '%s/%s'", pool->name, name);
}

gboolean
drv_rbd_image_rename(DrvRbdPool *pool, const char *from, const char *to, GError **error)
{
    int rc = rbd_rename(pool->io, from, to);

    return rc == 0 || drv_rbd_throw(pool,
                                    rc,
                                    error,
                                    "cannot rename image '%s/%s' to '%s'",
                                    pool->name,
                                    from,
                                    to);
}

static int
add_extent(uint64_t offset, size_t length, int exists, void *bytes)
{
    (void)offset;
    if (exists)
        *(guint64 *)bytes += length;
    return 0;
}

/* Who has it open, for the message; caller frees. */
static char *
describe_users(DrvRbdPool *pool, const char *name)
{
    g_auto(DrvRbdImage) image = NULL;
    rbd_image_watcher_t watchers[16];
    size_t n = G_N_ELEMENTS(watchers);
    char *text = NULL;

    if (open_image(pool, name, DRV_RBD_LOOK, &image) == 0 &&
        rbd_watchers_list(image, watchers, &n) == 0) {
        if (n > 0)
            text = g_strdup_printf("a client at %s", watchers[0].addr);
        rbd_watchers_list_cleanup(watchers, n);
    }
    return text ? text : g_strdup("a client");
}

static gboolean
throw_removal(DrvRbdPool *pool, const char *name, int rc, GError **error)
{
    g_autofree char *users = NULL;

    if (rc != -EBUSY)
        return drv_rbd_throw(
            pool, rc, error, "cannot remove image '%s/%s'", pool->name, name);
    users = describe_users(pool, name);
    return drv_throw(error,
                     DRV_ERROR_BUSY,
                     "image '%s/%s' is in use: %s has it open, or has been silent for "
                     "less than 30 s",
                     pool->name,
                     name,
                     users);
}

/* In the trash a clone of a former image of the disk would hold on to that one. */
static gboolean
may_wait(DrvRbdPool *pool, DrvRbdImage image)
{
    g_autofree char *parent = NULL;
    g_autofree char *snapshot = NULL;

    return drv_rbd_image_parent(pool, image, &parent, &snapshot, NULL) &&
           (snapshot == NULL || g_str_equal(snapshot, DRV_RBD_BASE_SNAPSHOT));
}

/* More data than is removed while somebody waits; of an image whose objects are not
 * counted, as many as it may have.
 */
static gboolean
is_large(DrvRbdPool *pool, const char *name)
{
    g_auto(DrvRbdImage) image = NULL;
    guint64 features = 0, bytes = 0;

    if (open_image(pool, name, DRV_RBD_LOOK, &image) < 0 ||
        rbd_get_size(image, &bytes) < 0 || bytes / DRV_MIB <= pool->site->remove_mb ||
        !may_wait(pool, image))
        return FALSE;
    if (rbd_get_features(image, &features) == 0 && (features & RBD_FEATURE_FAST_DIFF)) {
        guint64 size = bytes;

        bytes = 0;
        if (rbd_diff_iterate2(image, NULL, 0, size, 0, 1, add_extent, &bytes) < 0)
            return FALSE;
    }
    return bytes / DRV_MIB > pool->site->remove_mb;
}

static int
remove_image(DrvRbdPool *pool, const char *name, gboolean to_trash)
{
    int rc = -EPERM;

    if (to_trash)
        return rbd_trash_move(pool->io, name, pool->site->trash_s);
    if (is_large(pool, name))
        rc = rbd_trash_move(pool->io, name, LARGE_TRASH_S);
    if (rc == 0)
        drv_info(
            "'%s/%s' is large: monitoring purges it from the trash", pool->name, name);
    /* Not large, or may not use the trash: old images and some users. */
    return rc == -EPERM || rc == -EOPNOTSUPP
               ? rbd_remove_with_progress(pool->io, name, drv_rbd_progress, NULL)
               : rc;
}

gboolean
drv_rbd_image_remove(DrvRbdPool *pool,
                     const char *name,
                     gboolean to_trash,
                     GError **error)
{
    int rc = remove_image(pool, name, to_trash);

    if (rc == -ENOENT) {
        drv_debug("image '%s/%s' is gone already", pool->name, name);
        return TRUE;
    }
    return rc == 0 || throw_removal(pool, name, rc, error);
}
