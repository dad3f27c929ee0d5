/* SPDX-License-Identifier: Apache-2.0 */
/* image/inspect-other.c - VDI, LUKS, and those that are only known to be refused. */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "image/inspect-private.h"

#define SECTOR ((guint64)512)

#define VDI_HEADER 0x1c8
#define VDI_VERSION 0x00010001
#define VDI_DYNAMIC 1
#define VDI_STATIC 2
#define VDI_BLOCK ((guint64)1024 * 1024) /* the only one in use */

static gboolean
vdi_has_parent(const guint8 *raw)
{
    static const guint8 none[16];

    return drv_inspect_le(raw + 0x4c, 4) > VDI_STATIC ||
           memcmp(raw + 0x1a8, none, 16) != 0 || memcmp(raw + 0x1b8, none, 16) != 0;
}

gboolean
drv_inspect_parse_vdi(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    guint8 raw[VDI_HEADER];
    guint64 blocks;

    if (!drv_inspect_read(reader, 0, raw, sizeof raw, error))
        return FALSE;
    blocks = drv_inspect_le(raw + 0x180, 4);
    info->virtual_size = drv_inspect_le(raw + 0x170, 8);
    info->cluster_size = drv_inspect_le(raw + 0x178, 4);
    if (drv_inspect_le(raw + 0x44, 4) != VDI_VERSION)
        return drv_inspect_invalid(reader, error, "unknown version");
    if (drv_inspect_le(raw + 0x4c, 4) < VDI_DYNAMIC ||
        drv_inspect_le(raw + 0x168, 4) != SECTOR || info->cluster_size != VDI_BLOCK)
        return drv_inspect_invalid(
            reader, error, "type, sector or block size out of range");
    if (info->virtual_size > blocks * VDI_BLOCK)
        return drv_inspect_invalid(reader, error, "block map is too small for its size");
    info->virtual_size = (info->virtual_size + SECTOR - 1) / SECTOR * SECTOR;
    if (vdi_has_parent(raw))
        info->backing_file = g_strdup("");
    return drv_inspect_contains(
        reader, drv_inspect_le(raw + 0x154, 4), blocks * 4, "block map", error);
}

/* Version 1 tells where the data begin; version 2 hides that in JSON, and is a raw file
 * to qemu.
 */
gboolean
drv_inspect_parse_luks(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    guint8 raw[592];
    guint64 payload;

    if (!drv_inspect_read(reader, 0, raw, sizeof raw, error))
        return FALSE;
    info->version = (guint)drv_inspect_be(raw + 6, 2);
    if (info->version != 1 && info->version != 2)
        return drv_inspect_invalid(reader, error, "unknown version %u", info->version);
    if (info->version == 2)
        return TRUE;
    payload = drv_inspect_be(raw + 104, 4) * SECTOR;
    if (!drv_inspect_contains(reader, payload, 0, "payload", error))
        return FALSE;
    if (info->file_size > 0)
        info->virtual_size = info->file_size - payload;
    return TRUE;
}

/* The three below are refused at import; what they say of other files is told all the
 * same, and their sizes.
 */
gboolean
drv_inspect_parse_qcow1(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    guint8 raw[48];

    if (!drv_inspect_read(reader, 0, raw, sizeof raw, error))
        return FALSE;
    info->version = 1;
    info->virtual_size = drv_inspect_be(raw + 24, 8);
    if (drv_inspect_be(raw + 8, 8) != 0 || drv_inspect_be(raw + 16, 4) != 0)
        info->backing_file = g_strdup("");
    return info->virtual_size <= DRV_IMAGE_MAX_SIZE ||
           drv_inspect_invalid(reader, error, "virtual size out of range");
}

gboolean
drv_inspect_parse_qed(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    guint8 raw[64];

    if (!drv_inspect_read(reader, 0, raw, sizeof raw, error))
        return FALSE;
    info->cluster_size = drv_inspect_le(raw + 4, 4);
    info->virtual_size = drv_inspect_le(raw + 48, 8);
    if (drv_inspect_le(raw + 16, 8) & 1)
        info->backing_file = g_strdup("");
    return info->virtual_size <= DRV_IMAGE_MAX_SIZE ||
           drv_inspect_invalid(reader, error, "virtual size out of range");
}

gboolean
drv_inspect_parse_parallels(const DrvImageReader *reader,
                            DrvImageInfo *info,
                            GError **error)
{
    guint8 raw[64];
    gboolean extended;
    guint64 sectors;

    if (!drv_inspect_read(reader, 0, raw, sizeof raw, error))
        return FALSE;
    extended = memcmp(raw, "WithouFreSpacExt", 16) == 0;
    sectors = drv_inspect_le(raw + 36, extended ? 8 : 4);
    info->cluster_size = drv_inspect_le(raw + 28, 4) * SECTOR;
    if (sectors > DRV_IMAGE_MAX_SIZE / SECTOR)
        return drv_inspect_invalid(reader, error, "virtual size out of range");
    info->virtual_size = sectors * SECTOR;
    return TRUE;
}
