/* SPDX-License-Identifier: Apache-2.0 */
/* image/inspect-admit.c - what may come in as an image. */
#include "base/error.h"
#include "base/log.h"
#include "image/inspect.h"

static gboolean
refuse(GError **error, const char *name, const char *reason, const char *other)
{
    g_autofree char *shown = other ? drv_log_escape(other) : NULL;

    if (shown == NULL)
        return drv_throw(
            error, DRV_ERROR_REFUSED, "image '%s' is refused: %s", name, reason);
    return drv_throw(
        error, DRV_ERROR_REFUSED, "image '%s' is refused: %s '%s'", name, reason, shown);
}

/* In pieces, read-only, or obsolete: nothing that a cloud should keep as it is. */
static gboolean
is_unwanted(DrvImageFormat format)
{
    switch (format) {
    case DRV_IMAGE_QCOW1:
    case DRV_IMAGE_QED:
    case DRV_IMAGE_PARALLELS:
    case DRV_IMAGE_BOCHS:
    case DRV_IMAGE_CLOOP:
    case DRV_IMAGE_DMG:
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean
drv_inspect_admit(const DrvImageInfo *info, const char *name, GError **error)
{
    if (is_unwanted(info->format))
        return refuse(
            error, name, "no support for format", drv_inspect_format_name(info->format));
    if (info->backing_file && info->backing_file[0])
        return refuse(error, name, "it has the backing file", info->backing_file);
    if (info->backing_file)
        return refuse(error, name, "it is the child of another image", NULL);
    if (info->has_data_file)
        return refuse(error,
                      name,
                      "it has an external data file",
                      info->data_file ? info->data_file : NULL);
    if (info->names_other_files)
        return refuse(error, name, "its descriptor names other files", NULL);
    if (info->unknown_incompatible) {
        g_autofree char *bits =
            g_strdup_printf("0x%" G_GINT64_MODIFIER "x", info->unknown_incompatible);

        return refuse(error, name, "unknown feature bits", bits);
    }
    if (info->corrupt)
        return refuse(error, name, "it is marked as corrupt", NULL);
    if (info->encryption)
        return refuse(error, name, "it is encrypted inside qcow2", NULL);
    return TRUE;
}
