/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/deleted.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"

#define PREFIX ".deleted-"
#define KEY "deleted" /* of the stage that restores and trims */
#define MIB ((guint64)1024 * 1024)
#define MAX_DEPTH 16

typedef struct {
    guint64 hours, quota_mb, min_free; /* percent */
} Settings;

static gboolean
read_settings(Settings *settings, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);

    return config &&
           drv_config_get_uint(config, "UNDELETE_HOURS", 0, &settings->hours, error) &&
           drv_config_get_uint(
               config, "UNDELETE_QUOTA_MB", 0, &settings->quota_mb, error) &&
           drv_config_get_uint(
               config, "UNDELETE_MIN_FREE", 10, &settings->min_free, error);
}

gboolean
drv_deleted_is_on(gboolean *on, GError **error)
{
    Settings settings;

    if (!read_settings(&settings, error))
        return FALSE;
    *on = settings.hours > 0;
    return TRUE;
}

/* --- names -----------------------------------------------------------------------------
 */

static char *
new_id(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%SZ");

    return g_strdup_printf("%s-%04x", time, g_random_int() & 0xffff);
}

static char *
kept_name(const char *id, const char *target)
{
    char *name = g_strconcat(PREFIX, id, "-", target, NULL);
    char *slash = strchr(name, '/');

    if (slash)
        *slash = '+';
    return name;
}

/* Seconds since 1970 of "20261128T003137Z-1a2b-…", -1 if it is not an id. */
static gint64
time_of(const char *id)
{
    static const char shape[] = "00000000T000000Z-xxxx-";
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = NULL;
    g_autofree char *text = NULL;

    for (guint i = 0; shape[i]; i++) {
        if (shape[i] == '0'   ? !g_ascii_isdigit(id[i])
            : shape[i] == 'x' ? !g_ascii_isxdigit(id[i])
                              : id[i] != shape[i])
            return -1;
    }
    text = g_strndup(id, strlen("20261128T003137Z"));
    time = g_date_time_new_from_iso8601(text, utc);
    return time ? g_date_time_to_unix(time) : -1;
}

/* "25+disk.0" was "25/disk.0"; other names have no directory. */
static char *
original_name(const char *rest)
{
    char *name = g_strdup(rest);
    gsize digits = strspn(name, "0123456789");

    if (digits > 0 && name[digits] == '+')
        name[digits] = '/';
    return name;
}

/* --- deleting --------------------------------------------------------------------------
 */

gboolean
drv_deleted_delete(DrvStage *stage,
                   int dir_fd,
                   const char *where,
                   const char *const *targets,
                   GError **error)
{
    g_autofree char *id = new_id();
    gboolean on;

    if (!drv_deleted_is_on(&on, error))
        return FALSE;
    if (stage == NULL || !on)
        return drv_stage_delete(stage, dir_fd, where, targets, error);
    for (guint i = 0; targets[i]; i++) {
        g_autofree char *kept = kept_name(id, targets[i]);

        if (strlen(kept) > NAME_MAX)
            drv_stage_remove(stage, targets[i]);
        else
            drv_stage_set_aside(stage, targets[i], kept);
    }
    return drv_stage_commit(stage, error);
}

/* --- what is there ---------------------------------------------------------------------
 */

void
drv_deleted_free(gpointer data)
{
    DrvDeleted *deleted = data;

    if (deleted == NULL)
        return;
    g_free(deleted->where);
    g_ptr_array_unref(deleted->names);
    g_free(deleted);
}

/* Bytes on disk of a file, or of all in a directory of the same file system. */
static guint64
bytes_of(int dir_fd, const char *name, guint depth)
{
    g_auto(DrvFd) fd = -1;
    g_auto(GStrv) names = NULL;
    struct stat info;
    guint64 bytes;

    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    bytes = (guint64)info.st_blocks * 512;
    if (!S_ISDIR(info.st_mode) || depth > MAX_DEPTH)
        return bytes;
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    names = fd < 0 ? NULL : drv_path_list(fd, name, NULL);
    for (guint i = 0; names && names[i]; i++)
        bytes += bytes_of(fd, names[i], depth + 1);
    return bytes;
}

static gint
by_time(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const DrvDeleted *const *)a)->id,
                  (*(const DrvDeleted *const *)b)->id);
}

/* The deletion @id in @all, which is made if it is not there yet. */
static DrvDeleted *
deletion_of(GPtrArray *all, const char *where, const char *id)
{
    DrvDeleted *deleted;

    for (guint i = 0; i < all->len; i++) {
        deleted = all->pdata[i];
        if (strncmp(deleted->id, id, DRV_DELETED_ID) == 0)
            return deleted;
    }
    deleted = g_new0(DrvDeleted, 1);
    memcpy(deleted->id, id, DRV_DELETED_ID);
    deleted->where = g_strdup(where);
    deleted->names = g_ptr_array_new_with_free_func(g_free);
    deleted->when = time_of(id);
    g_ptr_array_add(all, deleted);
    return deleted;
}

