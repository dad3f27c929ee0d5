/* SPDX-License-Identifier: Apache-2.0 */
/* mv: the directory of a VM goes to another host or datastore.  Disks go with it. */
#include "base/error.h"
#include "base/log.h"
#include "base/status.h"
#include "request/core.h"
#include "tm/ssh/ssh.h"
#include "transport/dispatch.h"

extern const DrvOp tm_mv_op;
extern const DrvOp ssh_mv_arrived;
extern const DrvOp ssh_mv_look;

/* --- the action ------------------------------------------------------------------------
 */

/* On a host that may be gone nothing is done: the front-end has given it up. */
static gboolean
is_given_up(const TmMove *request, gboolean *given_up, GError **error)
{
    g_autoptr(DrvDump) vm = drv_core_info(DRV_CORE_VM, (gint64)request->vm_id, error);
    g_autofree char *state = NULL;

    if (vm == NULL || !drv_dump_value(vm, "LCM_STATE", &state, error))
        return FALSE;
    *given_up = g_strcmp0(state, "60") == 0 || g_strcmp0(state, "61") == 0;
    return TRUE;
}

/* The destination sees the source: it is a rename there, or a copy on that machine. */
static gboolean
conclude(TmMove *request, const char *result, GError **error)
{
    if (g_strcmp0(result, "near") == 0)
        return drv_dispatch(request->host, &tm_mv_op, request, NULL, NULL, error);
    drv_info(
        "VM %" G_GUINT64_FORMAT " has moved: %s", request->vm_id, result ? result : "");
    return TRUE;
}

/* Both hosts must say so: the source that it has nothing, the destination that it has. */
static gboolean
is_done_before(TmMove *request, const GError *why)
{
    g_autofree char *at_source = NULL;
    g_autofree char *at_target = NULL;

    return drv_error_is(why, DRV_ERROR_NOT_FOUND) &&
           drv_dispatch(
               request->source_host, &ssh_mv_look, request, NULL, &at_source, NULL) &&
           g_strcmp0(at_source, "missing") == 0 &&
           drv_dispatch(
               request->host, &ssh_mv_arrived, request, NULL, &at_target, NULL) &&
           g_strcmp0(at_target, "there") == 0;
}

static gboolean
move_target(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    TmMove *request = (TmMove *)data;
    g_autofree char *outcome = NULL;
    g_autoptr(GError) why = NULL;
    gboolean given_up, moved;

    (void)in, (void)result;
    if (!is_given_up(request, &given_up, error))
        return FALSE;
    if (given_up)
        return TRUE;
    drv_status_route(request->source_host, request->host);
    moved = ssh_mv_transfer(request, &outcome, &why);
    if (!moved && is_done_before(request, why))
        return TRUE;
    if (!moved) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return conclude(request, outcome, error);
}

static DrvWhere
where(gconstpointer data)
{
    const TmMove *request = data;

    return request->disk_id >= 0 ? DRV_NOWHERE : DRV_ANYWHERE;
}

const DrvOp ssh_mv = {
    .name = "ssh.mv",
    .request = &tm_mv,
    .run = move_target,
    .where = where,
};
DRV_OP_REGISTER(ssh_mv);
