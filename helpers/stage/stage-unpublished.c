/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody knows yet.  A front-end learns the name of a new image from an action
 * that ends well, and forgets it otherwise.  If the process dies between publishing and
 * its end, the image would lie there for ever.  So a note ".drv-<name>.new" stands beside
 * it, locked while we live, and its removal is the last thing we do.  Who finds a note
 * without an owner knows that the action did not end well, and removes the image.
 *
 * A note says in which run of which machine it was made.  After a crash of the machine it
 * may be there again although the action had ended well, so then the image is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "stage/stage-private.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX 64
#define MAX_TRIES                                                                        \
    100 /* against sweepers that get hold of the note before it is locked                \
         */

gboolean
drv_stage_is_unpublished_note(const char *entry)
{
    return g_str_has_prefix(entry, DRV_STAGE_PREFIX) &&
           g_str_has_suffix(entry, DRV_STAGE_FRESH) &&
           strlen(entry) > strlen(DRV_STAGE_PREFIX DRV_STAGE_FRESH);
}

static char *
boot_id(void)
{
    char *text = NULL;

    if (!g_file_get_contents(BOOT_ID, &text, NULL, NULL))
        return g_strdup("");
    return g_strchomp(text);
}

/* TRUE when the descriptor is locked by us, and still the file of that name. */
static gboolean
lock_note(int dir_fd, const char *note, int fd)
{
    struct stat mine, there;

    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 &&
           fstatat(dir_fd, note, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

gboolean
drv_stage_note_unpublished(DrvStage *stage, GError **error)
{
    g_autofree char *note = g_strconcat(stage->name, DRV_STAGE_FRESH, NULL);
    g_autofree char *id = boot_id();

    if (drv_path_exists(stage->dir_fd, stage->fresh))
        return drv_throw(error,
                         DRV_ERROR_EXISTS,
                         "'%s/%s' already exists",
                         stage->where,
                         stage->fresh);
    for (guint i = 0; i < MAX_TRIES; i++) {
        g_auto(DrvFd) fd = drv_path_open_beneath(
            stage->dir_fd, stage->where, note, O_RDWR | O_CREAT, 0600, error);

        if (fd < 0)
            return FALSE;
        if (!lock_note(stage->dir_fd, note, fd))
            continue;
        stage->note_fd = drv_fd_steal(&fd);
        return drv_fd_write_all(stage->note_fd, id, strlen(id), note, error);
    }
    return drv_throw(
        error, DRV_ERROR_BUSY, "'%s/%s' is in use by another driver", stage->where, note);
}

void
drv_stage_forget_unpublished(DrvStage *stage)
{
    DRV_CANCEL_SHIELD();
    g_autofree char *note = g_strconcat(stage->name, DRV_STAGE_FRESH, NULL);
    g_autoptr(GError) error = NULL;

    if (!drv_path_remove_tree(stage->dir_fd, stage->where, stage->fresh, &error)) {
        drv_warn("left for the next action: %s", error->message);
        return;
    }
    unlinkat(stage->dir_fd, note, 0);
}

gboolean
drv_stage_sweep_unpublished(int dir_fd,
                            const char *where,
                            const char *entry,
                            GError **error)
{
    DRV_CANCEL_SHIELD();
    g_autofree char *name =
        g_strndup(entry + strlen(DRV_STAGE_PREFIX),
                  strlen(entry) - strlen(DRV_STAGE_PREFIX DRV_STAGE_FRESH));
    g_autofree char *id = boot_id();
    g_autoptr(GString) made_in = g_string_new(NULL);
    g_auto(DrvFd) fd =
        drv_path_open_beneath(dir_fd, where, entry, O_RDWR | O_NONBLOCK, 0, error);
    struct stat info;

    if (fd < 0)
        return FALSE;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) /* a pipe has no end */
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s/%s' is not a file of ours", where, entry);
    if (!lock_note(dir_fd, entry, fd))
        return TRUE; /* its owner lives, or has just ended well */
    if (!drv_fd_read_all(fd, made_in, BOOT_ID_MAX, entry, error))
        return FALSE;
    if (*id && g_str_equal(made_in->str, id) && drv_path_exists(dir_fd, name)) {
        drv_info(
            "removing '%s/%s', made by a driver that was killed before it reported it",
            where,
            name);
        if (!drv_path_remove_tree(dir_fd, where, name, error))
            return FALSE;
    }
    if (unlinkat(dir_fd, entry, 0) < 0 && errno != ENOENT)
        return drv_throw_errno(error, "cannot remove '%s/%s'", where, entry);
    return TRUE;
}
