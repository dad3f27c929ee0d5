/* SPDX-License-Identifier: Apache-2.0 */
/* virt/agent.h - snapshots of domains, the guest's agent, its clock. */
#pragma once

#include <glib.h>

#include "virt/virt.h"

/* Make a snapshot of memory and disks named @name, inside the disks' images.  The guest
 * is paused meanwhile.
 */
gboolean drv_domain_snapshot_create(DrvDomain *domain,
                                    const char *name,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Names of all snapshots, parents before children; *current (may be NULL) is the one the
 * domain is backed by, or NULL.  Caller frees both.
 */
gboolean drv_domain_snapshot_list(DrvDomain *domain,
                                  char ***names,
                                  char **current,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* XML of one, with passwords; *xml is NULL when there is no such snapshot. */
gboolean drv_domain_snapshot_xml(DrvDomain *domain,
                                 const char *name,
                                 char **xml,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Delete it; with @metadata_only only libvirt's metadata is removed.  TRUE when there is
 * none. */
gboolean drv_domain_snapshot_delete(DrvDomain *domain,
                                    const char *name,
                                    gboolean metadata_only,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Redefine a snapshot that is in the images from its XML. */
gboolean drv_domain_snapshot_redefine(DrvDomain *domain,
                                      const char *xml,
                                      gboolean current,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Go back to a snapshot.  *risky says that it failed because libvirt would have to start
 * QEMU again, which it does with @force.
 */
gboolean drv_domain_snapshot_revert(DrvDomain *domain,
                                    const char *name,
                                    gboolean force,
                                    gboolean *risky,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

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
