/* SPDX-License-Identifier: Apache-2.0 */
/* image/inspect-vhd.c - VHD (qemu: vpc) with a dynamic header, and VHDX.
 *
 * A fixed VHD has only a footer behind its data; it is a raw image to qemu's probe, and
 * to us.
 */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "base/bytes.h"
#include "image/inspect-private.h"

#define FOOTER_SIZE 512
#define DYNAMIC_SIZE 1024
#define SECTOR ((guint64)512)
#define TYPE_FIXED 2
#define TYPE_DYNAMIC 3
#define TYPE_DIFFERENCING 4
#define MAX_CHS ((guint64)65535 * 16 * 255)

/* The geometry counts, as it did for the first program, unless the footer is by one of
 * those that go by the size.
 */
static guint64
vhd_size(const guint8 *footer)
{
    static const char by_size[][5] = { "win ", "qem2", "d2v ", "CTXS", "tap\0" };
    guint64 chs = drv_inspect_be(footer + 56, 2) * footer[58] * footer[59];
    guint64 size = drv_inspect_be(footer + 48, 8) / SECTOR * SECTOR;

    for (guint i = 0; i < G_N_ELEMENTS(by_size); i++)
        if (memcmp(footer + 28, by_size[i], 4) == 0)
            return size;
    return chs == MAX_CHS ? size : chs * SECTOR;
}

static gboolean
check_dynamic(const DrvImageReader *reader,
              const guint8 *raw,
              DrvImageInfo *info,
              GError **error)
{
    guint64 entries = drv_inspect_be(raw + 28, 4);

    info->cluster_size = drv_inspect_be(raw + 32, 4);
    if (memcmp(raw, "cxsparse", 8) != 0)
        return drv_inspect_invalid(reader, error, "it has no dynamic header");
    if (info->cluster_size < SECTOR || (info->cluster_size & (info->cluster_size - 1)))
        return drv_inspect_invalid(reader, error, "block size out of range");
    if (entries * info->cluster_size < info->virtual_size)
        return drv_inspect_invalid(
            reader, error, "block table is too small for its size");
    if (!drv_bytes_are_zero(raw + 40, 16) || !drv_bytes_are_zero(raw + 576, 8 * 24)) {
        g_free(info->backing_file);
        info->backing_file = g_strdup("");
    }
    return drv_inspect_contains(
        reader, drv_inspect_be(raw + 16, 8), entries * 4, "block table", error);
}

gboolean
drv_inspect_parse_vhd(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    guint8 footer[FOOTER_SIZE];
    guint8 dynamic[DYNAMIC_SIZE];
    guint64 type;
    guint64 offset;

    if (!drv_inspect_read(reader, 0, footer, sizeof footer, error))
        return FALSE;
    type = drv_inspect_be(footer + 60, 4);
    offset = drv_inspect_be(footer + 16, 8);
    info->virtual_size = vhd_size(footer);
    if (info->virtual_size == 0 || info->virtual_size > DRV_IMAGE_MAX_SIZE)
        return drv_inspect_invalid(reader, error, "virtual size out of range");
    if (type != TYPE_DYNAMIC && type != TYPE_DIFFERENCING)
        return drv_inspect_invalid(reader, error, "unknown type");
    if (type == TYPE_DIFFERENCING)
        info->backing_file = g_strdup("");
    if (!drv_inspect_contains(reader, offset, sizeof dynamic, "dynamic header", error))
        return FALSE;
    if (!drv_inspect_sees(reader, offset, sizeof dynamic))
        return TRUE;
    return drv_inspect_read(reader, offset, dynamic, sizeof dynamic, error) &&
           check_dynamic(reader, dynamic, info, error);
}

/* --- VHDX --------------------------------------------------------------------------- */

#define VHDX_HEADER_1 ((guint64)64 * 1024)
#define VHDX_HEADER_2 ((guint64)128 * 1024)
#define VHDX_REGIONS_1 ((guint64)192 * 1024)
#define VHDX_REGIONS_2 ((guint64)256 * 1024)
#define VHDX_TABLE_SIZE ((gsize)64 * 1024)
#define VHDX_MAX_ENTRIES 2047
#define VHDX_ENTRY 32
#define VHDX_TABLES_END (VHDX_REGIONS_2 + VHDX_TABLE_SIZE)

/* GUIDs as they lie in the file. */
static const guint8 guid_metadata[16] = {
    0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
    0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e
};
static const guint8 guid_params[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                        0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
static const guint8 guid_size[16] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                      0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
static const guint8 guid_parent[16] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
                                        0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };

