/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/frame.h"

#include <string.h>

#include "base/error.h"

static const char magic[] = { 'D', 'R', 'V' };

void
drv_frame_append(GByteArray *buffer, DrvFrameType type, gconstpointer data, gsize size)
{
    guint8 header[DRV_FRAME_HEADER];
    guint32 wire_size = GUINT32_TO_LE((guint32)size);

    g_assert(size <= DRV_FRAME_MAX);
    memcpy(header, magic, sizeof magic);
    header[3] = (guint8)type;
    memcpy(header + 4, &wire_size, sizeof wire_size);
    g_byte_array_append(buffer, header, sizeof header);
    if (size > 0)
        g_byte_array_append(buffer, data, (guint)size);
}

void
drv_frame_append_u64(GByteArray *buffer, DrvFrameType type, guint64 number)
{
    guint64 wire = GUINT64_TO_LE(number);

    drv_frame_append(buffer, type, &wire, sizeof wire);
}

void
drv_frame_append_error(GByteArray *buffer, const GError *error)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();
    guint32 code = GUINT32_TO_LE((guint32)drv_error_code(error));
    const char *message = error ? error->message : "no error was given";

    g_byte_array_append(payload, (const guint8 *)&code, sizeof code);
    g_byte_array_append(
        payload, (const guint8 *)message, (guint)MIN(strlen(message), DRV_FRAME_MAX / 2));
    drv_frame_append(buffer, DRV_FRAME_FAILED, payload->data, payload->len);
}

gboolean
drv_frame_parse(const GByteArray *buffer, DrvFrame *frame, gsize *size, GError **error)
{
    guint32 wire_size;
    gsize known = MIN(buffer->len, sizeof magic);

    *size = 0;
    if (known > 0 && memcmp(buffer->data, magic, known) != 0)
        return drv_throw(error, DRV_ERROR_REMOTE, "invalid frame");
    if (buffer->len < DRV_FRAME_HEADER)
        return TRUE;
    memcpy(&wire_size, buffer->data + 4, sizeof wire_size);
    wire_size = GUINT32_FROM_LE(wire_size);
    if (wire_size > DRV_FRAME_MAX || !strchr("HRDZECLAPSKX", buffer->data[3]) ||
        buffer->data[3] == '\0')
        return drv_throw(error, DRV_ERROR_REMOTE, "malformed frame");
    if (buffer->len < DRV_FRAME_HEADER + (gsize)wire_size)
        return TRUE;
    frame->type = (DrvFrameType)buffer->data[3];
    frame->data = buffer->data + DRV_FRAME_HEADER;
    frame->size = wire_size;
    *size = DRV_FRAME_HEADER + (gsize)wire_size;
    return TRUE;
}

gboolean
drv_frame_get_u64(const DrvFrame *frame, guint64 *number)
{
    if (frame->size != sizeof *number)
        return FALSE;
    memcpy(number, frame->data, sizeof *number);
    *number = GUINT64_FROM_LE(*number);
    return TRUE;
}

gboolean
drv_frame_throw(const DrvFrame *frame, GError **error)
{
    guint32 code = DRV_ERROR_FAILED;
    g_autofree char *message = NULL;

    if (frame->size < sizeof code)
        return drv_throw(error, DRV_ERROR_REMOTE, "the worker failed without a reason");
    memcpy(&code, frame->data, sizeof code);
    code = GUINT32_FROM_LE(code);
    message =
        g_strndup((const char *)frame->data + sizeof code, frame->size - sizeof code);
    return drv_throw(error,
                     code < DRV_ERROR_LAST ? (DrvErrorCode)code : DRV_ERROR_FAILED,
                     "%s",
                     message);
}

char *
drv_frame_text(const DrvFrame *frame)
{
    return g_strndup((const char *)frame->data, frame->size);
}

#define REQUEST_TYPE G_VARIANT_TYPE("(sa{sv})")

/* GVariant is serialised in the byte order of its maker; the wire has little-endian. */
static GVariant *
in_wire_order(GVariant *value)
{
    if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
        return g_variant_ref(value);
    return g_variant_byteswap(value);
}

GBytes *
drv_frame_pack_request(const char *op, GVariant *fields)
{
    g_autoptr(GVariant) request =
        g_variant_ref_sink(g_variant_new("(s@a{sv})", op, fields));
    g_autoptr(GVariant) wire = in_wire_order(request);

    return g_variant_get_data_as_bytes(wire);
}

gboolean
drv_frame_unpack_request(const DrvFrame *frame,
                         char **op,
                         GVariant **fields,
                         GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new(frame->data, frame->size);
    g_autoptr(GVariant) wire =
        g_variant_ref_sink(g_variant_new_from_bytes(REQUEST_TYPE, bytes, FALSE));
    g_autoptr(GVariant) request = NULL;

    if (!g_variant_is_normal_form(wire))
        return drv_throw(error, DRV_ERROR_REMOTE, "malformed request");
    request = in_wire_order(wire);
    g_variant_get(request, "(s@a{sv})", op, fields);
    return TRUE;
}
