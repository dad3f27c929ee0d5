/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/session-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "transport/ssh-mux.h"

#define STDERR_KEPT (16 * 1024)
#define READ_SIZE (64 * 1024)
#define UNWIND_MS 1500 /* what a worker gets to clean up */

static void
begin(DrvSession *talk, const char *where)
{
    *talk = (DrvSession)DRV_SESSION_INIT;
    talk->where = g_strdup(where);
    talk->in = g_byte_array_new();
    talk->out = g_byte_array_new();
    talk->err = g_string_new(NULL);
    talk->data = g_byte_array_new();
}

static gboolean
never_wait_for_stdin(DrvSession *talk, GError **error)
{
    return fcntl(talk->child.stdin_fd, F_SETFL, O_NONBLOCK) == 0 ||
           drv_throw_errno(error, "cannot communicate with %s", talk->where);
}

gboolean
drv_session_start(DrvSession *talk, DrvCmd *cmd, const char *where, GError **error)
{
    begin(talk, where);
    return drv_cmd_spawn(cmd, &talk->child, error) && never_wait_for_stdin(talk, error);
}

gboolean
drv_session_start_over(DrvSession *talk,
                       const char *path,
                       const char *command,
                       const char *where,
                       GError **error)
{
    begin(talk, where);
    return drv_ssh_mux_start(path, command, &talk->child, &talk->control, error) &&
           never_wait_for_stdin(talk, error);
}

gboolean
drv_session_is_started(const DrvSession *talk)
{
    return talk->child.pid > 0 || talk->control >= 0;
}

static void
close_stdin(DrvSession *talk)
{
    drv_fd_close_one(talk->child.stdin_fd);
    talk->child.stdin_fd = -1;
}

/* --- moving bytes
 * ------------------------------------------------------------------------ */

static void
read_stderr(DrvSession *talk)
{
    char buffer[4096];
    gssize got = read(talk->child.stderr_fd, buffer, sizeof buffer);

    if (got > 0 && talk->err->len < STDERR_KEPT) {
        g_string_append_len(talk->err, buffer, got);
    } else if (got <= 0) {
        drv_fd_close_one(talk->child.stderr_fd);
        talk->child.stderr_fd = -1;
    }
}

static gboolean
read_stdout(DrvSession *talk, GError **error)
{
    guint8 buffer[READ_SIZE];
    gssize got = read(talk->child.stdout_fd, buffer, sizeof buffer);

    if (got < 0)
        return drv_throw_errno(error, "cannot read from %s", talk->where);
    if (got == 0) {
        drv_fd_close_one(talk->child.stdout_fd);
        talk->child.stdout_fd = -1;
    } else {
        g_byte_array_append(talk->in, buffer, (guint)got);
    }
    return TRUE;
}

/* A reader that went away is seen on its stdout, where it may have said why. */
static void
write_some(DrvSession *talk)
{
    gssize done = write(talk->child.stdin_fd,
                        talk->out->data + talk->out_done,
                        talk->out->len - talk->out_done);

    if (done < 0 && errno != EAGAIN && errno != EINTR) {
        close_stdin(talk);
        talk->out_done = talk->out->len;
    } else if (done > 0) {
        talk->out_done += (gsize)done;
    }
    if (talk->out_done == talk->out->len) {
        g_byte_array_set_size(talk->out, 0);
        talk->out_done = 0;
    } else if (talk->out_done >= talk->out->len / 2) { /* it need not grow for ever */
        g_byte_array_remove_range(talk->out, 0, (guint)talk->out_done);
        talk->out_done = 0;
    }
}

/* Wait for any of the three pipes and serve it.  0 when the time is over. */
int
drv_session_serve(DrvSession *talk, int timeout_ms, GError **error)
{
    struct pollfd fds[3] = {
        { .fd = talk->child.stdout_fd, .events = POLLIN },
        { .fd = talk->child.stderr_fd, .events = POLLIN },
        { .fd = talk->out->len > 0 ? talk->child.stdin_fd : -1, .events = POLLOUT },
    };
    int ready = drv_poll(fds, 3, timeout_ms, error);

    if (ready <= 0)
        return ready;
    if (fds[1].revents)
        read_stderr(talk);
    if (fds[2].revents)
        write_some(talk);
    if (fds[0].revents && !read_stdout(talk, error))
        return -1;
    return ready;
}

