/* SPDX-License-Identifier: Apache-2.0 */
/* Having an op run by the worker at the other end, and following it to its end. */
#include "base/bytes.h"
#include "transport/session-private.h"

#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/status.h"

#define BLOCK_SIZE (1024 * 1024) /* of the data stream */
#define PIECE_SIZE (64 * 1024)   /* what is looked at for zeros */
#define OUT_HIGH (4 * BLOCK_SIZE)

static void
show_log(const DrvFrame *frame)
{
    g_autofree char *text = drv_frame_text(frame);

    if (*text >= '0' && *text <= '3')
        drv_log((DrvLogLevel)(*text - '0'), text + 1);
}

static void
hear_status(DrvSession *talk, const DrvFrame *frame)
{
    g_autofree char *text = drv_frame_text(frame);

    drv_status_hear(talk->where, text);
}

/* What has no worker there is for us to say: here the work has begun. */
static gboolean
throw_failed(const DrvFrame *frame, GError **error)
{
    g_autoptr(GError) why = NULL;

    (void)drv_frame_throw(frame, &why);
    if (drv_error_is(why, DRV_ERROR_NO_HOST))
        why->code = DRV_ERROR_REMOTE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

/* Serve frames until the last one.  *done tells that it came. */
static gboolean
handle_frame(DrvSession *talk,
             const DrvFrame *frame,
             char **result,
             gboolean *done,
             GError **error)
{
    switch (frame->type) {
    case DRV_FRAME_LOG:
        show_log(frame);
        return TRUE;
    case DRV_FRAME_ALIVE:
        return TRUE;
    case DRV_FRAME_STATUS:
        hear_status(talk, frame);
        return TRUE;
    case DRV_FRAME_PREPARED:
    case DRV_FRAME_DONE:
        *done = TRUE;
        drv_status_hear(talk->where, NULL);
        talk->prepared = frame->type == DRV_FRAME_PREPARED;
        if (frame->size > 0 && result)
            *result = drv_frame_text(frame);
        return TRUE;
    case DRV_FRAME_FAILED:
        drv_status_hear(talk->where, NULL);
        return throw_failed(frame, error);
    case DRV_FRAME_DATA:
        if (!talk->converses)
            return drv_throw(
                error, DRV_ERROR_REMOTE, "the worker sent an unexpected frame");
        g_byte_array_append(talk->data, frame->data, (guint)frame->size);
        return TRUE;
    case DRV_FRAME_HELLO:
    case DRV_FRAME_REQUEST:
    case DRV_FRAME_ZEROS:
    case DRV_FRAME_END:
    case DRV_FRAME_CONFIRMED:
    default:
        return drv_throw(error, DRV_ERROR_REMOTE, "the worker sent an unexpected frame");
    }
}

/* While we send, see what came in without waiting for it. */
static gboolean
check_incoming(DrvSession *talk, GError **error)
{
    DrvFrame frame;
    gboolean done = FALSE;
    gsize size;

    do {
        if (!drv_session_parse(talk, &frame, &size, error))
            return FALSE;
        if (size > 0 && !handle_frame(talk, &frame, NULL, &done, error))
            return FALSE;
    } while (size > 0);
    if (done || talk->child.stdout_fd < 0)
        return drv_throw(
            error, DRV_ERROR_REMOTE, "%s: the worker exited too early", talk->where);
    return TRUE;
}

/* --- the data stream
 * ------------------------------------------------------------------------ */

/* Queue @data as frames, runs of zero pieces as their length only. */
static void
queue_block(DrvSession *talk, const guint8 *data, gsize size)
{
    gsize at = 0;

    while (at < size) {
        gsize start = at;
        gboolean zero = drv_bytes_are_zero(data + at, MIN(PIECE_SIZE, size - at));

        while (at < size &&
               drv_bytes_are_zero(data + at, MIN(PIECE_SIZE, size - at)) == zero)
            at += MIN(PIECE_SIZE, size - at);
        if (zero)
            drv_frame_append_u64(talk->out, DRV_FRAME_ZEROS, at - start);
        else
            drv_frame_append(talk->out, DRV_FRAME_DATA, data + start, at - start);
    }
}

static gboolean
send_out(DrvSession *talk, gsize until, GError **error)
{
    while (talk->out->len - talk->out_done > until) {
        int ready = drv_session_serve(talk, DRV_TALK_SILENCE_MS, error);

        if (ready < 0 || !check_incoming(talk, error))
            return FALSE;
        if (ready == 0)
            return drv_throw(error,
                             DRV_ERROR_REMOTE,
                             "%s has not accepted data for %d s",
                             talk->where,
                             DRV_TALK_SILENCE_MS / 1000);
    }
    return TRUE;
}

static gboolean
send_stream(DrvSession *talk, DrvSource *in, GError **error)
{
    g_autofree guint8 *block = g_malloc(BLOCK_SIZE);
    guint64 size = drv_source_size_hint(in);
    gssize got;

    drv_status_step("sending", size == DRV_SOURCE_SIZE_UNKNOWN ? 0 : size);
    while ((got = drv_source_read_full(in, block, BLOCK_SIZE, error)) > 0) {
        queue_block(talk, block, (gsize)got);
        drv_status_moved((guint64)got);
        if (!send_out(talk, OUT_HIGH, error))
            return FALSE;
    }
    if (got < 0)
        return FALSE;
    drv_frame_append(talk->out, DRV_FRAME_END, NULL, 0);
    return send_out(talk, 0, error);
}

static gboolean
queue_request(DrvSession *talk, const char *op, GVariant *fields, GError **error)
{
    g_autoptr(GBytes) request = drv_frame_pack_request(op, fields);
    gsize size;
    gconstpointer data = g_bytes_get_data(request, &size);

    if (size > DRV_FRAME_MAX)
        return drv_throw(error, DRV_ERROR_USAGE, "the request is too large");
    drv_frame_append(talk->out, DRV_FRAME_REQUEST, data, size);
    return TRUE;
}

/* Handle frames until the worker has said how it ended. */
static gboolean
await_result(DrvSession *talk, char **result, GError **error)
{
    gboolean done = FALSE;

    while (!done) {
        DrvFrame frame;

        if (!drv_session_next(talk, DRV_TALK_SILENCE_MS, &frame, error) ||
            !handle_frame(talk, &frame, result, &done, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
converse(DrvSession *talk,
         const char *op,
         GVariant *fields,
         DrvSource *in,
         char **result,
         GError **error)
{
    return queue_request(talk, op, fields, error) &&
           (in == NULL || send_stream(talk, in, error)) &&
           await_result(talk, result, error);
}

/* Stopped, we wait for the worker to unwind.  It may have been past the point where it
 * could: then all is done, and must not be reported as cancelled.  What is prepared is
 * not done.
 */
static gboolean
is_done_after_all(DrvSession *talk, char **result)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) ignored = NULL;
    gboolean done = FALSE;

    drv_session_say_stop(talk);
    while (!done) {
        DrvFrame frame;

        if (!drv_session_next(
                talk, (guint)drv_session_stop_left_ms(talk), &frame, &ignored) ||
            !handle_frame(talk, &frame, result, &done, &ignored))
            return FALSE;
    }
    return !talk->prepared;
}

gboolean
drv_session_run(DrvSession *talk,
                const char *op,
                GVariant *fields,
                DrvSource *in,
                char **result,
                GError **error)
{
    g_autoptr(GError) why = NULL;

    if (converse(talk, op, fields, in, result, &why))
        return TRUE;
    if (drv_error_is(why, DRV_ERROR_CANCELLED) && is_done_after_all(talk, result))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

gboolean
drv_session_confirm(DrvSession *talk, GError **error)
{
    DRV_CANCEL_SHIELD();

    drv_frame_append(talk->out, DRV_FRAME_CONFIRMED, NULL, 0);
    return await_result(talk, NULL, error);
}

/* --- conversing ------------------------------------------------------------------------
 */

static gboolean
peer_write(gpointer state, gconstpointer data, gsize size, GError **error)
{
    DrvSession *talk = state;

    for (gsize at = 0; at < size; at += BLOCK_SIZE) {
        drv_frame_append(talk->out,
                         DRV_FRAME_DATA,
                         (const guint8 *)data + at,
                         MIN(size - at, BLOCK_SIZE));
        if (!send_out(talk, OUT_HIGH, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
await_data(DrvSession *talk, guint timeout_ms, GError **error)
{
    gboolean done = FALSE;

    g_byte_array_set_size(talk->data, 0);
    talk->data_done = 0;
    while (talk->data->len == 0) {
        DrvFrame frame;

        if (!drv_session_next(talk, timeout_ms, &frame, error) ||
            !handle_frame(talk, &frame, NULL, &done, error))
            return FALSE;
        if (done)
            return drv_throw(
                error, DRV_ERROR_REMOTE, "%s: the worker exited too early", talk->where);
    }
    return TRUE;
}

static gboolean
fetch_data(DrvSession *talk, guint timeout_ms, GError **error)
{
    return send_out(talk, 0, error) &&
           (talk->data_done < talk->data->len || await_data(talk, timeout_ms, error));
}

/* Cancelled, we ask the other side to stop and listen for the moment that it gets: it may
 * have been past the point where it could.  Then what it says is its last word, and our
 * side has to know it, too.
 */
static gboolean
fetch_last_data(DrvSession *talk)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) ignored = NULL;

    drv_session_say_stop(talk);
    return fetch_data(talk, (guint)drv_session_stop_left_ms(talk), &ignored);
}

static gssize
peer_read(gpointer state, gpointer data, gsize size, GError **error)
{
    DrvSession *talk = state;
    g_autoptr(GError) why = NULL;
    gsize n;

    if (!fetch_data(talk, DRV_TALK_SILENCE_MS, &why) &&
        !(drv_error_is(why, DRV_ERROR_CANCELLED) && fetch_last_data(talk))) {
        g_propagate_error(error, g_steal_pointer(&why));
        return -1;
    }
    n = MIN(size, talk->data->len - talk->data_done);
    memcpy(data, talk->data->data + talk->data_done, n);
    talk->data_done += n;
    return (gssize)n;
}

/* Our side has done its part, and there is no way back: the other one is waited for, also
 * when we are told to stop.
 */
static gboolean
await_end(DrvSession *talk, char **result, GError **error)
{
    DRV_CANCEL_SHIELD();

    return send_out(talk, 0, error) && await_result(talk, result, error);
}

gboolean
drv_session_converse(DrvSession *talk,
                     const char *op,
                     GVariant *fields,
                     DrvPeerTalk talk_fn,
                     gpointer data,
                     char **result,
                     GError **error)
{
    g_autoptr(GError) why = NULL;
    DrvPeer peer = {
        .read = peer_read, .write = peer_write, .state = talk, .name = talk->where
    };

    if (!queue_request(talk, op, fields, error))
        return FALSE;
    talk->converses = TRUE;
    if (talk_fn(&peer, data, &why))
        return await_end(talk, result, error);
    /* Even if the other side is done: ours is not, so all together is not. */
    if (drv_error_is(why, DRV_ERROR_CANCELLED))
        (void)is_done_after_all(talk, NULL);
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}
