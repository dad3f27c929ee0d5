/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/answer.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "transport/frame.h"
#include "worker/worker.h"

#define ALIVE_INTERVAL_US (5 * G_USEC_PER_SEC)
#define READ_SIZE (256 * 1024)
#define SILENCE_MS 60000 /* a caller that converses and says nothing is gone */

struct WorkerPort {
    int in_fd;
    int out_fd;
    GMutex out_lock; /* one frame at a time: op, log and alive thread write */
    GByteArray *in;
    gsize parsed;       /* bytes of @in that belong to the last frame */
    guint64 zeros;      /* of a Z frame, still to be read */
    const guint8 *data; /* of a D frame, still to be read; inside @in */
    gsize data_size;
    gboolean converses;
    GThread *alive;
    GMutex stop_lock;
    GCond stop_cond;
    gboolean stop;
};

/* A reader that is gone is noticed as cancellation, so a failed write is nobody's news.
 */
static void
send_buffer(WorkerPort *port, GByteArray *buffer)
{
    g_autoptr(GError) ignored = NULL;
    gboolean sent;

    g_mutex_lock(&port->out_lock);
    sent = drv_fd_write_all(port->out_fd, buffer->data, buffer->len, "a frame", &ignored);
    g_mutex_unlock(&port->out_lock);
    (void)sent;
}

static void
send_frame(WorkerPort *port, DrvFrameType type, const char *text)
{
    g_autoptr(GByteArray) buffer = g_byte_array_new();

    drv_frame_append(buffer, type, text, text ? MIN(strlen(text), DRV_FRAME_MAX) : 0);
    send_buffer(port, buffer);
}

static void
send_log(DrvLogLevel level, const char *text, gpointer data)
{
    g_autofree char *line = g_strdup_printf("%d%s", (int)level, text);

    send_frame(data, DRV_FRAME_LOG, line);
}

void
worker_port_status(const char *text, gpointer port)
{
    send_frame(port, DRV_FRAME_STATUS, text);
}

static gpointer
say_alive(gpointer data)
{
    WorkerPort *port = data;
    gboolean stop = FALSE;

    while (!stop) {
        gint64 next = g_get_monotonic_time() + ALIVE_INTERVAL_US;

        g_mutex_lock(&port->stop_lock);
        while (!port->stop && g_cond_wait_until(&port->stop_cond, &port->stop_lock, next))
            ;
        stop = port->stop;
        g_mutex_unlock(&port->stop_lock);
        if (!stop)
            send_frame(port, DRV_FRAME_ALIVE, NULL);
    }
    return NULL;
}

WorkerPort *
worker_port_new(GError **error)
{
    WorkerPort *port = g_new0(WorkerPort, 1);

    port->in = g_byte_array_new();
    port->in_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    port->out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    g_mutex_init(&port->out_lock);
    g_mutex_init(&port->stop_lock);
    g_cond_init(&port->stop_cond);
    if (port->in_fd < 0 || port->out_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        (void)drv_throw_errno(error, "cannot take stdin and stdout");
        worker_port_free(port);
        return NULL;
    }
    drv_log_set_debug(TRUE); /* the front-end decides what is shown */
    drv_log_set_sink(send_log, port);
    drv_cancel_watch_peer(port->in_fd);
    port->alive = g_thread_new("alive", say_alive, port);
    return port;
}

void
worker_port_free(WorkerPort *port)
{
    if (port == NULL)
        return;
    drv_log_set_sink(NULL, NULL);
    if (port->alive) {
        g_mutex_lock(&port->stop_lock);
        port->stop = TRUE;
        g_cond_signal(&port->stop_cond);
        g_mutex_unlock(&port->stop_lock);
        g_thread_join(port->alive);
    }
    drv_fd_close_one(port->in_fd);
    drv_fd_close_one(port->out_fd);
    g_mutex_clear(&port->out_lock);
    g_mutex_clear(&port->stop_lock);
    g_cond_clear(&port->stop_cond);
    g_byte_array_unref(port->in);
    g_free(port);
}

void
worker_port_hello(WorkerPort *port, const char *build, const char *machine)
{
    g_autofree char *text = g_strdup_printf("%s\n%s\n", build, machine);

    send_frame(port, DRV_FRAME_HELLO, text);
}

void
worker_port_failed(WorkerPort *port, const GError *error)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GByteArray) buffer = g_byte_array_new();

    drv_frame_append_error(buffer, error);
    send_buffer(port, buffer);
}

/* --- reading ---------------------------------------------------------------------------
 */

static gboolean
await_caller(WorkerPort *port, GError **error)
{
    struct pollfd fd = { .fd = port->in_fd, .events = POLLIN };
    int ready = drv_poll(&fd, 1, SILENCE_MS, error);

    return ready > 0 || (ready == 0 && drv_throw(error,
                                                 DRV_ERROR_CANCELLED,
                                                 "nothing came from the caller for %d s",
                                                 SILENCE_MS / 1000));
}

