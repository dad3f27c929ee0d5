/* SPDX-License-Identifier: Apache-2.0 */
/* image/inspect-qcow2.c - versions 2 and 3, after docs/interop/qcow2.txt of QEMU. */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "image/inspect-private.h"

#define HEADER_V2 72
#define HEADER_V3 104
#define MAX_BACKING_NAME 1023
#define MAX_L1_BYTES ((guint64)32 * 1024 * 1024)
#define MAX_REFTABLE_BYTES ((guint64)8 * 1024 * 1024)
#define MAX_SNAPSHOTS 65536

#define EXT_END 0
#define EXT_BACKING_FORMAT 0xe2792aca
#define EXT_DATA_FILE 0x44415441

/* Incompatible features that qemu has. */
#define BIT_DIRTY (1 << 0)
#define BIT_CORRUPT (1 << 1)
#define BIT_DATA_FILE (1 << 2)
#define BIT_COMPRESSION (1 << 3)
#define BIT_EXTENDED_L2 (1 << 4)
#define BITS_KNOWN 0x1f

typedef struct {
    const DrvImageReader *reader;
    DrvImageInfo *info;
    guint8 raw[HEADER_V3 + 8];
    guint64 header_length;
    guint64 backing_offset; /* 0: none */
    guint64 backing_size;
} Qcow2;

static gboolean
read_header(Qcow2 *q, GError **error)
{
    const DrvImageReader *reader = q->reader;
    guint64 cluster_bits;

    if (!drv_inspect_read(reader, 0, q->raw, HEADER_V2, error))
        return FALSE;
    q->info->version = (guint)drv_inspect_be(q->raw + 4, 4);
    if (q->info->version != 2 && q->info->version != 3)
        return drv_inspect_invalid(reader, error, "unknown version %u", q->info->version);
    q->header_length = HEADER_V2;
    if (q->info->version == 3) {
        if (!drv_inspect_read(reader, 0, q->raw, HEADER_V3, error))
            return FALSE;
        q->header_length = drv_inspect_be(q->raw + 100, 4);
    }
    cluster_bits = drv_inspect_be(q->raw + 20, 4);
    if (cluster_bits < 9 || cluster_bits > 21)
        return drv_inspect_invalid(reader, error, "cluster size out of range");
    q->info->cluster_size = (guint64)1 << cluster_bits;
    if (q->info->version == 3 &&
        (q->header_length < HEADER_V3 || q->header_length % 8 != 0 ||
         q->header_length > q->info->cluster_size))
        return drv_inspect_invalid(reader, error, "header length out of range");
    return q->header_length <= HEADER_V3 ||
           drv_inspect_read(reader, 0, q->raw, HEADER_V3 + 8, error);
}

static gboolean
read_features(Qcow2 *q, GError **error)
{
    guint64 bits = q->info->version == 3 ? drv_inspect_be(q->raw + 72, 8) : 0;
    guint compression = q->header_length > HEADER_V3 ? q->raw[HEADER_V3] : 0;

    q->info->incompatible = bits;
    q->info->unknown_incompatible = bits & ~(guint64)BITS_KNOWN;
    q->info->dirty = (bits & BIT_DIRTY) != 0;
    q->info->corrupt = (bits & BIT_CORRUPT) != 0;
    q->info->has_data_file = (bits & BIT_DATA_FILE) != 0;
    q->info->encryption = (guint)drv_inspect_be(q->raw + 32, 4);
    if (q->info->encryption > 2)
        return drv_inspect_invalid(q->reader, error, "unknown encryption");
    if (compression > 1 || (compression != 0) != ((bits & BIT_COMPRESSION) != 0))
        return drv_inspect_invalid(q->reader, error, "compression type out of range");
    if (q->info->version == 3 && drv_inspect_be(q->raw + 96, 4) > 6)
        return drv_inspect_invalid(q->reader, error, "refcount width out of range");
    return TRUE;
}

static gboolean
check_table(
    const Qcow2 *q, guint64 offset, guint64 size, const char *what, GError **error)
{
    if (offset % q->info->cluster_size != 0)
        return drv_inspect_invalid(q->reader, error, "%s is not aligned", what);
    return drv_inspect_contains(q->reader, offset, size, what, error);
}

/* One entry of L1 stands for a cluster full of L2 entries. */
static gboolean
check_l1(const Qcow2 *q, GError **error)
{
    guint64 cluster = q->info->cluster_size;
    guint64 entry_size = q->info->incompatible & BIT_EXTENDED_L2 ? 16 : 8;
    guint64 per_entry = cluster * (cluster / entry_size);
    guint64 size = q->info->virtual_size;
    guint64 needed = size / per_entry + (size % per_entry != 0);
    guint64 entries = drv_inspect_be(q->raw + 36, 4);

    if (size > DRV_IMAGE_MAX_SIZE)
        return drv_inspect_invalid(q->reader, error, "virtual size out of range");
    if (entries * 8 > MAX_L1_BYTES || needed * 8 > MAX_L1_BYTES)
        return drv_inspect_invalid(q->reader, error, "L1 table out of range");
    if (entries < needed)
        return drv_inspect_invalid(
            q->reader, error, "L1 table is too small for its size");
    return check_table(q, drv_inspect_be(q->raw + 40, 8), entries * 8, "L1 table", error);
}

