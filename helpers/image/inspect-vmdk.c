/* SPDX-License-Identifier: Apache-2.0 */
/* image/inspect-vmdk.c - sparse extents with their descriptor inside, and bare
 * descriptors.
 *
 * A descriptor is text, and names the files that hold the data:
 *
 *   # Disk DescriptorFile
 *   version=1
 *   CID=3b2d2f0c
 *   parentCID=ffffffff
 *   createType="monolithicSparse"
 *   RW 20480 SPARSE "disk.vmdk"
 *
 * Inside a sparse extent it should name that extent itself: one line, of type SPARSE, a
 * name without a directory.  (The name is the one it was made with; readers take the file
 * they have.)
 */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "image/inspect-private.h"
#include "source/source.h"

#define HEADER_SIZE 512
#define SECTOR ((guint64)512)
#define MAX_DESCRIPTOR ((guint64)1024 * 1024)
#define FIXED_DESCRIPTOR ((guint64)512)      /* where qemu looks for a parent, ... */
#define FIXED_DESCRIPTOR_SIZE ((gsize)10240) /* ... whatever the header says */
#define PARENT_HINT "parentFileNameHint"
#define AT_END G_MAXUINT64
#define FOOTER_DISTANCE ((guint64)1024) /* of the second header from the end */

/* qemu takes text for a descriptor when, after comments and blank lines, there is a line
 * "version=".
 */
gboolean
drv_inspect_is_vmdk_text(const guint8 *head, gsize size)
{
    gsize at = 0;

    while (at < size) {
        const guint8 *newline = memchr(head + at, '\n', size - at);

        if (size - at >= 8 &&
            g_ascii_strncasecmp((const char *)head + at, "version=", 8) == 0)
            return TRUE;
        if (head[at] != '#' && head[at] != ' ' && head[at] != '\r' && head[at] != '\n')
            return FALSE;
        if (size - at >= 21 &&
            g_ascii_strncasecmp((const char *)head + at, "# Disk DescriptorFile", 21) ==
                0)
            return TRUE;
        if (newline == NULL)
            return FALSE;
        at = (gsize)(newline - head) + 1;
    }
    return FALSE;
}

typedef struct {
    guint n_extents;
    guint64 sectors;  /* of all extents */
    gboolean foreign; /* an extent that is not a sparse file beside it */
} Extents;

/* 'RW 20480 SPARSE "disk.vmdk"'; access, sectors, type, name. */
static gboolean
take_extent(const DrvImageReader *reader,
            const char *line,
            Extents *extents,
            GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", 4);
    const char *name;
    guint64 sectors;

    if (g_strv_length(words) < 3 ||
        !g_ascii_string_to_unsigned(
            words[1], 10, 0, DRV_IMAGE_MAX_SIZE / SECTOR, &sectors, NULL) ||
        extents->sectors > DRV_IMAGE_MAX_SIZE / SECTOR - sectors)
        return drv_inspect_invalid(reader, error, "invalid extent in its descriptor");
    name = words[3] ? words[3] : "";
    extents->n_extents++;
    extents->sectors += sectors;
    if (strcmp(words[2], "SPARSE") != 0 || strpbrk(name, "/\\") || strstr(name, ".."))
        extents->foreign = TRUE;
    return TRUE;
}

static gboolean
is_extent(const char *line)
{
    return g_str_has_prefix(line, "RW ") || g_str_has_prefix(line, "RDONLY ") ||
           g_str_has_prefix(line, "NOACCESS ");
}

/* The value behind '@key =', without quotes, or NULL when the line is another. */
static char *
value_of(const char *line, const char *key)
{
    g_auto(GStrv) pair = g_strsplit(line, "=", 2);
    const char *value;

    if (pair[0] == NULL || pair[1] == NULL ||
        g_ascii_strcasecmp(g_strstrip(pair[0]), key) != 0)
        return NULL;
    value = g_strstrip(pair[1]);
    if (*value == '"')
        value++;
    return g_strndup(value, strcspn(value, "\""));
}

static gboolean
take_line(const DrvImageReader *reader,
          const char *line,
          DrvImageInfo *info,
          Extents *extents,
          GError **error)
{
    g_autofree char *hint = value_of(line, PARENT_HINT);
    g_autofree char *parent = value_of(line, "parentCID");

    if (is_extent(line))
        return take_extent(reader, line, extents, error);
    if (hint) {
        g_free(info->backing_file);
        info->backing_file = g_steal_pointer(&hint);
    }
    if (parent && g_ascii_strcasecmp(parent, "ffffffff") != 0 && !info->backing_file)
        info->backing_file = g_strdup("");
    return TRUE;
}

static gboolean
read_descriptor(const DrvImageReader *reader,
                guint64 offset,
                guint64 size,
                DrvImageInfo *info,
                Extents *extents,
                GError **error)
{
    g_autofree char *text = g_malloc0(size + 1);
    g_auto(GStrv) lines = NULL;

    if (!drv_inspect_read(reader, offset, text, size, error))
        return FALSE;
    if (info->backing_file == NULL && strstr(text, PARENT_HINT))
        info->backing_file =
            g_strdup(""); /* even where it is not a key: qemu searches so */
    lines = g_strsplit_set(text, "\r\n", -1); /* ends at the first NUL, as padding does */
    for (guint i = 0; lines[i]; i++)
        if (!take_line(reader, g_strstrip(lines[i]), info, extents, error))
            return FALSE;
    return TRUE;
}

