/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"

#define PREFIX ".incoming-"

void
drv_incoming_clear(DrvIncoming *in)
{
    if (in->fd >= 0 && !in->published)
        drv_status_undone("what has arrived stays in '%s' for the next try", in->name);
    g_clear_pointer(&in->stage, drv_stage_free);
    g_clear_pointer(&in->same, g_hash_table_unref);
    drv_fd_close_one(in->fd);
    g_free(in->name);
    *in = (DrvIncoming)DRV_INCOMING_INIT;
}

/* --- what is there ---------------------------------------------------------------------
 */

static DrvEntryType
type_of(int dir_fd, const char *path, guint64 *blocks)
{
    struct stat info;

    if (fstatat(dir_fd, path, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    *blocks = S_ISREG(info.st_mode) ? (guint64)info.st_blocks * 512 : 0;
    return S_ISDIR(info.st_mode)   ? DRV_ENTRY_DIR
           : S_ISREG(info.st_mode) ? DRV_ENTRY_FILE
           : S_ISLNK(info.st_mode) ? DRV_ENTRY_LINK
                                   : 0;
}

/* Remove from directory @path of what has arrived all that the offer does not have. */
static gboolean
prune(DrvIncoming *in, GHashTable *offered, int fd, const char *path, GError **error)
{
    g_auto(GStrv) names = drv_path_list(fd, path, error);

    for (guint i = 0; names && names[i]; i++) {
        g_autofree char *below =
            *path ? g_build_filename(path, names[i], NULL) : g_strdup(names[i]);
        const DrvEntry *entry = g_hash_table_lookup(offered, below);
        guint64 blocks = 0;
        DrvEntryType type = type_of(fd, names[i], &blocks);
        g_auto(DrvFd) sub = -1;

        in->there += blocks;
        if (entry == NULL || entry->type != type || type == DRV_ENTRY_LINK) {
            if (!drv_path_remove_tree(fd, path, names[i], error))
                return FALSE;
            continue;
        }
        if (type != DRV_ENTRY_DIR)
            continue;
        sub = drv_path_open_beneath(fd, path, names[i], O_RDONLY | O_DIRECTORY, 0, error);
        if (sub < 0 || fchmod(sub, 0700) < 0 || !prune(in, offered, sub, below, error))
            return FALSE;
    }
    return names != NULL;
}

static gboolean
make_dirs(DrvIncoming *in, GError **error)
{
    for (guint i = 0; i < in->tree->entries->len; i++) {
        const DrvEntry *entry = in->tree->entries->pdata[i];
        g_autofree char *parent = g_path_get_dirname(entry->path);
        g_autofree char *name = g_path_get_basename(entry->path);
        g_auto(DrvFd) fd = -1;
        g_auto(DrvFd) made = -1;

        if (entry->type != DRV_ENTRY_DIR)
            continue;
        fd = drv_path_open_beneath(
            in->fd, in->name, parent, O_RDONLY | O_DIRECTORY, 0, error);
        made = fd < 0 ? -1 : drv_path_make_beneath(fd, parent, name, error);
        if (made < 0)
            return FALSE;
    }
    return TRUE;
}

gboolean
drv_incoming_open(DrvIncoming *in,
                  const DrvReceive *receive,
                  const DrvTree *tree,
                  int target_fd,
                  GError **error)
{
    g_autoptr(GHashTable) offered = g_hash_table_new(g_str_hash, g_str_equal);

    in->receive = receive;
    in->tree = tree;
    in->target_fd = target_fd;
    in->name = g_strconcat(PREFIX, receive->key, NULL);
    in->same = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < tree->entries->len; i++) {
        const DrvEntry *entry = tree->entries->pdata[i];

        g_hash_table_insert(offered, entry->path, (gpointer)entry);
    }
    in->stage = drv_stage_open(target_fd, receive->dir, receive->key, error);
    /* Whom a cancelled attempt has left behind must not come between those after it. */
    if (in->stage == NULL || !drv_cancel_check(error))
        return FALSE;
    in->fd = drv_path_make_beneath(target_fd, receive->dir, in->name, error);
    return in->fd >= 0 && prune(in, offered, in->fd, "", error) && make_dirs(in, error);
}

/* --- publishing ------------------------------------------------------------------------
 */

static gboolean
make_link(DrvIncoming *in, const DrvEntry *entry, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(entry->path);
    g_autofree char *name = g_path_get_basename(entry->path);
    g_auto(DrvFd) fd =
        drv_path_open_beneath(in->fd, in->name, parent, O_RDONLY | O_DIRECTORY, 0, error);

    if (fd < 0)
        return FALSE;
    return symlinkat(entry->link, fd, name) == 0 ||
           drv_throw_errno(error, "cannot create link '%s'", entry->path);
}

/* From the last entry on: what is in a directory changes its time. */
static gboolean
dress_all(DrvIncoming *in, GError **error)
{
    mode_t mask = in->receive->keep ? 0 : drv_path_umask();

    for (guint i = 0; i < in->tree->entries->len; i++) {
        const DrvEntry *entry = in->tree->entries->pdata[i];

        if (entry->type == DRV_ENTRY_LINK && !make_link(in, entry, error))
            return FALSE;
    }
    for (guint i = in->tree->entries->len; i > 0; i--) {
        const DrvEntry *entry = in->tree->entries->pdata[i - 1];

        if (entry->type != DRV_ENTRY_LINK &&
            !drv_tree_dress(in->fd, in->name, entry, mask, error))
            return FALSE;
    }
    return TRUE;
}

/* Is all that stands at @path of the target among what has arrived? */
static gboolean
is_redundant(const DrvIncoming *in, GHashTable *offered, const char *path)
{
    const DrvEntry *entry = g_hash_table_lookup(offered, path);
    guint64 blocks;
    g_auto(DrvFd) fd = -1;
    g_auto(GStrv) names = NULL;

    if (entry == NULL || type_of(in->target_fd, path, &blocks) != entry->type)
        return FALSE;
    if (entry->type == DRV_ENTRY_LINK) {
        g_autofree char *text = drv_path_read_link(in->target_fd, path);

        return g_strcmp0(text, entry->link) == 0;
    }
    if (entry->type == DRV_ENTRY_FILE)
        return g_hash_table_contains(in->same, path);
    fd = drv_path_open_beneath(in->target_fd, "", path, O_RDONLY | O_DIRECTORY, 0, NULL);
    names = fd < 0 ? NULL : drv_path_list(fd, path, NULL);
    for (guint i = 0; names && names[i]; i++) {
        g_autofree char *below = g_build_filename(path, names[i], NULL);

        if (!is_redundant(in, offered, below))
            return FALSE;
    }
    return names != NULL;
}

static char *
aside_name(const char *name)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%S");

    return g_strdup_printf(
        ".aside-%s-%s.%06d", name, time, g_date_time_get_microsecond(now));
}

