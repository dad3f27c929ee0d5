/* SPDX-License-Identifier: Apache-2.0 */
#include "drv-stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "drv-cancel.h"
#include "drv-config.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-log.h"
#include "drv-path.h"
#include "drv-stage-private.h"

#define STAGE_PREFIX ".drv-"
#define LOCK_NAME "lock"
#define PLAN_NAME "plan"
#define DEFAULT_LOCK_TIMEOUT_S 120
#define RETRY_MS 20 /* flock(2) has no deadline, so a held one is tried again */

typedef DIR DrvDir;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDir, closedir)

struct DrvStage {
    int dir_fd;    /* ours: a duplicate */
    int fd;        /* the stage's folder */
    int lock_fd;   /* flock held */
    char *where;   /* the folder's path */
    char *name;    /* ".drv-<key>" */
    char *path;    /* where/name */
    GString *plan; /* "put FROM TO" and "take TO NAME" lines, escaped */
    guint n_steps;
    guint n_taken;
    gboolean half_done; /* the plan must stay for the next owner */
};

/* --- claim and release -------------------------------------------------------------- */

/* One try to own folder @name: TRUE with the descriptors set, or with *busy. */
static gboolean
try_claim(int dir_fd,
          const char *where,
          const char *name,
          DrvStage *stage,
          gboolean *busy,
          GError **error)
{
    g_auto(DrvFd) fd = drv_path_make_beneath(dir_fd, where, name, error);
    g_auto(DrvFd) lock_fd = -1;
    struct stat mine, there;

    *busy = TRUE; /* also when the folder vanishes under us: its owner just left */
    if (fd < 0)
        return FALSE;
    lock_fd = openat(fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock_fd < 0 && errno == ENOENT)
        return TRUE;
    if (lock_fd < 0)
        return drv_throw_errno(error, "cannot lock '%s/%s'", where, name);
    if (flock(lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return TRUE;
        return drv_throw_errno(error, "cannot lock '%s/%s'", where, name);
    }
    if (fstat(lock_fd, &mine) < 0 ||
        fstatat(fd, LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
        mine.st_ino != there.st_ino)
        return TRUE;
    *busy = FALSE;
    stage->fd = drv_fd_steal(&fd);
    stage->lock_fd = drv_fd_steal(&lock_fd);
    return TRUE;
}

static gboolean
claim(DrvStage *stage, guint64 timeout_s, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeout_s * G_USEC_PER_SEC;

    for (;;) {
        gboolean busy;

        if (!try_claim(stage->dir_fd, stage->where, stage->name, stage, &busy, error))
            return FALSE;
        if (!busy)
            return TRUE;
        if (g_get_monotonic_time() >= end)
            return drv_throw(error,
                             DRV_ERROR_BUSY,
                             "'%s' is in use by another driver since %" G_GUINT64_FORMAT
                             " s",
                             stage->path,
                             timeout_s);
        if (drv_poll(NULL, 0, RETRY_MS, error) < 0)
            return FALSE;
    }
}

/* Remove what is in the stage, but for the lock and, if so asked, the promise. */
static gboolean
empty_stage(DrvStage *stage, gboolean keep_promise, GError **error)
{
    int list_fd = openat(stage->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DrvDir) dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    struct dirent *entry;

    if (dir == NULL)
        return drv_throw_errno(error, "cannot list '%s'", stage->path);
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strcmp(entry->d_name, LOCK_NAME) == 0 ||
            (keep_promise && strcmp(entry->d_name, DRV_STAGE_PROMISE) == 0))
            continue;
        if (!drv_path_remove_tree(stage->fd, stage->path, entry->d_name, error))
            return FALSE;
    }
    return TRUE;
}

static void
release(DrvStage *stage)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) error = NULL;

    if (!empty_stage(stage, FALSE, &error)) {
        drv_warn("left for the next action: %s", error->message);
        return;
    }
    unlinkat(stage->fd, LOCK_NAME, 0);
    unlinkat(stage->dir_fd, stage->name, AT_REMOVEDIR); /* not empty: the next owner's */
}

void
drv_stage_free(DrvStage *stage)
{
    if (stage == NULL)
        return;
    if (stage->lock_fd >= 0 && !stage->half_done)
        release(stage);
    drv_fd_close_one(stage->lock_fd);
    drv_fd_close_one(stage->fd);
    drv_fd_close_one(stage->dir_fd);
    g_free(stage->where);
    g_free(stage->name);
    g_free(stage->path);
    g_string_free(stage->plan, TRUE);
    g_free(stage);
}

/* --- the plan ------------------------------------------------------------------------
 */

/* Steps can be done again: what has moved is not there to be moved a second time. */
static gboolean
do_step(DrvStage *stage,
        const char *verb,
        const char *from,
        const char *to,
        gboolean again,
        GError **error)
{
    if (strcmp(verb, "put") == 0)
        return drv_stage_move(
            stage->fd, from, stage->dir_fd, to, stage->where, again, error);
    if (drv_path_exists(stage->fd, to))
        return TRUE;
    return drv_stage_move(stage->dir_fd, from, stage->fd, to, stage->where, TRUE, error);
}

static gboolean
do_plan(DrvStage *stage, char **words, gboolean again, GError **error)
{
    for (guint i = 0; words[i] && *words[i]; i += 3) {
        if (words[i + 1] == NULL || words[i + 2] == NULL)
            return drv_throw(
                error, DRV_ERROR_FAILED, "'%s/plan' is damaged", stage->path);
        if (!do_step(stage, words[i], words[i + 1], words[i + 2], again, error))
            return FALSE;
    }
    return TRUE;
}

