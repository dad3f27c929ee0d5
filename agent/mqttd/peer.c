/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/peer.h"

#include <string.h>

#include "agent/mqttd/transfer.h"
#include "base/error.h"

void
peer_clear(Peer *peer)
{
    json_object_put(peer->domains);
    *peer = (Peer){ 0 };
}

gboolean
peer_look(Work *work,
          const char *step,
          const char *host,
          const char *transport,
          Peer *peer,
          GError **error)
{
    json_object *options = json_object_new_object();
    g_autofree char *uri = host ? transfer_uri(work->config, transport, host) : NULL;
    g_autoptr(json_object) result = NULL;

    if (uri)
        json_with_text(options, "uri", uri);
    peer_clear(peer);
    if (!rpc_run(&work->rpc, step, "HOST.peer", options, &result, error))
        return drv_prefix(error, "cannot ask '%s'", host ? host : "this host");
    peer->cpus = drv_json_number(result, "cpus", 0);
    peer->available_kib = drv_json_number(result, "available_kib", 0);
    peer->domains = json_object_get(drv_json_member(result, "domains"));
    peer->active = (gint64)json_size(peer->domains);
    return TRUE;
}

gint64
peer_memory_of(const Peer *peer, const char *name)
{
    for (gsize i = 0; i < json_size(peer->domains); i++) {
        json_object *domain = json_element(peer->domains, i);

        if (strcmp(drv_json_text(domain, "name", ""), name) == 0)
            return drv_json_number(domain, "memory_kib", 0);
    }
    return 0;
}
