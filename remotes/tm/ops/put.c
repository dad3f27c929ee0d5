/* SPDX-License-Identifier: Apache-2.0 */
/* put: a stream from the front-end becomes a file in the VM's directory (context's ISO).
 * A guest that has the old one mounted keeps it: the new one is another file.
 */
#include "base/fd.h"
#include "source/copy.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/tm.h"

static gboolean
put_file(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmPut *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_autoptr(DrvStage) stage = NULL;
    g_auto(DrvFd) fd = -1;

    (void)result;
    if (!tm_dir_open(&dir, request->target, TRUE, error))
        return FALSE;
    stage = drv_stage_open(dir.fd, dir.path, dir.disk, error);
    if (stage == NULL)
        return FALSE;
    fd = drv_stage_create(stage, "new", error);
    if (fd < 0 || !drv_copy_source(in, fd, TRUE, NULL, error))
        return FALSE;
    if (request->iso_link) {
        g_autofree char *iso = g_strconcat(dir.disk, ".iso", NULL);

        if (!drv_stage_link(stage, "iso", dir.disk, error))
            return FALSE;
        drv_stage_publish(stage, "iso", iso);
    }
    drv_stage_publish(stage, "new", dir.disk);
    return drv_stage_commit(stage, error) && tm_dir_keep(&dir);
}

const DrvOp tm_put_op = { .name = "tm.put", .request = &tm_put, .run = put_file };
DRV_OP_REGISTER(tm_put_op);
