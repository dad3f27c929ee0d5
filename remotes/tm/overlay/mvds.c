/* SPDX-License-Identifier: Apache-2.0 */
/* mvds: what the guest wrote is in the image already.  The link that leads to it goes, so
 * that the number of a detached disk is free; where it leads elsewhere, it stays.
 */
#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/tm.h"
#include "transport/dispatch.h"

/* Does the link's text name the image, or a file of its snapshots? */
static gboolean
leads_to(const char *link, const char *image)
{
    g_autofree char *clean = drv_path_collapse(link);
    g_autofree char *snap = g_strconcat(image, ".snap", NULL);

    return *link == '/' && (g_str_equal(clean, image) || drv_path_is_below(clean, snap));
}

static gboolean
unlink_disk(const TmStore *request, TmDir *dir, GError **error)
{
    const char *const targets[] = { dir->disk, NULL };
    g_autofree char *image = tm_dir_image_path(dir, request->image);
    g_autofree char *link = NULL;
    g_autoptr(DrvStage) stage = NULL;

    if (!drv_stage_open_to_delete(dir->fd, dir->path, dir->disk, &stage, error))
        return FALSE;
    link = drv_path_read_link(dir->fd, dir->disk);
    return link == NULL || !leads_to(link, image) ||
           drv_stage_delete(stage, dir->fd, dir->path, targets, error);
}

static gboolean
run_there(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmStore *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_autoptr(GError) why = NULL;

    (void)in, (void)result;
    if (tm_dir_open(&dir, request->target, FALSE, &why))
        return unlink_disk(request, &dir, error);
    if (drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

const DrvOp overlay_unlink = {
    .name = "overlay.unlink",
    .request = &tm_mvds,
    .run = run_there,
};
DRV_OP_REGISTER(overlay_unlink);

/* A link is not worth an image in error: what a host that is gone has goes with the VM.
 */
static gboolean
finish_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    TmStore *request = (TmStore *)data;
    g_autoptr(GError) why = NULL;

    (void)in, (void)result;
    if (drv_dispatch(request->host, &overlay_unlink, request, NULL, NULL, &why))
        return TRUE;
    if (drv_error_is(why, DRV_ERROR_NO_HOST)) {
        drv_warn("'%s' stays: %s", request->target, why->message);
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

const DrvOp overlay_mvds = {
    .name = "overlay.mvds",
    .request = &tm_mvds,
    .run = finish_disk,
    .where = drv_op_anywhere,
};
DRV_OP_REGISTER(overlay_mvds);
