/* SPDX-License-Identifier: Apache-2.0 */
/* Actions that have nothing to do where all hosts see the same storage. */
#include "tm/tm.h"

#define TM_NOOP(symbol, op_name, type)                                                   \
    const DrvOp symbol = {                                                               \
        .name = op_name,                                                                 \
        .request = &type,                                                                \
        .where = drv_op_nowhere,                                                         \
    };                                                                                   \
    DRV_OP_REGISTER(symbol)

TM_NOOP(tm_noop_clone, "tm.noop-clone", tm_clone);
TM_NOOP(tm_noop_mv, "tm.noop-mv", tm_mv);
TM_NOOP(tm_noop_mvds, "tm.noop-mvds", tm_mvds);
TM_NOOP(tm_noop_cpds, "tm.noop-cpds", tm_cpds);
TM_NOOP(tm_noop_delete, "tm.noop-delete", tm_delete);
TM_NOOP(tm_noop_mkimage, "tm.noop-mkimage", tm_mkimage);
TM_NOOP(tm_noop_mkswap, "tm.noop-mkswap", tm_mkswap);
TM_NOOP(tm_noop_resize, "tm.noop-resize", tm_resize);
TM_NOOP(tm_noop_snapshot, "tm.noop-snapshot", tm_snapshot);
TM_NOOP(tm_noop_migrate, "tm.noop-migrate", tm_migrate);
TM_NOOP(tm_noop_put, "tm.noop-put", tm_put);
TM_NOOP(tm_noop_monitor, "tm.noop-monitor", tm_monitor);
