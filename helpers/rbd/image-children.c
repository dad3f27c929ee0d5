/* SPDX-License-Identifier: Apache-2.0 */
/* image-children.c - which images are clones of one.
 *
 * librbd opens each clone to list it, and while another driver removes one it may wait
 * for ever (seen with 17.2 in rbd_list_children3(), one time in ten with 20 removals at
 * once).  So it is given CEPH_TIMEOUT, in a thread; a thread that does not come back is
 * left behind with its image and its connection, and another connection is asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "rbd/image.h"

#define VANISHED_TRIES 10

typedef struct {
    GMutex lock;
    GCond wake;
    DrvRbdImage image;
    rbd_linked_image_spec_t *found;
    size_t n;
    int rc;
    gboolean ended;
} Listing;

static GHashTable *abandoned; /* images that a thread of librbd's still uses */

gboolean
drv_rbd_image_is_abandoned(DrvRbdImage image)
{
    return abandoned && g_hash_table_contains(abandoned, image);
}

/* What librbd does at exit would wait for that thread, too. */
static void
leave(int status, void *data)
{
    (void)data;
    _exit(status);
}

/* What is begun from here on uses a new connection. */
static gboolean
abandon(DrvRbdPool *pool, DrvRbdImage image, GError **error)
{
    if (abandoned == NULL) {
        abandoned = g_hash_table_new(NULL, NULL);
        (void)on_exit(leave, NULL);
    }
    g_hash_table_add(abandoned, image);
    return drv_rbd_pool_reconnect(pool, error);
}

static void
child_clear(gpointer data)
{
    rbd_linked_image_spec_cleanup(data);
}

/* A clone that is removed meanwhile makes the list fail. */
static int
list_children(DrvRbdImage image, rbd_linked_image_spec_t **found, size_t *n)
{
    int rc = -ERANGE;

    for (guint i = 0; rc == -ERANGE || (rc == -ENOENT && i < VANISHED_TRIES); i++) {
        *n = MAX(*n, 64);
        *found = g_renew(rbd_linked_image_spec_t, *found, *n);
        rc = rbd_list_children3(image, *found, n);
    }
    return rc;
}

static gpointer
run_listing(gpointer data)
{
    Listing *listing = data;
    int rc = list_children(listing->image, &listing->found, &listing->n);

    g_mutex_lock(&listing->lock);
    listing->rc = rc;
    listing->ended = TRUE;
    g_cond_signal(&listing->wake);
    g_mutex_unlock(&listing->lock);
    return NULL;
}

static gboolean
await_listing(Listing *listing, guint64 seconds)
{
    gint64 until = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
    gboolean in_time = TRUE;

    g_mutex_lock(&listing->lock);
    while (!listing->ended && in_time)
        in_time = g_cond_wait_until(&listing->wake, &listing->lock, until);
    in_time = listing->ended;
    g_mutex_unlock(&listing->lock);
    return in_time;
}

/* -ETIMEDOUT: the thread goes on with @image, and with @listing. */
static int
list_in_time(DrvRbdPool *pool,
             DrvRbdImage image,
             rbd_linked_image_spec_t **found,
             size_t *n)
{
    Listing *listing = g_new0(Listing, 1);
    GThread *thread;
    int rc;

    g_mutex_init(&listing->lock);
    g_cond_init(&listing->wake);
    listing->image = image;
    thread = g_thread_new("clones", run_listing, listing);
    if (!await_listing(listing, pool->site->timeout_s)) {
        g_thread_unref(thread);
        return -ETIMEDOUT;
    }
    g_thread_join(thread);
    rc = listing->rc;
    *found = listing->found;
    *n = listing->n;
    g_mutex_clear(&listing->lock);
    g_cond_clear(&listing->wake);
    g_free(listing);
    return rc;
}

/* An image, or a snapshot, that is not there has no clones. */
static int
list_of(DrvRbdPool *pool,
        const char *name,
        const char *snapshot,
        rbd_linked_image_spec_t **found,
        size_t *n,
        GError **error)
{
    g_auto(DrvRbdImage) image = NULL;
    int rc = 0;

    *n = 0;
    if (!drv_rbd_image_find(pool, name, DRV_RBD_LOOK, &image, error))
        return -EIO;
    if (image)
        rc = rbd_snap_set(image, snapshot);
    if (image && rc == 0)
        rc = list_in_time(pool, image, found, n);
    if (rc == -ETIMEDOUT && !abandon(pool, image, error))
        return -EIO;
    return rc == -ENOENT ? 0 : rc;
}

GArray *
drv_rbd_image_children(DrvRbdPool *pool,
                       const char *name,
                       const char *snapshot,
                       GError **error)
{
    g_autoptr(GArray) children = NULL;
    g_autofree rbd_linked_image_spec_t *found = NULL;
    g_autoptr(GError) why = NULL;
    size_t n;
    int rc = list_of(pool, name, snapshot, &found, &n, &why);

    if (rc == -ETIMEDOUT)
        rc = list_of(pool, name, snapshot, &found, &n, &why);
    if (why) {
        g_propagate_error(error, g_steal_pointer(&why));
        return NULL;
    }
    if (rc == -ETIMEDOUT) {
        (void)drv_throw(error,
                        DRV_ERROR_BUSY,
                        "clones of '%s/%s' cannot be listed within %" G_GUINT64_FORMAT
                        " s, nor by another connection",
                        pool->name,
                        name,
                        pool->site->timeout_s);
        return NULL;
    }
    if (rc < 0) {
        (void)drv_rbd_throw(
            pool, rc, error, "cannot list clones of '%s/%s'", pool->name, name);
        return NULL;
    }
    children = g_array_new(FALSE, FALSE, sizeof *found);
    g_array_set_clear_func(children, child_clear);
    g_array_append_vals(children, found, (guint)n);
    return g_steal_pointer(&children);
}
