/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/pace.h - not faster than allowed, and slower while guests wait for disks.
 *
 * one-native.conf: TRANSFER_LIMIT (bytes a second, 0: none), TRANSFER_YIELD (percent of
 * the time in which some guest may wait for disks, 0: does not matter) and
 * TRANSFER_PRESSURE, the file with that time: pressure stall information of the control
 * group that has the guests (kernel: Documentation/accounting/psi.rst).
 */
#pragma once

#include <glib.h>

typedef struct {
    guint64 limit;    /* bytes a second; 0: none */
    guint64 yield_to; /* percent */
    char *pressure;   /* file */
    guint64 pace;     /* bytes a second that guests leave us; 0: all */
    guint64 stalled;  /* microseconds, at @looked_us */
    gint64 looked_us;
    guint64 moved;  /* since then */
    gint64 free_us; /* when the next byte may be moved */
    const char *reason;
} DrvPace;

/* Reads the settings; unreadable ones mean no limit, with a warning. */
void drv_pace_begin(DrvPace *pace);

/* @bytes were moved: wait until more may be.  @limit_file (may be NULL): a limit that
 * somebody has set meanwhile.  DRV_ERROR_CANCELLED.
 */
gboolean drv_pace_wait(DrvPace *pace,
                       guint64 bytes,
                       const char *limit_file,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What it waits for at the moment: "", "limit", "guests". */
const char *drv_pace_reason(const DrvPace *pace);
