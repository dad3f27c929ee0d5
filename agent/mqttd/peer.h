/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h - what other hosts, and this one, have left. */
#pragma once

#include "agent/mqttd/work.h"

typedef struct {
    gint64 cpus, available_kib, active; /* active: VMs */
    json_object *domains;               /* [{name, uuid, power_state, memory_kib}] */
} Peer;

void peer_clear(Peer *peer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Peer, peer_clear)

/* Ask @host's libvirt (NULL: this host's), through the agent.  @step: see rpc_run(). */
gboolean peer_look(Work *work,
                   const char *step,
                   const char *host,
                   const char *transport,
                   Peer *peer,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Memory of the active domain of this name, 0: there is none. */
gint64 peer_memory_of(const Peer *peer, const char *name);
