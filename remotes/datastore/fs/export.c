/* SPDX-License-Identifier: Apache-2.0 */
/* export's op: result "MD5 FORMAT FILE". */
#include "base/fd.h"
#include "datastore/ops/newest.h"
#include "image/inspect.h"
#include "source/digest.h"

static gboolean
export_image(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DsImage *request = data;
    g_auto(DrvFd) fd = -1;
    g_auto(DrvImageInfo) info = { 0 };
    g_autofree char *path = NULL;
    g_autofree char *md5 = NULL;
    const char *format = request->format;

    (void)in;
    if (!ds_open_newest(request->source, &path, &fd, error))
        return FALSE;
    if (*format == '\0') {
        if (!drv_inspect_fd(fd, path, &info, error))
            return FALSE;
        format = drv_inspect_core_format(info.format);
    }
    md5 = drv_digest_fd(fd, DRV_DIGEST_MD5, path, error);
    if (md5 == NULL)
        return FALSE;
    *result = g_strdup_printf("%s %s %s", md5, format, path);
    return TRUE;
}

const DrvOp fs_export = { .name = "fs.export",
                          .request = &ds_export,
                          .run = export_image };
DRV_OP_REGISTER(fs_export);
