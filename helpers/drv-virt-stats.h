/* SPDX-License-Identifier: Apache-2.0 */
/* drv-virt-stats.h - what all domains of a host use, asked once.
 *
 * One call of libvirt for all domains, without waiting for any of them: a domain whose
 * QEMU does not answer has its state and no counters.
 */
#pragma once

#include <glib.h>

#include "drv-virt.h"

typedef struct {
    char *name;
    char *uuid;
    DrvDomainState state;
    int reason; /* libvirt's number for it */

    gboolean has_cpu;
    guint64 cpu_ns; /* used since the start */
    guint vcpus;
    gboolean has_memory;
    guint64 memory_kib;  /* what the host has in memory of it */
    guint64 balloon_kib; /* what the guest has */
    gboolean has_net;    /* sums over all interfaces, since they were there */
    guint64 net_rx;      /* bytes */
    guint64 net_tx;
    gboolean has_block; /* sums over all disks */
    guint64 block_rd;   /* bytes */
    guint64 block_wr;
    guint64 block_rd_requests;
    guint64 block_wr_requests;
} DrvDomainStats;

/* Of all active domains; elements owned by the array.  NULL with @error. */
GPtrArray *drv_virt_stats(DrvVirt *virt, GError **error);

/* Of one, active or not; NULL with @error. */
DrvDomainStats *drv_domain_stats(DrvDomain *domain, GError **error);
void drv_domain_stats_free(DrvDomainStats *stats);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDomainStats, drv_domain_stats_free)
