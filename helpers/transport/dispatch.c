/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/dispatch.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "image/relink.h"
#include "transport/remote.h"

gboolean
drv_dispatch_is_here(const char *host)
{
    return *host == '\0' || strcmp(host, "localhost") == 0 ||
           strcmp(host, g_get_host_name()) == 0;
}

static gboolean
run_there(const char *host,
          const DrvOp *op,
          gpointer request,
          DrvSource *in,
          char **result,
          GError **error)
{
    g_autoptr(DrvRemote) remote = drv_remote_open(host, op->worker, error);

    if (remote == NULL ||
        !drv_remote_run(remote, op->name, drv_request_pack(request), in, result, error))
        return FALSE;
    drv_remote_leave_to_answer(g_steal_pointer(&remote));
    return TRUE;
}

gboolean
drv_dispatch(const char *host,
             const DrvOp *op,
             gpointer request,
             DrvSource *in,
             char **result,
             GError **error)
{
    DrvWhere where = drv_op_where(op, request);
    const DrvOp *actor = where == DRV_LIVE ? op->live : op;

    if (where == DRV_NOWHERE)
        return TRUE;
    drv_stage_set_settle(drv_relink_settle);
    if (where != DRV_ANYWHERE && !drv_dispatch_is_here(host))
        return run_there(host, actor, request, in, result, error);
    if (actor->worker == DRV_WORKER_PLAIN)
        return actor->run(request, in, result, error);
    return drv_remote_run_here(
        actor->worker, actor->name, drv_request_pack(request), in, result, error);
}

gboolean
drv_dispatch_incomplete(const char *host,
                        const DrvOp *op,
                        gpointer request,
                        DrvDispatchComplete complete,
                        gpointer data,
                        char **result,
                        GError **error)
{
    g_autoptr(DrvRemote) remote = NULL;

    if (op->where || drv_dispatch_is_here(host))
        return complete(request, data, error) &&
               drv_dispatch(host, op, request, NULL, result, error);
    remote = drv_remote_open(host, op->worker, error);
    if (remote == NULL || !complete(request, data, error) ||
        !drv_remote_run(remote, op->name, drv_request_pack(request), NULL, result, error))
        return FALSE;
    drv_remote_leave_to_answer(g_steal_pointer(&remote));
    return TRUE;
}

/* Nothing was begun there; but of a stream some may have been read. */
static gboolean
may_try_next(const GError *why, DrvSource *in)
{
    return drv_error_is(why, DRV_ERROR_NO_HOST) ||
           (in == NULL && drv_error_is(why, DRV_ERROR_NO_STORAGE));
}

gboolean
drv_dispatch_any(const char *const *hosts,
                 const DrvOp *op,
                 gpointer request,
                 DrvSource *in,
                 char **result,
                 GError **error)
{
    for (guint i = 0;; i++) {
        g_autoptr(GError) why = NULL;

        if (drv_dispatch(hosts[i], op, request, in, result, &why))
            return TRUE;
        if (!may_try_next(why, in) || hosts[i + 1] == NULL) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        drv_warn("skipping host %s: %s", hosts[i], why->message);
    }
}
