/* SPDX-License-Identifier: Apache-2.0 */
/* virt/freeze.h - freeze or pause a guest, with resuming guaranteed.
 *
 *     g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;
 *     if (!drv_freeze_begin(&quiet, domain, 10, error)) ...
 *     ... snapshot ...
 *     if (!drv_freeze_end(&quiet, error)) ...
 *
 * The guest's agent freezes its file systems if there is one and it answers in time;
 * otherwise the domain is paused.  A domain that is paused already is left so.
 *
 * Leaving the scope thaws or resumes, also on errors and on cancellation.  A
 * guard process, started before anything is done, does it when we are killed: it holds
 * the other end of a pipe, and repeats on a connection of its own for up to 10 minutes.
 */
#pragma once

#include <glib.h>

#include "virt/virt.h"

typedef enum {
    DRV_FREEZE_NONE,   /* nothing to undo */
    DRV_FREEZE_FROZEN, /* by the agent */
    DRV_FREEZE_PAUSED, /* by us */
} DrvFreezeHow;

typedef struct {
    DrvDomain *domain; /* borrowed; must outlive the scope */
    DrvFreezeHow how;
    int guard_fd; /* -1: no guard */
} DrvFreeze;
#define DRV_FREEZE_INIT                                                                  \
    {                                                                                    \
        NULL, DRV_FREEZE_NONE, -1                                                        \
    }

/* Make @domain quiet; the agent gets @timeout_s seconds.  Nothing to undo on failure. */
gboolean drv_freeze_begin(DrvFreeze *quiet,
                          DrvDomain *domain,
                          guint timeout_s,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Thaw or resume it.  If that fails, the watchdog keeps trying after our end. */
gboolean drv_freeze_end(DrvFreeze *quiet, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As end, with failure logged. */
void drv_freeze_clear(DrvFreeze *quiet);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvFreeze, drv_freeze_clear)

/* The agent's part alone: freeze all file systems within @timeout_s, and thaw them.  @n
 * (may be NULL) gets how many it froze.
 */
gboolean drv_freeze_filesystems(DrvDomain *domain,
                                guint timeout_s,
                                guint *n,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_freeze_thaw(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
