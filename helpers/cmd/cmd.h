/* SPDX-License-Identifier: Apache-2.0 */
/* cmd/cmd.h - run a program, without a shell.
 *
 *   g_autoptr(DrvCmd) cmd = drv_cmd_new("qemu-img", "create", "-f", "raw", NULL);
 *   drv_cmd_arg(cmd, name);
 *   if (!drv_cmd_run(cmd, error)) ...
 *
 * Builders (functions ending in _cmd) return a DrvCmd and never run it; tests compare its
 * argv.  The child gets its own process group, an empty signal mask, PATH, LC_ALL=C and
 * HOME, only the descriptors it was given, and is killed when we die.
 *
 * Errors of every runner: DRV_ERROR_NOT_FOUND (no such program), DRV_ERROR_COMMAND (exit
 * status not 0; the message is "<program>: <last line of its stderr>", and ENOSPC's text
 * there gives DRV_ERROR_NO_SPACE), DRV_ERROR_TIMEOUT, DRV_ERROR_CANCELLED.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct DrvCmd DrvCmd;

/* A command from @program (looked up in PATH when it has no '/') and its first
 * arguments, NULL-terminated.
 */
DrvCmd *drv_cmd_new(const char *program, ...) G_GNUC_NULL_TERMINATED;
void drv_cmd_free(DrvCmd *cmd);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvCmd, drv_cmd_free)

void drv_cmd_arg(DrvCmd *cmd, const char *arg);
void drv_cmd_argf(DrvCmd *cmd, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Append "@option" "@value", or nothing when @value is NULL or empty. */
void drv_cmd_option(DrvCmd *cmd, const char *option, const char *value);

/* Run in this directory; the descriptor stays the caller's and must outlive the run. */
void drv_cmd_cwd(DrvCmd *cmd, int dir_fd);
/* Give the child @fd as its @child_fd (0 and 1 allowed); stays the caller's. */
void drv_cmd_fd(DrvCmd *cmd, int child_fd, int fd);
/* Let the child read @text, and then the end, from its @child_fd; once a command. */
gboolean drv_cmd_input(DrvCmd *cmd, int child_fd, const char *text, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* Pass this variable on from our environment, if it is set. */
void drv_cmd_keep_env(DrvCmd *cmd, const char *name);
void drv_cmd_env(DrvCmd *cmd, const char *name, const char *value);
/* Kill it after so many milliseconds; 0 (the default) waits for ever. */
void drv_cmd_timeout(DrvCmd *cmd, guint timeout_ms);

/* While it runs, the status (base/status.h) is in step @phase, of @total bytes, as many
 * of which are done as the program has read.
 */
void drv_cmd_show_reading(DrvCmd *cmd, const char *phase, guint64 total);

/* The argv built so far, NULL-terminated; owned by @cmd. */
const char *const *drv_cmd_argv(const DrvCmd *cmd);

/* Run it to the end; stdin is /dev/null unless given, stdout goes to /dev/null. */
gboolean drv_cmd_run(DrvCmd *cmd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Like run, and collect stdout, at most @max_size bytes (more is DRV_ERROR_COMMAND). */
gboolean drv_cmd_capture(DrvCmd *cmd, GString *out, gsize max_size, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* A running child with pipes to it, for conversations. */
typedef struct {
    pid_t pid;    /* 0: none */
    int stdin_fd; /* our ends; -1: closed */
    int stdout_fd;
    int stderr_fd;
    char *program; /* for messages; owned */
} DrvChild;
#define DRV_CHILD_INIT                                                                   \
    {                                                                                    \
        0, -1, -1, -1, NULL                                                              \
    }

/* Kills (SIGTERM, after half a second SIGKILL), reaps and closes. */
void drv_cmd_child_clear(DrvChild *child);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvChild, drv_cmd_child_clear)

/* Make pipes for somebody's 0, 1 and 2: our ends into @child, the others into @theirs. */
gboolean drv_cmd_child_pipes(DrvChild *child,
                             int theirs[3],
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Start with pipes on 0, 1 and 2. */
gboolean
drv_cmd_spawn(DrvCmd *cmd, DrvChild *child, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Wait up to @timeout_ms for its end; @status gets what waitpid(2) said.  FALSE with
 * DRV_ERROR_TIMEOUT leaves it running.
 */
gboolean drv_cmd_child_wait(DrvChild *child,
                            guint timeout_ms,
                            int *status,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Throw what @status and @stderr_text (may be NULL) mean; TRUE when it is exit 0. */
gboolean drv_cmd_check(const char *program,
                       int status,
                       const char *stderr_text,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Start @cmd as a daemon: own session, stdio on /dev/null, nothing inherited, not killed
 * with us.  TRUE once exec has succeeded.
 */
gboolean drv_cmd_detach(DrvCmd *cmd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
