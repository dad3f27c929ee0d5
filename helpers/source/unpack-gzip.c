/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include <zlib.h>

#include "base/error.h"
#include "source/unpack-private.h"

#define GZIP_ONLY (MAX_WBITS + 16)

typedef struct {
    DrvSource *inner;
    z_stream z;
    gboolean in_member; /* between a member's header and its end */
    gboolean padding;   /* behind the last member: zeros to the end */
    guint8 input[DRV_UNPACK_INPUT_SIZE];
} Gzip;

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
        if (*self->z.next_in != 0 && self->padding) {
            drv_unpack_throw(
                self->inner, DRV_UNPACK_GZIP, "trailing data after its end", error);
            return -1;
        }
        if (*self->z.next_in != 0)
            break;
        self->padding = TRUE;
        self->z.next_in++;
        self->z.avail_in--;
    }
    if (more <= 0)
        return more;
    if (inflateReset(&self->z) != Z_OK)
        return (int)drv_unpack_throw(
            self->inner, DRV_UNPACK_GZIP, "cannot initialise zlib", error);
    self->in_member = TRUE;
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
        int more = self->in_member ? fill(self, error) : next_member(self, error);
        int result;

        if (more < 0 || (more == 0 && !self->in_member))
            return more;
        if (more == 0)
            return drv_unpack_throw(
                self->inner, DRV_UNPACK_GZIP, "data is truncated", error);
        result = inflate(&self->z, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            self->in_member = FALSE;
        else if (result != Z_OK)
            return drv_unpack_throw(self->inner,
                                    DRV_UNPACK_GZIP,
                                    self->z.msg ? self->z.msg : "data is corrupt",
                                    error);
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
    g_free(self);
}

DrvSource *
drv_unpack_new_gzip(DrvSource *inner)
{
    static const DrvSourceOps ops = { .read = gzip_read,
                                      .interrupt = gzip_interrupt,
                                      .free = gzip_free };
    Gzip *self = g_new0(Gzip, 1);

    self->inner = inner;
    self->in_member = TRUE;
    if (inflateInit2(&self->z, GZIP_ONLY) != Z_OK)
        g_error("cannot initialise zlib"); /* out of memory, or another version of zlib */
    return drv_source_new(&ops, self, drv_source_name(inner));
}
