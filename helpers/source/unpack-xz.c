/* SPDX-License-Identifier: Apache-2.0 */
/* source/unpack-xz.c - xz by liblzma, which can be told how much memory a dictionary may
 * take (a header of a few bytes may ask for 4 GiB) and says what is wrong; libarchive's
 * filter does neither.
 */
#define DRV_ALLOW_PRIVATE
#include <lzma.h>

#include "base/error.h"
#include "source/unpack-private.h"

#define MEMORY_MAX ((guint64)256 * 1024 * 1024) /* xz -9 needs 65 MiB */

typedef struct {
    DrvSource *inner;
    lzma_stream lzma;
    gboolean in_stream; /* between a stream's header and its end */
    gboolean not_first; /* at least one stream has ended well */
    guint8 input[DRV_UNPACK_INPUT_SIZE];
} Xz;

static gssize
throw_xz(const Xz *xz, const char *reason, GError **error)
{
    return drv_unpack_throw(xz->inner, DRV_UNPACK_XZ, reason, error);
}

/* More input if there is none.  1, 0 at the end, -1. */
static int
fill(Xz *xz, GError **error)
{
    gssize got;

    if (xz->lzma.avail_in > 0)
        return 1;
    got = drv_source_read(xz->inner, xz->input, sizeof xz->input, error);
    if (got < 0)
        return -1;
    xz->lzma.next_in = xz->input;
    xz->lzma.avail_in = (gsize)got;
    return got > 0;
}

/* Between streams: zeros, and another one.  1: a stream, 0: the end, -1. */
static int
next_stream(Xz *xz, GError **error)
{
    int more;

    while ((more = fill(xz, error)) > 0 && *xz->lzma.next_in == 0) {
        xz->lzma.next_in++;
        xz->lzma.avail_in--;
    }
    if (more <= 0)
        return more;
    if (lzma_stream_decoder(&xz->lzma, MEMORY_MAX, 0) != LZMA_OK)
        return (int)throw_xz(xz, "cannot initialise liblzma", error);
    xz->in_stream = TRUE;
    return 1;
}

static gssize
throw_result(Xz *xz, lzma_ret result, GError **error)
{
    g_autofree char *text = NULL;

    switch (result) {
    case LZMA_MEMLIMIT_ERROR:
        text = g_strdup_printf("needs %" G_GUINT64_FORMAT
                               " MiB of memory, the limit is %" G_GUINT64_FORMAT,
                               lzma_memusage(&xz->lzma) >> 20,
                               MEMORY_MAX >> 20);
        return throw_xz(xz, text, error);
    case LZMA_FORMAT_ERROR:
        return throw_xz(
            xz, xz->not_first ? "data behind its end" : "data is damaged", error);
    case LZMA_OPTIONS_ERROR:
        return throw_xz(xz, "unsupported options", error);
    case LZMA_MEM_ERROR:
        return throw_xz(xz, "out of memory", error);
    default:
        return throw_xz(xz, "data is damaged", error);
    }
}

/* One step, which may give nothing yet.  1, 0 at the end, -1. */
static int
decode(Xz *xz, GError **error)
{
    int more = xz->in_stream ? fill(xz, error) : next_stream(xz, error);
    lzma_ret result;

    if (more < 0 || (more == 0 && !xz->in_stream))
        return more;
    if (more == 0)
        return (int)throw_xz(xz,
                             xz->not_first && xz->lzma.total_in < LZMA_STREAM_HEADER_SIZE
                                 ? "data behind its end"
                                 : "data is truncated",
                             error);
    result = lzma_code(&xz->lzma, LZMA_RUN);
    if (result == LZMA_STREAM_END) {
        xz->in_stream = FALSE;
        xz->not_first = TRUE;
        return 1;
    }
    return result == LZMA_OK ? 1 : (int)throw_result(xz, result, error);
}

static gssize
xz_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Xz *xz = state;

    xz->lzma.next_out = data;
    xz->lzma.avail_out = size;
    while (xz->lzma.avail_out == size) {
        int more = decode(xz, error);

        if (more <= 0)
            return more;
    }
    return (gssize)(size - xz->lzma.avail_out);
}

static void
xz_interrupt(gpointer state)
{
    drv_source_interrupt(((Xz *)state)->inner);
}

static void
xz_free(gpointer state)
{
    Xz *xz = state;

    lzma_end(&xz->lzma);
    drv_source_free(xz->inner);
    g_free(xz);
}

DrvSource *
drv_unpack_new_xz(DrvSource *inner)
{
    static const DrvSourceOps ops = { .read = xz_read,
                                      .interrupt = xz_interrupt,
                                      .free = xz_free };
    Xz *xz = g_new0(Xz, 1);

    xz->inner = inner;
    xz->lzma = (lzma_stream)LZMA_STREAM_INIT;
    return drv_source_new(&ops, xz, drv_source_name(inner));
}
