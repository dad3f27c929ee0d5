/* SPDX-License-Identifier: Apache-2.0 */
/* clone, ln: disk.N becomes a link to the device. */
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/tm.h"

static gboolean
link_device(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmClone *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_autoptr(DrvStage) stage = NULL;

    (void)in, (void)result;
    if (!tm_dir_open(&dir, request->target, TRUE, error))
        return FALSE;
    stage = drv_stage_open(dir.fd, dir.path, dir.disk, error);
    if (stage == NULL || !drv_stage_link(stage, "link", request->source, error))
        return FALSE;
    drv_stage_publish(stage, "link", dir.disk);
    return drv_stage_commit(stage, error) && tm_dir_keep(&dir);
}

const DrvOp dev_link = { .name = "dev.link", .request = &tm_clone, .run = link_device };
DRV_OP_REGISTER(dev_link);
