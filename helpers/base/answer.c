/* SPDX-License-Identifier: Apache-2.0 */
#include "base/answer.h"

#include "base/cancel.h"

static const DrvAnswerOps *held;
static gpointer held_state;

void
drv_answer_hold(const DrvAnswerOps *ops, gpointer state)
{
    g_assert(held == NULL);
    held = ops;
    held_state = state;
}

gboolean
drv_answer_is_held(void)
{
    return held != NULL;
}

gboolean
drv_answer_prepare(GError **error)
{
    return held == NULL || held->prepare(held_state, error);
}

gboolean
drv_answer_keep(GError **error)
{
    if (held && !held->keep(held_state, error))
        return FALSE;
    drv_answer_drop();
    return TRUE;
}

void
drv_answer_drop(void)
{
    DRV_CANCEL_SHIELD();
    const DrvAnswerOps *ops = g_steal_pointer(&held);

    if (ops)
        ops->free(g_steal_pointer(&held_state));
}
