/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/pace.h - not faster than allowed, and slower while guests wait for disks.
 *
 * one-native.conf: TRANSFER_LIMIT (bytes a second, 0: none), TRANSFER_YIELD (percent of
 * the time in which some guest may wait for disks, 0: does not matter) and
 * TRANSFER_PRESSURE, the file with that time: pressure stall information of the control
 * group that has the guests (kernel: Documentation/accounting/psi.rst).  A file
 * "<id>.limit" beside this process's status sets another limit while it runs.
 */
#pragma once

#include <glib.h>

/* @bytes were moved: note it in the status, and wait until more may be.  Unreadable
 * settings mean no limit, with a warning.  DRV_ERROR_CANCELLED.
 */
gboolean drv_pace_moved(guint64 bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
