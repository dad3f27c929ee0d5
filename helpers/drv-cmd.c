/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "drv-cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drv-cancel.h"
#include "drv-cmd-private.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-log.h"

#define STDERR_KEPT (64 * 1024) /* bytes; more of a tool's complaints is not read */
#define KILL_GRACE_MS 500

typedef struct {
    int child_fd;
    int fd;
} FdPair;

struct DrvCmd {
    GPtrArray *argv; /* NULL-terminated between calls */
    GPtrArray *env;  /* "NAME=value", NULL-terminated between calls */
    GArray *fds;     /* FdPair */
    int cwd_fd;      /* -1: ours */
    guint timeout_ms;
};

static DrvCmdDryRun dry_run;
static gpointer dry_run_data;

void
drv_cmd_set_dry_run(DrvCmdDryRun callback, gpointer data)
{
    dry_run = callback;
    dry_run_data = data;
}

static void
append_terminated(GPtrArray *array, char *text)
{
    g_ptr_array_set_size(array, (int)array->len - 1);
    g_ptr_array_add(array, text);
    g_ptr_array_add(array, NULL);
}

DrvCmd *
drv_cmd_new(const char *program, ...)
{
    DrvCmd *cmd = g_new0(DrvCmd, 1);
    const char *arg;
    va_list args;

    cmd->argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(cmd->argv, NULL);
    cmd->env = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(cmd->env, NULL);
    cmd->fds = g_array_new(FALSE, FALSE, sizeof(FdPair));
    cmd->cwd_fd = -1;
    drv_cmd_arg(cmd, program);
    va_start(args, program);
    while ((arg = va_arg(args, const char *)))
        drv_cmd_arg(cmd, arg);
    va_end(args);
    drv_cmd_env(cmd, "LC_ALL", "C");
    drv_cmd_keep_env(cmd, "PATH");
    drv_cmd_keep_env(cmd, "HOME");
    return cmd;
}

void
drv_cmd_free(DrvCmd *cmd)
{
    if (cmd == NULL)
        return;
    g_ptr_array_unref(cmd->argv);
    g_ptr_array_unref(cmd->env);
    g_array_unref(cmd->fds);
    g_free(cmd);
}

void
drv_cmd_arg(DrvCmd *cmd, const char *arg)
{
    append_terminated(cmd->argv, g_strdup(arg));
}

void
drv_cmd_argf(DrvCmd *cmd, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append_terminated(cmd->argv, g_strdup_vprintf(format, args));
    va_end(args);
}

void
drv_cmd_option(DrvCmd *cmd, const char *option, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    drv_cmd_arg(cmd, option);
    drv_cmd_arg(cmd, value);
}

void
drv_cmd_cwd(DrvCmd *cmd, int dir_fd)
{
    cmd->cwd_fd = dir_fd;
}

void
drv_cmd_fd(DrvCmd *cmd, int child_fd, int fd)
{
    FdPair pair = { child_fd, fd };

    g_array_append_val(cmd->fds, pair);
}

void
drv_cmd_keep_env(DrvCmd *cmd, const char *name)
{
    const char *value = g_getenv(name);

    if (value)
        drv_cmd_env(cmd, name, value);
}

void
drv_cmd_env(DrvCmd *cmd, const char *name, const char *value)
{
    append_terminated(cmd->env, g_strdup_printf("%s=%s", name, value));
}

void
drv_cmd_timeout(DrvCmd *cmd, guint timeout_ms)
{
    cmd->timeout_ms = timeout_ms;
}

const char *const *
drv_cmd_argv(const DrvCmd *cmd)
{
    return (const char *const *)cmd->argv->pdata;
}

/* --- the child's side of fork: async-signal-safe calls only ----------------------- */

/* Move @pairs into place: first out of the way of all targets, then onto them. */
static gboolean
place_fds(FdPair *pairs, guint n)
{
    for (guint i = 0; i < n; i++) {
        pairs[i].fd = fcntl(pairs[i].fd, F_DUPFD, 64);
        if (pairs[i].fd < 0)
            return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        if (dup2(pairs[i].fd, pairs[i].child_fd) < 0)
            return FALSE;
    }
    return TRUE;
}

/* Mark all from 3 up as close-on-exec, but for the ones placed. */
static void
hide_fds(const FdPair *pairs, guint n)
{
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    for (guint i = 0; i < n; i++)
        fcntl(pairs[i].child_fd, F_SETFD, 0);
}

