/* SPDX-License-Identifier: Apache-2.0 */
/* image/relink.h - the promise of a live snapshot: "the link may have to name the
 * overlay".
 *
 * A running domain takes part in the change, so nobody but it knows whether it happened:
 * see image/relink.c.
 */
#pragma once

#include "stage/stage.h"

/* Promise that @link in the stage's directory becomes @target, if the file @path comes
 * into use.
 * @fd is that file as it is now, still unused.  drv_relink_forget() ends it.
 */
gboolean drv_relink_intend(DrvStage *stage,
                           int fd,
                           const char *path,
                           const char *link,
                           const char *target,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_relink_forget(DrvStage *stage, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Settle the promise in the stage @stage_fd whose owner died: a DrvStageSettle. */
gboolean drv_relink_settle(int stage_fd, int dir_fd, const char *where, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
