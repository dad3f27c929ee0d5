/* SPDX-License-Identifier: Apache-2.0 */
/* live.h - ops on disks of running domains, and what they have in common.  Their files
 * are linked into the worker with libvirt only.
 */
#pragma once

#include "tm/tm.h"
#include "virt/virt.h"

/* Seconds the guest's agent gets to freeze its file systems before the domain is paused
 * instead.
 */
#define TM_AGENT_TIMEOUT_S 10

typedef struct {
    DrvVirt *virt;
    DrvDomain *domain;
} TmLive;
#define TM_LIVE_INIT                                                                     \
    {                                                                                    \
        NULL, NULL                                                                       \
    }

void tm_live_clear(TmLive *live);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TmLive, tm_live_clear)

/* Find the domain of a VM: by @deploy_id, or by its usual name without one.  Only
 * hypervisors that libvirt drives are supported.
 */
gboolean tm_live_open(TmLive *live,
                      const char *deploy_id,
                      guint64 vm_id,
                      const char *vm_mad,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The ops, and what runs them: NULL but in that worker. */
extern const DrvOp overlay_cpds_live;
extern const DrvOp overlay_snap_create_live;
extern const DrvOp overlay_snap_delete_live;
#define TM_LIVE_RUN(function)                                                            \
    gboolean function(                                                                   \
        gconstpointer request, DrvSource *in, char **result, GError **error)             \
        __attribute__((weak))
TM_LIVE_RUN(overlay_run_cpds_live);
TM_LIVE_RUN(overlay_run_snap_create_live);
TM_LIVE_RUN(overlay_run_snap_delete_live);