gboolean
drv_session_was_silent(const DrvSession *talk)
{
    return talk->child.stdout_fd < 0 && talk->in->len == 0;
}

const char *
drv_session_stderr(const DrvSession *talk)
{
    return talk->err->str;
}

gboolean
drv_session_status(DrvSession *talk, int *status, GError **error)
{
    while (talk->child.stderr_fd >= 0) {
        int ready = drv_session_serve(talk, UNWIND_MS, error);

        if (ready < 0)
            return FALSE;
        if (ready == 0)
            break; /* a connection left in the background may hold it */
    }
    if (talk->control >= 0)
        return drv_ssh_mux_wait(talk->control, UNWIND_MS, status, error);
    return drv_cmd_child_wait(&talk->child, UNWIND_MS, status, error);
}

/* --- frames
 * -------------------------------------------------------------------------------- */

/* TRUE with *size 0 when more bytes are needed. */
gboolean
drv_session_parse(DrvSession *talk, DrvFrame *frame, gsize *size, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autofree char *start = NULL;
    g_autofree char *shown = NULL;

    if (talk->parsed > 0)
        g_byte_array_remove_range(talk->in, 0, (guint)talk->parsed);
    talk->parsed = 0;
    if (drv_frame_parse(talk->in, frame, size, &why)) {
        talk->parsed = *size;
        return TRUE;
    }
    start = g_strndup((const char *)talk->in->data, MIN(talk->in->len, 60));
    shown = drv_log_escape(start);
    return drv_throw(error,
                     DRV_ERROR_REMOTE,
                     "the login shell on %s must not print anything ('%s')",
                     talk->where,
                     shown);
}

gboolean
drv_session_next(DrvSession *talk, guint timeout_ms, DrvFrame *frame, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    for (;;) {
        gint64 left_ms = (end - g_get_monotonic_time()) / 1000;
        gsize size;
        int ready;

        if (!drv_session_parse(talk, frame, &size, error))
            return FALSE;
        if (size > 0)
            return TRUE;
        if (talk->child.stdout_fd < 0)
            return drv_throw(
                error, DRV_ERROR_REMOTE, "%s: the connection ended", talk->where);
        ready = drv_session_serve(talk, (int)MAX(left_ms, 0), error);
        if (ready < 0)
            return FALSE;
        if (ready == 0)
            return drv_throw(error,
                             DRV_ERROR_TIMEOUT,
                             "%s did not answer within %u s",
                             talk->where,
                             timeout_ms / 1000);
    }
}

/* A worker whose stdin ends knows that nobody wants its work any more. */
void
drv_session_say_stop(DrvSession *talk)
{
    if (talk->stop_by)
        return;
    talk->stop_by = g_get_monotonic_time() + UNWIND_MS * 1000;
    g_byte_array_set_size(talk->out, 0);
    talk->out_done = 0;
    close_stdin(talk);
}

/* What is left of the time that it gets, once. */
gint64
drv_session_stop_left_ms(const DrvSession *talk)
{
    return MAX((talk->stop_by - g_get_monotonic_time()) / 1000, 0);
}

static void
let_unwind(DrvSession *talk)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) ignored = NULL;

    drv_session_say_stop(talk);
    while (talk->child.stdout_fd >= 0 && g_get_monotonic_time() < talk->stop_by) {
        if (drv_session_serve(talk, (int)drv_session_stop_left_ms(talk), &ignored) <= 0)
            return;
        g_byte_array_set_size(talk->in, 0);
    }
}

void
drv_session_drop(DrvSession *talk)
{
    drv_fd_close_one(talk->control);
    drv_cmd_child_clear(&talk->child);
    g_clear_pointer(&talk->where, g_free);
    g_clear_pointer(&talk->in, g_byte_array_unref);
    g_clear_pointer(&talk->out, g_byte_array_unref);
    g_clear_pointer(&talk->data, g_byte_array_unref);
    if (talk->err)
        g_string_free(g_steal_pointer(&talk->err), TRUE);
    *talk = (DrvSession)DRV_SESSION_INIT;
}

void
drv_session_clear(DrvSession *talk)
{
    if (drv_session_is_started(talk))
        let_unwind(talk);
    drv_session_drop(talk);
}
