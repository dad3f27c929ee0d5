/* SPDX-License-Identifier: Apache-2.0 */
/* fixed.h - ops whose answer is always the same, or nothing. */
#pragma once

#include "datastore/ds.h"

/* An op that answers @text (NULL: nothing) without asking any host. */
#define DS_FIXED(symbol, op_name, type, text)                                            \
    static gboolean symbol##_run(                                                        \
        gconstpointer data, DrvSource *in, char **result, GError **error)                \
    {                                                                                    \
        (void)data, (void)in, (void)error;                                               \
        *result = g_strdup(text);                                                        \
        return TRUE;                                                                     \
    }                                                                                    \
    const DrvOp symbol = {                                                               \
        .name = op_name,                                                                 \
        .request = &type,                                                                \
        .run = symbol##_run,                                                             \
        .where = drv_op_anywhere,                                                        \
    };                                                                                   \
    DRV_OP_REGISTER(symbol)
