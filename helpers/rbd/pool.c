/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/pool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "image/df.h"
#include "request/dump.h"

#define OP_TIMEOUT_FACTOR 3 /* an operation may take longer than an answer */

static gboolean
set(rados_t cluster, const char *name, const char *value, GError **error)
{
    int rc = rados_conf_set(cluster, name, value);

    return rc == 0 || drv_throw(error,
                                DRV_ERROR_CONFIG,
                                "cannot set Ceph's %s to '%s': %s",
                                name,
                                value,
                                g_strerror(-rc));
}

/* Nothing of Ceph's own gets on our stderr, and every wait has an end. */
static gboolean
configure(rados_t cluster, const DrvRbdSite *site, GError **error)
{
    g_autofree char *connect = g_strdup_printf("%" G_GUINT64_FORMAT, site->timeout_s);
    g_autofree char *operate =
        g_strdup_printf("%" G_GUINT64_FORMAT, OP_TIMEOUT_FACTOR * site->timeout_s);
    int rc = rados_conf_read_file(cluster, *site->conf ? site->conf : NULL);

    if (rc < 0)
        return drv_throw(error,
                         DRV_ERROR_CONFIG,
                         "cannot read Ceph's configuration %s: %s",
                         *site->conf ? site->conf : "/etc/ceph/ceph.conf",
                         g_strerror(-rc));
    if (*site->key && access(site->key, R_OK) < 0)
        return drv_throw_errno(error, "cannot read CEPH_KEY '%s'", site->key);
    return (*site->key == '\0' || set(cluster, "keyfile", site->key, error)) &&
           set(cluster, "log_to_stderr", "false", error) &&
           set(cluster, "err_to_stderr", "false", error) &&
           set(cluster, "rbd_cache", "false", error) &&
           set(cluster, "client_mount_timeout", connect, error) &&
           set(cluster, "rados_mon_op_timeout", connect, error) &&
           set(cluster, "rados_osd_op_timeout", operate, error);
}

static gboolean
throw_connect(rados_t cluster, const DrvRbdSite *site, int rc, GError **error)
{
    const char *user = *site->user ? site->user : "admin";
    char monitors[256] = "";

    (void)rados_conf_get(cluster, "mon_host", monitors, sizeof monitors);
    if (rc == -ETIMEDOUT)
        return drv_throw(error,
                         DRV_ERROR_NO_STORAGE,
                         "no monitor of the Ceph cluster answers in %" G_GUINT64_FORMAT
                         " s (%s)",
                         site->timeout_s,
                         monitors);
    if (rc == -EACCES || rc == -EPERM || rc == -EKEYREJECTED || rc == -EINVAL)
        return drv_throw(error,
                         DRV_ERROR_PERMISSION,
                         "the Ceph cluster does not accept the key of client.%s",
                         user);
    if (rc == -ENOENT)
        return drv_throw(error,
                         DRV_ERROR_CONFIG,
                         "there is no key of client.%s, or no monitor is configured",
                         user);
    errno = -rc;
    return drv_throw_errno(error, "cannot connect to the Ceph cluster");
}

static gboolean
open_pool(DrvRbdPool *pool, const char *name, GError **error)
{
    const char *slash = strchr(name, '/');
    g_autofree char *alone =
        slash ? g_strndup(name, (gsize)(slash - name)) : g_strdup(name);
    int rc = rados_ioctx_create(pool->cluster, alone, &pool->io);
    bool exists = true;

    if (rc == -ENOENT)
        return drv_throw(error, DRV_ERROR_NOT_FOUND, "there is no pool '%s'", alone);
    if (rc < 0)
        return drv_rbd_throw(pool, rc, error, "cannot use pool '%s'", alone);
    if (slash == NULL)
        return TRUE;
    /* Users of one namespace may not list them, but then they may use theirs. */
    if (rbd_namespace_exists(pool->io, slash + 1, &exists) == 0 && !exists)
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "there is no namespace '%s' in pool '%s'",
                         slash + 1,
                         alone);
    rados_ioctx_set_namespace(pool->io, slash + 1);
    return TRUE;
}

