/* SPDX-License-Identifier: Apache-2.0 */
/* Of an image with the feature exclusive-lock there is one client that may write, and a
 * second one gets the lock when it asks the first: a host that is silent but alive would
 * be asked, too, and ask back.  So it is fenced before anybody else opens the image.
 */
#include "rbd/fence.h"

#include <errno.h>

#include "base/error.h"
#include "base/log.h"
#include "rbd/image.h"

#define BLOCKLIST_S (24 * 60 * 60) /* librbd's clients do not come back after it */
#define CLIENTS_MAX 64

/* Addresses of the clients that have it open, and of who has its lock without. */
static int
find_clients(DrvRbdImage image, GHashTable *clients)
{
    rbd_image_watcher_t watchers[CLIENTS_MAX];
    char *owners[CLIENTS_MAX];
    size_t n_watchers = G_N_ELEMENTS(watchers), n_owners = G_N_ELEMENTS(owners);
    rbd_lock_mode_t mode;
    int rc = rbd_watchers_list(image, watchers, &n_watchers);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n_watchers; i++)
        g_hash_table_add(clients, g_strdup(watchers[i].addr));
    rbd_watchers_list_cleanup(watchers, n_watchers);
    rc = rbd_lock_get_owners(image, &mode, owners, &n_owners);
    if (rc < 0)
        return rc == -ENOENT || rc == -EINVAL ? 0
                                              : rc; /* not locked, or no such feature */
    for (size_t i = 0; i < n_owners; i++)
        g_hash_table_add(clients, g_strdup(owners[i]));
    rbd_lock_get_owners_cleanup(owners, n_owners);
    return 0;
}

static int
blocklist(DrvRbdPool *pool, const char *image, GHashTable *clients)
{
    GHashTableIter each;
    gpointer client;
    int rc = 0;

    g_hash_table_iter_init(&each, clients);
    while (rc == 0 && g_hash_table_iter_next(&each, &client, NULL)) {
        rc = rados_blocklist_add(pool->cluster, client, BLOCKLIST_S);
        if (rc == 0)
            drv_info("fenced client %s, which had '%s/%s' open",
                     (const char *)client,
                     pool->name,
                     image);
    }
    /* The OSDs' map is not older than ours, once they answer us. */
    return rc == 0 ? rados_wait_for_latest_osdmap(pool->cluster) : rc;
}

/* A lock whose owner has gone is broken by the next one who writes, but only after it has
 * been waited for.
 */
static void
break_locks(DrvRbdImage image)
{
    char *owners[CLIENTS_MAX];
    size_t n = G_N_ELEMENTS(owners);
    rbd_lock_mode_t mode;

    if (rbd_lock_get_owners(image, &mode, owners, &n) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        (void)rbd_lock_break(image, mode, owners[i]);
    rbd_lock_get_owners_cleanup(owners, n);
}

gboolean
drv_rbd_fence(DrvRbdPool *pool, const char *image, guint *n, GError **error)
{
    g_autoptr(GHashTable) clients =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(DrvRbdImage) open = NULL;
    int rc;

    *n = 0;
    if (!drv_rbd_image_find(pool, image, DRV_RBD_LOOK, &open, error))
        return FALSE;
    if (open == NULL)
        return TRUE;
    rc = find_clients(open, clients);
    if (rc == 0 && g_hash_table_size(clients) > 0) {
        rc = blocklist(pool, image, clients);
        if (rc == 0)
            break_locks(open);
    }
    *n = g_hash_table_size(clients);
    if (rc == -EACCES || rc == -EPERM)
        return drv_throw(error,
                         DRV_ERROR_PERMISSION,
                         "client.%s may not fence clients of '%s/%s'",
                         *pool->site->user ? pool->site->user : "admin",
                         pool->name,
                         image);
    return rc == 0 ||
           drv_rbd_throw(
               pool, rc, error, "cannot fence clients of '%s/%s'", pool->name, image);
}
