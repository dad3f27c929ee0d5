/* SPDX-License-Identifier: Apache-2.0 */
/* transport/session-private.h - between session.c, which moves bytes, and session-run.c,
 * which follows an op.
 */
#pragma once

#include "transport/session.h"

/* Wait for any of the three pipes and serve it.  0 when the time is over, -1 with @error.
 */
int drv_session_serve(DrvSession *talk,
                      int timeout_ms,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The next frame of what was read.  TRUE with *size 0 when more bytes are needed. */
gboolean drv_session_parse(DrvSession *talk, DrvFrame *frame, gsize *size, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Close its stdin, so that a worker unwinds; and what is left of the time it gets. */
void drv_session_say_stop(DrvSession *talk);
gint64 drv_session_stop_left_ms(const DrvSession *talk);
