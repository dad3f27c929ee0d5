/* SPDX-License-Identifier: Apache-2.0 */
/* virt/agent.h - the agent in a guest: commands, facts, the clock. */
#pragma once

#include <glib.h>

#include "virt/virt.h"

/* Have the guest's agent run @command (JSON) within @timeout_s; its answer (JSON) is the
 * caller's.
 */
char *drv_agent_command(DrvDomain *domain,
                        const char *command,
                        guint timeout_s,
                        GError **error);

typedef enum {
    DRV_AGENT_OS = 1 << 0,        /* "os.id", "os.version-id", "os.machine" … */
    DRV_AGENT_ADDRESSES = 1 << 1, /* "if.0.addr.0.addr" … */
} DrvAgentFacts;

/* What the guest's agent reports of the guest, as text by the names of libvirt's
 * virDomainGetGuestInfo (char * → char *), which comes from the guest.  An answer may
 * take @timeout_s, after up to 30 s for the turn.  DRV_ERROR_UNSUPPORTED when the domain
 * has no agent, or the agent does not know.  Caller frees.
 */
GHashTable *
drv_agent_facts(DrvDomain *domain, DrvAgentFacts what, guint timeout_s, GError **error);

/* Set the guest's clock, in a process of its own that tries for 20 s and that nobody
 * waits for.  Failure to start it is logged.
 */
void drv_agent_sync_time_later(DrvDomain *domain);

/* One try; DRV_ERROR_UNSUPPORTED without an agent. */
gboolean drv_agent_sync_time(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
