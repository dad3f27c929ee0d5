/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status-read.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/status-private.h"
#include "base/status.h"

#define ENTRIES_MAX 10000 /* files of one directory that are looked at */

void
drv_status_entry_free(gpointer data)
{
    DrvStatusEntry *entry = data;

    if (entry == NULL)
        return;
    g_free(entry->dir);
    g_free(entry->id);
    g_hash_table_unref(entry->lines);
    g_free(entry);
}

const char *
drv_status_entry_text(const DrvStatusEntry *entry, const char *name)
{
    const char *value = g_hash_table_lookup(entry->lines, name);

    return value ? value : "";
}

gint64
drv_status_entry_number(const DrvStatusEntry *entry, const char *name, gint64 fallback)
{
    gint64 value;

    return g_ascii_string_to_signed(drv_status_entry_text(entry, name),
                                    10,
                                    G_MININT64,
                                    G_MAXINT64,
                                    &value,
                                    NULL)
               ? value
               : fallback;
}

/* --- files -----------------------------------------------------------------------------
 */

/* A name in a status directory: what follows the id is @suffix. */
static char *
id_of(const char *name, const char *suffix)
{
    gsize size = strlen(name);
    gsize tail = strlen(suffix);

    if (size <= tail || !g_str_has_suffix(name, suffix) || *name == '.')
        return NULL;
    return g_strndup(name, size - tail);
}

static gboolean
is_alive(const char *dir, const char *id)
{
    g_autofree char *path = g_strconcat(dir, "/", id, DRV_STATUS_LOCK, NULL);
    g_auto(DrvFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

static DrvStatusEntry *
parse(const char *dir, const char *id, uid_t owner, const char *text)
{
    DrvStatusEntry *entry = g_new0(DrvStatusEntry, 1);

    entry->dir = g_strdup(dir);
    entry->id = g_strdup(id);
    entry->owner = owner;
    entry->lines = drv_status_lines(text);
    return entry;
}

/* NULL when it has gone meanwhile, or is nothing that we write. */
static DrvStatusEntry *
read_entry(const char *dir, const char *id)
{
    g_autofree char *path = g_strconcat(dir, "/", id, DRV_STATUS_SUFFIX, NULL);
    g_auto(DrvFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char text[DRV_STATUS_MAX + 1];
    struct stat info;
    gssize got;

    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
        return NULL;
    got = read(fd, text, DRV_STATUS_MAX);
    if (got <= 0)
        return NULL;
    text[got] = '\0';
    return parse(dir, id, info.st_uid, text);
}

/* --- directories -----------------------------------------------------------------------
 */

static gint
by_start(gconstpointer a, gconstpointer b)
{
    const DrvStatusEntry *first = *(const DrvStatusEntry *const *)a;
    const DrvStatusEntry *second = *(const DrvStatusEntry *const *)b;
    gint64 before = drv_status_entry_number(first, "started", 0);
    gint64 after = drv_status_entry_number(second, "started", 0);

    return before != after ? (before > after) - (before < after)
                           : strcmp(first->id, second->id);
}

/* Root removes nothing from a directory that another user may replace meanwhile. */
static gboolean
is_ours(const char *dir)
{
    struct stat info;

    return lstat(dir, &info) == 0 && info.st_uid == geteuid();
}

static void
add_entry(GPtrArray *entries, const char *dir, const char *id)
{
    DrvStatusEntry *entry = NULL;

    if (is_alive(dir, id))
        entry = read_entry(dir, id);
    else if (is_ours(dir))
        drv_status_files_remove(dir, id);
    if (entry)
        g_ptr_array_add(entries, entry);
}

static gboolean
add_dir(GPtrArray *entries, const char *path, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &why);
    const char *name;
    guint n = 0;

    if (dir == NULL && g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_ACCES))
        return drv_throw(
            error,
            DRV_ERROR_REFUSED,
            "cannot read '%s': Permission denied (run it as its owner or root)",
            path);
    while (dir && n++ < ENTRIES_MAX && (name = g_dir_read_name(dir))) {
        g_autofree char *id = id_of(name, DRV_STATUS_SUFFIX);

        if (id)
            add_entry(entries, path, id);
    }
    return TRUE;
}

GPtrArray *
drv_status_list_dir(const char *dir, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(drv_status_entry_free);

    if (!add_dir(entries, dir, error))
        return NULL;
    g_ptr_array_sort(entries, by_start);
    return g_steal_pointer(&entries);
}

/* Nobody but its owner may write into a directory that we believe. */
static gboolean
is_believed(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) &&
           (info.st_mode & 022) == 0 && (info.st_uid == geteuid() || geteuid() == 0);
}

