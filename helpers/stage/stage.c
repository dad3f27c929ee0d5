/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/answer.h"
#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"
#include "stage/stage-private.h"

#define DEFAULT_LOCK_TIMEOUT_S 120
#define RETRY_MS 20 /* flock(2) has no deadline, so a held one is tried again */

typedef DIR DrvDir;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDir, closedir)

/* --- claim and release -------------------------------------------------------------- */

/* The lock is ours only if it is still in the directory once we have it. */
static gboolean
try_lock(int fd, const char *path, int *lock_fd, gboolean *busy, GError **error)
{
    struct stat mine, there;

    *lock_fd =
        openat(fd, DRV_STAGE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    *busy = *lock_fd < 0 && errno == ENOENT;
    if (*busy)
        return TRUE;
    if (*lock_fd < 0)
        return drv_throw_errno(error, "cannot lock '%s'", path);
    if (flock(*lock_fd, LOCK_EX | LOCK_NB) < 0) {
        *busy = errno == EWOULDBLOCK;
        return *busy || drv_throw_errno(error, "cannot lock '%s'", path);
    }
    *busy = fstat(*lock_fd, &mine) < 0 ||
            fstatat(fd, DRV_STAGE_LOCK, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
            mine.st_ino != there.st_ino;
    return TRUE;
}

static gboolean
is_no_dir(int dir_fd, const char *name)
{
    struct stat info;

    return fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           !S_ISDIR(info.st_mode);
}

/* One try to own the directory: TRUE with the descriptors set, or with *busy. */
static gboolean
try_claim(DrvStage *stage, gboolean make, gboolean *busy, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) fd = -1;
    g_auto(DrvFd) lock_fd = -1;

    *busy = TRUE; /* also when the directory vanishes under us: its owner just left */
    if (make && mkdirat(stage->dir_fd, stage->name, 0777) < 0 && errno != EEXIST)
        return drv_throw_errno(error, "cannot create directory '%s'", stage->path);
    fd = drv_path_open_beneath(
        stage->dir_fd, stage->where, stage->name, O_RDONLY | O_DIRECTORY, 0, &why);
    if (fd < 0 && drv_error_is(why, DRV_ERROR_NOT_FOUND) &&
        !is_no_dir(stage->dir_fd, stage->name))
        return TRUE;
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (!try_lock(fd, stage->path, &lock_fd, busy, error)) {
        unlinkat(stage->dir_fd, stage->name, AT_REMOVEDIR); /* if nobody is in it */
        return FALSE;
    }
    if (!*busy) {
        stage->fd = drv_fd_steal(&fd);
        stage->lock_fd = drv_fd_steal(&lock_fd);
    }
    return TRUE;
}

static gboolean
claim(DrvStage *stage, guint64 timeout_s, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeout_s * G_USEC_PER_SEC;
    DRV_STATUS_WAIT("lock");

    for (;;) {
        gboolean busy;

        if (!try_claim(stage, TRUE, &busy, error))
            return FALSE;
        if (!busy)
            return TRUE;
        if (g_get_monotonic_time() >= end)
            return drv_throw(
                error,
                DRV_ERROR_BUSY,
                "'%s' has been locked by another driver for %" G_GUINT64_FORMAT " s",
                stage->path,
                timeout_s);
        if (drv_poll(NULL, 0, RETRY_MS, error) < 0)
            return FALSE;
    }
}

/* There is more in it than what we need ourselves. */
static gboolean
is_unfinished(DrvStage *stage)
{
    g_auto(GStrv) names = drv_path_list(stage->fd, stage->path, NULL);
    gboolean more = FALSE;

    for (guint i = 0; names && names[i]; i++)
        more |= strcmp(names[i], DRV_STAGE_LOCK) != 0;
    return more;
}

static void
release(DrvStage *stage)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) error = NULL;
    gboolean unfinished = is_unfinished(stage);

    if (!drv_stage_empty(stage, FALSE, &error)) {
        drv_warn("left for the next action: %s", error->message);
        return;
    }
    if (unfinished)
        drv_status_undone("what was prepared for '%s' is removed",
                          stage->name + strlen(DRV_STAGE_PREFIX));
    unlinkat(stage->fd, DRV_STAGE_LOCK, 0);
    drv_fd_close_one(drv_fd_steal(&stage->fd));
    unlinkat(stage->dir_fd, stage->name, AT_REMOVEDIR); /* not empty: the next owner's */
}

void
drv_stage_free(DrvStage *stage)
{
    if (stage == NULL)
        return;
    if (stage->note_fd >= 0)
        drv_stage_forget_unpublished(stage);
    if (stage->note)
        munmap(stage->note, 1);
    if (stage->fd >= 0 && stage->lock_fd >= 0 && !stage->half_done)
        release(stage);
    drv_fd_close_one(stage->note_fd);
    drv_fd_close_one(stage->lock_fd);
    drv_fd_close_one(stage->fd);
    drv_fd_close_one(stage->dir_fd);
    g_free(stage->where);
    g_free(stage->name);
    g_free(stage->path);
    g_free(stage->fresh);
    g_ptr_array_unref(stage->steps);
    g_free(stage);
}

