/* SPDX-License-Identifier: Apache-2.0 */
#include "datastore/ds.h"
#include "image/df.h"

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsMonitor *request = data;
    DrvDf df;

    (void)in;
    if (!drv_df(request->base_path, &df, error))
        return FALSE;
    *result = drv_df_text(&df);
    return TRUE;
}

const DrvOp fs_monitor = { .name = "fs.monitor", .request = &ds_monitor, .run = run };
DRV_OP_REGISTER(fs_monitor);
