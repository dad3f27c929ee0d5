/* SPDX-License-Identifier: Apache-2.0 */
#include "datastore/ds-origin.h"
#include "datastore/ops/fixed.h"

/* An image is the device that PATH names; it need not be on this machine, but has to be
 * in an allowed place, and no file.
 */
static gboolean
cp(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsCp *request = data;

    (void)in;
    if (*request->path == '/' && !ds_origin_check_device(request, error))
        return FALSE;
    *result = g_strdup_printf("%s raw", request->path);
    return TRUE;
}

const DrvOp dev_cp = {
    .name = "dev.cp", .request = &ds_cp, .run = cp, .where = drv_op_anywhere
};
DRV_OP_REGISTER(dev_cp);

DS_FIXED(dev_rm, "dev.rm", ds_rm, NULL);
DS_FIXED(dev_stat, "dev.stat", ds_stat, "0");
DS_FIXED(dev_monitor, "dev.monitor", ds_monitor, "USED_MB=0\nTOTAL_MB=1\nFREE_MB=1");