DrvRbdPool *
drv_rbd_pool_open(const DrvRbdSite *site, const char *name, GError **error)
{
    g_autoptr(DrvRbdPool) pool = g_new0(DrvRbdPool, 1);
    g_autofree char *user =
        g_strconcat("client.", *site->user ? site->user : "admin", NULL);
    int rc = rados_create2(&pool->cluster, "ceph", user, 0);

    pool->site = site;
    pool->name = g_strdup(name);
    if (rc < 0) {
        (void)drv_throw(
            error, DRV_ERROR_DUMP, "CEPH_USER '%s' is not a user of Ceph", site->user);
        return NULL;
    }
    if (!configure(pool->cluster, site, error))
        return NULL;
    rc = rados_connect(pool->cluster);
    if (rc < 0) {
        (void)throw_connect(pool->cluster, site, rc, error);
        return NULL;
    }
    return open_pool(pool, name, error) ? g_steal_pointer(&pool) : NULL;
}

/* Other threads use the pool meanwhile, and either connection is good for them. */
gboolean
drv_rbd_pool_reconnect(DrvRbdPool *pool, GError **error)
{
    g_autoptr(DrvRbdPool) fresh = drv_rbd_pool_open(pool->site, pool->name, error);

    if (fresh == NULL)
        return FALSE;
    g_atomic_pointer_set(&pool->io, g_steal_pointer(&fresh->io));
    g_atomic_pointer_set(&pool->cluster, g_steal_pointer(&fresh->cluster));
    return TRUE;
}

void
drv_rbd_pool_free(DrvRbdPool *pool)
{
    if (pool == NULL)
        return;
    if (pool->io)
        rados_ioctx_destroy(pool->io);
    if (pool->cluster)
        rados_shutdown(pool->cluster);
    g_free(pool->name);
    g_free(pool);
}

/* --- what the cluster says of itself ---------------------------------------------------
 */

static DrvDump *
ask(DrvRbdPool *pool, const char *prefix, const char *detail, int *rc, GError **error)
{
    g_autoptr(json_object) command = json_object_new_object();
    g_autofree char *text = NULL;
    const char *commands[1];
    char *out = NULL;
    size_t size = 0;
    DrvDump *answer = NULL;

    drv_json_add_text(command, "prefix", prefix);
    if (detail)
        drv_json_add_text(command, "detail", detail);
    drv_json_add_text(command, "format", "xml");
    text = drv_json_print(command);
    commands[0] = text;
    *rc = rados_mon_command(pool->cluster, commands, 1, NULL, 0, &out, &size, NULL, NULL);
    if (*rc == 0)
        answer = drv_dump_parse(out, size, error);
    rados_buffer_free(out);
    return answer;
}

/* Why it does not do what it was asked for; NULL when it does not say.  The words are
 * names of its health checks.
 */
static const char *
find_trouble(DrvRbdPool *pool)
{
    static const struct {
        const char *check, *text;
    } troubles[] = {
        { "OSD_FULL", "the Ceph cluster is full" },
        { "POOL_FULL", "the pool is full" },
        { "OSD_DOWN", "some OSDs of the Ceph cluster are down" },
        { "PG_AVAILABILITY", "some of the Ceph cluster's data is not available" },
    };
    int rc;
    g_autoptr(DrvDump) health = ask(pool, "health", NULL, &rc, NULL);

    for (guint i = 0; health && i < G_N_ELEMENTS(troubles); i++) {
        g_autofree char *path = g_strdup_printf("checks/%s/severity", troubles[i].check);
        g_autofree char *found = NULL;

        if (drv_dump_value(health, path, &found, NULL) && found)
            return troubles[i].text;
    }
    return NULL;
}

