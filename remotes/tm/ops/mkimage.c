/* SPDX-License-Identifier: Apache-2.0 */
/* mkimage, mkswap: a new volatile disk, a plain file in the VM's directory. */
#include "base/path.h"
#include "image/mkfs.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/tm.h"

static gboolean
make_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmMake *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_autofree char *snap = NULL;
    g_autoptr(DrvStage) stage = NULL;
    DrvMkfs want = {
        .format = request->format,
        .fs = request->fs,
        .supported_fs = (const char *const *)request->supported_fs,
        .fs_options = (const char *const *)request->fs_options,
    };

    (void)in, (void)result;
    if (!tm_dir_open(&dir, request->target, TRUE, error))
        return FALSE;
    stage = drv_stage_open(dir.fd, dir.path, dir.disk, error);
    if (stage == NULL || !tm_size_of_mb(request->size_mb, &want.size, error) ||
        !drv_mkfs(drv_stage_fd(stage), "new", &want, error))
        return FALSE;
    snap = g_strconcat(dir.disk, ".snap", NULL);
    if (drv_path_exists(dir.fd, snap))
        drv_stage_remove(stage, snap); /* of an earlier disk with this number */
    drv_stage_publish(stage, "new", dir.disk);
    return drv_stage_commit(stage, error) && tm_dir_keep(&dir);
}

const DrvOp tm_mkimage_op = { .name = "tm.mkimage",
                              .request = &tm_mkimage,
                              .run = make_disk };
DRV_OP_REGISTER(tm_mkimage_op);

const DrvOp tm_mkswap_op = { .name = "tm.mkswap",
                             .request = &tm_mkswap,
                             .run = make_disk };
DRV_OP_REGISTER(tm_mkswap_op);
