/* SPDX-License-Identifier: Apache-2.0 */
/* mv: a disk is where it was; but when its host is silent, that host is fenced.  The
 * directory of a VM goes to another host, unless both see the same one.  premigrate
 * copies it, and postmigrate removes it at the source.
 */
#include "base/log.h"
#include "tm/ceph/ceph.h"
#include "tm/ssh/ssh.h"

extern const DrvOp ssh_mv;
extern const DrvOp ssh_postmigrate;

/* --- mv
 * ---------------------------------------------------------------------------------------
 */

static DrvWhere
where_to_move(gconstpointer data)
{
    const CephMove *request = data;
    gint64 state = request->disk.lcm_state;
    gboolean is_silent = state == TM_LCM_PROLOG_MIGRATE_UNKNOWN ||
                         state == TM_LCM_PROLOG_MIGRATE_UNKNOWN_FAILURE;

    if (request->move.disk_id >= 0 && is_silent && !request->disk.shareable)
        return DRV_LIVE;
    return ssh_mv.where(data);
}

static gboolean
move_directory(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    return ssh_mv.run(data, in, result, error);
}

static gboolean
prepare(gpointer data, GError **error)
{
    CephMove *request = data;

    request->move.unprobed = TRUE;
    return ceph_disk_prepare(data, &request->disk, FALSE, error);
}

static const DrvOp fence = {
    .name = "ceph.tm.fence",
    .request = &ceph_tm_mv,
    .worker = DRV_WORKER_RBD,
};

const DrvOp ceph_disk_mv = {
    .name = "ceph.tm.mv",
    .request = &ceph_tm_mv,
    .run = move_directory,
    .prepare = prepare,
    .where = where_to_move,
    .live = &fence,
};

/* --- premigrate, postmigrate
 * ------------------------------------------------------------------
 */

/* Called by another driver, it is that one's directory. */
static DrvWhere
where_to_copy(gconstpointer data)
{
    return ((const TmMigrate *)data)->is_called ? DRV_NOWHERE : DRV_ANYWHERE;
}

static gboolean
copy_directory(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmMigrate *request = data;
    g_autoptr(TmMove) move = drv_request_new(&tm_mv);
    g_autofree char *how = NULL;

    (void)in, (void)result;
    move->source_host = g_strdup(request->host);
    move->source = g_strdup(request->target);
    move->host = g_strdup(request->destination_host);
    move->target = g_strdup(request->target);
    move->disk_id = -1;
    move->vm_id = request->vm_id;
    move->copy = TRUE;
    move->unprobed = TRUE;
    if (!ssh_mv_transfer(move, &how, error))
        return FALSE;
    drv_info("the directory of VM %" G_GUINT64_FORMAT " on %s: %s",
             request->vm_id,
             request->destination_host,
             how ? how : "");
    return TRUE;
}

const DrvOp ceph_premigrate = {
    .name = "ceph.premigrate",
    .request = &tm_migrate,
    .run = copy_directory,
    .where = where_to_copy,
};

static DrvWhere
where_to_remove(gconstpointer data)
{
    return ((const TmMigrate *)data)->is_called ? DRV_NOWHERE : DRV_AT_DATA;
}

static gboolean
remove_directory(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    return ssh_postmigrate.run(data, in, result, error);
}

const DrvOp ceph_postmigrate = {
    .name = "ssh.postmigrate", /* the op at the source */
    .request = &tm_migrate,
    .run = remove_directory,
    .where = where_to_remove,
};