/* What a dead owner left: a whole plan is finished, anything less is thrown away. */
static gboolean
recover(DrvStage *stage, GError **error)
{
    DRV_CANCEL_SHIELD();
    g_auto(GStrv) words = drv_stage_read_note(stage->fd, PLAN_NAME);

    if (words) {
        drv_info("finishing in '%s' what a killed driver had decided", stage->where);
        if (!do_plan(stage, words, TRUE, error))
            return FALSE;
    }
    return drv_stage_settle_promise(stage->fd, stage->dir_fd, stage->where, error) &&
           empty_stage(stage, FALSE, error);
}

static void
add_step(DrvStage *stage, const char *verb, const char *from, const char *to)
{
    g_autofree char *safe_from = g_uri_escape_string(from, "/.", FALSE);
    g_autofree char *safe_to = g_uri_escape_string(to, "/.", FALSE);

    g_string_append_printf(stage->plan, "%s\n%s\n%s\n", verb, safe_from, safe_to);
    stage->n_steps++;
}

void
drv_stage_put(DrvStage *stage, const char *name, const char *target)
{
    add_step(stage, "put", name, target);
}

void
drv_stage_take(DrvStage *stage, const char *target)
{
    g_autofree char *name = g_strdup_printf("taken.%u", stage->n_taken++);

    add_step(stage, "take", target, name);
}

/* Sync @name and all below it; links have nothing of their own to sync. */
static gboolean
sync_tree(int dir_fd, const char *where, const char *name, GError **error)
{
    g_auto(DrvFd) fd =
        openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    g_autoptr(DrvDir) dir = NULL;
    struct dirent *entry;
    struct stat info;
    int list_fd;

    if (fd < 0)
        return errno == ELOOP ||
               drv_throw_errno(error, "cannot sync '%s/%s'", where, name);
    if (fsync(fd) < 0 || fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot sync '%s/%s'", where, name);
    if (!S_ISDIR(info.st_mode))
        return TRUE;
    list_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !sync_tree(fd, where, entry->d_name, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
sync_all(DrvStage *stage, char **words, GError **error)
{
    for (guint i = 0; words[i] && *words[i]; i += 3) {
        if (strcmp(words[i], "put") == 0 &&
            !sync_tree(stage->fd, stage->path, words[i + 1], error))
            return FALSE;
    }
    return TRUE;
}

gboolean
drv_stage_commit(DrvStage *stage, GError **error)
{
    g_auto(GStrv) words = g_strsplit(stage->plan->str, "\n", -1);
    gboolean several = stage->n_steps > 1;

    for (guint i = 0; words[i]; i++) {
        char *plain = g_uri_unescape_string(words[i], NULL);

        g_free(words[i]);
        words[i] = plain;
    }
    if (!sync_all(stage, words, error) || !drv_cancel_check(error))
        return FALSE;
    /* One rename is atomic by itself; several are made so by the plan. */
    if (several &&
        !drv_stage_write_note(stage->fd, stage->path, PLAN_NAME, stage->plan->str, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    stage->half_done = several;
    if (!do_plan(stage, words, FALSE, error))
        return FALSE;
    stage->half_done = FALSE;
    if (several && unlinkat(stage->fd, PLAN_NAME, 0) < 0)
        return drv_throw_errno(error, "cannot end the plan in '%s'", stage->path);
    g_string_truncate(stage->plan, 0);
    stage->n_steps = 0;
    return empty_stage(stage, TRUE, error);
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
    stage->where = g_strdup(where);
    stage->name = g_strdup(name);
    stage->path = g_build_filename(where, name, NULL);
    stage->plan = g_string_new(NULL);
    return stage;
}

/* A file's name may be as long as a name can be; the stage's must be longer. */
static char *
stage_name(const char *key)
{
    g_autofree char *digest = NULL;

    if (strlen(key) <= NAME_MAX - strlen(STAGE_PREFIX))
        return g_strconcat(STAGE_PREFIX, key, NULL);
    digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    return g_strconcat(STAGE_PREFIX, digest, NULL);
}

DrvStage *
drv_stage_open(int dir_fd, const char *where, const char *key, GError **error)
{
    g_autofree char *name = stage_name(key);
    g_autoptr(DrvStage) stage = stage_new(dir_fd, where, name);
    guint64 timeout_s;

    if (!lock_timeout(&timeout_s, error) || !claim(stage, timeout_s, error) ||
        !recover(stage, error))
        return NULL;
    return g_steal_pointer(&stage);
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

int
drv_stage_dir_fd(const DrvStage *stage)
{
    return stage->dir_fd;
}

gboolean
drv_stage_link(DrvStage *stage, const char *name, const char *target, GError **error)
{
    if (symlinkat(target, stage->fd, name) < 0)
        return drv_throw_errno(error, "cannot make link '%s/%s'", stage->path, name);
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

    if (!try_claim(dir_fd, where, name, stage, &busy, &error) ||
        (!busy && !recover(stage, &error)))
        drv_ignore(&error, "sweeping is tried again by the next action");
}

void
drv_stage_sweep(int dir_fd, const char *where)
{
    int list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DrvDir) dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (g_str_has_prefix(entry->d_name, STAGE_PREFIX))
            sweep_one(dir_fd, where, entry->d_name);
    }
}
