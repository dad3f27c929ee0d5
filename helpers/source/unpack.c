/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "source/unpack.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/load-archive.h"
#include "source/unpack-private.h"

#define HEAD ((gsize)24)                             /* bytes that tell what it is */
#define SKIPPABLE_HEAD ((gsize)8)                    /* magic and length */
#define ZSTD_WINDOW_MAX ((guint64)128 * 1024 * 1024) /* as libzstd has it */
#define PEEK_MAX ((gsize)16 * 1024 * 1024)           /* drv_source_peek()'s */

static const char zstd_magic[] = { 0x28, (char)0xb5, 0x2f, (char)0xfd };

static const struct {
    const char *name;
    int code; /* libarchive's */
    gsize magic_size;
    const char *magic;
} filters[] = {
    [DRV_UNPACK_NONE] = { "none", ARCHIVE_FILTER_NONE, 0, "" },
    [DRV_UNPACK_GZIP] = { "gzip", ARCHIVE_FILTER_GZIP, 3, "\x1f\x8b\x08" },
    [DRV_UNPACK_BZIP2] = { "bzip2", ARCHIVE_FILTER_BZIP2, 3, "BZh" },
    [DRV_UNPACK_XZ] = { "xz",
                        ARCHIVE_FILTER_XZ,
                        6,
                        "\xfd"
                        "7zXZ\0" },
    [DRV_UNPACK_ZSTD] = { "zstd", ARCHIVE_FILTER_ZSTD, 4, zstd_magic },
    [DRV_UNPACK_LZ4] = { "lz4", ARCHIVE_FILTER_LZ4, 4, "\x04\x22\x4d\x18" },
};

/* After "BZh" come the block size and the magic of a block, or of the end. */
static gboolean
is_bzip2(const guint8 *data, gsize size)
{
    return size >= 10 && data[3] >= '1' && data[3] <= '9' &&
           (memcmp(data + 4, "1AY&SY", 6) == 0 ||
            memcmp(data + 4, "\x17rE8P\x90", 6) == 0);
}

/* Of an archive, or compressed in a way that is not undone here: no disk, whatever a
 * guest would make of it.
 */
static const struct {
    const char *name;
    gsize size;
    const char *magic;
} refused[] = {
    { "7z", 6, "7z\xbc\xaf\x27\x1c" }, { "rar", 6, "Rar!\x1a\x07" },
    { "lzip", 5, "LZIP\1" },           { "lzop", 9, "\x89LZO\0\r\n\x1a\n" },
    { "compress", 3, "\x1f\x9d\x90" },
};

/* .lzma has no magic: properties as all writers set them, a size of the dictionary, the
 * size or -1, and the first byte of its coder, which is 0.
 */
static gboolean
is_lzma(const guint8 *data, gsize size)
{
    guint64 dictionary = 0, content = 0;

    if (size < 14 || data[0] != 0x5d || data[13] != 0)
        return FALSE;
    for (guint i = 0; i < 4; i++)
        dictionary |= (guint64)data[1 + i] << (8 * i);
    for (guint i = 0; i < 8; i++)
        content |= (guint64)data[5 + i] << (8 * i);
    return dictionary >= 4096 && (dictionary & (dictionary - 1)) == 0 &&
           (content == G_MAXUINT64 || content < (guint64)1 << 50);
}

/* NULL: none of them. */
static const char *
find_refused(const guint8 *data, gsize size)
{
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (size >= refused[i].size &&
            memcmp(data, refused[i].magic, refused[i].size) == 0)
            return refused[i].name;
    }
    return is_lzma(data, size) ? "lzma" : NULL;
}

/* Frames that say "skip me" may come before the first of zstd or lz4 (RFC 8878, 3.1.2);
 * *after is where the next begins.
 */
static gboolean
is_skippable(const guint8 *data, gsize size, gsize *after)
{
    if (size < SKIPPABLE_HEAD || (data[0] & 0xf0) != 0x50 ||
        memcmp(data + 1, "\x2a\x4d\x18", 3) != 0)
        return FALSE;
    *after = SKIPPABLE_HEAD;
    for (guint i = 0; i < 4; i++)
        *after += (gsize)data[4 + i] << (8 * i);
    return TRUE;
}

