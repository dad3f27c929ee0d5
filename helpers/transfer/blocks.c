/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"
#include "source/digest.h"

#define N_WINDOWS 3 /* one read, one waiting, one in use */
#define READ_STEP ((guint64)1024 * 1024)
#define CACHED ((guint64)64 * 1024 * 1024) /* behind us, of the page cache */
#define LONG ((guint64)256 * 1024 * 1024)  /* zeros, after which a sign of life is due */

struct DrvBlockReader {
    int fd;
    guint64 size;
    char *name;
    GAsyncQueue *ready; /* DrvWindow, up to the last one */
    GAsyncQueue *idle;
    DrvWindow *used; /* by the caller */
    GError *error;   /* set before the last one is queued */
    int stop;        /* atomic */
    GThread *thread;
    /* The thread's own: */
    guint64 at;     /* all before is done */
    guint64 extent; /* end of the extent that @at is in */
    guint64 left;   /* the cache is dropped up to here */
};

/* TRUE with *more FALSE when no data follow. */
static gboolean
find_extent(DrvBlockReader *reader, gboolean *more, GError **error)
{
    off_t data, hole;

    *more = reader->at < reader->size;
    if (!*more || reader->at < reader->extent)
        return TRUE;
    data = lseek(reader->fd, (off_t)reader->at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) {
        *more = FALSE;
        return TRUE;
    }
    hole = data < 0 ? -1 : lseek(reader->fd, data, SEEK_HOLE);
    if (hole < 0 && errno != EINVAL && errno != EOPNOTSUPP)
        return drv_throw_errno(error, "cannot read '%s'", reader->name);
    reader->at =
        hole < 0 ? reader->at : (guint64)data; /* cannot tell holes: all is data */
    reader->extent = hole < 0 ? reader->size : MIN((guint64)hole, reader->size);
    *more = reader->at < reader->size;
    return TRUE;
}

/* Make blocks of @size bytes that were read to the window's end; zeros are dropped. */
static gboolean
add_blocks(DrvBlockReader *reader, DrvWindow *window, gsize size, GError **error)
{
    const guint8 *from = window->data + window->used;

    while (size > 0) {
        gsize n = MIN(size, DRV_BLOCK_SIZE - reader->at % DRV_BLOCK_SIZE);

        if (!drv_bytes_are_zero(from, n)) {
            DrvBlock *block = window->blocks + window->n++;

            *block = (DrvBlock){ .offset = reader->at, .size = (guint32)n };
            memmove(window->data + window->used, from, n);
            if (!drv_digest_sha256(window->data + window->used, n, block->digest, error))
                return FALSE;
            window->used += n;
        }
        reader->at += n;
        from += n;
        size -= n;
    }
    return TRUE;
}

/* What was read is wanted by nobody else soon. */
static void
drop_cache(DrvBlockReader *reader)
{
    if (reader->at < reader->left + CACHED)
        return;
    (void)posix_fadvise(reader->fd,
                        (off_t)reader->left,
                        (off_t)(reader->at - reader->left),
                        POSIX_FADV_DONTNEED);
    reader->left = reader->at;
}

static gboolean
fill(DrvBlockReader *reader, DrvWindow *window, GError **error)
{
    gboolean more = TRUE;
    guint64 scanned = 0;

    while (scanned < LONG && window->used + DRV_BLOCK_SIZE <= DRV_WINDOW_SIZE &&
           window->n + READ_STEP / DRV_BLOCK_SIZE + 1 < DRV_BLOCKS_MAX) {
        gsize room = DRV_WINDOW_SIZE - window->used;
        gssize got;

        if (!drv_cancel_check(error) || !find_extent(reader, &more, error))
            return FALSE;
        window->last = !more || g_atomic_int_get(&reader->stop);
        if (window->last)
            return TRUE;
        got = pread(reader->fd,
                    window->data + window->used,
                    MIN(MIN(room, READ_STEP), reader->extent - reader->at),
                    (off_t)reader->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return drv_throw_errno(error, "cannot read '%s'", reader->name);
        if (got == 0)
            return drv_throw(error,
                             DRV_ERROR_FAILED,
                             "'%s' became shorter while it was sent",
                             reader->name);
        if (!add_blocks(reader, window, (gsize)got, error))
            return FALSE;
        scanned += (guint64)got;
        drop_cache(reader);
    }
    return TRUE;
}

static gpointer
read_all(gpointer data)
{
    DrvBlockReader *reader = data;
    gboolean last;

    do {
        DrvWindow *window = g_async_queue_pop(reader->idle);

        window->n = 0;
        window->used = 0;
        window->last = TRUE;
        if (!g_atomic_int_get(&reader->stop) && !fill(reader, window, &reader->error)) {
            window->n = 0;
            window->last = TRUE;
        }
        last = window->last; /* it is the caller's from here on */
        g_async_queue_push(reader->ready, window);
    } while (!last);
    return NULL;
}

DrvBlockReader *
drv_block_reader_new(int fd, guint64 size, const char *name)
{
    DrvBlockReader *reader = g_new0(DrvBlockReader, 1);

    reader->fd = fd;
    reader->size = size;
    reader->name = g_strdup(name);
    reader->ready = g_async_queue_new_full(g_free);
    reader->idle = g_async_queue_new_full(g_free);
    for (guint i = 0; i < N_WINDOWS; i++)
        g_async_queue_push(reader->idle, g_malloc(sizeof(DrvWindow)));
    reader->thread = g_thread_new("blocks", read_all, reader);
    return reader;
}

void
drv_block_reader_free(DrvBlockReader *reader)
{
    if (reader == NULL)
        return;
    g_atomic_int_set(&reader->stop, TRUE);
    if (reader->used)
        g_async_queue_push(reader->idle, g_steal_pointer(&reader->used));
    g_thread_join(reader->thread);
    g_async_queue_unref(reader->ready);
    g_async_queue_unref(reader->idle);
    g_clear_error(&reader->error);
    g_free(reader->name);
    g_free(reader);
}

gboolean
drv_block_reader_next(DrvBlockReader *reader, const DrvWindow **window, GError **error)
{
    *window = NULL;
    if (reader->used && reader->used->last)
        return TRUE;
    if (reader->used)
        g_async_queue_push(reader->idle, g_steal_pointer(&reader->used));
    reader->used = g_async_queue_pop(reader->ready);
    if (reader->used->last && reader->error) {
        g_propagate_error(error, g_error_copy(reader->error));
        return FALSE;
    }
    *window = reader->used;
    return TRUE;
}
