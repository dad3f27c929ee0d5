/* SPDX-License-Identifier: Apache-2.0 */
/* stat: sizes are found by the front-end, which is where PATH is read from. */
#include "base/bytes.h"
#include "datastore/ds-origin.h"

static gboolean
report_size(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    g_autoptr(DsCp) request = drv_request_copy(data);
    guint64 size;

    (void)in;
    if (!ds_origin_size(request, &size, error))
        return FALSE;
    *result =
        g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)((size + DRV_MIB - 1) / DRV_MIB));
    return TRUE;
}

const DrvOp fs_stat = {
    .name = "fs.stat", .request = &ds_stat, .run = report_size, .where = drv_op_anywhere
};
DRV_OP_REGISTER(fs_stat);
