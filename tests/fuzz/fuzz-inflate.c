/* SPDX-License-Identifier: Apache-2.0 */
/* gzip by ISA-L and by zlib: the same bytes, and the same verdict.
 *
 * The last byte says how the input comes in pieces and goes out.
 */
#define DRV_ALLOW_PRIVATE
#include <stdint.h>
#include <string.h>

#include "source/unpack-private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (1 << 22)

typedef struct {
    const uint8_t *data;
    gsize left, piece;
} Pieces;

static gssize
read_piece(gpointer state, guint8 *data, gsize size, GError **error)
{
    Pieces *self = state;
    gsize n = MIN(MIN(size, self->left), self->piece);

    (void)error;
    memcpy(data, self->data, n);
    self->data += n;
    self->left -= n;
    return (gssize)n;
}

/* All that comes out, and whether it ended well. */
static GByteArray *
unpack(const uint8_t *data, size_t size, guint8 how, gboolean by_zlib, gboolean *good)
{
    static const DrvSourceOps ops = { .read = read_piece };
    static guint8 buffer[65536];
    Pieces pieces = { data, size, (how & 15) ? (how & 15) : 65536 };
    gsize room = (how >> 4) ? (gsize)(how >> 4) * 37 : sizeof buffer;
    DrvSource *inner = drv_source_new(&ops, &pieces, "x");
    g_autoptr(DrvSource) source = drv_unpack_new_gzip(inner, by_zlib);
    GByteArray *out = g_byte_array_new();
    gssize got = 0;

    while (out->len < OUT_MAX && (got = drv_source_read(source, buffer, room, NULL)) > 0)
        g_byte_array_append(out, buffer, (guint)got);
    *good = got >= 0;
    return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gboolean fast_good, slow_good;

    if (size < 11 || memcmp(data, "\x1f\x8b\x08", 3) != 0)
        return 0;
    g_autoptr(GByteArray) fast =
        unpack(data, size - 1, data[size - 1], FALSE, &fast_good);
    g_autoptr(GByteArray) slow = unpack(data, size - 1, 0, TRUE, &slow_good);

    if (fast->len >= OUT_MAX || slow->len >= OUT_MAX)
        return 0;
    g_assert_cmpint(fast_good, ==, slow_good);
    if (slow_good)
        g_assert_cmpmem(fast->data, fast->len, slow->data, slow->len);
    return 0;
}