static DrvUnpackFilter
detect_filter(const guint8 *data, gsize size)
{
    for (guint i = DRV_UNPACK_GZIP; i < G_N_ELEMENTS(filters); i++) {
        if (size < filters[i].magic_size ||
            memcmp(data, filters[i].magic, filters[i].magic_size) != 0)
            continue;
        if (i != DRV_UNPACK_BZIP2 || is_bzip2(data, size))
            return (DrvUnpackFilter)i;
    }
    if (size >= 4 && memcmp(data, "\x02\x21\x4c\x18", 4) == 0)
        return DRV_UNPACK_LZ4; /* as "lz4 -l" writes it */
    return DRV_UNPACK_NONE;
}

gssize
drv_unpack_throw(DrvSource *inner,
                 DrvUnpackFilter filter,
                 const char *reason,
                 GError **error)
{
    drv_throw(error,
              DRV_ERROR_REFUSED,
              "cannot decompress '%s' (%s): %s",
              drv_source_name(inner),
              filters[filter].name,
              reason);
    return -1;
}

typedef struct {
    DrvSource *inner;
    DrvUnpackFilter filter;
    struct archive *archive;
    GError *error;         /* of reading inner */
    guint64 received;      /* compressed bytes so far */
    guint64 last_not_zero; /* how far they are not just zeros */
    gboolean at_end;       /* there are no more */
    guint8 input[DRV_UNPACK_INPUT_SIZE];
} Unpack;

static void
unpack_free(gpointer state)
{
    Unpack *self = state;

    archive_read_free(self->archive);
    g_clear_error(&self->error);
    drv_source_free(self->inner);
    g_free(self);
}

static void
unpack_interrupt(gpointer state)
{
    drv_source_interrupt(((Unpack *)state)->inner);
}

/* Also remembers where the last byte is that is not zero: see finish(). */
static gssize
pull(Unpack *self, GError **error)
{
    gssize got = drv_source_read(self->inner, self->input, sizeof self->input, error);
    gssize end = got;

    self->at_end = got == 0;
    while (end > 0 && self->input[end - 1] == 0)
        end--;
    if (end > 0)
        self->last_not_zero = self->received + (guint64)end;
    if (got > 0)
        self->received += (guint64)got;
    return got;
}

static la_ssize_t
pull_for_archive(struct archive *archive, void *data, const void **buffer)
{
    Unpack *self = data;
    gssize got = pull(self, &self->error);

    if (got < 0)
        archive_set_error(archive, EIO, "input failed");
    *buffer = self->input;
    return got;
}

static gssize
archive_failed(Unpack *self, const char *reason, GError **error)
{
    if (self->error == NULL)
        return drv_unpack_throw(
            self->inner, self->filter, reason ? reason : "data is corrupt", error);
    g_propagate_error(error, g_steal_pointer(&self->error));
    return -1;
}

/* The decompressor is at its end; the input has to be too, but for padding. */
static gssize
finish(Unpack *self, GError **error)
{
    la_int64_t consumed = archive_filter_bytes(self->archive, -1);
    gssize got;

    while ((got = pull(self, error)) > 0)
        ;
    if (got < 0)
        return -1;
    if (consumed >= 0 && self->last_not_zero > (guint64)consumed)
        return drv_unpack_throw(
            self->inner, self->filter, "trailing data after its end", error);
    return 0;
}

static gssize
unpack_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Unpack *self = state;
    la_ssize_t got = archive_read_data(self->archive, data, size);

    if (got < 0)
        return archive_failed(self, archive_error_string(self->archive), error);
    if (got == 0)
        return finish(self, error);
    return got;
}

/* The chain of filters is fixed, so that libarchive does not look for more layers.  A
 * filter that fails on its first block is to libarchive an input without content, so the
 * one cannot be told from the other.
 */
