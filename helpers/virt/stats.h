/* SPDX-License-Identifier: Apache-2.0 */
/* virt/stats.h - state, usage and events of all domains.
 *
 * One call of libvirt whatever the number of domains.  It does not wait behind a domain
 * whose QEMU is busy: of such a one, counters are missing, never zero.
 */
#pragma once

#include <glib.h>

#include "virt/virt.h"

typedef enum {
    DRV_STAT_CPU = 1 << 0,
    DRV_STAT_MEMORY = 1 << 1,
    DRV_STAT_NET = 1 << 2,
    DRV_STAT_BLOCK = 1 << 3, /* all four disk counters */
} DrvStat;

typedef struct {
    char *name;
    char uuid[37];
    DrvDomainState state;
    DrvPause pause;
    unsigned has;   /* DrvStat */
    guint64 cpu_ns; /* since its start */
    guint64 rss_kib;
    guint64 net_rx, net_tx; /* bytes since its start, all interfaces */
    guint64 read_bytes, write_bytes, read_requests, write_requests; /* all disks */
} DrvStats;

/* DrvStats of all active domains; with @usage their counters too.  NULL with @error:
 * then nothing is known of any.  Caller frees.
 */
GPtrArray *drv_stats_all(DrvVirt *virt, gboolean usage, GError **error);

/* The same of one, active or not; DRV_ERROR_NOT_FOUND when there is none.  Caller frees.
 */
DrvStats *drv_stats_one(DrvDomain *domain, GError **error);
void drv_stats_free(DrvStats *usage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvStats, drv_stats_free)

/* What libvirt can do here, as XML; of the host, and of guests of @type ("kvm", "qemu").
 * Caller frees.
 */
char *drv_virt_capabilities(DrvVirt *virt, GError **error);
char *drv_virt_guest_capabilities(DrvVirt *virt, const char *type, GError **error);
/* @cpu (an element <cpu>) with all its features spelt out.  Caller frees. */
char *
drv_virt_expand_cpu(DrvVirt *virt, const char *type, const char *cpu, GError **error);

/* --- life cycle events of all domains --------------------------------------------------
 */

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
