/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "cmd/cmd-private.h"

#define KILL_GRACE_MS 500

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
    cmd->fds = g_array_new(FALSE, FALSE, sizeof(DrvFdPair));
    cmd->cwd_fd = -1;
    cmd->input_fd = -1;
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
    drv_fd_close_one(cmd->input_fd);
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
    DrvFdPair pair = { child_fd, fd };

    g_array_append_val(cmd->fds, pair);
}

gboolean
drv_cmd_input(DrvCmd *cmd, int child_fd, const char *text, GError **error)
{
    g_auto(DrvFd) fd = memfd_create("input", MFD_CLOEXEC);

    if (fd < 0)
        return drv_throw_errno(error, "cannot pass on a text");
    if (!drv_fd_write_all(fd, text, strlen(text), "a text to pass on", error))
        return FALSE;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return drv_throw_errno(error, "cannot pass on a text");
    g_assert(cmd->input_fd < 0);
    cmd->input_fd = drv_fd_steal(&fd);
    drv_cmd_fd(cmd, child_fd, cmd->input_fd);
    return TRUE;
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
drv_cmd_show_reading(DrvCmd *cmd, const char *phase, guint64 total)
{
    cmd->phase = phase;
    cmd->total = total;
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
place_fds(DrvFdPair *pairs, guint n)
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
hide_fds(const DrvFdPair *pairs, guint n)
{
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    for (guint i = 0; i < n; i++)
        fcntl(pairs[i].child_fd, F_SETFD, 0);
}

static G_GNUC_NORETURN void
child_exec(const DrvCmd *cmd, const char *path, DrvFdPair *pairs, guint n, int report_fd)
{
    int saved_errno, high_fd;

    drv_cancel_reset_in_child();
    high_fd = fcntl(report_fd, F_DUPFD_CLOEXEC, 64);
    if (high_fd >= 0)
        report_fd = high_fd;
    if (high_fd >= 0 && (cmd->cwd_fd < 0 || fchdir(cmd->cwd_fd) == 0) &&
        place_fds(pairs, n)) {
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
    DrvCmd *cmd, const DrvFdPair *extra, guint n_extra, gboolean detach, GError **error)
{
    g_autofree char *path = find_program(cmd, error);
    g_autofree DrvFdPair *pairs = NULL;
    guint n = cmd->fds->len + n_extra;
    g_auto(DrvFd) report_read = -1;
    g_auto(DrvFd) report_write = -1;
    int report[2], child_errno = 0;
    pid_t parent = getpid();
    pid_t pid;

    if (path == NULL)
        return -1;
    pairs = g_new0(DrvFdPair, n + 1);
    memcpy(pairs, extra, n_extra * sizeof *pairs);
    if (cmd->fds->len > 0)
        memcpy(pairs + n_extra, cmd->fds->data, cmd->fds->len * sizeof *pairs);
    if (pipe2(report, O_CLOEXEC) < 0) {
        (void)drv_throw_errno(error, "cannot create a pipe");
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
drv_cmd_child_pipes(DrvChild *child, int theirs[3], GError **error)
{
    int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    gboolean ok = TRUE;

    for (int i = 0; i < 3 && ok; i++)
        ok = pipe2(pipes[i], O_CLOEXEC) == 0;
    if (!ok) {
        (void)drv_throw_errno(error, "cannot create a pipe");
        for (int i = 0; i < 3; i++) {
            drv_fd_close_one(pipes[i][0]);
            drv_fd_close_one(pipes[i][1]);
        }
        return FALSE;
    }
    for (int i = 0; i < 3; i++)
        theirs[i] = pipes[i][i == 0 ? 0 : 1];
    child->stdin_fd = pipes[0][1];
    child->stdout_fd = pipes[1][0];
    child->stderr_fd = pipes[2][0];
    return TRUE;
}

gboolean
drv_cmd_spawn(DrvCmd *cmd, DrvChild *child, GError **error)
{
    DrvFdPair extra[3];
    int theirs[3];

    log_command(cmd);
    if (!drv_cmd_child_pipes(child, theirs, error))
        return FALSE;
    for (int i = 0; i < 3; i++)
        extra[i] = (DrvFdPair){ i, theirs[i] };
    child->pid = spawn_raw(cmd, extra, 3, FALSE, error);
    for (int i = 0; i < 3; i++)
        drv_fd_close_one(theirs[i]);
    if (child->pid < 0) {
        child->pid = 0;
        drv_cmd_child_clear(child);
        return FALSE;
    }
    child->program = g_path_get_basename(drv_cmd_argv(cmd)[0]);
    return TRUE;
}

/* Poll for the end in small steps: a child may close its pipes before it exits. */
gboolean
drv_cmd_child_wait(DrvChild *child, guint timeout_ms, int *status, GError **error)
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
    if (drv_cmd_child_wait(child, KILL_GRACE_MS, &status, &ignored))
        return;
    kill(child->pid, SIGKILL);
    waitpid(child->pid, &status, 0);
    child->pid = 0;
}

void
drv_cmd_child_clear(DrvChild *child)
{
    drv_fd_close_one(child->stdin_fd);
    if (child->pid > 0)
        stop_child(child);
    drv_fd_close_one(child->stdout_fd);
    drv_fd_close_one(child->stderr_fd);
    g_free(child->program);
    *child = (DrvChild)DRV_CHILD_INIT;
}

gboolean
drv_cmd_detach(DrvCmd *cmd, GError **error)
{
    g_auto(DrvFd) null = open("/dev/null", O_RDWR | O_CLOEXEC);
    DrvFdPair extra[3] = { { 0, null }, { 1, null }, { 2, null } };
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
