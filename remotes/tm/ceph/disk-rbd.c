/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/ceph/disk.h"

#include "base/error.h"

void
ceph_disk_image_clear(CephDiskImage *image)
{
    g_clear_pointer(&image->pool, drv_rbd_pool_free);
    g_clear_pointer(&image->image, g_free);
    g_clear_pointer(&image->base, g_free);
}

static gboolean
name_image(CephDiskImage *image,
           const TmHead *head,
           const CephDisk *disk,
           char **pool,
           GError **error)
{
    if (*disk->source == '\0') {
        *pool = g_strdup(disk->site.pool);
        image->image = g_strdup_printf("one-sys-%" G_GUINT64_FORMAT "-%" G_GINT64_FORMAT,
                                       head->vm_id,
                                       head->disk_id);
        return TRUE;
    }
    if (!drv_rbd_site_split(disk->source, pool, &image->image, error))
        return FALSE;
    if (disk->clone) {
        image->base = image->image;
        image->image = g_strdup_printf("%s-%" G_GUINT64_FORMAT "-%" G_GINT64_FORMAT,
                                       image->base,
                                       head->vm_id,
                                       head->disk_id);
    }
    return TRUE;
}

gboolean
ceph_disk_image_open(CephDiskImage *image,
                     const TmHead *head,
                     const CephDisk *disk,
                     GError **error)
{
    g_autofree char *pool = NULL;

    if (!name_image(image, head, disk, &pool, error))
        return FALSE;
    image->pool = drv_rbd_pool_open(&disk->site, pool, error);
    return image->pool != NULL;
}

gboolean
ceph_disk_check_type(const CephDisk *disk, GError **error)
{
    return *disk->kind == '\0' || g_str_equal(disk->kind, "RBD") ||
           drv_throw(error,
                     DRV_ERROR_UNSUPPORTED,
                     "Operation not supported on disk type %s",
                     disk->kind);
}
