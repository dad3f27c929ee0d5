/* SPDX-License-Identifier: Apache-2.0 */
/* virt/watch.h - events of one domain.
 *
 * Begin to watch before asking for what should happen, so that nothing is missed.
 */
#pragma once

#include "virt/virt.h"

typedef enum {
    DRV_EVENT_LIFECYCLE = 1 << 0,  /* started, stopped, suspended … */
    DRV_EVENT_BLOCK_JOB = 1 << 1,  /* a disk's job ended or is ready */
    DRV_EVENT_REMOVED = 1 << 2,    /* a device is unplugged */
    DRV_EVENT_NOT_REMOVED = 1 << 3 /* the guest refused to unplug it */
} DrvEventKind;

typedef struct {
    DrvEventKind kind;
    int what;   /* libvirt's number: kind of change, or status of the job */
    char *name; /* the device's alias or the disk's target; "" */
} DrvEvent;

typedef struct DrvWatch DrvWatch;

/* Watch @domain for the @kinds (or'ed), NULL with @error.  libvirt allows one watch of a
 * kind per domain and connection.
 */
DrvWatch *drv_watch_new(DrvDomain *domain, unsigned kinds, GError **error);
void drv_watch_free(DrvWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvWatch, drv_watch_free)

/* Wait up to @timeout_ms for the next event.  TRUE and an event, or TRUE and a kind of 0
 * when there was none; FALSE on cancellation or when libvirtd went away.  @event's name
 * is @watch's until the next call.
 */
gboolean drv_watch_next(DrvWatch *watch,
                        DrvEvent *event,
                        guint timeout_ms,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Wait until the domain is absent or off; *gone says whether it is.  @watch must count
 * DRV_EVENT_LIFECYCLE.
 */
gboolean drv_watch_gone(DrvWatch *watch, guint timeout_ms, gboolean *gone, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Destroy @domain, which @watch watches, until it is gone: QEMU may hang in the kernel
 * for a while.  DRV_ERROR_TIMEOUT when it is still active after a minute.
 */
gboolean drv_watch_destroy(DrvWatch *watch,
                           DrvDomain *domain,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
