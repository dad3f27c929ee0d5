/* SPDX-License-Identifier: Apache-2.0 */
/* monitor/poll-text.h - a domain's usage as front-ends up to 5.10 read it: the answer of
 * a POLL.
 *
 *     STATE=a CPU=12.5 MEMORY=524288 NETRX=… NETTX=… DISKRDBYTES=… DISKWRBYTES=… …
 */
#pragma once

#include "virt/stats.h"

/* Append it.  @cpu_tenths: of a percent of one CPU, or -1 when it is not known;
 * @swapped_kib: what of its memory the host has swapped out.  Counters that @stats has
 * not are left out.
 */
void drv_poll_text_append(GString *out,
                          const DrvStats *stats,
                          gint64 cpu_tenths,
                          guint64 swapped_kib);
