/* SPDX-License-Identifier: Apache-2.0 */
#include "base/answer.h"
#include "base/cancel.h"
#include "base/error.h"
#include "datastore/ceph/new-image.h"
#include "rbd/tree.h"

void
ceph_new_clear(CephNew *new)
{
    g_clear_pointer(&new->step, drv_rbd_step_free);
    g_clear_pointer(&new->pool, drv_rbd_pool_free);
    g_clear_pointer(&new->name, g_free);
}

gboolean
ceph_new_begin(CephNew *new, const DrvRbdSite *site, const char *image_id, GError **error)
{
    gboolean exists;

    new->name = g_strconcat("one-", image_id, NULL);
    new->pool = drv_rbd_pool_open(site, site->pool, error);
    if (new->pool == NULL)
        return FALSE;
    new->step = drv_rbd_step_begin(new->pool, new->name, drv_rbd_tree_settle, error);
    if (new->step == NULL || !drv_rbd_image_exists(new->pool, new->name, &exists, error))
        return FALSE;
    return !exists ||
           drv_throw(error,
                     DRV_ERROR_EXISTS,
                     "there is an image '%s/%s' already, made by somebody else",
                     new->pool->name,
                     new->name);
}

DrvRbdImage
ceph_new_create(CephNew *new, guint64 size, GError **error)
{
    if (!drv_rbd_step_note(new->step, "make", error) ||
        !drv_rbd_image_create(new->pool, new->name, size, error))
        return NULL;
    return drv_rbd_image_open(new->pool, new->name, DRV_RBD_CHANGE, error);
}

/* --- answering
 * --------------------------------------------------------------------------
 */

/* Another driver may have taken us for dead, and removed it. */
static gboolean
prepare_answer(gpointer state, GError **error)
{
    const CephNew *new = state;

    return drv_rbd_step_check(new->step, error);
}

static gboolean
keep_answered(gpointer state, GError **error)
{
    const CephNew *new = state;

    return drv_rbd_step_end(new->step, error);
}

static void
free_answered(gpointer state)
{
    ceph_new_clear(state);
    g_free(state);
}

gboolean
ceph_new_finish(CephNew *new, const char *format, char **result, GError **error)
{
    static const DrvAnswerOps ops = {
        .prepare = prepare_answer,
        .keep = keep_answered,
        .free = free_answered,
    };

    if (!drv_cancel_check(error))
        return FALSE;
    *result = g_strdup_printf(
        "%s/%s%s%s", new->pool->name, new->name, format ? " " : "", format ? format : "");
    drv_answer_hold(&ops, g_memdup2(new, sizeof *new));
    *new = (CephNew)CEPH_NEW_INIT;
    return TRUE;
}
