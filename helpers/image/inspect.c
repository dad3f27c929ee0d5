/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "image/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "image/inspect-private.h"
#include "source/source.h"

#define HEAD_SIZE ((gsize)33 * 1024) /* up to the volume descriptor of ISO 9660 */
#define ISO_OFFSET 32769
#define DMG_TRAILER 512

static const char *const names[DRV_IMAGE_FORMAT_LAST] = {
    [DRV_IMAGE_RAW] = "raw",     [DRV_IMAGE_QCOW2] = "qcow2",
    [DRV_IMAGE_QCOW1] = "qcow",  [DRV_IMAGE_VMDK] = "vmdk",
    [DRV_IMAGE_VDI] = "vdi",     [DRV_IMAGE_VHD] = "vpc",
    [DRV_IMAGE_VHDX] = "vhdx",   [DRV_IMAGE_LUKS] = "luks",
    [DRV_IMAGE_QED] = "qed",     [DRV_IMAGE_PARALLELS] = "parallels",
    [DRV_IMAGE_BOCHS] = "bochs", [DRV_IMAGE_CLOOP] = "cloop",
    [DRV_IMAGE_DMG] = "dmg",
};

/* What makes a format known, at a fixed place; the first that fits counts. */
static const struct {
    DrvImageFormat format;
    gsize offset;
    gsize size;
    const char *magic;
    DrvImageParse parse; /* NULL: there is nothing to learn */
} magics[] = {
    { DRV_IMAGE_QCOW1, 0, 8, "QFI\xfb\0\0\0\1", drv_inspect_parse_qcow1 },
    { DRV_IMAGE_QCOW2, 0, 4, "QFI\xfb", drv_inspect_parse_qcow2 },
    { DRV_IMAGE_VMDK, 0, 4, "KDMV", drv_inspect_parse_vmdk },
    { DRV_IMAGE_VMDK, 0, 4, "COWD", drv_inspect_parse_vmdk3 },
    { DRV_IMAGE_VHDX, 0, 8, "vhdxfile", drv_inspect_parse_vhdx },
    { DRV_IMAGE_VHD, 0, 8, "conectix", drv_inspect_parse_vhd },
    { DRV_IMAGE_LUKS, 0, 6, "LUKS\xba\xbe", drv_inspect_parse_luks },
    { DRV_IMAGE_QED, 0, 4, "QED\0", drv_inspect_parse_qed },
    { DRV_IMAGE_PARALLELS, 0, 16, "WithoutFreeSpace", drv_inspect_parse_parallels },
    { DRV_IMAGE_PARALLELS, 0, 16, "WithouFreSpacExt", drv_inspect_parse_parallels },
    { DRV_IMAGE_BOCHS, 0, 22, "Bochs Virtual HD Image", NULL },
    { DRV_IMAGE_CLOOP, 0, 23, "#!/bin/sh\n#V2.0 Format\n", NULL },
    { DRV_IMAGE_VDI, 0x40, 4, "\x7f\x10\xda\xbe", drv_inspect_parse_vdi },
};

const char *
drv_inspect_format_name(DrvImageFormat format)
{
    g_return_val_if_fail(format < DRV_IMAGE_FORMAT_LAST, "raw");
    return names[format];
}

const char *
drv_inspect_core_format(DrvImageFormat format)
{
    return format == DRV_IMAGE_LUKS ? "raw" : drv_inspect_format_name(format);
}

void
drv_inspect_info_clear(DrvImageInfo *info)
{
    g_free(info->backing_file);
    g_free(info->backing_format);
    g_free(info->data_file);
    *info = (DrvImageInfo){ 0 };
}

/* --- reading ------------------------------------------------------------------------ */

gboolean
drv_inspect_invalid(const DrvImageReader *reader, GError **error, const char *format, ...)
{
    g_autofree char *reason = NULL;
    va_list args;

    va_start(args, format);
    reason = g_strdup_vprintf(format, args);
    va_end(args);
    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "'%s' is not a valid %s image: %s",
                     reader->name,
                     reader->format,
                     reason);
}

gboolean
drv_inspect_contains(const DrvImageReader *reader,
                     guint64 offset,
                     guint64 size,
                     const char *what,
                     GError **error)
{
    if (reader->total == DRV_SOURCE_SIZE_UNKNOWN)
        return TRUE;
    if (offset <= reader->total && size <= reader->total - offset)
        return TRUE;
    return drv_inspect_invalid(reader, error, "%s is beyond the end of the file", what);
}

gboolean
drv_inspect_sees(const DrvImageReader *reader, guint64 offset, guint64 size)
{
    return reader->fd >= 0 || (offset <= reader->size && size <= reader->size - offset);
}