/* A log that is named by the newer of the two headers has to be replayed. */
static gboolean
vhdx_read_headers(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    static const guint64 places[] = { VHDX_HEADER_1, VHDX_HEADER_2 };
    guint64 newest = 0;
    gboolean found = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        guint8 raw[80];

        if (!drv_inspect_read(reader, places[i], raw, sizeof raw, error))
            return FALSE;
        if (memcmp(raw, "head", 4) != 0 || (found && drv_inspect_le(raw + 8, 8) < newest))
            continue;
        found = TRUE;
        newest = drv_inspect_le(raw + 8, 8);
        info->dirty = !drv_bytes_are_zero(raw + 48, 16);
    }
    return found || drv_inspect_invalid(reader, error, "it has no header");
}

/* One item of the metadata region, whose data are at @offset. */
static gboolean
vhdx_take_item(const DrvImageReader *reader,
               const guint8 *guid,
               guint64 offset,
               DrvImageInfo *info,
               GError **error)
{
    guint8 raw[8];
    gboolean parent = memcmp(guid, guid_parent, 16) == 0;

    if (memcmp(guid, guid_params, 16) == 0) {
        if (!drv_inspect_read(reader, offset, raw, 8, error))
            return FALSE;
        info->cluster_size = drv_inspect_le(raw, 4);
        parent = (raw[4] & 2) != 0;
    } else if (memcmp(guid, guid_size, 16) == 0) {
        if (!drv_inspect_read(reader, offset, raw, 8, error))
            return FALSE;
        info->virtual_size = drv_inspect_le(raw, 8);
    }
    if (parent && info->backing_file == NULL)
        info->backing_file = g_strdup("");
    return TRUE;
}

static gboolean
vhdx_read_metadata(const DrvImageReader *reader,
                   guint64 offset,
                   DrvImageInfo *info,
                   GError **error)
{
    g_autofree guint8 *table = g_malloc(VHDX_TABLE_SIZE);
    guint64 n;

    if (!drv_inspect_read(reader, offset, table, VHDX_TABLE_SIZE, error))
        return FALSE;
    n = drv_inspect_le(table + 10, 2);
    if (memcmp(table, "metadata", 8) != 0 || n > VHDX_MAX_ENTRIES)
        return drv_inspect_invalid(reader, error, "its metadata are damaged");
    for (guint64 i = 1; i <= n; i++) {
        const guint8 *entry = table + i * VHDX_ENTRY;

        if (!vhdx_take_item(
                reader, entry, offset + drv_inspect_le(entry + 16, 4), info, error))
            return FALSE;
    }
    return TRUE;
}

/* All of the region that @entry of the table names. */
static gboolean
vhdx_sees_metadata(const DrvImageReader *reader, const guint8 *entry)
{
    return drv_inspect_sees(
        reader, drv_inspect_le(entry + 16, 8), drv_inspect_le(entry + 24, 4));
}

/* Both copies of the table: whichever a reader takes, it must not have a parent. */
static gboolean
vhdx_read_regions(const DrvImageReader *reader,
                  guint64 place,
                  gboolean *found,
                  DrvImageInfo *info,
                  GError **error)
{
    g_autofree guint8 *table = g_malloc(VHDX_TABLE_SIZE);
    guint64 n;

    if (!drv_inspect_read(reader, place, table, VHDX_TABLE_SIZE, error))
        return FALSE;
    n = drv_inspect_le(table + 8, 4);
    if (memcmp(table, "regi", 4) != 0)
        return TRUE;
    if (n > VHDX_MAX_ENTRIES)
        return drv_inspect_invalid(reader, error, "its region table is damaged");
    for (guint64 i = 0; i < n; i++) {
        const guint8 *entry = table + 16 + i * VHDX_ENTRY;

        if (memcmp(entry, guid_metadata, 16) != 0)
            continue;
        *found = TRUE;
        if (!vhdx_sees_metadata(reader, entry))
            return TRUE;
        if (!vhdx_read_metadata(reader, drv_inspect_le(entry + 16, 8), info, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
drv_inspect_parse_vhdx(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    gboolean found = FALSE;

    info->virtual_size = 0;
    if (!drv_inspect_sees(reader, 0, VHDX_TABLES_END))
        return TRUE;
    if (!vhdx_read_headers(reader, info, error) ||
        !vhdx_read_regions(reader, VHDX_REGIONS_1, &found, info, error) ||
        !vhdx_read_regions(reader, VHDX_REGIONS_2, &found, info, error))
        return FALSE;
    if (found && info->virtual_size == 0 && reader->fd < 0)
        return TRUE; /* not seen */
    if (!found || info->virtual_size == 0 || info->virtual_size > DRV_IMAGE_MAX_SIZE ||
        info->cluster_size == 0)
        return drv_inspect_invalid(reader, error, "its metadata are incomplete");
    return TRUE;
}