/* As root, also the directories of users that are logged in. */
static GPtrArray *
all_dirs(void)
{
    g_auto(GStrv) ours = drv_status_dirs();
    gboolean others = geteuid() == 0 && g_str_has_prefix(*ours, "/run/");
    g_autoptr(GDir) users = others ? g_dir_open("/run/user", 0, NULL) : NULL;
    GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    for (guint i = 0; ours[i]; i++)
        g_ptr_array_add(dirs, g_strdup(ours[i]));
    while (users && (name = g_dir_read_name(users))) {
        g_autofree char *path = g_build_filename("/run/user", name, "drv-status", NULL);

        if (!g_ptr_array_find_with_equal_func(dirs, path, g_str_equal, NULL))
            g_ptr_array_add(dirs, g_steal_pointer(&path));
    }
    return dirs;
}

GPtrArray *
drv_status_list(GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(drv_status_entry_free);
    g_autoptr(GPtrArray) dirs = all_dirs();

    for (guint i = 0; i < dirs->len; i++) {
        const char *path = dirs->pdata[i];

        if (g_file_test(path, G_FILE_TEST_IS_DIR) &&
            (access(path, R_OK) < 0 || is_believed(path)) &&
            !add_dir(entries, path, error))
            return NULL;
    }
    g_ptr_array_sort(entries, by_start);
    return g_steal_pointer(&entries);
}

/* --- stopping --------------------------------------------------------------------------
 */

static gboolean
throw_ended(const DrvStatusEntry *entry, GError **error)
{
    return drv_throw(error, DRV_ERROR_NOT_FOUND, "%s has ended", entry->id);
}

/* Once the process has a descriptor, its number cannot become another's; that it is the
 * one whose status this is is known when the lock is still held afterwards.
 */
gboolean
drv_status_entry_stop(const DrvStatusEntry *entry, int *process, GError **error)
{
    gint64 pid = drv_status_entry_number(entry, "pid", 0);
    g_autofree char *proc = g_strdup_printf("/proc/%" G_GINT64_FORMAT, pid);
    g_auto(DrvFd) fd = -1;
    struct stat info;

    if (pid <= 1 || pid > G_MAXINT)
        return drv_throw(error, DRV_ERROR_REFUSED, "the status has no valid process");
    fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0 && errno == ESRCH)
        return throw_ended(entry, error);
    if (fd < 0)
        return drv_throw_errno(error, "cannot open process %d", (int)pid);
    if (stat(proc, &info) < 0 || !is_alive(entry->dir, entry->id))
        return throw_ended(entry, error);
    if (info.st_uid != entry->owner)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "process %d is not of the user who wrote the status",
                         (int)pid);
    if (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0)
        return errno == ESRCH
                   ? throw_ended(entry, error)
                   : drv_throw_errno(error, "cannot stop process %d", (int)pid);
    if (process)
        *process = drv_fd_steal(&fd);
    return TRUE;
}

/* --- logs ------------------------------------------------------------------------------
 */

/* The first log in @path whose id is or begins with @id; *n counts them. */
static void
find_log(const char *path, const char *id, char **found, char **whole, guint *n)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *log = id_of(name, DRV_STATUS_LOG);

        if (log == NULL || !g_str_has_prefix(log, id))
            continue;
        if ((*n)++ > 0 && !g_str_equal(log, id))
            continue;
        g_free(*found);
        g_free(*whole);
        *found = g_build_filename(path, name, NULL);
        *whole = g_steal_pointer(&log);
    }
}

int
drv_status_open_log(const char *id, char **whole, GError **error)
{
    g_autoptr(GPtrArray) dirs = all_dirs();
    g_autofree char *path = NULL;
    g_autofree char *name = NULL;
    guint n = 0;
    int fd;

    for (guint i = 0; i < dirs->len; i++) {
        if (is_believed(dirs->pdata[i]))
            find_log(dirs->pdata[i], id, &path, &name, &n);
    }
    if (n == 0 || (n > 1 && !g_str_equal(name, id))) {
        (void)drv_throw(error,
                        n == 0 ? DRV_ERROR_NOT_FOUND : DRV_ERROR_USAGE,
                        n == 0 ? "no action has the id %s"
                               : "more than one action has an id that begins with %s",
                        id);
        return -1;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        (void)drv_throw_errno(error, "cannot read '%s'", path);
    else if (whole)
        *whole = g_steal_pointer(&name);
    return fd;
}