GPtrArray *
drv_deleted_list(int dir_fd, const char *where, gboolean sizes, GError **error)
{
    g_auto(GStrv) names = drv_path_list(dir_fd, where, error);
    GPtrArray *all;

    if (names == NULL)
        return NULL;
    all = g_ptr_array_new_with_free_func(drv_deleted_free);
    for (guint i = 0; names[i]; i++) {
        const char *id = names[i] + strlen(PREFIX);
        DrvDeleted *deleted;

        if (!g_str_has_prefix(names[i], PREFIX) || time_of(id) < 0)
            continue;
        deleted = deletion_of(all, where, id);
        g_ptr_array_add(deleted->names, original_name(id + DRV_DELETED_ID + 1));
        if (sizes)
            deleted->bytes += bytes_of(dir_fd, names[i], 0);
    }
    g_ptr_array_sort(all, by_time);
    return all;
}

/* --- removing for good -----------------------------------------------------------------
 */

static gboolean
is_short_of_room(int dir_fd, guint64 percent)
{
    struct statvfs fs;

    return fstatvfs(dir_fd, &fs) == 0 &&
           (guint64)fs.f_bavail * 100 < (guint64)fs.f_blocks * percent;
}

static gboolean
remove_for_good(int dir_fd, const DrvDeleted *deleted, GError **error)
{
    g_autoptr(DrvStage) stage = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < deleted->names->len; i++)
        g_ptr_array_add(names, kept_name(deleted->id, deleted->names->pdata[i]));
    g_ptr_array_add(names, NULL);
    drv_info("removing what was deleted in '%s' as %s", deleted->where, deleted->id);
    return drv_stage_open_to_delete(dir_fd, deleted->where, KEY, &stage, error) &&
           drv_stage_delete(
               stage, dir_fd, deleted->where, (const char *const *)names->pdata, error);
}

static gboolean
has_to_go(int dir_fd, const DrvDeleted *deleted, const Settings *settings, guint64 bytes)
{
    gint64 age_s = g_get_real_time() / G_USEC_PER_SEC - deleted->when;

    return age_s >= (gint64)MIN(settings->hours, G_MAXUINT32) * 3600 ||
           (settings->quota_mb > 0 && bytes > settings->quota_mb * MIB) ||
           is_short_of_room(dir_fd, settings->min_free);
}

static gboolean
trim(int dir_fd, const char *where, GError **error)
{
    Settings settings;
    g_autoptr(GPtrArray) all = NULL;
    guint64 bytes = 0;

    if (!read_settings(&settings, error))
        return FALSE;
    all = drv_deleted_list(dir_fd, where, settings.quota_mb > 0, error);
    for (guint i = 0; all && i < all->len; i++)
        bytes += ((const DrvDeleted *)all->pdata[i])->bytes;
    for (guint i = 0; all && i < all->len; i++) {
        const DrvDeleted *oldest = all->pdata[i];

        if (!has_to_go(dir_fd, oldest, &settings, bytes))
            return TRUE;
        if (!remove_for_good(dir_fd, oldest, error))
            return FALSE;
        bytes -= oldest->bytes;
    }
    return all != NULL;
}

void
drv_deleted_trim(int dir_fd, const char *where)
{
    g_autoptr(GError) why = NULL;

    if (!trim(dir_fd, where, &why))
        drv_warn("deleted files stay in '%s': %s", where, why->message);
}

/* --- bringing back ---------------------------------------------------------------------
 */

/* The lock on "img" or "25/disk.0", in the directory of that name. */
static DrvStage *
lock_name(int dir_fd, const char *where, const char *name, GError **error)
{
    g_autofree char *base = g_path_get_basename(name);
    g_autofree char *dir = g_path_get_dirname(name);
    g_autofree char *path = g_build_filename(where, dir, NULL);
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) fd =
        drv_path_open_beneath(dir_fd, where, dir, O_RDONLY | O_DIRECTORY, 0, &why);

    if (drv_error_is(why, DRV_ERROR_NOT_FOUND))
        (void)drv_throw(error,
                        DRV_ERROR_NOT_FOUND,
                        "bring back its directory first ('%s' was deleted, too)",
                        dir);
    else if (why)
        g_propagate_error(error, g_steal_pointer(&why));
    if (fd < 0)
        return NULL;
    if (!drv_path_exists(fd, base))
        return drv_stage_open(fd, path, base, error);
    (void)drv_throw(error, DRV_ERROR_EXISTS, "'%s/%s' exists", where, name);
    return NULL;
}

static void
free_stage(gpointer stage)
{
    drv_stage_free(stage);
}

static gboolean
restore(int dir_fd, const DrvDeleted *deleted, GPtrArray *locks, GError **error)
{
    g_autoptr(DrvStage) stage = drv_stage_open(dir_fd, deleted->where, KEY, error);

    for (guint i = 0; stage && i < deleted->names->len; i++) {
        const char *name = deleted->names->pdata[i];
        g_autofree char *kept = kept_name(deleted->id, name);
        DrvStage *lock = lock_name(dir_fd, deleted->where, name, error);

        if (lock == NULL)
            return FALSE;
        g_ptr_array_add(locks, lock);
        if (!drv_path_exists(dir_fd, kept))
            return drv_throw(
                error, DRV_ERROR_NOT_FOUND, "%s has gone meanwhile", deleted->id);
        drv_stage_set_aside(stage, kept, name);
    }
    return stage && drv_stage_commit(stage, error);
}

gboolean
drv_deleted_restore(const DrvDeleted *deleted, GError **error)
{
    g_autoptr(GPtrArray) locks = g_ptr_array_new_with_free_func(free_stage);
    g_auto(DrvFd) fd = drv_path_open_dir(deleted->where, error);

    return fd >= 0 && restore(fd, deleted, locks, error);
}
