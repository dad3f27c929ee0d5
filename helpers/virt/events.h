/* SPDX-License-Identifier: Apache-2.0 */
/* virt/events.h - life cycle events of all domains of a connection. */
#pragma once

#include "virt/virt.h"

typedef struct {
    int what;   /* virDomainEventType */
    int detail; /* what it says of it */
    char uuid[37];
} DrvLifecycleEvent;

/* Numbers of what and detail that callers ask for. */
enum { DRV_VIRT_STOPPED = 5, DRV_VIRT_STOPPED_MIGRATED = 3, DRV_VIRT_STOPPED_SAVED = 4 };

typedef struct DrvEvents DrvEvents;

/* NULL with @error.  Free it before the connection. */
DrvEvents *drv_events_new(DrvVirt *virt, GError **error);
void drv_events_free(DrvEvents *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvEvents, drv_events_free)

/* Wait up to @timeout_ms, or until @wake_fd (-1: none) is readable.  TRUE with an event
 * and *got, or TRUE without; FALSE on cancellation or when libvirtd went away.
 */
gboolean drv_events_next(DrvEvents *events,
                         guint timeout_ms,
                         int wake_fd,
                         DrvLifecycleEvent *event,
                         gboolean *got,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
