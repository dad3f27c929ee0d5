/* SPDX-License-Identifier: Apache-2.0 */
/* source/source-threaded.c - a stage in a thread of its own, with a short queue of
 * blocks.
 */
#include <string.h>

#include "base/error.h"
#include "source/source.h"

#define BLOCK_SIZE ((gsize)1024 * 1024)
#define MAX_BLOCKS 4

typedef struct {
    gsize size;
    guint8 data[BLOCK_SIZE];
} Block;

typedef struct {
    DrvSource *inner; /* touched by the thread alone while it runs */
    guint64 size;
    GThread *thread;

    GMutex lock;
    GCond changed; /* any of: */
    GQueue full;   /* of Block: read, not yet taken */
    guint n_free;  /* blocks that the thread may still fill */
    gboolean ended;
    gboolean stop;
    GError *error;

    Block *current; /* the reader's, with: */
    gsize at;       /* consumed of it */
    GQueue spare;   /* under lock: blocks to fill again */
} Threaded;

/* An empty block, as soon as there may be one; NULL: stop. */
static Block *
take_empty(Threaded *self)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);

    while (self->n_free == 0 && !self->stop)
        g_cond_wait(&self->changed, &self->lock);
    if (self->stop)
        return NULL;
    self->n_free--;
    if (!g_queue_is_empty(&self->spare))
        return g_queue_pop_head(&self->spare);
    return g_malloc(sizeof(Block));
}

static gpointer
thread_main(gpointer data)
{
    Threaded *self = data;
    Block *block;
    gboolean more = TRUE;

    while (more && (block = take_empty(self)) != NULL) {
        GError *error = NULL;
        gssize got = drv_source_read_full(self->inner, block->data, BLOCK_SIZE, &error);
        g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);

        block->size = (gsize)MAX(got, 0);
        g_queue_push_tail(&self->full, block);
        more = got == (gssize)BLOCK_SIZE;
        self->ended = !more;
        self->error = error;
        g_cond_broadcast(&self->changed);
    }
    return NULL;
}

/* Have another filled block as current, the old one given back.  1, 0 at the end, -1. */
static int
take_full(Threaded *self, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);

    if (self->current) {
        g_queue_push_tail(&self->spare, self->current);
        self->current = NULL;
        self->n_free++;
        g_cond_broadcast(&self->changed);
    }
    while (g_queue_is_empty(&self->full) && !self->ended && !self->stop)
        g_cond_wait(&self->changed, &self->lock);
    self->at = 0;
    self->current = g_queue_pop_head(&self->full);
    if (self->current)
        return 1;
    if (self->ended && self->error == NULL)
        return 0;
    if (self->error)
        g_propagate_error(error, g_steal_pointer(&self->error));
    else
        drv_throw(error, DRV_ERROR_CANCELLED, "cancelled");
    return -1;
}

static gssize
threaded_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Threaded *self = state;

    while (self->current == NULL || self->at == self->current->size) {
        int more = take_full(self, error);

        if (more <= 0)
            return more;
    }
    size = MIN(size, self->current->size - self->at);
    memcpy(data, self->current->data + self->at, size);
    self->at += size;
    return (gssize)size;
}

static guint64
threaded_size(gpointer state)
{
    return ((Threaded *)state)->size;
}

static void
threaded_interrupt(gpointer state)
{
    Threaded *self = state;

    drv_source_interrupt(self->inner);
    g_mutex_lock(&self->lock);
    self->stop = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
}

static void
threaded_free(gpointer state)
{
    Threaded *self = state;

    threaded_interrupt(self);
    g_thread_join(self->thread);
    g_queue_clear_full(&self->full, g_free);
    g_queue_clear_full(&self->spare, g_free);
    g_free(self->current);
    g_clear_error(&self->error);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    drv_source_free(self->inner);
    g_free(self);
}

DrvSource *
drv_source_new_threaded(DrvSource *inner)
{
    static const DrvSourceOps ops = { .read = threaded_read,
                                      .size = threaded_size,
                                      .interrupt = threaded_interrupt,
                                      .free = threaded_free };
    Threaded *self = g_new0(Threaded, 1);

    self->inner = inner;
    self->size = drv_source_size_hint(inner);
    self->n_free = MAX_BLOCKS;
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    g_queue_init(&self->full);
    g_queue_init(&self->spare);
    self->thread = g_thread_new("drv-source", thread_main, self);
    return drv_source_new(&ops, self, drv_source_name(inner));
}
