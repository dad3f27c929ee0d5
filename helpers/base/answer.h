/* SPDX-License-Identifier: Apache-2.0 */
/* base/answer.h - a result that stays only if the answer that names it gets out.
 *
 * A front-end learns the name of a new image from the answer.  So an op does not make it
 * permanent itself: it leaves that to the code that answers, in three steps that are the
 * same in an action and in a worker:
 *
 *     drv_answer_prepare()   all that can fail; nothing has been said yet
 *     the answer             a line on stdout, or a frame that is confirmed
 *     drv_answer_keep()      immediately after the last byte
 *
 * Without the last one the result is taken back, now or, when the process is dead, by
 * who comes next.
 */
#pragma once

#include <glib.h>

typedef struct {
    gboolean (*prepare)(gpointer state, GError **error);
    gboolean (*keep)(gpointer state, GError **error);
    void (*free)(gpointer state); /* unless it was kept, it is taken back */
} DrvAnswerOps;

/* From here on the answer decides on @state, of which a process has one at most. */
void drv_answer_hold(const DrvAnswerOps *ops, gpointer state);
gboolean drv_answer_is_held(void);

/* Both are TRUE when nothing is held. */
gboolean drv_answer_prepare(GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_answer_keep(GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* There will be no answer: take back what is held. */
void drv_answer_drop(void);
