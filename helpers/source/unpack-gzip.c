/* SPDX-License-Identifier: Apache-2.0 */
/* source/unpack-gzip.c - gzip: headers by zlib, what is between them by ISA-L, which is
 * three times as fast, or by zlib where that is missing.
 *
 * ISA-L compares checksum and length of each member as zlib does, but lets headers pass
 * that zlib refuses; so each member begins with zlib, until that has read the header.
 * Incomplete sets of codes, of whose gaps the data makes no use, are refused by zlib
 * alone.
 */
#define DRV_ALLOW_PRIVATE
#include <zlib.h>

#include "base/error.h"
#include "base/load-isal.h"
#include "base/log.h"
#include "source/unpack-private.h"

#define GZIP_ONLY (MAX_WBITS + 16)
#define AT_BLOCK 128 /* in z_stream.data_type: before a block, or behind a header */

typedef enum {
    BETWEEN, /* members, or at the end */
    HEADER,
    BODY, /* and the checksum behind it */
} Part;

typedef struct {
    DrvSource *inner;
    z_stream z;                 /* its next_in and avail_in are the input's for both */
    struct inflate_state *isal; /* NULL: zlib does it all */
    Part part;
    gboolean not_first; /* at least one member has ended well */
    gboolean padding;   /* behind the last member: zeros to the end */
    guint8 input[DRV_UNPACK_INPUT_SIZE];
} Gzip;

static int
throw_gzip(Gzip *self, const char *reason, GError **error)
{
    return (int)drv_unpack_throw(self->inner, DRV_UNPACK_GZIP, reason, error);
}

/* More input if there is none.  1, 0 at the end, -1. */
static int
fill(Gzip *self, GError **error)
{
    gssize got;

    if (self->z.avail_in > 0)
        return 1;
    got = drv_source_read(self->inner, self->input, sizeof self->input, error);
    if (got < 0)
        return -1;
    self->z.next_in = self->input;
    self->z.avail_in = (uInt)got;
    return got > 0;
}

/* Between members: another one, or zeros to the end.  1: member, 0: end, -1. */
static int
next_member(Gzip *self, GError **error)
{
    int more;

    while ((more = fill(self, error)) > 0) {
        if (*self->z.next_in != 0 && self->padding)
            return throw_gzip(self, "trailing data after its end", error);
        if (*self->z.next_in != 0)
            break;
        self->padding = TRUE;
        self->z.next_in++;
        self->z.avail_in--;
    }
    if (more <= 0)
        return more;
    if (inflateReset(&self->z) != Z_OK)
        return throw_gzip(self, "cannot initialise zlib", error);
    self->not_first = TRUE;
    self->part = HEADER;
    return 1;
}

/* What has no magic behind a member is not another one. */
static const char *
zlib_reason(const Gzip *self)
{
    if (self->not_first && self->z.total_in <= 2 && self->z.total_out == 0)
        return "trailing data after its end";
    return self->z.msg ? self->z.msg : "data is corrupt";
}

/* As far as the header goes when ISA-L does the rest, else as far as there is room. */
static int
step_by_zlib(Gzip *self, GError **error)
{
    int result = inflate(&self->z, self->isal ? Z_BLOCK : Z_NO_FLUSH);

    if (result == Z_STREAM_END)
        self->part = BETWEEN;
    else if (result != Z_OK)
        return throw_gzip(self, zlib_reason(self), error);
    if (result == Z_OK && self->isal && (self->z.data_type & AT_BLOCK)) {
        isal_inflate_reset(self->isal);
        self->isal->crc_flag = ISAL_GZIP_NO_HDR_VER;
        self->part = BODY;
    }
    return 1;
}

/* In zlib's words, of which users have heard. */
static const char *
isal_reason(int result)
{
    switch (result) {
    case ISAL_INVALID_BLOCK:
        return "invalid block";
    case ISAL_INVALID_SYMBOL:
        return "invalid code";
    case ISAL_INVALID_LOOKBACK:
        return "invalid distance too far back";
    case ISAL_INCORRECT_CHECKSUM:
        return "incorrect data check";
    default:
        return "data is corrupt";
    }
}

static int
step_by_isal(Gzip *self, GError **error)
{
    struct inflate_state *isal = self->isal;
    int result;

    isal->next_in = (guint8 *)self->z.next_in;
    isal->avail_in = self->z.avail_in;
    isal->next_out = self->z.next_out;
    isal->avail_out = self->z.avail_out;
    result = isal_inflate(isal);
    self->z.next_in = isal->next_in;
    self->z.avail_in = isal->avail_in;
    self->z.next_out = isal->next_out;
    self->z.avail_out = isal->avail_out;
    if (result < 0)
        return throw_gzip(self, isal_reason(result), error);
    if (isal->block_state == ISAL_BLOCK_FINISH)
        self->part = BETWEEN;
    return 1;
}

/* One step, which may give nothing yet.  1, 0 at the end, -1. */
static int
decode(Gzip *self, GError **error)
{
    uInt room = self->z.avail_out;
    int more = self->part == BETWEEN ? next_member(self, error) : fill(self, error);

    if (more < 0 || (more == 0 && self->part == BETWEEN))
        return more;
    if (more == 0 && self->part == HEADER)
        return throw_gzip(self, "data is truncated", error);
    if (self->part == HEADER)
        return step_by_zlib(self, error);
    if (step_by_isal(self, error) < 0)
        return -1;
    /* At the end of the input it may still hold some of its own. */
    if (more == 0 && self->part == BODY && self->z.avail_out == room)
        return throw_gzip(self, "data is truncated", error);
    return 1;
}

static gssize
gzip_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Gzip *self = state;
    uInt room = (uInt)MIN(size, (gsize)G_MAXINT32);

    self->z.next_out = data;
    self->z.avail_out = room;
    while (self->z.avail_out == room) {
        int more = decode(self, error);

        if (more <= 0)
            return more;
    }
    return (gssize)(room - self->z.avail_out);
}

static void
gzip_interrupt(gpointer state)
{
    drv_source_interrupt(((Gzip *)state)->inner);
}

static void
gzip_free(gpointer state)
{
    Gzip *self = state;

    (void)inflateEnd(&self->z);
    drv_source_free(self->inner);
    g_free(self->isal);
    g_free(self);
}

DrvSource *
drv_unpack_new_gzip(DrvSource *inner, gboolean by_zlib)
{
    static const DrvSourceOps ops = { .read = gzip_read,
                                      .interrupt = gzip_interrupt,
                                      .free = gzip_free };
    g_autoptr(GError) missing = NULL;
    Gzip *self = g_new0(Gzip, 1);

    self->inner = inner;
    self->part = HEADER;
    if (inflateInit2(&self->z, GZIP_ONLY) != Z_OK)
        g_error("cannot initialise zlib"); /* out of memory, or another version of zlib */
    if (!by_zlib && drv_load_isal(&missing)) {
        self->isal = g_new(struct inflate_state, 1);
        isal_inflate_init(self->isal);
    }
    if (missing)
        drv_debug("gzip is decompressed by zlib: %s", missing->message);
    return drv_source_new(&ops, self, drv_source_name(inner));
}
