/* SPDX-License-Identifier: Apache-2.0 */
/* virt/stats.h - state and usage of all domains.
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