gboolean
drv_rbd_throw(DrvRbdPool *pool, int rc, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    const char *trouble = NULL;
    va_list words;

    va_start(words, format);
    text = g_strdup_vprintf(format, words);
    va_end(words);
    if (rc == -ECANCELED && drv_cancel_pending())
        return drv_cancel_check(error);
    if (rc == -ETIMEDOUT || rc == -ENOSPC || rc == -EDQUOT)
        trouble = find_trouble(pool);
    if (trouble)
        return drv_throw(error,
                         strstr(trouble, "full") ? DRV_ERROR_NO_SPACE : DRV_ERROR_TIMEOUT,
                         "%s: %s",
                         text,
                         trouble);
    if (rc == -ETIMEDOUT)
        return drv_throw(error,
                         DRV_ERROR_TIMEOUT,
                         "%s: no answer of the Ceph cluster in %" G_GUINT64_FORMAT " s",
                         text,
                         OP_TIMEOUT_FACTOR * pool->site->timeout_s);
    if (rc == -ESHUTDOWN)
        return drv_throw(error,
                         DRV_ERROR_BUSY,
                         "%s: another driver took this one for dead and fenced it",
                         text);
    if (rc == -EPERM || rc == -EACCES)
        return drv_throw(error,
                         DRV_ERROR_PERMISSION,
                         "%s: client.%s may not",
                         text,
                         *pool->site->user ? pool->site->user : "admin");
    errno = -rc;
    return drv_throw_errno(error, "%s", text);
}

static guint64
stat_of(DrvDump *df, const char *path)
{
    g_autofree char *whole = g_strdup_printf("pools/pool[name=$pool]/stats/%s", path);
    g_autofree char *text = NULL;

    if (!drv_dump_value(df, whole, &text, NULL) || text == NULL)
        return 0;
    return g_ascii_strtoull(text, NULL, 10);
}

static gboolean
find_use(DrvRbdPool *pool, guint64 *used, guint64 *available, GError **error)
{
    g_autofree char *alone = g_strndup(pool->name, strcspn(pool->name, "/"));
    int rc;
    g_autoptr(DrvDump) df = ask(pool, "df", "detail", &rc, error);
    g_autofree char *found = NULL;
    guint64 quota;

    if (df == NULL)
        return rc < 0 &&
               drv_rbd_throw(pool, rc, error, "cannot ask for the use of the pools");
    drv_dump_set_variable(df, "pool", alone);
    if (!drv_dump_value(df, "pools/pool[name=$pool]/name", &found, error))
        return FALSE;
    if (found == NULL)
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "the Ceph cluster reports no use of pool '%s'",
                         alone);
    *used = stat_of(df, "stored|pools/pool[name=$pool]/stats/bytes_used");
    *available = stat_of(df, "max_avail");
    quota = stat_of(df, "quota_bytes");
    if (quota)
        *available = MIN(*available, quota > *used ? quota - *used : 0);
    return TRUE;
}

gboolean
drv_rbd_pool_room(DrvRbdPool *pool, guint64 *available, GError **error)
{
    struct rados_cluster_stat_t all;
    g_autoptr(GError) why = NULL;
    guint64 used;
    int rc;

    if (find_use(pool, &used, available, &why))
        return TRUE;
    if (!drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    drv_ignore(&why, "it was created a moment ago");
    rc = rados_cluster_stat(pool->cluster, &all);
    *available = all.kb_avail * 1024;
    return rc == 0 ||
           drv_rbd_throw(pool, rc, error, "cannot ask for the use of the cluster");
}

char *
drv_rbd_pool_df_text(DrvRbdPool *pool, GError **error)
{
    guint64 used, available;
    DrvDf df;

    if (!find_use(pool, &used, &available, error))
        return NULL;
    df.used_mb = used / DRV_MIB;
    df.free_mb = available / DRV_MIB;
    df.total_mb = df.used_mb + df.free_mb;
    return drv_df_text(&df);
}

int
drv_rbd_progress(uint64_t done, uint64_t total, void *data)
{
    (void)done, (void)total, (void)data;
    return drv_cancel_pending() ? -ECANCELED : 0;
}