static gboolean
next_frame(WorkerPort *port, DrvFrame *frame, GError **error)
{
    gsize size = 0;

    if (port->parsed > 0)
        g_byte_array_remove_range(port->in, 0, (guint)port->parsed);
    port->parsed = 0;
    for (;;) {
        guint had = port->in->len;
        gssize got;

        if (!drv_frame_parse(port->in, frame, &size, error))
            return FALSE;
        if (size > 0)
            break;
        if (port->converses && !await_caller(port, error))
            return FALSE;
        g_byte_array_set_size(port->in, had + READ_SIZE);
        got = drv_fd_read(port->in_fd, port->in->data + had, READ_SIZE, "a frame", error);
        g_byte_array_set_size(port->in, had + (guint)MAX(got, 0));
        if (got < 0)
            return FALSE;
        if (got == 0)
            return drv_throw(error, DRV_ERROR_CANCELLED, "the front-end disconnected");
    }
    port->parsed = size;
    return TRUE;
}

gboolean
worker_port_request(WorkerPort *port, char **op, GVariant **fields, GError **error)
{
    DrvFrame frame;

    if (!next_frame(port, &frame, error))
        return FALSE;
    if (frame.type != DRV_FRAME_REQUEST)
        return drv_throw(error, DRV_ERROR_REMOTE, "the first frame is not a request");
    return drv_frame_unpack_request(&frame, op, fields, error);
}

static gboolean
take_stream_frame(WorkerPort *port, gboolean *end, GError **error)
{
    DrvFrame frame;

    if (!next_frame(port, &frame, error))
        return FALSE;
    *end = frame.type == DRV_FRAME_END;
    if (frame.type == DRV_FRAME_DATA) {
        port->data = frame.data;
        port->data_size = frame.size;
    } else if (!*end && (frame.type != DRV_FRAME_ZEROS ||
                         !drv_frame_get_u64(&frame, &port->zeros))) {
        return drv_throw(error, DRV_ERROR_REMOTE, "the data stream is corrupt");
    }
    return TRUE;
}

static gssize
stream_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    WorkerPort *port = state;
    gboolean end = FALSE;
    gsize n;

    while (port->data_size == 0 && port->zeros == 0) {
        if (!take_stream_frame(port, &end, error))
            return -1;
        if (end)
            return 0;
    }
    if (port->zeros > 0) {
        n = MIN(size, port->zeros);
        memset(data, 0, n);
        port->zeros -= n;
    } else {
        n = MIN(size, port->data_size);
        memcpy(data, port->data, n);
        port->data += n;
        port->data_size -= n;
    }
    return (gssize)n;
}

DrvSource *
worker_port_stream(WorkerPort *port)
{
    static const DrvSourceOps ops = { .read = stream_read };

    return drv_source_new(&ops, port, "the front-end's stream");
}

/* --- the end -----------------------------------------------------------------------
 */

/* Before the caller has answered, nothing that happens here decides: what was prepared
 * stays when it is confirmed, and is taken back when the caller is gone or silent.
 */
static gboolean
offer(WorkerPort *port, const char *result, GError **error)
{
    DrvFrame frame;

    send_frame(port, DRV_FRAME_PREPARED, result);
    port->converses = TRUE; /* bounds its silence */
    do {                    /* of a stream, the end may be unread */
        if (!next_frame(port, &frame, error))
            return FALSE;
    } while (frame.type == DRV_FRAME_END);
    return frame.type == DRV_FRAME_CONFIRMED ||
           drv_throw(error, DRV_ERROR_REMOTE, "the result was not confirmed");
}

gboolean
worker_port_deliver(WorkerPort *port, const char *result, GError **error)
{
    DRV_CANCEL_SHIELD();

    if (!drv_answer_is_held()) {
        send_frame(port, DRV_FRAME_DONE, result);
        return TRUE;
    }
    if (!drv_answer_prepare(error) || !offer(port, result, error) ||
        !drv_answer_keep(error)) {
        drv_answer_drop();
        return FALSE;
    }
    send_frame(port, DRV_FRAME_DONE, NULL);
    return TRUE;
}

/* --- conversing ------------------------------------------------------------------------
 */

static gssize
peer_read(gpointer state, gpointer data, gsize size, GError **error)
{
    gssize got = stream_read(state, data, size, error);

    if (got == 0)
        (void)drv_throw(error, DRV_ERROR_REMOTE, "the caller ended too early");
    return got > 0 ? got : -1;
}

static gboolean
peer_write(gpointer state, gconstpointer data, gsize size, GError **error)
{
    WorkerPort *port = state;
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    gboolean sent;

    for (gsize at = 0; at < size; at += DRV_FRAME_MAX)
        drv_frame_append(buffer,
                         DRV_FRAME_DATA,
                         (const guint8 *)data + at,
                         MIN(size - at, DRV_FRAME_MAX));
    g_mutex_lock(&port->out_lock);
    sent = drv_fd_write_all(port->out_fd, buffer->data, buffer->len, "a frame", error);
    g_mutex_unlock(&port->out_lock);
    return sent;
}

DrvPeer
worker_port_peer(WorkerPort *port)
{
    port->converses = TRUE;
    return (DrvPeer){
        .read = peer_read, .write = peer_write, .state = port, .name = "the caller"
    };
}