/* --- opening ---------------------------------------------------------------------------
 */

static gboolean
lock_timeout(guint64 *seconds, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);

    return config && drv_config_get_uint(
                         config, "LOCK_TIMEOUT", DEFAULT_LOCK_TIMEOUT_S, seconds, error);
}

static DrvStage *
stage_new(int dir_fd, const char *where, const char *name)
{
    DrvStage *stage = g_new0(DrvStage, 1);

    stage->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
    stage->fd = -1;
    stage->lock_fd = -1;
    stage->note_fd = -1;
    stage->where = g_strdup(where);
    stage->name = g_strdup(name);
    stage->path = g_build_filename(where, name, NULL);
    stage->steps = g_ptr_array_new_with_free_func(drv_stage_step_free);
    return stage;
}

/* A file's name may be as long as a name can be; the stage's must be longer. */
static char *
stage_name(const char *key)
{
    g_autofree char *digest = NULL;

    if (strlen(key) <= NAME_MAX - strlen(DRV_STAGE_PREFIX))
        return g_strconcat(DRV_STAGE_PREFIX, key, NULL);
    digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    return g_strconcat(DRV_STAGE_PREFIX, digest, NULL);
}

static gboolean
hold(DrvStage *stage, GError **error)
{
    guint64 timeout_s;

    return lock_timeout(&timeout_s, error) && claim(stage, timeout_s, error) &&
           drv_stage_recover(stage, error);
}

DrvStage *
drv_stage_open(int dir_fd, const char *where, const char *key, GError **error)
{
    g_autofree char *name = stage_name(key);
    g_autoptr(DrvStage) stage = stage_new(dir_fd, where, name);

    return hold(stage, error) ? g_steal_pointer(&stage) : NULL;
}

DrvStage *
drv_stage_open_unpublished(int dir_fd, const char *where, const char *key, GError **error)
{
    g_autofree char *name = stage_name(key);
    g_autoptr(DrvStage) stage = stage_new(dir_fd, where, name);

    stage->fresh = g_strdup(key);
    return drv_stage_note_unpublished(stage, error) && hold(stage, error)
               ? g_steal_pointer(&stage)
               : NULL;
}

static gboolean
prepare_answer(gpointer state, GError **error)
{
    return drv_stage_prepare_note(state, error);
}

static gboolean
keep_answered(gpointer state, GError **error)
{
    (void)error;
    drv_stage_end_note(state);
    return TRUE;
}

static void
free_answered(gpointer state)
{
    drv_stage_free(state);
}

void
drv_stage_leave_to_answer(DrvStage *stage)
{
    static const DrvAnswerOps ops = {
        .prepare = prepare_answer,
        .keep = keep_answered,
        .free = free_answered,
    };

    release(stage);
    drv_answer_hold(&ops, stage);
}

void
drv_stage_leave(DrvStage *stage)
{
    stage->half_done = TRUE;
}

int
drv_stage_fd(const DrvStage *stage)
{
    return stage->fd;
}

const char *
drv_stage_path(const DrvStage *stage)
{
    return stage->path;
}

gboolean
drv_stage_link(DrvStage *stage, const char *name, const char *target, GError **error)
{
    if (symlinkat(target, stage->fd, name) < 0)
        return drv_throw_errno(error, "cannot create link '%s/%s'", stage->path, name);
    return TRUE;
}

int
drv_stage_create(DrvStage *stage, const char *name, GError **error)
{
    return drv_path_open_beneath(
        stage->fd, stage->path, name, O_RDWR | O_CREAT | O_EXCL, 0666, error);
}

static void
sweep_one(int dir_fd, const char *where, const char *name)
{
    g_autoptr(DrvStage) stage = stage_new(dir_fd, where, name);
    g_autoptr(GError) error = NULL;
    gboolean busy = TRUE;

    if (!try_claim(stage, FALSE, &busy, &error) ||
        (!busy && !drv_stage_recover(stage, &error)))
        drv_ignore(&error, "sweeping is tried again by the next action");
}

void
drv_stage_sweep(int dir_fd, const char *where)
{
    g_auto(DrvFd) list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DrvDir) dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    g_autoptr(GError) error = NULL;
    struct dirent *entry;

    if (dir)
        (void)drv_fd_steal(&list_fd); /* the stream's now */
    while (dir && (entry = readdir(dir))) {
        if (drv_stage_is_unpublished_note(entry->d_name)) {
            if (!drv_stage_sweep_unpublished(dir_fd, where, entry->d_name, &error))
                drv_ignore(&error, "sweeping is tried again by the next action");
        } else if (g_str_has_prefix(entry->d_name, DRV_STAGE_PREFIX)) {
            sweep_one(dir_fd, where, entry->d_name);
        }
    }
}
