/* SPDX-License-Identifier: Apache-2.0 */
#include "source/source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"

#define MAX_PEEK (16 * 1024 * 1024)

struct DrvSource {
    const DrvSourceOps *ops;
    gpointer state;
    char *name;
    GByteArray *peeked; /* read ahead by peek; NULL: nothing */
    gsize peeked_at;    /* consumed of it */
    gboolean ended;
    GError *error;   /* of the read that failed */
    int interrupted; /* atomic */
};

DrvSource *
drv_source_new(const DrvSourceOps *ops, gpointer state, const char *name)
{
    DrvSource *source = g_new0(DrvSource, 1);

    source->ops = ops;
    source->state = state;
    source->name = g_strdup(name);
    return source;
}

void
drv_source_free(DrvSource *source)
{
    if (source == NULL)
        return;
    if (source->ops->free)
        source->ops->free(source->state);
    if (source->peeked)
        g_byte_array_unref(source->peeked);
    g_clear_error(&source->error);
    g_free(source->name);
    g_free(source);
}

const char *
drv_source_name(const DrvSource *source)
{
    return source->name;
}

guint64
drv_source_size_hint(const DrvSource *source)
{
    return source->ops->size ? source->ops->size(source->state) : DRV_SOURCE_SIZE_UNKNOWN;
}

void
drv_source_interrupt(DrvSource *source)
{
    g_atomic_int_set(&source->interrupted, 1);
    if (source->ops->interrupt)
        source->ops->interrupt(source->state);
}

/* Past what was peeked. */
static gssize
read_on(DrvSource *source, guint8 *data, gsize size, GError **error)
{
    gssize got = -1;

    if (source->ended)
        return 0;
    if (source->error == NULL) {
        if (g_atomic_int_get(&source->interrupted))
            drv_throw(&source->error, DRV_ERROR_CANCELLED, "cancelled");
        else
            got = source->ops->read(source->state, data, size, &source->error);
    }
    if (source->error) {
        g_propagate_error(error, g_error_copy(source->error));
        return -1;
    }
    source->ended = got == 0;
    return got;
}

gssize
drv_source_read(DrvSource *source, gpointer data, gsize size, GError **error)
{
    gsize left = source->peeked ? source->peeked->len - source->peeked_at : 0;

    g_return_val_if_fail(size > 0, -1);
    if (left == 0)
        return read_on(source, data, size, error);
    size = MIN(size, left);
    memcpy(data, source->peeked->data + source->peeked_at, size);
    source->peeked_at += size;
    if (size == left)
        g_clear_pointer(&source->peeked, g_byte_array_unref);
    return (gssize)size;
}

gssize
drv_source_read_full(DrvSource *source, gpointer data, gsize size, GError **error)
{
    gsize done = 0;

    while (done < size) {
        gssize got = drv_source_read(source, (guint8 *)data + done, size - done, error);

        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (gsize)got;
    }
    return (gssize)done;
}

gssize
drv_source_peek(DrvSource *source, gsize size, const guint8 **data, GError **error)
{
    GByteArray *peeked;

    g_return_val_if_fail(size <= MAX_PEEK, -1);
    if (source->peeked == NULL) {
        source->peeked = g_byte_array_new();
        source->peeked_at = 0;
    }
    peeked = source->peeked;
    if (source->peeked_at > 0) {
        g_byte_array_remove_range(peeked, 0, (guint)source->peeked_at);
        source->peeked_at = 0;
    }
    while (peeked->len < size) {
        guint had = peeked->len;
        gssize got;

        g_byte_array_set_size(peeked, (guint)size);
        got = read_on(source, peeked->data + had, size - had, error);
        g_byte_array_set_size(peeked, had + (guint)MAX(got, 0));
        if (got < 0)
            return -1;
        if (got == 0)
            break;
    }
    *data = peeked->data;
    return (gssize)MIN(peeked->len, size);
}

