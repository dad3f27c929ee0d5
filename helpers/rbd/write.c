/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/write.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"

#define BLOCK (4 * 1024 * 1024ULL) /* an object of the usual size */
#define GRAIN (64 * 1024ULL)       /* zeros of that many bytes are left out */
#define N_BLOCKS 6
#define GROW_MIN (1024 * 1024 * 1024ULL) /* steps of an image whose size is not known */

/* --- blocks that are being written
 * ---------------------------------------------------------- */

typedef struct {
    guint8 *data;
    rbd_completion_t writes[BLOCK / GRAIN];
    guint n_writes;
} Block;

typedef struct {
    DrvRbdPool *pool;
    DrvRbdImage image;
    Block blocks[N_BLOCKS];
    guint next;
} Writer;

static int
wait_block(Block *block)
{
    int first = 0;

    for (guint i = 0; i < block->n_writes; i++) {
        int rc;

        (void)rbd_aio_wait_for_complete(block->writes[i]);
        rc = (int)rbd_aio_get_return_value(block->writes[i]);
        rbd_aio_release(block->writes[i]);
        if (rc < 0 && first == 0)
            first = rc;
    }
    block->n_writes = 0;
    return first;
}

static void
writer_clear(Writer *writer)
{
    for (guint i = 0; i < N_BLOCKS; i++) {
        (void)wait_block(&writer->blocks[i]);
        g_free(writer->blocks[i].data);
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Writer, writer_clear)

static gboolean
throw_write(Writer *writer, int rc, GError **error)
{
    return drv_rbd_throw(writer->pool, rc, error, "cannot write the image");
}

/* A block whose data may be overwritten: the one that was begun first. */
static gboolean
take_block(Writer *writer, Block **block, GError **error)
{
    int rc;

    *block = &writer->blocks[writer->next];
    writer->next = (writer->next + 1) % N_BLOCKS;
    rc = wait_block(*block);
    if (rc < 0)
        return throw_write(writer, rc, error);
    if ((*block)->data == NULL)
        (*block)->data = g_malloc(BLOCK);
    return drv_cancel_check(error);
}

static int
begin_write(Writer *writer, Block *block, guint64 offset, gsize at, gsize size)
{
    rbd_completion_t done;
    int rc = rbd_aio_create_completion(NULL, NULL, &done);

    if (rc < 0)
        return rc;
    rc = rbd_aio_write(
        writer->image, offset + at, size, (const char *)block->data + at, done);
    if (rc < 0) {
        rbd_aio_release(done);
        return rc;
    }
    block->writes[block->n_writes++] = done;
    return 0;
}

/* Begin to write the runs of grains that are not zero. */
static gboolean
write_block(Writer *writer, Block *block, guint64 offset, gsize size, GError **error)
{
    gsize begin = 0;
    int rc = 0;

    for (gsize at = 0; at < size && rc == 0; at += GRAIN) {
        gsize grain = MIN(GRAIN, size - at);

        if (!drv_bytes_are_zero(block->data + at, grain))
            continue;
        if (begin < at)
            rc = begin_write(writer, block, offset, begin, at - begin);
        begin = at + grain;
    }
    if (rc == 0 && begin < size)
        rc = begin_write(writer, block, offset, begin, size - begin);
    return rc == 0 || throw_write(writer, rc, error);
}

static gboolean
finish(Writer *writer, GError **error)
{
    int rc = 0;

    for (guint i = 0; i < N_BLOCKS && rc == 0; i++)
        rc = wait_block(&writer->blocks[i]);
    if (rc == 0)
        rc = rbd_flush(writer->image);
    return rc == 0 || throw_write(writer, rc, error);
}

/* --- a stream
 * ------------------------------------------------------------------------------ */

static gboolean
set_size(Writer *writer, guint64 size, GError **error)
{
    int rc = rbd_resize(writer->image, size);

    return rc == 0 ||
           drv_rbd_throw(writer->pool,
                         rc,
                         error,
                         "cannot make the image %" G_GUINT64_FORMAT " bytes large",
                         size);
}

gboolean
drv_rbd_write_stream(DrvRbdPool *pool, DrvRbdImage image, DrvSource *in, GError **error)
{
    g_auto(Writer) writer = { .pool = pool, .image = image };
    guint64 size = 0, offset = 0;
    int rc = rbd_get_size(image, &size);
    gssize got = 0;

    if (rc < 0)
        return throw_write(&writer, rc, error);
    for (;; offset += (guint64)got) {
        Block *block;

        if (!take_block(&writer, &block, error))
            return FALSE;
        got = drv_source_read_full(in, block->data, BLOCK, error);
        if (got < 0)
            return FALSE;
        if (got == 0)
            break;
        if (offset + (guint64)got > size) {
            size = MAX(offset + (guint64)got, size + MAX(GROW_MIN, size / 2));
            if (!set_size(&writer, size, error))
                return FALSE;
        }
        if (!write_block(&writer, block, offset, (gsize)got, error))
            return FALSE;
    }
    return finish(&writer, error) && (offset == size || set_size(&writer, offset, error));
}

/* --- another image
 * -------------------------------------------------------------------------- */

typedef struct {
    guint64 offset, size;
} Extent;

static int
note_extent(uint64_t offset, size_t size, int exists, void *data)
{
    Extent extent = { offset, size };

    if (exists)
        g_array_append_val((GArray *)data, extent);
    return drv_cancel_pending() ? -ECANCELED : 0;
}

static gboolean
copy_extent(Writer *writer, DrvRbdImage from, const Extent *extent, GError **error)
{
    for (guint64 done = 0; done < extent->size;) {
        guint64 size = MIN(BLOCK, extent->size - done);
        ssize_t got;
        Block *block;

        if (!take_block(writer, &block, error))
            return FALSE;
        got = rbd_read(from, extent->offset + done, size, (char *)block->data);
        if (got <= 0)
            return drv_rbd_throw(
                writer->pool, got < 0 ? (int)got : -EIO, error, "cannot read the image");
        if (!write_block(writer, block, extent->offset + done, (gsize)got, error))
            return FALSE;
        done += (guint64)got;
    }
    return TRUE;
}

/* What was ever written to @from or to its parents; NULL with @error. */
static GArray *
find_extents(DrvRbdPool *pool, DrvRbdImage from, guint64 *size, GError **error)
{
    g_autoptr(GArray) extents = g_array_new(FALSE, FALSE, sizeof(Extent));
    int rc = rbd_get_size(from, size);

    if (rc == 0)
        rc = rbd_diff_iterate2(from, NULL, 0, *size, 1, 0, note_extent, extents);
    if (rc == 0)
        return g_steal_pointer(&extents);
    (void)drv_rbd_throw(pool, rc, error, "cannot find the data of the image");
    return NULL;
}

gboolean
drv_rbd_write_copy(DrvRbdPool *pool, DrvRbdImage from, DrvRbdImage to, GError **error)
{
    guint64 size = 0;
    g_autoptr(GArray) extents = find_extents(pool, from, &size, error);
    g_auto(Writer) writer = { .pool = pool, .image = to };

    if (extents == NULL)
        return FALSE;
    for (guint i = 0; i < extents->len; i++) {
        if (!copy_extent(&writer, from, &g_array_index(extents, Extent, i), error))
            return FALSE;
    }
    return finish(&writer, error);
}

/* --- a file
 * --------------------------------------------------------------------------------
 */

static gboolean
read_extent(DrvRbdPool *pool,
            DrvRbdImage from,
            const Extent *extent,
            guint8 *buffer,
            int fd,
            GError **error)
{
    for (guint64 done = 0; done < extent->size;) {
        gsize wanted = MIN(BLOCK, extent->size - done);
        ssize_t got = rbd_read(from, extent->offset + done, wanted, (char *)buffer);

        if (got <= 0)
            return drv_rbd_throw(
                pool, got < 0 ? (int)got : -EIO, error, "cannot read the image");
        for (gsize at = 0; at < (gsize)got; at += GRAIN) {
            gsize size = MIN(GRAIN, (gsize)got - at);

            if (!drv_bytes_are_zero(buffer + at, size) &&
                pwrite(fd, buffer + at, size, (off_t)(extent->offset + done + at)) !=
                    (ssize_t)size)
                return drv_throw_errno(error, "cannot write the disk");
        }
        done += (guint64)got;
        if (!drv_cancel_check(error))
            return FALSE;
    }
    return TRUE;
}

gboolean
drv_rbd_read_file(DrvRbdPool *pool, DrvRbdImage from, int fd, GError **error)
{
    guint64 size = 0;
    g_autoptr(GArray) extents = find_extents(pool, from, &size, error);
    g_autofree guint8 *buffer = g_malloc(BLOCK);

    for (guint i = 0; extents && i < extents->len; i++) {
        if (!read_extent(
                pool, from, &g_array_index(extents, Extent, i), buffer, fd, error))
            return FALSE;
    }
    return extents && (ftruncate(fd, (off_t)size) == 0 ||
                       drv_throw_errno(error, "cannot set the size of the disk"));
}

/* --- reading
 * ------------------------------------------------------------------------------ */

typedef struct {
    DrvRbdPool *pool;
    DrvRbdImage image;
    guint64 at, size;
} Reader;

static gssize
read_image(gpointer state, guint8 *data, gsize size, GError **error)
{
    Reader *reader = state;
    gsize wanted = MIN(size, reader->size - reader->at);
    ssize_t got;

    if (!drv_cancel_check(error))
        return -1;
    if (wanted == 0)
        return 0;
    got = rbd_read(reader->image, reader->at, wanted, (char *)data);
    if (got <= 0) {
        (void)drv_rbd_throw(
            reader->pool, got < 0 ? (int)got : -EIO, error, "cannot read the image");
        return -1;
    }
    reader->at += (guint64)got;
    return got;
}

static guint64
reader_size(gpointer state)
{
    return ((Reader *)state)->size;
}

DrvSource *
drv_rbd_read_source(DrvRbdPool *pool, DrvRbdImage image, const char *name, GError **error)
{
    static const DrvSourceOps ops = { .read = read_image,
                                      .size = reader_size,
                                      .free = g_free };
    g_autofree Reader *reader = g_new0(Reader, 1);
    int rc = rbd_get_size(image, &reader->size);

    if (rc < 0) {
        (void)drv_rbd_throw(pool, rc, error, "cannot find the size of '%s'", name);
        return NULL;
    }
    reader->pool = pool;
    reader->image = image;
    return drv_source_new(&ops, g_steal_pointer(&reader), name);
}
