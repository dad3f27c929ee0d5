/* SPDX-License-Identifier: Apache-2.0 */
/* Actions that have nothing to do where all hosts see the same storage. */
#include "tm/tm.h"

static gboolean
always(gconstpointer request)
{
    (void)request;
    return TRUE;
}

#define TM_NOTHING(symbol, op_name, type)                                                \
    const DrvOp symbol = { .name = op_name, .request = &type, .is_noop = always };       \
    DRV_OP_REGISTER(symbol)

TM_NOTHING(tm_noop_clone, "tm.no-clone", tm_clone);
TM_NOTHING(tm_noop_mv, "tm.no-mv", tm_mv);
TM_NOTHING(tm_noop_mvds, "tm.no-mvds", tm_mvds);
TM_NOTHING(tm_noop_cpds, "tm.no-cpds", tm_cpds);
TM_NOTHING(tm_noop_delete, "tm.no-delete", tm_delete);
TM_NOTHING(tm_noop_mkimage, "tm.no-mkimage", tm_mkimage);
TM_NOTHING(tm_noop_mkswap, "tm.no-mkswap", tm_mkswap);
TM_NOTHING(tm_noop_resize, "tm.no-resize", tm_resize);
TM_NOTHING(tm_noop_snapshot, "tm.no-snapshot", tm_snapshot);
TM_NOTHING(tm_noop_migrate, "tm.no-migrate", tm_migrate);
TM_NOTHING(tm_noop_put, "tm.no-put", tm_put);
TM_NOTHING(tm_noop_monitor, "tm.no-monitor", tm_monitor);
