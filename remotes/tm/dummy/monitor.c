/* SPDX-License-Identifier: Apache-2.0 */
/* monitor of the dummy driver: always the same. */
#include "tm/tm.h"

static gboolean
measure_nothing(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)data, (void)in, (void)error;
    *result = g_strdup("USED_MB=1429920 FREE_MB=3333260 TOTAL_MB=4796800\n");
    return TRUE;
}

const DrvOp dummy_monitor = {
    .name = "dummy.monitor",
    .request = &tm_monitor,
    .run = measure_nothing,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(dummy_monitor);
