/* SPDX-License-Identifier: Apache-2.0 */
/* monitor: how full the datastore is.  By the way, what dead drivers left is settled. */
#include "base/fd.h"
#include "base/path.h"
#include "datastore/ds.h"
#include "image/df.h"
#include "stage/deleted.h"
#include "stage/stage.h"

static gboolean
measure_datastore(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsMonitor *request = data;
    g_autofree char *dir = drv_path_collapse(request->base_path);
    g_auto(DrvFd) fd = drv_path_open_dir(dir, NULL);
    DrvDf df;

    (void)in;
    if (fd >= 0) {
        drv_stage_sweep(fd, dir);
        drv_deleted_trim(fd, dir);
    }
    if (!drv_df(request->base_path, &df, error))
        return FALSE;
    *result = drv_df_text(&df);
    return TRUE;
}

const DrvOp fs_monitor = { .name = "fs.monitor",
                           .request = &ds_monitor,
                           .run = measure_datastore };
DRV_OP_REGISTER(fs_monitor);
