/* SPDX-License-Identifier: Apache-2.0 */
/* What a store may take: a part of its file system, and nothing that nobody uses. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "source/content.h"
#include "tm/ssh/ssh.h"

#define DAY_S ((gint64)24 * 60 * 60)

typedef struct {
    guint64 bytes;  /* the store may have on disk */
    gint64 since_s; /* last use, before which an entry goes */
} Bounds;

typedef struct {
    char *name;
    guint64 bytes;
    gint64 used_s;
} Entry;

static void
entry_free(gpointer data)
{
    Entry *entry = data;

    g_free(entry->name);
    g_free(entry);
}

static gint
by_use(gconstpointer a, gconstpointer b)
{
    const Entry *left = *(Entry *const *)a;
    const Entry *right = *(Entry *const *)b;

    return (left->used_s > right->used_s) - (left->used_s < right->used_s);
}

static gboolean
read_bounds(int dir_fd, Bounds *bounds, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);
    guint64 percent, days;
    struct statvfs fs;

    if (config == NULL ||
        !drv_config_get_uint(config, "IMAGE_STORE_PERCENT", 10, &percent, error) ||
        !drv_config_get_uint(config, "IMAGE_STORE_DAYS", 14, &days, error))
        return FALSE;
    if (fstatvfs(dir_fd, &fs) < 0)
        return drv_throw_errno(error, "cannot get the size of the file system");
    bounds->bytes = (guint64)fs.f_blocks * fs.f_frsize / 100 * MIN(percent, 100);
    bounds->since_s =
        g_get_real_time() / G_USEC_PER_SEC - (gint64)MIN(days, 36500) * DAY_S;
    return TRUE;
}

/* All entries, longest unused first. */
static GPtrArray *
list(int dir_fd, const char *path, guint64 *bytes, GError **error)
{
    g_auto(GStrv) names = drv_path_list(dir_fd, path, error);
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free);

    *bytes = 0;
    for (guint i = 0; names && names[i]; i++) {
        struct stat info;
        Entry *entry;

        if (!drv_content_is_valid(names[i]) ||
            fstatat(dir_fd, names[i], &info, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        entry = g_new0(Entry, 1);
        entry->name = g_strdup(names[i]);
        entry->bytes = (guint64)info.st_blocks * 512;
        entry->used_s = info.st_atim.tv_sec;
        *bytes += entry->bytes;
        g_ptr_array_add(entries, entry);
    }
    g_ptr_array_sort(entries, by_use);
    return names ? g_steal_pointer(&entries) : NULL;
}

gboolean
ssh_store_trim(
    const TmClone *request, int dir_fd, const char *path, gboolean *fits, GError **error)
{
    Bounds bounds = { 0 };
    guint64 bytes;
    g_autoptr(GPtrArray) entries = NULL;

    if (!read_bounds(dir_fd, &bounds, error))
        return FALSE;
    entries = list(dir_fd, path, &bytes, error);
    *fits = request->allocated <= bounds.bytes;
    for (guint i = 0; entries && i < entries->len; i++) {
        const Entry *entry = entries->pdata[i];
        gboolean crowded = *fits && bytes + request->allocated > bounds.bytes;

        if (!crowded && entry->used_s >= bounds.since_s)
            break;
        drv_info("image '%s' is removed from the store", entry->name);
        if (!drv_path_unlink(dir_fd, path, entry->name, error))
            return FALSE;
        bytes -= entry->bytes;
    }
    return entries != NULL;
}
