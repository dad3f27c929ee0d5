/* SPDX-License-Identifier: Apache-2.0 */
/* gzip by ISA-L and by zlib: the same bytes, and the same verdict.
 *
 * But for sets of codes that are incomplete in a way of which the data makes no use: zlib
 * refuses these, ISA-L does not.  Checksum and length of the data are right then.
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

/* All that comes out, and how it ended. */
static GByteArray *
unpack(const uint8_t *data, size_t size, guint8 how, gboolean by_zlib, GError **error)
{
    static const DrvSourceOps ops = { .read = read_piece };
    static guint8 buffer[65536];
    Pieces pieces = { data, size, (how & 15) ? (how & 15) : 65536 };
    gsize room = (how >> 4) ? (gsize)(how >> 4) * 37 : sizeof buffer;
    DrvSource *inner = drv_source_new(&ops, &pieces, "x");
    g_autoptr(DrvSource) source = drv_unpack_new_gzip(inner, by_zlib);
    GByteArray *out = g_byte_array_new();
    gssize got;

    while (out->len < OUT_MAX && (got = drv_source_read(source, buffer, room, error)) > 0)
        g_byte_array_append(out, buffer, (guint)got);
    return out;
}

static gboolean
is_incomplete_set(const GError *error)
{
    return error && (strstr(error->message, "invalid distances set") ||
                     strstr(error->message, "invalid literal/lengths set") ||
                     strstr(error->message, "invalid code lengths set"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) fast_error = NULL;
    g_autoptr(GError) slow_error = NULL;
    g_autoptr(GByteArray) fast = NULL;
    g_autoptr(GByteArray) slow = NULL;

    if (size < 11 || memcmp(data, "\x1f\x8b\x08", 3) != 0)
        return 0;
    fast = unpack(data, size - 1, data[size - 1], FALSE, &fast_error);
    slow = unpack(data, size - 1, 0, TRUE, &slow_error);
    if (fast->len >= OUT_MAX || slow->len >= OUT_MAX || is_incomplete_set(slow_error))
        return 0;
    g_assert_cmpint(fast_error == NULL, ==, slow_error == NULL);
    if (slow_error == NULL)
        g_assert_cmpmem(fast->data, fast->len, slow->data, slow->len);
    return 0;
}
