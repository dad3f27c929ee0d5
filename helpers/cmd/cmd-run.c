/* SPDX-License-Identifier: Apache-2.0 */
/* cmd/cmd-run.c - a command from its start to its end, and what it said. */
#define DRV_ALLOW_PRIVATE
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/status.h"
#include "cmd/cmd-private.h"

#define LOOK_MS 500
#define STDERR_KEPT (64 * 1024) /* bytes; of a tool's complaints the last ones count */

static char *
last_line(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

    for (guint i = g_strv_length(lines); i > 0; i--) {
        if (*g_strstrip(lines[i - 1]))
            return g_strdup(lines[i - 1]);
    }
    return NULL;
}

gboolean
drv_cmd_check(const char *program, int status, const char *stderr_text, GError **error)
{
    g_autofree char *name = g_path_get_basename(program);
    g_autofree char *said = last_line(stderr_text);
    g_autofree char *prefix = g_strdup_printf("%s: ", name);
    DrvErrorCode code = DRV_ERROR_COMMAND;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TRUE;
    if (said && strstr(said, g_strerror(ENOSPC)))
        code = DRV_ERROR_NO_SPACE;
    if (said)
        return drv_throw(
            error, code, "%s%s", g_str_has_prefix(said, prefix) ? "" : prefix, said);
    if (WIFSIGNALED(status))
        return drv_throw(error, code, "%s: killed by signal %d", name, WTERMSIG(status));
    return drv_throw(error, code, "%s: exit status %d", name, WEXITSTATUS(status));
}

typedef struct {
    int *fd;     /* -1 once at its end */
    GString *to; /* NULL: thrown away */
    gsize max;
    gboolean keep_end; /* past @max: forget what came first instead of failing */
} Stream;

static gboolean
read_stream(Stream *stream, const char *program, GError **error)
{
    char buffer[16384];
    gssize got = read(*stream->fd, buffer, sizeof buffer);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return TRUE;
    if (got <= 0) {
        drv_fd_close_one(*stream->fd);
        *stream->fd = -1;
        return TRUE;
    }
    if (stream->to == NULL)
        return TRUE;
    if (stream->to->len + (gsize)got > stream->max) {
        if (!stream->keep_end)
            return drv_throw(error, DRV_ERROR_COMMAND, "%s: too much output", program);
        g_string_erase(
            stream->to, 0, (gssize)(stream->to->len + (gsize)got - stream->max));
    }
    g_string_append_len(stream->to, buffer, got);
    return TRUE;
}

/* Read both streams to their ends; the deadline is monotonic microseconds, 0 for none. */
/* What it has read is counted by the kernel (proc(5)), from caches as well. */
static void
show_reading(const DrvCmd *cmd, const DrvChild *child)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/io", (int)child->pid);
    g_autofree char *text = NULL;
    const char *number;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    number = strstr(text, "rchar: ");
    if (number)
        drv_status_progress(g_ascii_strtoull(number + strlen("rchar: "), NULL, 10),
                            cmd->total);
}

/* Wait for output, until the deadline; and look meanwhile how far it is. */
static int
await_output(const DrvCmd *cmd,
             DrvChild *child,
             struct pollfd *fds,
             gint64 deadline,
             GError **error)
{
    for (;;) {
        gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;
        int timeout_ms = deadline ? (int)MAX(left_ms, 0) : -1;
        gboolean looks = cmd->phase && (timeout_ms < 0 || timeout_ms > LOOK_MS);
        int ready = drv_poll(fds, 2, looks ? LOOK_MS : timeout_ms, error);

        if (ready != 0 || !looks)
            return ready;
        show_reading(cmd, child);
    }
}

static gboolean
pump(const DrvCmd *cmd, DrvChild *child, Stream *streams, gint64 deadline, GError **error)
{
    while (child->stdout_fd >= 0 || child->stderr_fd >= 0) {
        struct pollfd fds[2] = {
            { .fd = child->stdout_fd, .events = POLLIN },
            { .fd = child->stderr_fd, .events = POLLIN },
        };
        int ready = await_output(cmd, child, fds, deadline, error);

        if (ready < 0)
            return FALSE;
        if (ready == 0)
            return drv_throw(
                error, DRV_ERROR_TIMEOUT, "%s: time-out, killed", child->program);
        for (int i = 0; i < 2; i++) {
            if (fds[i].revents && !read_stream(&streams[i], child->program, error))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
run_to_end(DrvCmd *cmd, GString *out, gsize max_size, GError **error)
{
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_autoptr(GString) err = g_string_new(NULL);
    gint64 deadline =
        cmd->timeout_ms ? g_get_monotonic_time() + (gint64)cmd->timeout_ms * 1000 : 0;
    int status = 0;

    if (!drv_cmd_spawn(cmd, &child, error))
        return FALSE;
    if (cmd->phase)
        drv_status_step(cmd->phase, cmd->total);
    drv_fd_close_one(child.stdin_fd);
    child.stdin_fd = -1;
    Stream streams[2] = {
        { &child.stdout_fd, out, max_size, FALSE },
        { &child.stderr_fd, err, STDERR_KEPT, TRUE },
    };
    if (!pump(cmd, &child, streams, deadline, error) ||
        !drv_cmd_child_wait(
            &child, cmd->timeout_ms ? cmd->timeout_ms : G_MAXINT, &status, error))
        return FALSE;
    if (err->len > 0)
        drv_debug("%s said: %s", child.program, err->str);
    return drv_cmd_check(child.program, status, err->str, error);
}

gboolean
drv_cmd_run(DrvCmd *cmd, GError **error)
{
    return run_to_end(cmd, NULL, 0, error);
}

gboolean
drv_cmd_capture(DrvCmd *cmd, GString *out, gsize max_size, GError **error)
{
    return run_to_end(cmd, out, max_size, error);
}