static gboolean
check_tables(const Qcow2 *q, GError **error)
{
    guint64 reftable = drv_inspect_be(q->raw + 48, 8);
    guint64 reftable_size = drv_inspect_be(q->raw + 56, 4) * q->info->cluster_size;

    if (reftable == 0 || reftable_size == 0 || reftable_size > MAX_REFTABLE_BYTES)
        return drv_inspect_invalid(q->reader, error, "refcount table out of range");
    if (q->info->n_snapshots > MAX_SNAPSHOTS)
        return drv_inspect_invalid(q->reader, error, "too many snapshots");
    return check_l1(q, error) &&
           check_table(q, reftable, reftable_size, "refcount table", error) &&
           (q->info->n_snapshots == 0 ||
            check_table(q, drv_inspect_be(q->raw + 64, 8), 40, "snapshot table", error));
}

/* @size bytes of text at @offset in the first cluster. */
static char *
read_text(const Qcow2 *q, guint64 offset, guint64 size, GError **error)
{
    g_autofree char *text = g_malloc0(size + 1);

    if (!drv_inspect_read(q->reader, offset, text, size, error))
        return NULL;
    if (memchr(text, '\0', size) == NULL)
        return g_steal_pointer(&text);
    drv_inspect_invalid(q->reader, error, "a name in its header is not valid UTF-8");
    return NULL;
}

static gboolean
read_backing(Qcow2 *q, GError **error)
{
    guint64 cluster = q->info->cluster_size;

    q->backing_offset = drv_inspect_be(q->raw + 8, 8);
    q->backing_size = drv_inspect_be(q->raw + 16, 4);
    if (q->backing_size == 0)
        return TRUE;
    if (q->backing_size > MAX_BACKING_NAME)
        return drv_inspect_invalid(q->reader, error, "backing file name is too long");
    if (q->backing_offset < q->header_length || q->backing_offset > cluster ||
        q->backing_size > cluster - q->backing_offset)
        return drv_inspect_invalid(q->reader, error, "backing file name out of range");
    q->info->backing_file = read_text(q, q->backing_offset, q->backing_size, error);
    return q->info->backing_file != NULL;
}

static gboolean
read_extension(Qcow2 *q, guint64 type, guint64 offset, guint64 size, GError **error)
{
    char **text = NULL;

    if (type == EXT_BACKING_FORMAT)
        text = &q->info->backing_format;
    if (type == EXT_DATA_FILE) {
        text = &q->info->data_file;
        q->info->has_data_file = TRUE; /* whatever the feature bit says */
    }
    if (text == NULL)
        return TRUE;
    if (*text)
        return drv_inspect_invalid(q->reader, error, "duplicate header extension");
    *text = read_text(q, offset, size, error);
    return *text != NULL;
}

/* Type and length, then data padded to 8 bytes; the end mark, the backing file's name or
 * the end of the cluster ends them.
 */
static gboolean
read_extensions(Qcow2 *q, GError **error)
{
    guint64 at = q->header_length;
    guint64 end = q->info->cluster_size;

    if (q->backing_offset > at && q->backing_offset < end)
        end = q->backing_offset;
    while (at + 8 <= end && drv_inspect_sees(q->reader, at, 8)) {
        guint8 raw[8];
        guint64 type;
        guint64 size;

        if (!drv_inspect_read(q->reader, at, raw, sizeof raw, error))
            return FALSE;
        type = drv_inspect_be(raw, 4);
        size = drv_inspect_be(raw + 4, 4);
        if (type == EXT_END)
            return TRUE;
        at += 8;
        if (size > end - at)
            return drv_inspect_invalid(
                q->reader, error, "a header extension is too long");
        if (drv_inspect_sees(q->reader, at, size) &&
            !read_extension(q, type, at, size, error))
            return FALSE;
        at += (size + 7) / 8 * 8;
    }
    return TRUE;
}

gboolean
drv_inspect_parse_qcow2(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    Qcow2 q = { .reader = reader, .info = info };

    if (!read_header(&q, error))
        return FALSE;
    info->virtual_size = drv_inspect_be(q.raw + 24, 8);
    info->n_snapshots = (guint)drv_inspect_be(q.raw + 60, 4);
    return read_features(&q, error) && check_tables(&q, error) &&
           read_backing(&q, error) && read_extensions(&q, error);
}