/* --- a descriptor ------------------------------------------------------------------- */

typedef struct {
    int fd;
    char *what; /* the name in quotes */
} FdState;

static gssize
fd_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    FdState *self = state;

    return drv_fd_read(self->fd, data, size, self->what, error);
}

static guint64
fd_size(gpointer state)
{
    FdState *self = state;
    struct stat st;

    if (fstat(self->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return DRV_SOURCE_SIZE_UNKNOWN;
    return (guint64)st.st_size;
}

static void
fd_free(gpointer state)
{
    FdState *self = state;

    drv_fd_close_one(self->fd);
    g_free(self->what);
    g_free(self);
}

static const DrvSourceOps fd_ops = { .read = fd_read, .size = fd_size, .free = fd_free };

int
drv_source_plain_fd(const DrvSource *source)
{
    return source && source->ops == &fd_ops ? ((FdState *)source->state)->fd : -1;
}

DrvSource *
drv_source_new_fd(int fd, const char *name)
{
    FdState *self = g_new0(FdState, 1);

    self->fd = fd;
    self->what = g_strdup_printf("'%s'", name);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* advice only */
    return drv_source_new(&fd_ops, self, name);
}

/* --- memory ------------------------------------------------------------------------- */

typedef struct {
    guint8 *data;
    gsize size;
    gsize at;
} MemoryState;

static gssize
memory_read(gpointer state, guint8 *data, gsize size, GError **error G_GNUC_UNUSED)
{
    MemoryState *self = state;

    size = MIN(size, self->size - self->at);
    if (size > 0)
        memcpy(data, self->data + self->at, size);
    self->at += size;
    return (gssize)size;
}

static guint64
memory_size(gpointer state)
{
    return ((MemoryState *)state)->size;
}

static void
memory_free(gpointer state)
{
    MemoryState *self = state;

    g_free(self->data);
    g_free(self);
}

DrvSource *
drv_source_new_memory(gconstpointer data, gsize size, const char *name)
{
    static const DrvSourceOps ops = { .read = memory_read,
                                      .size = memory_size,
                                      .free = memory_free };
    MemoryState *self = g_new0(MemoryState, 1);

    self->data = g_memdup2(data, size);
    self->size = size;
    return drv_source_new(&ops, self, name);
}

/* --- a limit ------------------------------------------------------------------------ */

typedef struct {
    DrvSource *inner;
    guint64 max_bytes;
    guint64 done;
    char *what;
} LimitedState;

static gssize
limited_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    LimitedState *self = state;
    gssize got = drv_source_read(self->inner, data, size, error);

    if (got <= 0)
        return got;
    if ((guint64)got > self->max_bytes - self->done) {
        drv_throw(error,
                  DRV_ERROR_NO_SPACE,
                  "'%s' is larger than the %" G_GUINT64_FORMAT " bytes of %s",
                  drv_source_name(self->inner),
                  self->max_bytes,
                  self->what);
        return -1;
    }
    self->done += (guint64)got;
    return got;
}

static guint64
limited_size(gpointer state)
{
    return drv_source_size_hint(((LimitedState *)state)->inner);
}

static void
limited_interrupt(gpointer state)
{
    drv_source_interrupt(((LimitedState *)state)->inner);
}

static void
limited_free(gpointer state)
{
    LimitedState *self = state;

    drv_source_free(self->inner);
    g_free(self->what);
    g_free(self);
}

DrvSource *
drv_source_new_limited(DrvSource *inner, guint64 max_bytes, const char *what)
{
    static const DrvSourceOps ops = { .read = limited_read,
                                      .size = limited_size,
                                      .interrupt = limited_interrupt,
                                      .free = limited_free };
    LimitedState *self = g_new0(LimitedState, 1);

    self->inner = inner;
    self->max_bytes = max_bytes;
    self->what = g_strdup(what);
    return drv_source_new(&ops, self, drv_source_name(inner));
}
