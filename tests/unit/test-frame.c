/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "scratch.h"
#include "transport/frame.h"

static const DrvFrameType types[] = {
    DRV_FRAME_HELLO, DRV_FRAME_REQUEST, DRV_FRAME_DATA, DRV_FRAME_ZEROS,  DRV_FRAME_END,
    DRV_FRAME_LOG,   DRV_FRAME_ALIVE,   DRV_FRAME_DONE, DRV_FRAME_FAILED,
};

static void
test_layout(void)
{
    static const guint8 wanted[] = { 'D', 'R', 'V', 'L', 3, 0, 0, 0, '2', 'h', 'i' };
    g_autoptr(GByteArray) buffer = g_byte_array_new();

    drv_frame_append(buffer, DRV_FRAME_LOG, "2hi", 3);
    g_assert_cmpmem(buffer->data, buffer->len, wanted, sizeof wanted);
}

/* Byte by byte: a frame is there when its last byte is, and not before. */
static void
test_pieces(void)
{
    g_autoptr(GByteArray) whole = g_byte_array_new();
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    guint seen = 0;

    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        drv_frame_append(whole, types[i], "payload", i);
    for (guint at = 0; at < whole->len; at++) {
        DrvFrame frame;
        gsize size;

        g_byte_array_append(in, whole->data + at, 1);
        must(drv_frame_parse(in, &frame, &size, &error));
        if (size == 0)
            continue;
        g_assert_cmpint(frame.type, ==, types[seen]);
        g_assert_cmpmem(frame.data, frame.size, "payload", seen);
        g_assert_cmpuint(size, ==, in->len);
        g_byte_array_set_size(in, 0);
        seen++;
    }
    g_assert_cmpuint(seen, ==, G_N_ELEMENTS(types));
}

static void
test_largest(void)
{
    g_autofree guint8 *data = noise(DRV_FRAME_MAX, 1);
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    DrvFrame frame;
    gsize size;

    drv_frame_append(buffer, DRV_FRAME_DATA, data, DRV_FRAME_MAX);
    must(drv_frame_parse(buffer, &frame, &size, &error));
    g_assert_cmpmem(frame.data, frame.size, data, DRV_FRAME_MAX);
}

static const struct {
    const char *bytes;
    gsize size;
} broken[] = {
    { "X", 1 },
    { "DR\n", 3 },
    { "Last login: yesterday", 21 },
    { "DRVQ\0\0\0\0", 8 },   /* no such type */
    { "DRV\0\0\0\0\0", 8 },  /* the end of a string is none either */
    { "DRVD\1\0\x10\0", 8 }, /* larger than allowed, by one */
    { "DRVD\xff\xff\xff\xff", 8 },
};

static void
test_broken(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autoptr(GByteArray) buffer = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        DrvFrame frame;
        gsize size = 99;

        g_byte_array_append(
            buffer, (const guint8 *)broken[i].bytes, (guint)broken[i].size);
        g_assert_false(drv_frame_parse(buffer, &frame, &size, &error));
        g_assert_error(error, DRV_ERROR, DRV_ERROR_REMOTE);
        g_assert_cmpuint(size, ==, 0);
    }
}

static DrvFrame
only_frame(const GByteArray *buffer)
{
    g_autoptr(GError) error = NULL;
    DrvFrame frame;
    gsize size;

    must(drv_frame_parse(buffer, &frame, &size, &error));
    g_assert_cmpuint(size, ==, buffer->len);
    return frame;
}

static void
test_numbers(void)
{
    static const guint64 numbers[] = { 0, 1, 65536, G_MAXUINT64 };
    guint64 got;

    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autoptr(GByteArray) buffer = g_byte_array_new();
        DrvFrame frame;

        drv_frame_append_u64(buffer, DRV_FRAME_ZEROS, numbers[i]);
        frame = only_frame(buffer);
        g_assert_true(drv_frame_get_u64(&frame, &got));
        g_assert_cmpuint(got, ==, numbers[i]);
        frame.size--;
        g_assert_false(drv_frame_get_u64(&frame, &got));
    }
}

