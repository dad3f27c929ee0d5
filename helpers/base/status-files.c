/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/status-private.h"

#define DEFAULT_VAR "/var/lib/one"

/* --- the directory ---------------------------------------------------------------------
 */

char **
drv_status_dirs(void)
{
    GPtrArray *dirs = g_ptr_array_new();
    const char *var = drv_action_var_dir();

    if (g_str_equal(var, DEFAULT_VAR)) { /* a front-end with another has all below it */
        g_ptr_array_add(dirs, g_strdup("/run/one/drv-status"));
        g_ptr_array_add(dirs, g_strdup_printf("/run/user/%d/drv-status", (int)geteuid()));
    }
    g_ptr_array_add(dirs, g_build_filename(var, ".drv-status", NULL));
    g_ptr_array_add(dirs, NULL);
    return (char **)g_ptr_array_free(dirs, FALSE);
}

static gboolean
is_private(const char *path)
{
    struct stat info;

    return g_mkdir_with_parents(path, 0700) == 0 && lstat(path, &info) == 0 &&
           S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & 022) == 0 && access(path, W_OK) == 0;
}

char *
drv_status_dir(void)
{
    g_auto(GStrv) dirs = drv_status_dirs();

    for (guint i = 0; dirs[i]; i++) {
        g_autofree char *parent = g_path_get_dirname(dirs[i]);

        if (g_file_test(parent, G_FILE_TEST_IS_DIR) && is_private(dirs[i]))
            return g_strdup(dirs[i]);
    }
    return NULL;
}

static char *
file_of(const char *dir, const char *id, const char *suffix)
{
    return g_strconcat(dir, "/", id, suffix, NULL);
}

static void
remove_file(const char *path)
{
    g_autoptr(GError) why = NULL;

    if (!drv_path_unlink(AT_FDCWD, "", path, &why))
        drv_ignore(&why, "whoever sees it removes it");
}

void
drv_status_files_remove(const char *dir, const char *id)
{
    static const char *const suffixes[] = { DRV_STATUS_SUFFIX,
                                            DRV_STATUS_LIMIT,
                                            DRV_STATUS_LOCK };

    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = file_of(dir, id, suffixes[i]);

        remove_file(path);
    }
}

/* --- logs ------------------------------------------------------------------------------
 */

typedef struct {
    char *path;
    gint64 changed;
} OldLog;

static void
old_log_free(gpointer log)
{
    g_free(((OldLog *)log)->path);
    g_free(log);
}

static gint
by_age(gconstpointer a, gconstpointer b)
{
    const OldLog *first = *(const OldLog *const *)a;
    const OldLog *second = *(const OldLog *const *)b;

    return (first->changed > second->changed) - (first->changed < second->changed);
}

/* The oldest logs go, so that there is one more to come. */
static void
trim_logs(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) logs = g_ptr_array_new_with_free_func(old_log_free);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        struct stat info;
        OldLog *log;

        if (!g_str_has_suffix(name, DRV_STATUS_LOG))
            continue;
        log = g_new0(OldLog, 1);
        log->path = g_build_filename(path, name, NULL);
        log->changed = lstat(log->path, &info) == 0 ? info.st_mtime : 0;
        g_ptr_array_add(logs, log);
    }
    g_ptr_array_sort(logs, by_age);
    for (guint i = 0; i + DRV_STATUS_LOGS <= logs->len; i++)
        remove_file(((OldLog *)logs->pdata[i])->path);
}

static int
open_log(const DrvStatusFiles *files)
{
    g_autofree char *path = file_of(files->dir, files->id, DRV_STATUS_LOG);

    trim_logs(files->dir);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void
drv_status_files_log(DrvStatusFiles *files, const char *line)
{
    gsize size = strlen(line);

    if (files->log_fd < 0 || files->log_size > DRV_STATUS_LOG_MAX)
        return;
    files->log_size += size;
    if (files->log_size > DRV_STATUS_LOG_MAX)
        line = "[the log is full]\n";
    (void)!write(files->log_fd, line, strlen(line)); /* it is of use, but not needed */
}

/* --- all of them -----------------------------------------------------------------------
 */

static int
lock_own(const char *dir, const char *id)
{
    g_autofree char *path = file_of(dir, id, DRV_STATUS_LOCK);
    g_auto(DrvFd) fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 ? drv_fd_steal(&fd) : -1;
}

gboolean
drv_status_files_open(DrvStatusFiles *files, const char *id)
{
    g_autofree char *dir = drv_status_dir();
    int lock_fd = dir ? lock_own(dir, id) : -1;

    if (lock_fd < 0)
        return FALSE;
    files->dir = g_steal_pointer(&dir);
    files->id = g_strdup(id);
    files->lock_fd = lock_fd;
    files->log_fd = open_log(files);
    files->log_size = 0;
    return TRUE;
}

void
drv_status_files_write(DrvStatusFiles *files, const char *text)
{
    g_autofree char *path = file_of(files->dir, files->id, DRV_STATUS_SUFFIX);
    g_autoptr(GError) why = NULL;

    if (!g_file_set_contents_full(
            path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why))
        drv_ignore(&why, "a status is of use, but not needed");
}

void
drv_status_files_close(DrvStatusFiles *files)
{
    if (files->dir)
        drv_status_files_remove(files->dir, files->id);
    drv_fd_close_one(files->log_fd);
    drv_fd_close_one(files->lock_fd);
    g_free(files->dir);
    g_free(files->id);
    *files = (DrvStatusFiles)DRV_STATUS_FILES_INIT;
}
