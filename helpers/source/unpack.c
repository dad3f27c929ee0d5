/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "source/unpack.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/load-archive.h"
#include "source/unpack-private.h"

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

const char *
drv_unpack_filter_name(DrvUnpackFilter filter)
{
    return filters[filter].name;
}

/* After "BZh" come the block size and the magic of a block, or of the end. */
static gboolean
is_bzip2(const guint8 *data, gsize size)
{
    return size >= 10 && data[3] >= '1' && data[3] <= '9' &&
           (memcmp(data + 4, "1AY&SY", 6) == 0 ||
            memcmp(data + 4, "\x17rE8P\x90", 6) == 0);
}

/* What parallel zstd writes: a skippable frame of 4 bytes, then the first real one. */
static gboolean
is_pzstd(const guint8 *data, gsize size)
{
    return size >= 16 && memcmp(data, "\x50\x2a\x4d\x18\x04\0\0\0", 8) == 0 &&
           memcmp(data + 12, zstd_magic, sizeof zstd_magic) == 0;
}

DrvUnpackFilter
drv_unpack_detect(const guint8 *data, gsize size)
{
    for (guint i = DRV_UNPACK_GZIP; i < G_N_ELEMENTS(filters); i++) {
        if (size < filters[i].magic_size ||
            memcmp(data, filters[i].magic, filters[i].magic_size) != 0)
            continue;
        if (i != DRV_UNPACK_BZIP2 || is_bzip2(data, size))
            return (DrvUnpackFilter)i;
    }
    return is_pzstd(data, size) ? DRV_UNPACK_ZSTD : DRV_UNPACK_NONE;
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
archive_failed(Unpack *self, GError **error)
{
    const char *reason = archive_error_string(self->archive);

    if (self->error == NULL)
        return drv_unpack_throw(
            self->inner, self->filter, reason ? reason : "it is damaged", error);
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
        return drv_unpack_throw(self->inner, self->filter, "data behind its end", error);
    return 0;
}

static gssize
unpack_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Unpack *self = state;
    la_ssize_t got = archive_read_data(self->archive, data, size);

    if (got < 0)
        return archive_failed(self, error);
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
        archive_read_support_format_raw(archive) != ARCHIVE_OK ||
        archive_read_open(archive, self, NULL, pull_for_archive, NULL) != ARCHIVE_OK)
        return archive_failed(self, error) >= 0;
    if (archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        return TRUE;
    archive_set_error(archive, EINVAL, "it is damaged, or there is nothing in it");
    return archive_failed(self, error) >= 0;
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

DrvSource *
drv_source_new_unpacked(DrvSource *inner, DrvUnpackFilter *filter, GError **error)
{
    const guint8 *head;
    gssize size = drv_source_peek(inner, 16, &head, error);
    DrvUnpackFilter found;

    if (size < 0) {
        drv_source_free(inner);
        return NULL;
    }
    found = drv_unpack_detect(head, (gsize)size);
    if (filter)
        *filter = found;
    if (found == DRV_UNPACK_NONE)
        return inner;
    if (found == DRV_UNPACK_GZIP)
        return drv_unpack_new_gzip(inner);
    return new_by_archive(inner, found, error);
}
