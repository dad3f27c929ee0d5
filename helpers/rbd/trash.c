/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/trash.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "rbd/image.h"
#include "rbd/pace.h"
#include "rbd/tree.h"

#define CLAIMED "one_native.purge." /* and the id */
#define OBJECTS_AT_ONCE 20

typedef struct {
    rbd_trash_image_info_t *entries;
    size_t n;
} Trash;

static void
trash_clear(Trash *trash)
{
    rbd_trash_list_cleanup(trash->entries, trash->n);
    g_free(trash->entries);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Trash, trash_clear)

static void
trash_list(DrvRbdPool *pool, Trash *trash)
{
    int rc = -ERANGE;

    for (trash->n = 64; rc == -ERANGE;) {
        trash->entries = g_renew(rbd_trash_image_info_t, trash->entries, trash->n);
        memset(trash->entries, 0, trash->n * sizeof *trash->entries);
        rc = rbd_trash_list(pool->io, trash->entries, &trash->n);
    }
    if (rc < 0)
        trash->n = 0;
}

char *
drv_rbd_trash_until(DrvRbdPool *pool, const char *name)
{
    g_auto(Trash) trash = { NULL, 0 };

    trash_list(pool, &trash);
    for (size_t i = 0; i < trash.n; i++) {
        g_autoptr(GDateTime) when =
            g_date_time_new_from_unix_utc(trash.entries[i].deferment_end_time);

        if (g_str_equal(trash.entries[i].name, name))
            return when ? g_date_time_format_iso8601(when) : g_strdup("it is purged");
    }
    return NULL;
}

/* Put away by us, or by hand until a date: the stock drivers' have none. */
static gboolean
is_expired(const rbd_trash_image_info_t *entry)
{
    return g_str_has_prefix(entry->name, "one-") &&
           entry->deferment_end_time > entry->deletion_time &&
           entry->deferment_end_time < g_get_real_time() / G_USEC_PER_SEC;
}

/* Nobody can restore it any more when it is taken out of the trash under a name of its
 * own; who restores it at the same time is first, or fails.
 */
static gboolean
claim(DrvRbdPool *pool, const rbd_trash_image_info_t *entry)
{
    g_autofree char *name = g_strconcat(CLAIMED, entry->id, NULL);
    g_auto(DrvRbdImage) image = NULL;
    rbd_snap_info_t snaps[1];
    int n = G_N_ELEMENTS(snaps);
    int rc = rbd_open_by_id_read_only(pool->io, entry->id, &image, NULL);

    if (rc == 0)
        rc = rbd_snap_list(image, snaps, &n);
    if (rc > 0)
        rbd_snap_list_end(snaps);
    if (rc == 0)
        rc = rbd_trash_restore(pool->io, entry->id, name);
    if (rc == 0)
        drv_info("purging '%s/%s', now '%s'", pool->name, entry->name, name);
    else
        drv_debug("'%s/%s' stays in the trash: %s",
                  pool->name,
                  entry->name,
                  rc < 0 ? g_strerror(-rc) : "it has snapshots or clones");
    return rc == 0;
}

static void
claim_expired(DrvRbdPool *pool)
{
    g_auto(Trash) trash = { NULL, 0 };

    trash_list(pool, &trash);
    for (size_t i = 0; i < trash.n; i++) {
        if (is_expired(&trash.entries[i]))
            (void)claim(pool, &trash.entries[i]);
    }
}

/* Cut an image off from its end, so that what has been done is known by its size. */
static int
shrink(DrvRbdImage image, DrvRbdPace *pace)
{
    rbd_image_info_t info;
    int rc = rbd_stat(image, &info, sizeof info);
    guint64 left = rc == 0 ? info.num_objs : 0;

    if (rc == 0)
        drv_rbd_pace_image(pace, image);
    while (rc == 0 && left > 0 && !drv_rbd_pace_is_over(pace)) {
        guint64 n = 0;

        for (; left > 0 && n < OBJECTS_AT_ONCE; left--)
            n += drv_rbd_pace_counts(pace, left - 1) ? 1 : 0;
        rc = rbd_resize(image, left * info.obj_size);
        drv_rbd_pace_wait(pace, n);
    }
    return rc == 0 && left > 0 ? -ECANCELED : rc;
}

/* The last clone takes the snapshot for clones with it, as in delete. */
static gboolean
remove_empty(DrvRbdPool *pool,
             const char *name,
             const char *parent,
             const char *snapshot,
             GError **error)
{
    return drv_rbd_image_remove(pool, name, FALSE, error) &&
           (g_strcmp0(snapshot, DRV_RBD_BASE_SNAPSHOT) != 0 ||
            drv_rbd_tree_drop_base(pool, parent, snapshot, error));
}

static gboolean
purge(DrvRbdPool *pool, const char *name, DrvRbdPace *pace, GError **error)
{
    g_auto(DrvRbdImage) image = NULL;
    g_autofree char *parent = NULL;
    g_autofree char *snapshot = NULL;
    int rc;

    if (!drv_rbd_image_find(pool, name, DRV_RBD_CHANGE, &image, error))
        return FALSE;
    if (image == NULL) /* another monitoring is faster */
        return TRUE;
    if (!drv_rbd_image_parent(pool, image, &parent, &snapshot, error))
        return FALSE;
    rc = shrink(image, pace);
    drv_rbd_image_close(g_steal_pointer(&image));
    if (rc == -ECANCELED)
        return TRUE;
    return rc < 0 ? drv_rbd_throw(pool, rc, error, "cannot shrink it")
                  : remove_empty(pool, name, parent, snapshot, error);
}

void
drv_rbd_trash_purge(DrvRbdPool *pool)
{
    g_auto(DrvRbdPace) pace = DRV_RBD_PACE_INIT;
    g_auto(GStrv) images = NULL;

    claim_expired(pool);
    images = drv_rbd_image_list(pool, NULL);
    drv_rbd_pace_begin(&pace, pool->site->purge_rate, pool->site->purge_s);
    for (guint i = 0; images && images[i] && !drv_rbd_pace_is_over(&pace); i++) {
        g_autoptr(GError) why = NULL;

        if (g_str_has_prefix(images[i], CLAIMED) && !purge(pool, images[i], &pace, &why))
            drv_warn(
                "'%s/%s' is not purged yet: %s", pool->name, images[i], why->message);
    }
}
