/* SPDX-License-Identifier: Apache-2.0 */
/* rm: image, snapshots and checksums disappear, each at once, by a rename; and what a
 * disk that did not wholly arrive as this image has left.
 */
#include "base/fd.h"
#include "base/path.h"
#include "datastore/fs/fs.h"
#include "stage/deleted.h"
#include "transfer/transfer.h"

/* An image that never got a source: its cp may have been killed. */
static gboolean
sweep_only(const DsImage *request)
{
    g_autofree char *dir = drv_path_collapse(request->base_path);
    g_auto(DrvFd) fd = *dir ? drv_path_open_dir(dir, NULL) : -1;

    if (fd >= 0)
        drv_stage_sweep(fd, dir);
    return TRUE;
}

/* Nobody must be kept from forgetting such an image by a bridge that does not answer. */
static DrvWhere
where(gconstpointer data)
{
    const DsImage *request = data;

    return *request->source == '\0' && request->bridges[0] ? DRV_NOWHERE : DRV_AT_DATA;
}

/* What is backed by something else goes before it, so that no one ever sees the one
 * without the other: snapshots are backed by the image's file, an image that is a link is
 * backed by them.
 */
static gboolean
delete_image(FsImage *image, GError **error)
{
    g_autofree char *link = drv_path_read_link(image->dir_fd, image->name);
    g_autofree char *md5 = g_strconcat(image->name, ".md5sum", NULL);
    const char *const targets[] = { link ? image->name : image->snap_dir,
                                    link ? image->snap_dir : image->name,
                                    md5,
                                    NULL };

    drv_deleted_trim(image->dir_fd, image->dir);
    return drv_deleted_delete(image->stage, image->dir_fd, image->dir, targets, error) &&
           drv_transfer_forget(image->dir_fd, image->dir, image->name, error);
}

static gboolean
remove_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(FsImage) image = FS_IMAGE_INIT;

    (void)in, (void)result;
    if (*request->source == '\0')
        return sweep_only(request);
    if (!fs_image_open_to_delete(&image, request->base_path, request->source, error))
        return FALSE;
    drv_stage_sweep(image.dir_fd, image.dir);
    return delete_image(&image, error);
}

const DrvOp fs_rm = {
    .name = "fs.rm", .request = &ds_rm, .run = remove_image, .where = where
};
DRV_OP_REGISTER(fs_rm);