/* What stands at @name goes, or is set aside. */
static void
clear_the_way(DrvIncoming *in, GHashTable *offered, const char *name)
{
    g_autofree char *aside = aside_name(name);
    guint64 blocks;
    DrvEntryType now = type_of(in->target_fd, name, &blocks);
    const DrvEntry *entry = g_hash_table_lookup(offered, name);

    if (!drv_path_exists(in->target_fd, name))
        return;
    if (in->receive->keep && !is_redundant(in, offered, name)) {
        drv_warn("'%s/%s' is in the way and differs: it is set aside as '%s'",
                 in->receive->dir,
                 name,
                 aside);
        drv_stage_set_aside(in->stage, name, aside);
    } else if (now == DRV_ENTRY_DIR || entry == NULL || entry->type == DRV_ENTRY_DIR) {
        drv_stage_remove(in->stage, name);
    }
}

static gboolean
has_name(char **names, const char *name)
{
    return g_strv_contains((const char *const *)names, name);
}

/* What has arrived, as @settle left it. */
static gboolean
plan(DrvIncoming *in, GError **error)
{
    g_auto(GStrv) names = drv_path_list(in->fd, in->name, error);
    g_autoptr(GHashTable) offered = g_hash_table_new(g_str_hash, g_str_equal);

    if (names == NULL)
        return FALSE;
    for (guint i = 0; i < in->tree->entries->len; i++) {
        const DrvEntry *entry = in->tree->entries->pdata[i];

        g_hash_table_insert(offered, entry->path, (gpointer)entry);
    }
    for (guint i = 0; in->receive->drop && in->receive->drop[i]; i++) {
        if (!has_name(names, in->receive->drop[i]))
            drv_stage_remove(in->stage, in->receive->drop[i]);
    }
    /* The key's own name comes last: until then, what it stands for is the old. */
    for (guint round = 0; round < 2; round++) {
        for (guint i = 0; names[i]; i++) {
            if (g_str_equal(names[i], in->receive->key) != (round == 1))
                continue;
            if (!drv_stage_adopt(in->stage, in->fd, names[i], error))
                return FALSE;
            clear_the_way(in, offered, names[i]);
            drv_stage_publish(in->stage, names[i], names[i]);
        }
    }
    return TRUE;
}

gboolean
drv_incoming_publish(DrvIncoming *in, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (!dress_all(in, error) ||
        (in->receive->settle &&
         !in->receive->settle(in->fd, in->receive->dir, in->receive->data, error)) ||
        !plan(in, error) || !drv_stage_commit(in->stage, error))
        return FALSE;
    in->published = TRUE;
    if (!drv_path_remove_tree(in->target_fd, in->receive->dir, in->name, &why))
        drv_ignore(&why, "it is empty, and the next transfer uses it");
    return TRUE;
}

gboolean
drv_transfer_forget(int dir_fd, const char *where, const char *key, GError **error)
{
    g_autofree char *name = g_strconcat(PREFIX, key, NULL);

    return drv_path_remove_tree(dir_fd, where, name, error);
}

void
drv_transfer_plan_forget(DrvStage *stage, const char *key)
{
    g_autofree char *name = g_strconcat(PREFIX, key, NULL);

    drv_stage_remove(stage, name);
}

gboolean
drv_transfer_set_aside(const char *dir, const char *name, GError **error)
{
    g_auto(DrvFd) fd = drv_path_open_dir(dir, error);
    g_autoptr(DrvStage) stage = fd < 0 ? NULL : drv_stage_open(fd, dir, name, error);
    g_autofree char *aside = aside_name(name);

    if (stage == NULL)
        return FALSE;
    if (!drv_path_exists(fd, name))
        return TRUE;
    drv_warn("'%s/%s' is in the way: it is set aside as '%s'", dir, name, aside);
    drv_stage_set_aside(stage, name, aside);
    return drv_stage_commit(stage, error);
}
