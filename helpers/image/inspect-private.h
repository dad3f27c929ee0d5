/* SPDX-License-Identifier: Apache-2.0 */
/* image/inspect-private.h - between the files of drv-inspect: safe reads and one parser
 * per format.
 */
#ifndef DRV_ALLOW_PRIVATE
#error "drv-inspect-private.h is for drv-inspect*.c only"
#endif
#pragma once

#include "image/inspect.h"

/* Where a header is read from. */
typedef struct {
    int fd;             /* -1: data */
    const guint8 *data; /* the first size bytes */
    gsize size;
    guint64 total;      /* bytes of the whole; G_MAXUINT64: not known */
    const char *name;   /* for messages */
    const char *format; /* for messages */
} DrvImageReader;

/* Throw "'<name>' is not a valid <format> image: <reason>"; returns FALSE. */
gboolean
drv_inspect_invalid(const DrvImageReader *reader, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* All of @size bytes at @offset, or an error: the file is shorter. */
gboolean drv_inspect_read(const DrvImageReader *reader,
                          guint64 offset,
                          gpointer data,
                          gsize size,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE when only a part is there to read, and these bytes are not in it. */
gboolean drv_inspect_sees(const DrvImageReader *reader, guint64 offset, guint64 size);

/* An error unless @what lies inside the file. */
gboolean drv_inspect_contains(const DrvImageReader *reader,
                              guint64 offset,
                              guint64 size,
                              const char *what,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Numbers at a place that was read, whatever its alignment. */
static inline guint64
drv_inspect_be(const guint8 *at, guint size)
{
    guint64 value = 0;

    for (guint i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static inline guint64
drv_inspect_le(const guint8 *at, guint size)
{
    guint64 value = 0;

    while (size-- > 0)
        value = value << 8 | at[size];
    return value;
}

/* The largest disk that any of them may claim to be; qemu's own limit is near it. */
#define DRV_IMAGE_MAX_SIZE ((guint64)1 << 62)

/* Fill @info (which has format, file_size and virtual_size = file_size already) from the
 * header of the format.
 */
typedef gboolean (*DrvImageParse)(const DrvImageReader *reader,
                                  DrvImageInfo *info,
                                  GError **error);

gboolean drv_inspect_parse_qcow2(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean drv_inspect_parse_vmdk(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean
drv_inspect_parse_vmdk_text(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean drv_inspect_parse_vmdk3(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean drv_inspect_parse_vdi(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean drv_inspect_parse_vhd(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean drv_inspect_parse_vhdx(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean drv_inspect_parse_luks(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean drv_inspect_parse_qcow1(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean drv_inspect_parse_qed(const DrvImageReader *r, DrvImageInfo *i, GError **e);
gboolean
drv_inspect_parse_parallels(const DrvImageReader *r, DrvImageInfo *i, GError **e);

/* TRUE when this is the text of a vmdk descriptor, as qemu would take it for one. */
gboolean drv_inspect_is_vmdk_text(const guint8 *head, gsize size);
