/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/poll-text.h"

#include "base/action.h"

static void
append_counter(GString *out, unsigned there, const char *name, guint64 value)
{
    if (there)
        g_string_append_printf(out, " %s=%" G_GUINT64_FORMAT, name, value);
}

void
drv_poll_text_append(GString *out,
                     const DrvStats *stats,
                     gint64 cpu_tenths,
                     guint64 swapped_kib)
{
    gboolean old = !drv_release_at_least(drv_action_release(), 5, 6, 0);

    g_string_append_printf(
        out, "STATE=%c", drv_state_letter(stats->state, stats->pause, old));
    if (cpu_tenths >= 0)
        g_string_append_printf(out,
                               " CPU=%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT,
                               cpu_tenths / 10,
                               cpu_tenths % 10);
    append_counter(
        out, stats->has & DRV_STAT_MEMORY, "MEMORY", stats->rss_kib + swapped_kib);
    append_counter(out, stats->has & DRV_STAT_NET, "NETRX", stats->net_rx);
    append_counter(out, stats->has & DRV_STAT_NET, "NETTX", stats->net_tx);
    append_counter(out, stats->has & DRV_STAT_BLOCK, "DISKRDBYTES", stats->read_bytes);
    append_counter(out, stats->has & DRV_STAT_BLOCK, "DISKWRBYTES", stats->write_bytes);
    append_counter(out, stats->has & DRV_STAT_BLOCK, "DISKRDIOPS", stats->read_requests);
    append_counter(out, stats->has & DRV_STAT_BLOCK, "DISKWRIOPS", stats->write_requests);
}
