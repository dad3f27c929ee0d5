/* SPDX-License-Identifier: Apache-2.0 */
/* Which way the directory of a VM travels: see ssh.h. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "tm/ssh/ssh.h"
#include "transport/dispatch.h"
#include "transport/remote.h"

static DrvRemote *
open_end(const TmMove *request, gboolean source, gboolean agent, GError **error)
{
    const char *host = source ? request->source_host : request->host;

    return agent ? drv_remote_open_with_agent(host, DRV_WORKER_PLAIN, error)
                 : drv_remote_open(host, DRV_WORKER_PLAIN, error);
}

static gboolean
push_from_here(const TmMove *request, char **result, GError **error)
{
    g_auto(SshMoveEnd) end = { .request = request };
    g_autoptr(DrvRemote) to = open_end(request, FALSE, FALSE, error);

    if (to == NULL || !drv_remote_converse(to,
                                           ssh_mv_receive.name,
                                           drv_request_pack(request),
                                           ssh_mv_send_talk,
                                           &end,
                                           NULL,
                                           error))
        return FALSE;
    *result = g_steal_pointer(&end.result);
    return end.removal == NULL || drv_stage_commit(end.removal, error);
}

static gboolean
pull_to_here(const TmMove *request, char **result, GError **error)
{
    g_auto(SshMoveEnd) end = { .request = request };
    g_autoptr(DrvRemote) from = open_end(request, TRUE, FALSE, error);

    return from &&
           drv_remote_converse(from,
                               ssh_mv_send.name,
                               drv_request_pack(request),
                               ssh_mv_receive_talk,
                               &end,
                               result,
                               error) &&
           drv_remote_confirm(from, error);
}

/* --- by way of us ----------------------------------------------------------------------
 */

typedef struct {
    const TmMove *request;
    DrvRemote *to;
    DrvPeer *from; /* the source's worker, once it speaks */
} Relay;

static gboolean
relay_talk(DrvPeer *to, gpointer data, GError **error)
{
    return drv_transfer_relay(((Relay *)data)->from, to, error);
}

static gboolean
relay_from(DrvPeer *from, gpointer data, GError **error)
{
    Relay *relay = data;

    relay->from = from;
    return drv_remote_converse(relay->to,
                               ssh_mv_receive.name,
                               drv_request_pack(relay->request),
                               relay_talk,
                               relay,
                               NULL,
                               error);
}

static gboolean
relay(const TmMove *request, char **result, GError **error)
{
    g_autoptr(DrvRemote) from = open_end(request, TRUE, FALSE, error);
    g_autoptr(DrvRemote) to = from ? open_end(request, FALSE, FALSE, error) : NULL;
    Relay both = { .request = request, .to = to };

    return to &&
           drv_remote_converse(from,
                               ssh_mv_send.name,
                               drv_request_pack(request),
                               relay_from,
                               &both,
                               result,
                               error) &&
           drv_remote_confirm(from, error);
}

static gboolean
between_hosts(const TmMove *request, char **result, GError **error)
{
    g_autoptr(DrvRemote) from = open_end(request, TRUE, TRUE, error);

    if (from == NULL ||
        !drv_remote_run(
            from, ssh_mv_push.name, drv_request_pack(request), NULL, result, error))
        return FALSE;
    if (*result == NULL || !g_str_has_prefix(*result, "unreachable "))
        return drv_remote_confirm(from, error);
    drv_info("the data go by way of the front-end, because %s cannot reach %s: %s",
             request->source_host,
             request->host,
             *result + strlen("unreachable "));
    g_clear_pointer(result, g_free);
    return relay(request, result, error);
}

gboolean
ssh_mv_transfer(const TmMove *request, char **result, GError **error)
{
    gboolean from_here = drv_dispatch_is_here(request->source_host);
    gboolean to_here = drv_dispatch_is_here(request->host);

    if (to_here)
        return pull_to_here(request, result, error);
    return from_here ? push_from_here(request, result, error)
                     : between_hosts(request, result, error);
}