static G_GNUC_NORETURN void
child_exec(const DrvCmd *cmd, const char *path, FdPair *pairs, guint n, int report_fd)
{
    int saved_errno;

    drv_cancel_reset_in_child();
    report_fd = fcntl(report_fd, F_DUPFD_CLOEXEC, 64);
    if ((cmd->cwd_fd < 0 || fchdir(cmd->cwd_fd) == 0) && place_fds(pairs, n)) {
        hide_fds(pairs, n);
        execve(path, (char **)cmd->argv->pdata, (char **)cmd->env->pdata);
    }
    saved_errno = errno;
    (void)!write(report_fd, &saved_errno, sizeof saved_errno);
    _exit(127);
}

/* --- our side --------------------------------------------------------------------- */

static char *
find_program(const DrvCmd *cmd, GError **error)
{
    const char *name = drv_cmd_argv(cmd)[0];
    g_autofree char *path = g_find_program_in_path(name);

    if (path == NULL)
        (void)drv_throw(error, DRV_ERROR_NOT_FOUND, "%s: program not found", name);
    return g_steal_pointer(&path);
}

/* Fork and exec with @extra on top of the command's own descriptors.  Returns the pid, or
 * -1 with @error when exec failed.
 */
static pid_t
spawn_raw(
    DrvCmd *cmd, const FdPair *extra, guint n_extra, gboolean detach, GError **error)
{
    g_autofree char *path = find_program(cmd, error);
    g_autofree FdPair *pairs = NULL;
    guint n = cmd->fds->len + n_extra;
    g_auto(DrvFd) report_read = -1;
    g_auto(DrvFd) report_write = -1;
    int report[2], child_errno = 0;
    pid_t parent = getpid();
    pid_t pid;

    if (path == NULL)
        return -1;
    pairs = g_new0(FdPair, n + 1);
    memcpy(pairs, extra, n_extra * sizeof *pairs);
    if (cmd->fds->len > 0)
        memcpy(pairs + n_extra, cmd->fds->data, cmd->fds->len * sizeof *pairs);
    if (pipe2(report, O_CLOEXEC) < 0) {
        (void)drv_throw_errno(error, "cannot make a pipe");
        return -1;
    }
    report_read = report[0];
    report_write = report[1];
    pid = fork();
    if (pid == 0) {
        if (detach) {
            setsid();
            if (fork() != 0)
                _exit(0);
        } else {
            setpgid(0, 0);
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent)
                _exit(127);
        }
        child_exec(cmd, path, pairs, n, report[1]);
    }
    if (pid < 0) {
        (void)drv_throw_errno(error, "cannot start %s", path);
        return -1;
    }
    drv_fd_close_one(drv_fd_steal(&report_write));
    if (read(report_read, &child_errno, sizeof child_errno) == sizeof child_errno) {
        waitpid(pid, NULL, 0);
        errno = child_errno;
        (void)drv_throw_errno(error, "cannot start %s", path);
        return -1;
    }
    return pid;
}

static void
log_command(const DrvCmd *cmd)
{
    g_autofree char *line = g_strjoinv("' '", (char **)cmd->argv->pdata);

    drv_debug("run '%s'", line);
}

gboolean
drv_cmd_spawn(DrvCmd *cmd, DrvChild *child, GError **error)
{
    int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    gboolean ok = TRUE;
    FdPair extra[3];

    log_command(cmd);
    for (int i = 0; i < 3 && ok; i++) {
        ok = pipe2(pipes[i], O_CLOEXEC) == 0;
        extra[i] = (FdPair){ i, pipes[i][i == 0 ? 0 : 1] };
    }
    if (!ok)
        (void)drv_throw_errno(error, "cannot make a pipe");
    else
        child->pid = spawn_raw(cmd, extra, 3, FALSE, error);
    ok = ok && child->pid > 0;
    for (int i = 0; i < 3; i++)
        drv_fd_close_one(pipes[i][i == 0 ? 0 : 1]);
    if (!ok) {
        for (int i = 0; i < 3; i++)
            drv_fd_close_one(pipes[i][i == 0 ? 1 : 0]);
        child->pid = 0;
        return FALSE;
    }
    child->stdin_fd = pipes[0][1];
    child->stdout_fd = pipes[1][0];
    child->stderr_fd = pipes[2][0];
    child->program = g_path_get_basename(drv_cmd_argv(cmd)[0]);
    return TRUE;
}

