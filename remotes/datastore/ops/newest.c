/* SPDX-License-Identifier: Apache-2.0 */
/* The file of an image that others fetch: what is in it has to be all and the newest. */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "datastore/ops/newest.h"
#include "image/chain.h"
#include "image/inspect.h"
#include "image/snapshots.h"

static gboolean
open_last(const char *root, const char *path, int *fd, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };

    *fd = drv_chain_open(root, path, O_RDONLY, error);
    if (*fd < 0 || !drv_inspect_fd(*fd, path, &info, error))
        return FALSE;
    return info.backing_file == NULL ||
           drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "it has snapshots, flatten it first (its newest data are in several "
                     "files)");
}

gboolean
ds_open_newest(const char *source, char **path, int *fd, GError **error)
{
    g_autofree char *image = drv_path_collapse(source);
    g_autofree char *dir = g_path_get_dirname(image);
    g_autofree char *root = g_path_get_dirname(dir);

    *path = drv_snapshots_newest(image);
    if (!g_str_equal(*path, image))
        return open_last(root, *path, fd, error);
    *fd = drv_chain_open_image(image, error);
    return *fd >= 0;
}

static gboolean
find_newest(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsClone *request = data;
    g_auto(DrvFd) fd = -1;

    (void)in;
    return ds_open_newest(request->source, result, &fd, error);
}

const DrvOp ds_newest = { .name = "ds.newest", .request = &ds_clone, .run = find_newest };
DRV_OP_REGISTER(ds_newest);
