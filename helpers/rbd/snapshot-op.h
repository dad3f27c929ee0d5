/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/snapshot-op.h - ops that change a disk's snapshots: each is one call of rbd/tree.h.
 *
 *     static gboolean change(const MySnapshot *request, DrvRbdChange what, GError
 * **error); DRV_RBD_SNAPSHOT_OP("my.", snap_delete, my_type, drv_rbd_tree_snap_delete);
 *
 * change() opens what the request names, and calls @what with it.
 */
#pragma once

#include "rbd/tree.h"
#include "request/op.h"

typedef gboolean (*DrvRbdChange)(DrvRbdPool *pool,
                                 const char *disk,
                                 guint64 id,
                                 GError **error);

#define DRV_RBD_SNAPSHOT_OP(prefix, action, type, what)                                  \
    static gboolean run_##action(                                                        \
        gconstpointer data, DrvSource *in, char **result, GError **error)                \
    {                                                                                    \
        (void)in, (void)result;                                                          \
        return change(data, what, error);                                                \
    }                                                                                    \
    static const DrvOp op_##action = {                                                   \
        .name = prefix #action,                                                          \
        .request = &type,                                                                \
        .run = run_##action,                                                             \
    };                                                                                   \
    DRV_OP_REGISTER(op_##action)