/* Up to @size bytes, fewer only at the end; -1 with errno. */
static gssize
read_some(const DrvImageReader *reader, guint64 offset, guint8 *data, gsize size)
{
    gsize done = 0;

    if (reader->fd < 0) {
        size = offset < reader->size ? MIN(size, reader->size - offset) : 0;
        if (size > 0)
            memcpy(data, reader->data + offset, size);
        return (gssize)size;
    }
    while (done < size) {
        gssize got = pread(reader->fd, data + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (gsize)got;
    }
    return (gssize)done;
}

gboolean
drv_inspect_read(const DrvImageReader *reader,
                 guint64 offset,
                 gpointer data,
                 gsize size,
                 GError **error)
{
    gssize got;

    if (offset > G_MAXINT64 - size)
        return drv_inspect_invalid(reader, error, "offset beyond end of file");
    got = read_some(reader, offset, data, size);
    if (got < 0)
        return drv_throw_errno(error, "cannot read '%s'", reader->name);
    if ((gsize)got < size)
        return drv_inspect_invalid(reader, error, "data is truncated");
    return TRUE;
}

/* --- recognising -------------------------------------------------------------------- */

static gboolean
is_dmg(const DrvImageReader *reader)
{
    guint8 trailer[4];

    return reader->fd >= 0 && reader->total >= DMG_TRAILER &&
           read_some(reader, reader->total - DMG_TRAILER, trailer, 4) == 4 &&
           memcmp(trailer, "koly", 4) == 0;
}

/* The format of @head's owner to info, and its parser (NULL: none). */
static DrvImageParse
recognise(const DrvImageReader *reader,
          const guint8 *head,
          gsize size,
          DrvImageInfo *info)
{
    for (guint i = 0; i < G_N_ELEMENTS(magics); i++) {
        if (size < magics[i].offset + magics[i].size ||
            memcmp(head + magics[i].offset, magics[i].magic, magics[i].size) != 0)
            continue;
        info->format = magics[i].format;
        return magics[i].parse;
    }
    if (drv_inspect_is_vmdk_text(head, size)) {
        info->format = DRV_IMAGE_VMDK;
        return drv_inspect_parse_vmdk_text;
    }
    info->format = is_dmg(reader) ? DRV_IMAGE_DMG : DRV_IMAGE_RAW;
    info->iso = info->format == DRV_IMAGE_RAW && size >= ISO_OFFSET + 5 &&
                memcmp(head + ISO_OFFSET, "CD001", 5) == 0;
    return NULL;
}

static gboolean
inspect(DrvImageReader *reader, DrvImageInfo *info, GError **error)
{
    g_autofree guint8 *head = g_malloc(HEAD_SIZE);
    gssize size = read_some(reader, 0, head, HEAD_SIZE);
    DrvImageParse parse;

    *info = (DrvImageInfo){ 0 };
    if (size < 0)
        return drv_throw_errno(error, "cannot read '%s'", reader->name);
    parse = recognise(reader, head, (gsize)size, info);
    info->file_size = reader->total == DRV_SOURCE_SIZE_UNKNOWN ? 0 : reader->total;
    if (info->format != DRV_IMAGE_CLOOP && info->format != DRV_IMAGE_DMG)
        info->virtual_size = info->file_size;
    reader->format = drv_inspect_format_name(info->format);
    if (parse == NULL || parse(reader, info, error))
        return TRUE;
    drv_inspect_info_clear(info);
    return FALSE;
}

gboolean
drv_inspect_fd(int fd, const char *name, DrvImageInfo *info, GError **error)
{
    DrvImageReader reader = { .fd = fd, .name = name };
    struct stat st;
    off_t end;

    *info = (DrvImageInfo){ 0 };
    if (fstat(fd, &st) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", name);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' is neither a file nor a block device", name);
    end = S_ISREG(st.st_mode) ? st.st_size : lseek(fd, 0, SEEK_END);
    if (end < 0)
        return drv_throw_errno(error, "cannot get the size of '%s'", name);
    reader.total = (guint64)end;
    return inspect(&reader, info, error);
}

gboolean
drv_inspect_memory(gconstpointer data,
                   gsize size,
                   guint64 total_size,
                   const char *name,
                   DrvImageInfo *info,
                   GError **error)
{
    DrvImageReader reader = {
        .fd = -1, .data = data, .size = size, .total = total_size, .name = name
    };

    return inspect(&reader, info, error);
}

gboolean
drv_inspect_file(int dir_fd,
                 const char *name,
                 DrvInspectFlags flags,
                 DrvImageInfo *info,
                 GError **error)
{
    int follow = flags & DRV_INSPECT_NOFOLLOW ? O_NOFOLLOW : 0;
    g_auto(DrvFd) fd =
        openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | follow);

    *info = (DrvImageInfo){ 0 };
    if (fd < 0 && errno == ELOOP && follow)
        return drv_throw(error, DRV_ERROR_REFUSED, "'%s' is a symbolic link", name);
    if (fd < 0)
        return drv_throw_errno(error, "cannot open '%s'", name);
    return drv_inspect_fd(fd, name, info, error);
}
