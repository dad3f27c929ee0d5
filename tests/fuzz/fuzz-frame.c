/* SPDX-License-Identifier: Apache-2.0 */
/* What the other end of a connection says.  First byte, even: it is a front-end, and the
 * rest its frames, that come so many bytes at a time; odd: it is a worker, and answers.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/log.h"
#include "requests.h"
#include "transport/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
say_nothing(DrvLogLevel level, const char *text, gpointer data)
{
    (void)level, (void)text, (void)data;
}

static void
read_request(const DrvFrame *frame)
{
    g_autofree char *op = NULL;
    g_autoptr(GVariant) fields = NULL;

    if (!drv_frame_unpack_request(frame, &op, &fields, NULL))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(request_types); i++) {
        g_autoptr(DrvRequest) request = drv_request_new(request_types[i]);

        if (drv_request_unpack(request, fields, NULL))
            check_request(request);
    }
}

static void
read_frame(const DrvFrame *frame)
{
    g_autofree char *text = drv_frame_text(frame);
    g_autoptr(GError) error = NULL;
    guint64 number;

    g_assert_cmpuint(strlen(text), <=, frame->size);
    (void)drv_frame_get_u64(frame, &number);
    g_assert(!drv_frame_throw(frame, &error) && error);
    if (frame->type == DRV_FRAME_REQUEST)
        read_request(frame);
}

static void
hear_front_end(const uint8_t *data, size_t size, size_t step)
{
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    DrvFrame frame;
    gsize length;

    for (size_t at = 0; at < size; at += step) {
        g_byte_array_append(buffer, data + at, (guint)MIN(step, size - at));
        while (drv_frame_parse(buffer, &frame, &length, NULL) && length > 0) {
            g_assert_cmpuint(length, <=, buffer->len);
            read_frame(&frame);
            g_byte_array_remove_range(buffer, 0, (guint)length);
        }
    }
}

static void
hear_worker(const uint8_t *data, size_t size)
{
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autofree char *result = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ok;
    GVariantDict fields;

    talk.where = g_strdup("host01");
    talk.in = g_byte_array_new();
    talk.out = g_byte_array_new();
    talk.err = g_string_new(NULL);
    talk.child.stdin_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    talk.child.stdout_fd = memfd_create("worker", MFD_CLOEXEC);
    (void)!pwrite(talk.child.stdout_fd, data, size, 0);
    g_variant_dict_init(&fields, NULL);
    ok = drv_session_run(&talk, "op", g_variant_dict_end(&fields), NULL, &result, &error);
    g_assert(ok == (error == NULL) && (ok || result == NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    drv_log_set_sink(say_nothing, NULL);
    if (size > 1 && data[0] % 2 == 0)
        hear_front_end(data + 1, size - 1, data[0] == 0 ? size : data[0]);
    else if (size > 1)
        hear_worker(data + 1, size - 1);
    return 0;
}