static void
test_errors(void)
{
    for (int code = 0; code < DRV_ERROR_LAST; code++) {
        g_autoptr(GByteArray) buffer = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        g_autoptr(GError) got = NULL;
        DrvFrame frame;

        (void)drv_throw(&error, (DrvErrorCode)code, "cannot: €\nx");
        drv_frame_append_error(buffer, error);
        frame = only_frame(buffer);
        g_assert_false(drv_frame_throw(&frame, &got));
        g_assert_error(got, DRV_ERROR, code);
        g_assert_cmpstr(got->message, ==, "cannot: €\nx");
    }
}

static void
test_odd_errors(void)
{
    static const guint8 unknown[] = { 0xff, 0xff, 0, 0, 'x', 0, 'y' };
    DrvFrame frame = { DRV_FRAME_FAILED, unknown, sizeof unknown };
    g_autofree char *text = g_strnfill(2 * DRV_FRAME_MAX, 'x');
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    g_autoptr(GError) long_error = g_error_new_literal(DRV_ERROR, DRV_ERROR_BUSY, text);
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_frame_throw(&frame, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_FAILED);
    g_assert_cmpstr(error->message, ==, "x");
    g_clear_error(&error);
    frame.size = 3;
    g_assert_false(drv_frame_throw(&frame, &error));
    assert_error_text(error, DRV_ERROR_REMOTE, "without a reason");
    drv_frame_append_error(buffer, long_error);
    drv_frame_append_error(buffer, NULL);
    g_assert_cmpuint(buffer->len, <, DRV_FRAME_MAX);
}

/* --- requests --------------------------------------------------------------------------
 */

static GVariant *
some_fields(void)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&builder, "{sv}", "path", g_variant_new_bytestring("/\xff"));
    g_variant_builder_add(&builder, "{sv}", "id", g_variant_new_int64(-7));
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static void
test_request(void)
{
    g_autoptr(GVariant) fields = some_fields();
    g_autoptr(GBytes) packed = drv_frame_pack_request("tm.clone", fields);
    DrvFrame frame = { .type = DRV_FRAME_REQUEST };
    g_autoptr(GVariant) got = NULL;
    g_autofree char *op = NULL;
    g_autoptr(GError) error = NULL;

    frame.data = g_bytes_get_data(packed, &frame.size);
    must(drv_frame_unpack_request(&frame, &op, &got, &error));
    g_assert_cmpstr(op, ==, "tm.clone");
    g_assert_cmpvariant(got, fields);
}

/* Cut short or with any byte changed it is refused, or it is another good request. */
static void
test_hostile_request(void)
{
    g_autoptr(GVariant) fields = some_fields();
    g_autoptr(GBytes) packed = drv_frame_pack_request("tm.clone", fields);
    gsize size;
    const guint8 *good = g_bytes_get_data(packed, &size);
    guint refused = 0;

    for (gsize i = 0; i < size * 256; i++) {
        g_autofree guint8 *bad = g_memdup2(good, size);
        DrvFrame frame = { DRV_FRAME_REQUEST, bad, size };
        g_autoptr(GVariant) got = NULL;
        g_autofree char *op = NULL;
        g_autoptr(GError) error = NULL;

        if (i < size)
            frame.size = i;
        else
            bad[i / 256] = (guint8)i;
        if (drv_frame_unpack_request(&frame, &op, &got, &error)) {
            g_assert_true(g_variant_is_of_type(got, G_VARIANT_TYPE_VARDICT));
            g_assert_nonnull(op);
        } else {
            g_assert_error(error, DRV_ERROR, DRV_ERROR_REMOTE);
            refused++;
        }
    }
    g_assert_cmpuint(refused, >, size);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/layout", test_layout);
    g_test_add_func("/frame/pieces", test_pieces);
    g_test_add_func("/frame/largest", test_largest);
    g_test_add_func("/frame/broken", test_broken);
    g_test_add_func("/frame/numbers", test_numbers);
    g_test_add_func("/frame/errors", test_errors);
    g_test_add_func("/frame/odd-errors", test_odd_errors);
    g_test_add_func("/frame/request", test_request);
    g_test_add_func("/frame/hostile-request", test_hostile_request);
    return g_test_run();
}
