/* SPDX-License-Identifier: Apache-2.0 */
/* source/source.h - a stream that is pulled: where bytes come from, one stage at a time.
 *
 * A source has one reader.  Stages are sources around sources and own the inner one, so
 * a pipeline is built inside out and ends with the outermost being freed:
 *
 *     g_autoptr(DrvSource) source = drv_fetch_open(&request, error);     (network)
 *     source = drv_source_new_digest(source, &expected, error);          (raw bytes)
 *     source = drv_source_new_threaded(source);                          (overlap)
 *     source = drv_source_new_unpacked(source, NULL, error);             (gz, xz, …)
 *     source = drv_source_new_limited(source, free_bytes, "datastore 1");
 *     source = drv_source_new_threaded(source);
 *     if (!drv_copy_source(source, fd, TRUE, &written, error)) ...
 *
 * (with g_steal_pointer() at each step; a constructor that can fail frees what it was
 * given when it fails.)  Memory of a pipeline: some 6 MiB per threaded stage.
 *
 * Errors are sticky: once a read failed, every later one fails alike.  What a stage finds
 * out only at the end of the stream (a digest) is an error in place of the end, so 0 from
 * read means that everything was right.
 */
#pragma once

#include <glib.h>

#define DRV_SOURCE_SIZE_UNKNOWN G_MAXUINT64

/* What a kind of source has to provide. */
typedef struct {
    /* Up to @size bytes, at least one; 0 at the end; -1 with @error.  Never called again
     * after 0 or -1.  Blocks, but ends on cancellation (base/cancel.h).
     */
    gssize (*read)(gpointer state, guint8 *data, gsize size, GError **error);

    /* How many bytes the whole stream will have, as far as its origin said so, or
     * DRV_SOURCE_SIZE_UNKNOWN.  NULL: never known.
     */
    guint64 (*size)(gpointer state);

    /* Called from another thread: let a read() that blocks end soon, with any error.
     * NULL: it never blocks for long.
     */
    void (*interrupt)(gpointer state);

    void (*free)(gpointer state);
} DrvSourceOps;

typedef struct DrvSource DrvSource;

/* @name is for messages ("http://h/x" without secrets); it is copied. */
DrvSource *drv_source_new(const DrvSourceOps *ops, gpointer state, const char *name);
void drv_source_free(DrvSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvSource, drv_source_free)

const char *drv_source_name(const DrvSource *source);

/* The whole stream's size, or DRV_SOURCE_SIZE_UNKNOWN.  A hint: the origin may be wrong.
 */
guint64 drv_source_size_hint(const DrvSource *source);

/* At least one and up to @size bytes; 0 at the end; -1 with @error. */
gssize drv_source_read(DrvSource *source, gpointer data, gsize size, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Like read, but less than @size only at the end. */
gssize drv_source_read_full(DrvSource *source, gpointer data, gsize size, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Look at the next @size bytes (at most 16 MiB) without consuming them: *data belongs to
 * the source until its next call.  Returns how many there are: less than @size only when
 * the stream ends there; -1 with @error.
 */
gssize drv_source_peek(DrvSource *source, gsize size, const guint8 **data, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Let a read() of another thread end soon, with DRV_ERROR_CANCELLED. */
void drv_source_interrupt(DrvSource *source);

/* The bytes of @fd from its offset on; takes @fd and closes it. */
DrvSource *drv_source_new_fd(int fd, const char *name);

/* The descriptor of a source that is just a file, for callers that can copy it faster
 * than by reading; -1 for all others and for NULL.  Stays the source's.
 */
int drv_source_plain_fd(const DrvSource *source);

/* The bytes of @data, which is copied. */
DrvSource *drv_source_new_memory(gconstpointer data, gsize size, const char *name);

/* Runs @inner (taken) in a thread of its own, up to four blocks of 1 MiB ahead.  It
 * begins at once.  Freeing interrupts @inner and waits for the thread.
 */
DrvSource *drv_source_new_threaded(DrvSource *inner);

/* Fails with DRV_ERROR_NO_SPACE when @inner (taken) has more than @max_bytes, as soon as
 * it has; @what says whose limit it is: "'x' is larger than the 5 bytes of <what>".
 */
DrvSource *drv_source_new_limited(DrvSource *inner, guint64 max_bytes, const char *what);
