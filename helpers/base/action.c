/* SPDX-License-Identifier: Apache-2.0 */
#include "base/action.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/answer.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/headline.h"
#include "base/help.h"
#include "base/log.h"
#include "base/status.h"

static char *action_name;
static char *driver_name;
static char *action_path;
static char *remotes_dir;
static char *var_location;
static char *etc_location;

/* Standard descriptors that are closed would be taken by the next file we open.  An
 * answer to a closed stdout must fail, so what is there instead cannot be written.
 */
static void
hold_standard_fds(void)
{
    static const int modes[] = { O_RDONLY, O_RDONLY, O_WRONLY };

    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            _exit(drv_error_exit_status(DRV_ERROR_FAILED));
    }
}

static void
name_ourselves(const char *self)
{
    g_autofree char *resolved = strchr(self, '/') ? NULL : g_find_program_in_path(self);
    g_autofree char *path = g_canonicalize_filename(resolved ? resolved : self, NULL);
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *family = g_path_get_dirname(directory);

    g_autofree char *family_name = g_path_get_basename(family);

    action_name = g_path_get_basename(path);
    driver_name = g_path_get_basename(directory);
    action_path = g_build_filename(family_name, driver_name, action_name, NULL);
    remotes_dir = g_path_get_dirname(family);
    drv_log_set_name(action_name);
}

static void
find_locations(void)
{
    const char *one_location = g_getenv("ONE_LOCATION");

    if (var_location)
        return;
    if (one_location && *one_location) {
        var_location = g_build_filename(one_location, "var", NULL);
        etc_location = g_build_filename(one_location, "etc", NULL);
    } else {
        var_location = g_strdup("/var/lib/one");
        etc_location = g_strdup("/etc/one");
    }
}

/* The PATH that sshd and service managers give has no sbin, where mkfs is.  Ours and our
 * tools' is the caller's, but for relative directories, and after it the system's.
 */
static void
extend_path(void)
{
    static const char *const system_dirs[] = { "/sbin", "/usr/sbin", "/bin", "/usr/bin" };
    const char *given = g_getenv("PATH");
    g_auto(GStrv) dirs = g_strsplit(given ? given : "", ":", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    g_autofree char *path = NULL;

    for (guint i = 0; dirs[i]; i++) {
        if (g_path_is_absolute(dirs[i]))
            g_ptr_array_add(kept, dirs[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(system_dirs); i++) {
        if (!g_strv_contains((const char *const *)dirs, system_dirs[i]))
            g_ptr_array_add(kept, (gpointer)system_dirs[i]);
    }
    g_ptr_array_add(kept, NULL);
    path = g_strjoinv(":", (char **)kept->pdata);
    g_setenv("PATH", path, TRUE);
}

void
drv_action_init(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    hold_standard_fds();
    if (drv_help_answer(argc, argv))
        exit(drv_action_reply_text(drv_help_answer(argc, argv)));
    name_ourselves(argc > 0 ? argv[0] : "unknown/unknown/unknown");
    extend_path();
    find_locations();
    drv_log_set_debug(g_strcmp0(g_getenv("ONE_MAD_DEBUG"), "1") == 0);
    if (!drv_cancel_init(&error))
        exit(drv_action_fail(error));
}

const char *
drv_action_name(void)
{
    return action_name;
}

const char *
drv_action_path(void)
{
    return action_path;
}

const char *
drv_action_driver(void)
{
    return driver_name;
}

const char *
drv_action_remotes_dir(void)
{
    return remotes_dir;
}

void
drv_action_set_remotes_dir(const char *path)
{
    g_free(remotes_dir);
    remotes_dir = g_strdup(path);
}

const char *
drv_action_caller_address(void)
{
    const char *client = g_getenv("SSH_CLIENT");
    g_auto(GStrv) words = g_strsplit(client ? client : "", " ", 2);

    return words[0] && *words[0] ? g_intern_string(words[0]) : NULL;
}

const DrvRelease *
drv_action_release(void)
{
    return drv_release_of(remotes_dir);
}

const char *
drv_action_var_dir(void)
{
    find_locations();
    return var_location;
}

const char *
drv_action_etc_dir(void)
{
    find_locations();
    return etc_location;
}

/* Old front-ends look for ExitCode at a line's start to find the exit status, new ones
 * take the others for log lines and show nothing of them.
 */
static gboolean
is_misleading(const char *text)
{
    static const char *const words[] = {
        "ExitCode:", "ERROR:", "INFO:", "WARN:", "DEBUG:"
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(text, words[i]))
            return TRUE;
    }
    return FALSE;
}

/* One line, so that no release takes a part of it for something else, with the reason
 * where users see it.
 */
static char *
error_text(const GError *error)
{
    g_autofree char *line = drv_log_escape(error ? error->message : "no error was given");
    g_autofree char *clean = drv_headline(line);

    if (*clean == '\0')
        return g_strdup("failed");
    if (is_misleading(clean))
        return g_strdup_printf("error %s", clean);
    return g_steal_pointer(&clean);
}

int
drv_action_fail(const GError *error)
{
    DRV_CANCEL_SHIELD();
    g_autofree char *text = error_text(error);
    g_autofree char *said = NULL;

    drv_answer_drop();
    drv_status_end(error);
    switch (drv_release_error_era(drv_action_release())) {
    case DRV_ERA_MARKERS:
        said = g_strdup_printf("ERROR MESSAGE --8<------\n%s\nERROR MESSAGE ------>8--\n",
                               text);
        break;
    case DRV_ERA_WHOLE:
    case DRV_ERA_FILTERED:
    default:
        said = g_strdup_printf("%s\n", text);
        break;
    }
    (void)!write(STDERR_FILENO, said, strlen(said));
    return drv_error_exit_status(drv_error_code(error));
}

int
drv_action_reply_text(const char *text)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) error = NULL;

    if (!drv_answer_prepare(&error) ||
        !drv_fd_write_all(STDOUT_FILENO, text, strlen(text), "the answer", &error) ||
        !drv_answer_keep(&error))
        return drv_action_fail(error);
    drv_status_end(NULL);
    return 0;
}

int
drv_action_reply(const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *line = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    line = g_strconcat(text, "\n", NULL);
    return drv_action_reply_text(line);
}

int
drv_action_done(void)
{
    drv_status_end(NULL);
    return 0;
}
