/* SPDX-License-Identifier: Apache-2.0 */
/* virt/freeze.h - a guest that does not write for a while, and goes on for sure.
 *
 *     g_auto(DrvQuiet) quiet = DRV_QUIET_INIT;
 *     if (!drv_quiet_begin(&quiet, domain, 10, error)) ...
 *     ... snapshot ...
 *     if (!drv_quiet_end(&quiet, error)) ...
 *
 * The guest's agent freezes its file systems if there is one and it answers in time;
 * otherwise the domain is paused.  A domain that is paused already is left so.
 *
 * Leaving the scope thaws or resumes, also on errors and when we are told to stop.  A
 * guard process, started before anything is done, does it when we are killed: it holds
 * the other end of a pipe, and repeats on a connection of its own for up to 10 minutes.
 */
#pragma once

#include <glib.h>

#include "virt/virt.h"

typedef enum {
    DRV_QUIET_NOT,    /* nothing to undo */
    DRV_QUIET_FROZEN, /* by the agent */
    DRV_QUIET_PAUSED, /* by us */
} DrvQuietHow;

typedef struct {
    DrvDomain *domain; /* borrowed; must outlive the scope */
    DrvQuietHow how;
    int guard_fd; /* -1: no guard */
} DrvQuiet;
#define DRV_QUIET_INIT                                                                   \
    {                                                                                    \
        NULL, DRV_QUIET_NOT, -1                                                          \
    }

/* Make @domain quiet; the agent gets @timeout_s seconds.  Nothing to undo on failure. */
gboolean drv_quiet_begin(DrvQuiet *quiet,
                         DrvDomain *domain,
                         guint timeout_s,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Let it go on.  When that fails the guard keeps trying after our end. */
gboolean drv_quiet_end(DrvQuiet *quiet, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As end, with failure logged. */
void drv_quiet_clear(DrvQuiet *quiet);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvQuiet, drv_quiet_clear)

/* The agent's part alone: freeze all file systems within @timeout_s, and thaw them.  @n
 * (may be NULL) gets how many it froze.
 */
gboolean drv_virt_freeze(DrvDomain *domain, guint timeout_s, guint *n, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_virt_thaw(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