gboolean
drv_inspect_parse_vmdk_text(const DrvImageReader *reader,
                            DrvImageInfo *info,
                            GError **error)
{
    Extents extents = { 0 };
    guint64 size = reader->fd < 0 ? reader->size : reader->total;

    if (size > MAX_DESCRIPTOR)
        return drv_inspect_invalid(reader, error, "its descriptor is too long");
    info->names_other_files = TRUE;
    if (!read_descriptor(reader, 0, size, info, &extents, error))
        return FALSE;
    info->virtual_size = extents.sectors * SECTOR;
    return TRUE;
}

gboolean
drv_inspect_parse_vmdk3(const DrvImageReader *reader,
                        DrvImageInfo *info G_GNUC_UNUSED,
                        GError **error)
{
    return drv_inspect_invalid(
        reader, error, "it is one extent of an image in several files");
}

static gboolean
check_header(const DrvImageReader *reader,
             const guint8 *raw,
             DrvImageInfo *info,
             GError **error)
{
    guint64 capacity = drv_inspect_le(raw + 12, 8);
    guint64 grain = drv_inspect_le(raw + 20, 8);

    info->version = (guint)drv_inspect_le(raw + 4, 4);
    if (info->version < 1 || info->version > 3)
        return drv_inspect_invalid(reader, error, "unknown version %u", info->version);
    if (capacity == 0 || capacity > DRV_IMAGE_MAX_SIZE / SECTOR)
        return drv_inspect_invalid(reader, error, "virtual size out of range");
    if (grain < 8 || grain > 0x200000 || (grain & (grain - 1)) != 0)
        return drv_inspect_invalid(reader, error, "grain size out of range");
    if (drv_inspect_le(raw + 44, 4) == 0 || drv_inspect_le(raw + 44, 4) > 512)
        return drv_inspect_invalid(reader, error, "grain table out of range");
    info->virtual_size = capacity * SECTOR;
    info->cluster_size = grain * SECTOR;
    return TRUE;
}

static gboolean
check_fixed_descriptor(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    guint8 text[FIXED_DESCRIPTOR_SIZE];
    gsize size = sizeof text;

    if (reader->total != DRV_SOURCE_SIZE_UNKNOWN)
        size = (gsize)MIN(size, reader->total - FIXED_DESCRIPTOR);
    if (!drv_inspect_sees(reader, FIXED_DESCRIPTOR, size))
        return TRUE;
    if (!drv_inspect_read(reader, FIXED_DESCRIPTOR, text, size, error))
        return FALSE;
    if (info->backing_file == NULL &&
        memmem(text, size, PARENT_HINT, strlen(PARENT_HINT)))
        info->backing_file = g_strdup("");
    return TRUE;
}

/* A stream has a second header at its end, which counts; it must say the same. */
static gboolean
check_footer(const DrvImageReader *reader, const guint8 *raw, GError **error)
{
    guint8 footer[HEADER_SIZE];

    if (drv_inspect_le(raw + 56, 8) != AT_END || reader->fd < 0)
        return TRUE;
    if (reader->total < FOOTER_DISTANCE)
        return drv_inspect_invalid(reader, error, "data is truncated");
    if (reader->total % SECTOR != 0) /* qemu would look for it elsewhere */
        return drv_inspect_invalid(
            reader,
            error,
            "it has a footer, and its size is not a multiple of 512 bytes");
    if (!drv_inspect_read(
            reader, reader->total - FOOTER_DISTANCE, footer, sizeof footer, error))
        return FALSE;
    /* All but the flags and the place of the grain directory. */
    if (memcmp(footer, raw, 8) != 0 || memcmp(footer + 12, raw + 12, 32) != 0)
        return drv_inspect_invalid(reader, error, "its footer contradicts its header");
    return TRUE;
}

gboolean
drv_inspect_parse_vmdk(const DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    Extents extents = { 0 };
    guint8 raw[HEADER_SIZE];
    guint64 offset;
    guint64 size;

    if (!drv_inspect_read(reader, 0, raw, sizeof raw, error) ||
        !check_header(reader, raw, info, error) || !check_footer(reader, raw, error) ||
        !check_fixed_descriptor(reader, info, error))
        return FALSE;
    offset = drv_inspect_le(raw + 28, 8);
    size = drv_inspect_le(raw + 36, 8);
    if (offset == 0 || size == 0)
        return drv_inspect_invalid(
            reader, error, "it is one extent of an image in several files");
    if (offset > DRV_IMAGE_MAX_SIZE / SECTOR || size > MAX_DESCRIPTOR / SECTOR)
        return drv_inspect_invalid(reader, error, "descriptor out of range");
    if (!drv_inspect_contains(
            reader, offset * SECTOR, size * SECTOR, "descriptor", error))
        return FALSE;
    if (!drv_inspect_sees(reader, offset * SECTOR, size * SECTOR))
        return TRUE;
    if (!read_descriptor(reader, offset * SECTOR, size * SECTOR, info, &extents, error))
        return FALSE;
    info->names_other_files = extents.n_extents != 1 || extents.foreign;
    return TRUE;
}
