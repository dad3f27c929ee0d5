/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody knows yet.  A front-end learns the name of a new image from an
 * action's answer.  If the process dies between publishing and answering, the image would
 * lie there for ever.  So a note ".drv-<name>.new" stands beside it, locked while we
 * live, and is removed after the answer.  Who finds a note without an owner knows that
 * there was no answer, and removes the image.
 *
 * A note says in which run of which machine it was made; one that says anything else
 * counts for nothing, and the image is kept.  That is so after a crash of the machine,
 * when a note may be there again that had been removed.  And it is how we say that the
 * answer is out: the note is mapped, and a store into it needs no system call, before
 * which we could be killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "stage/stage-private.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX 64
#define ANSWERED '!'  /* in place of an id's first character */
#define MAX_TRIES 100 /* sweepers may get hold of the note before it is locked */

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

/* The page is written to beforehand, as far as that can fail: where it is copied on
 * writing, the disk may be full.
 */
gboolean
drv_stage_prepare_note(DrvStage *stage, GError **error)
{
    struct stat info;
    void *map;

    if (fstat(stage->note_fd, &info) == 0 && info.st_size == 0)
        return TRUE; /* without an id it never counted */
    map = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, stage->note_fd, 0);
    if (map == MAP_FAILED) /* NOLINT: the constant is not ours */
        return drv_throw_errno(error, "cannot map '%s%s'", stage->path, DRV_STAGE_FRESH);
    stage->note = map;
    if (madvise(map, 1, MADV_POPULATE_WRITE) < 0 && errno != EINVAL) /* before 5.14 */
        return drv_throw_errno(
            error, "cannot write '%s%s'", stage->path, DRV_STAGE_FRESH);
    return TRUE;
}

void
drv_stage_end_note(DrvStage *stage)
{
    g_autofree char *note = NULL;

    if (stage->note)
        *(volatile char *)stage->note = ANSWERED;
    note = g_strconcat(stage->name, DRV_STAGE_FRESH, NULL);
    if (unlinkat(stage->dir_fd, note, 0) < 0)
        drv_warn("'%s/%s' is left for the next action", stage->where, note);
    drv_fd_close_one(drv_fd_steal(&stage->note_fd));
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