static gboolean
begin(Unpack *self, GError **error)
{
    struct archive *archive = self->archive;
    struct archive_entry *entry;

    if (archive == NULL ||
        archive_read_append_filter(archive, filters[self->filter].code) != ARCHIVE_OK ||
        archive_read_support_format_raw(archive) != ARCHIVE_OK)
        return archive_failed(self, "cannot initialise libarchive", error) >= 0;
    if (archive_read_open(archive, self, NULL, pull_for_archive, NULL) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        return TRUE;
    return archive_failed(self,
                          self->at_end ? "data is truncated, or there is nothing in it"
                                       : "data is corrupt",
                          error) >= 0;
}

/* The first frame's header (RFC 8878, 3.1.1.1) says how much has to be remembered;
 * without a window of its own, all of the content.
 */
static guint64
zstd_window(const guint8 *data, gsize size)
{
    guint64 content = 0;
    guint n;

    if (size < 14)
        return 0;
    if ((data[4] & 0x20) == 0) {
        guint64 base = (guint64)1 << (10 + (data[5] >> 3));

        return base + base / 8 * (data[5] & 7);
    }
    n = 1U << (data[4] >> 6);
    data += 5 + ((const guint8[]){ 0, 1, 2, 4 })[data[4] & 3];
    for (guint i = 0; i < n; i++)
        content |= (guint64)data[i] << (8 * i);
    return content;
}

/* libzstd refuses it as well, but libarchive does not pass its reason on. */
static gboolean
check_zstd_window(DrvSource *inner, const guint8 *data, gsize size, GError **error)
{
    guint64 window = zstd_window(data, size);
    g_autofree char *text = NULL;

    if (window <= ZSTD_WINDOW_MAX)
        return TRUE;
    text = g_strdup_printf("needs %" G_GUINT64_FORMAT
                           " MiB of memory, the limit is %" G_GUINT64_FORMAT,
                           window >> 20,
                           ZSTD_WINDOW_MAX >> 20);
    return drv_unpack_throw(inner, DRV_UNPACK_ZSTD, text, error) >= 0;
}

static DrvSource *
new_by_archive(DrvSource *inner, DrvUnpackFilter filter, GError **error)
{
    static const DrvSourceOps ops = { .read = unpack_read,
                                      .interrupt = unpack_interrupt,
                                      .free = unpack_free };
    Unpack *self;

    if (!drv_load_archive(error)) {
        drv_source_free(inner);
        return NULL;
    }
    self = g_new0(Unpack, 1);
    self->inner = inner;
    self->filter = filter;
    self->archive = archive_read_new();
    if (!begin(self, error)) {
        unpack_free(self);
        return NULL;
    }
    return drv_source_new(&ops, self, drv_source_name(inner));
}

static gboolean
refuse(DrvSource *inner, const char *what, GError **error)
{
    return drv_throw(
        error,
        DRV_ERROR_REFUSED,
        "%s is not supported, unpack '%s' first, or set NO_DECOMPRESS in the "
        "datastore if it is a disk",
        what,
        drv_source_name(inner));
}

static gboolean
find_filter(DrvSource *inner, DrvUnpackFilter *filter, GError **error)
{
    gsize at = 0, wanted = HEAD;

    for (;;) {
        const guint8 *head;
        gssize got = drv_source_peek(inner, wanted, &head, error);
        gsize left, after;
        const char *bad;

        if (got < 0)
            return FALSE;
        left = (gsize)got > at ? (gsize)got - at : 0;
        if (is_skippable(head + at, left, &after) && at + after + HEAD <= PEEK_MAX) {
            at += after;
            wanted = at + HEAD;
            continue;
        }
        *filter = detect_filter(head + at, left);
        bad = find_refused(head + at, left);
        if (at > 0 && *filter != DRV_UNPACK_ZSTD && *filter != DRV_UNPACK_LZ4)
            bad = "what follows a skippable frame";
        if (bad)
            return refuse(inner, bad, error);
        return *filter != DRV_UNPACK_ZSTD ||
               check_zstd_window(inner, head + at, left, error);
    }
}

DrvSource *
drv_source_new_unpacked(DrvSource *inner, DrvUnpackFilter *filter, GError **error)
{
    DrvUnpackFilter found;

    if (!find_filter(inner, &found, error)) {
        drv_source_free(inner);
        return NULL;
    }
    if (filter)
        *filter = found;
    if (found == DRV_UNPACK_NONE)
        return inner;
    if (found == DRV_UNPACK_GZIP)
        return drv_unpack_new_gzip(inner, FALSE);
    if (found == DRV_UNPACK_XZ)
        return drv_unpack_new_xz(inner);
    return new_by_archive(inner, found, error);
}