/* Poll for the end in small steps: a child may close its pipes before it exits. */
gboolean
drv_child_wait(DrvChild *child, guint timeout_ms, int *status, GError **error)
{
    g_auto(DrvFd) pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    struct pollfd end = { .fd = pid_fd, .events = POLLIN };
    int ready = drv_poll(&end, 1, (int)timeout_ms, error);

    if (ready < 0)
        return FALSE;
    if (ready == 0)
        return drv_throw(error,
                         DRV_ERROR_TIMEOUT,
                         "%s did not end within %u ms",
                         child->program,
                         timeout_ms);
    if (waitpid(child->pid, status, 0) < 0)
        return drv_throw_errno(error, "cannot wait for %s", child->program);
    child->pid = 0;
    return TRUE;
}

static void
stop_child(DrvChild *child)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) ignored = NULL;
    int status;

    kill(child->pid, SIGTERM);
    if (drv_child_wait(child, KILL_GRACE_MS, &status, &ignored))
        return;
    kill(child->pid, SIGKILL);
    waitpid(child->pid, &status, 0);
    child->pid = 0;
}

void
drv_child_clear(DrvChild *child)
{
    drv_fd_close_one(child->stdin_fd);
    if (child->pid > 0)
        stop_child(child);
    drv_fd_close_one(child->stdout_fd);
    drv_fd_close_one(child->stderr_fd);
    g_free(child->program);
    *child = (DrvChild)DRV_CHILD_INIT;
}

/* --- running to the end ----------------------------------------------------------- */

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
    gboolean drop_rest; /* past @max: forget the rest instead of failing */
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
        if (!stream->drop_rest)
            return drv_throw(error, DRV_ERROR_COMMAND, "%s: too much output", program);
        got = (gssize)(stream->max - stream->to->len);
    }
    g_string_append_len(stream->to, buffer, got);
    return TRUE;
}

/* Read both streams to their ends; the deadline is monotonic microseconds, 0 for none. */
static gboolean
pump(DrvChild *child, Stream *streams, gint64 deadline, GError **error)
{
    while (child->stdout_fd >= 0 || child->stderr_fd >= 0) {
        struct pollfd fds[2] = {
            { .fd = child->stdout_fd, .events = POLLIN },
            { .fd = child->stderr_fd, .events = POLLIN },
        };
        gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;
        int ready = drv_poll(fds, 2, deadline ? (int)MAX(left_ms, 0) : -1, error);

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
run_dry(DrvCmd *cmd, GString *out, GError **error)
{
    g_autoptr(GString) err = g_string_new(NULL);
    g_autoptr(GString) unused = g_string_new(NULL);
    int status = dry_run(drv_cmd_argv(cmd), out ? out : unused, err, dry_run_data);

    return drv_cmd_check(drv_cmd_argv(cmd)[0], status, err->str, error);
}

static gboolean
run_to_end(DrvCmd *cmd, GString *out, gsize max_size, GError **error)
{
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_autoptr(GString) err = g_string_new(NULL);
    gint64 deadline =
        cmd->timeout_ms ? g_get_monotonic_time() + (gint64)cmd->timeout_ms * 1000 : 0;
    int status = 0;

    if (dry_run)
        return run_dry(cmd, out, error);
    if (!drv_cmd_spawn(cmd, &child, error))
        return FALSE;
    drv_fd_close_one(child.stdin_fd);
    child.stdin_fd = -1;
    Stream streams[2] = {
        { &child.stdout_fd, out, max_size, FALSE },
        { &child.stderr_fd, err, STDERR_KEPT, TRUE },
    };
    if (!pump(&child, streams, deadline, error) ||
        !drv_child_wait(
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

gboolean
drv_cmd_detach(DrvCmd *cmd, GError **error)
{
    g_auto(DrvFd) null = open("/dev/null", O_RDWR | O_CLOEXEC);
    FdPair extra[3] = { { 0, null }, { 1, null }, { 2, null } };
    pid_t pid;

    if (null < 0)
        return drv_throw_errno(error, "cannot open /dev/null");
    log_command(cmd);
    pid = spawn_raw(cmd, extra, 3, TRUE, error);
    if (pid < 0)
        return FALSE;
    waitpid(pid, NULL, 0);
    return TRUE;
}
