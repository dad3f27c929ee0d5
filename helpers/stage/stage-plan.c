/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a stage: names to put and to take.  One rename is atomic by itself. Several
 * are made so by writing the plan down first: who dies in the middle is succeeded by one
 * who finishes it.  A step that fails is answered by taking the ones before it back.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"
#include "stage/stage-private.h"

#define SYNC_STEP ((off_t)32 * 1024 * 1024) /* bytes between two looks for a stop */

typedef DIR DrvDir;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDir, closedir)

/* --- making a plan -------------------------------------------------------------------
 */

void
drv_stage_step_free(gpointer data)
{
    DrvStageStep *step = data;

    g_free(step->name);
    g_free(step->target);
    g_free(step);
}

static void
add_step(GPtrArray *steps, gboolean put, const char *name, const char *target)
{
    DrvStageStep *step = g_new0(DrvStageStep, 1);

    step->put = put;
    step->name = g_strdup(name);
    step->target = g_strdup(target);
    g_ptr_array_add(steps, step);
}

void
drv_stage_publish(DrvStage *stage, const char *name, const char *target)
{
    add_step(stage->steps, TRUE, name, target);
}

void
drv_stage_remove(DrvStage *stage, const char *target)
{
    g_autofree char *name = g_strdup_printf("taken.%u", stage->n_taken++);

    add_step(stage->steps, FALSE, name, target);
}

void
drv_stage_set_aside(DrvStage *stage, const char *target, const char *aside)
{
    DrvStageStep *step;

    add_step(stage->steps, FALSE, aside, target);
    step = stage->steps->pdata[stage->steps->len - 1];
    step->keep = TRUE;
}

/* The plan as a note: three lines per step, "put NAME TARGET", "take TARGET NAME" or
 * "keep TARGET NAME".
 */
static char *
plan_text(const DrvStage *stage)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < stage->steps->len; i++) {
        const DrvStageStep *step = stage->steps->pdata[i];
        g_autofree char *name = g_uri_escape_string(step->name, "/.", FALSE);
        g_autofree char *target = g_uri_escape_string(step->target, "/.", FALSE);

        if (step->put)
            g_string_append_printf(text, "put\n%s\n%s\n", name, target);
        else
            g_string_append_printf(
                text, "%s\n%s\n%s\n", step->keep ? "keep" : "take", target, name);
    }
    return g_string_free(text, FALSE);
}

static gboolean
is_step(char **words)
{
    return (g_str_equal(words[0], "put") || g_str_equal(words[0], "take") ||
            g_str_equal(words[0], "keep")) &&
           words[1] && *words[1] && words[2] && *words[2];
}

static gboolean
read_plan(DrvStage *stage, char **words, GError **error)
{
    for (guint i = 0; words[i] && *words[i]; i += 3) {
        gboolean put = g_str_equal(words[i], "put");

        if (!is_step(words + i))
            return drv_throw(
                error, DRV_ERROR_FAILED, "'%s/plan' is damaged", stage->path);
        if (g_str_equal(words[i], "keep"))
            drv_stage_set_aside(stage, words[i + 1], words[i + 2]);
        else
            add_step(stage->steps,
                     put,
                     words[put ? i + 1 : i + 2],
                     words[put ? i + 2 : i + 1]);
    }
    return TRUE;
}

/* --- doing it -------------------------------------------------------------------------
 */

/* Where a step's other name is. */
static int
step_fd(const DrvStage *stage, const DrvStageStep *step)
{
    return step->keep ? stage->dir_fd : stage->fd;
}

/* Steps can be done again: what has moved is not there to be moved a second time. */
static gboolean
do_step(DrvStage *stage, DrvStageStep *step, gboolean again, GError **error)
{
    step->replaced = step->put && drv_path_exists(stage->dir_fd, step->target);
    if (step->put)
        step->done = drv_stage_rename(stage->fd,
                                      step->name,
                                      stage->dir_fd,
                                      step->target,
                                      stage->where,
                                      again,
                                      error);
    else if (again && drv_path_exists(step_fd(stage, step), step->name))
        step->done = TRUE; /* and what is at the target now is what was put there */
    else
        step->done = drv_stage_rename(stage->dir_fd,
                                      step->target,
                                      step_fd(stage, step),
                                      step->name,
                                      stage->where,
                                      TRUE,
                                      error);
    return step->done;
}

static gboolean
do_steps(DrvStage *stage, gboolean again, GError **error)
{
    for (guint i = 0; i < stage->steps->len; i++) {
        if (!do_step(stage, stage->steps->pdata[i], again, error))
            return FALSE;
    }
    for (guint i = 0; i < stage->steps->len; i++) {
        const DrvStageStep *step = stage->steps->pdata[i];

        if (!drv_stage_sync_parent(stage->dir_fd, stage->where, step->target, error))
            return FALSE;
    }
    return TRUE;
}

/* The other way round, from the last step done.  FALSE when there is no way back. */
static gboolean
undo_steps(DrvStage *stage)
{
    g_autoptr(GError) ignored = NULL;
    gboolean ok = TRUE;

    for (guint i = stage->steps->len; i > 0 && ok; i--) {
        const DrvStageStep *step = stage->steps->pdata[i - 1];

        if (!step->done)
            continue;
        ok = !step->replaced && (step->put ? drv_stage_rename(stage->dir_fd,
                                                              step->target,
                                                              stage->fd,
                                                              step->name,
                                                              stage->where,
                                                              FALSE,
                                                              &ignored)
                                           : drv_stage_rename(step_fd(stage, step),
                                                              step->name,
                                                              stage->dir_fd,
                                                              step->target,
                                                              stage->where,
                                                              FALSE,
                                                              &ignored));
    }
    drv_ignore(&ignored, "the plan stays for the next action");
    return ok;
}

/* What is not there need not be taken; and when a plan is done again, what is there then
 * is what it has put.
 */
static void
drop_absent(DrvStage *stage)
{
    for (guint i = stage->steps->len; i > 0; i--) {
        const DrvStageStep *step = stage->steps->pdata[i - 1];

        if (!step->put && !drv_path_exists(stage->dir_fd, step->target))
            g_ptr_array_remove_index(stage->steps, i - 1);
    }
}

/* --- durability
 * --------------------------------------------------------------------------- */

/* fsync() cannot be interrupted, so the data go out in pieces before. */
static gboolean
sync_file(int fd, off_t size, const char *where, const char *name, GError **error)
{
    for (off_t at = 0; at < size; at += SYNC_STEP) {
        if (!drv_cancel_check(error))
            return FALSE;
        if (drv_fd_sync_range(fd, (guint64)at, SYNC_STEP, TRUE) < 0)
            return drv_throw_errno(error, "cannot sync '%s/%s'", where, name);
    }
    return TRUE;
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
    if (fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot sync '%s/%s'", where, name);
    if (S_ISREG(info.st_mode) && !sync_file(fd, info.st_size, where, name, error))
        return FALSE;
    if (fsync(fd) < 0)
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
sync_all(DrvStage *stage, GError **error)
{
    for (guint i = 0; i < stage->steps->len; i++) {
        const DrvStageStep *step = stage->steps->pdata[i];

        if (step->put && !sync_tree(stage->fd, stage->path, step->name, error))
            return FALSE;
    }
    return TRUE;
}

/* --- commit and recovery
 * --------------------------------------------------------------------- */

static gboolean
remove_note(const DrvStage *stage, const char *name, GError **error)
{
    if (!drv_path_exists(stage->fd, name))
        return TRUE;
    if (unlinkat(stage->fd, name, 0) < 0 && errno != ENOENT)
        return drv_throw_errno(error, "cannot remove '%s/%s'", stage->path, name);
    return TRUE;
}

/* Without its plan a stage is nothing; with its plan, and half empty, it would do harm.
 */
gboolean
drv_stage_empty(DrvStage *stage, gboolean keep_promise, GError **error)
{
    g_auto(DrvFd) list_fd = openat(stage->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DrvDir) dir = NULL;
    struct dirent *entry;

    if (list_fd < 0 || !(dir = fdopendir(list_fd)))
        return drv_throw_errno(error, "cannot list '%s'", stage->path);
    (void)drv_fd_steal(&list_fd); /* the stream's now */
    if (!remove_note(stage, DRV_STAGE_PLAN, error) ||
        (!keep_promise && !remove_note(stage, DRV_STAGE_PROMISE, error)))
        return FALSE;
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strcmp(entry->d_name, DRV_STAGE_LOCK) == 0 ||
            strcmp(entry->d_name, DRV_STAGE_PROMISE) == 0)
            continue;
        if (!drv_path_remove_tree(stage->fd, stage->path, entry->d_name, error))
            return FALSE;
    }
    return TRUE;
}

static DrvStageSettle settle;

void
drv_stage_set_settle(DrvStageSettle function)
{
    settle = function;
}

static gboolean
settle_promise(DrvStage *stage, GError **error)
{
    if (!drv_path_exists(stage->fd, DRV_STAGE_PROMISE))
        return TRUE;
    if (settle == NULL)
        return drv_throw(error,
                         DRV_ERROR_UNSUPPORTED,
                         "cannot settle a promise in '%s': not by this program",
                         stage->path);
    return settle(stage->fd, stage->dir_fd, stage->where, error);
}

gboolean
drv_stage_recover(DrvStage *stage, GError **error)
{
    DRV_CANCEL_SHIELD();
    g_auto(GStrv) words = NULL;

    stage->half_done = TRUE; /* a plan that cannot be read may be */
    if (!drv_stage_read_journal(stage->fd, DRV_STAGE_PLAN, &words, error))
        return FALSE;
    /* If this fails, the next owner tries again. */
    stage->half_done = words || drv_path_exists(stage->fd, DRV_STAGE_PROMISE);
    if (words) {
        drv_info("completing an interrupted change in '%s'", stage->where);
        if (!read_plan(stage, words, error) || !do_steps(stage, TRUE, error))
            return FALSE;
        g_ptr_array_set_size(stage->steps, 0);
    }
    if (!settle_promise(stage, error) || !drv_stage_empty(stage, FALSE, error))
        return FALSE;
    stage->half_done = FALSE;
    return TRUE;
}

static gboolean
prepare(DrvStage *stage, GError **error)
{
    g_autofree char *text = NULL;

    DRV_STATUS_WAIT("disk");

    drop_absent(stage);
    if (!sync_all(stage, error) || !drv_cancel_check(error))
        return FALSE;
    text = plan_text(stage);
    return stage->steps->len <= 1 ||
           drv_stage_write_journal(stage->fd, stage->path, DRV_STAGE_PLAN, text, error);
}

/* The steps have failed: TRUE when they are taken back, FALSE when the names stay as they
 * are, for the next owner to finish what is left.
 */
static gboolean
take_back(DrvStage *stage, GError **error)
{
    if (undo_steps(stage)) {
        stage->half_done = FALSE;
        return TRUE;
    }
    if (stage->half_done)
        (void)drv_prefix(
            error, "the next action in '%s' will complete this", stage->where);
    return FALSE;
}

static gboolean
perform(DrvStage *stage, GError **error)
{
    stage->half_done = stage->steps->len > 1;
    return do_steps(stage, FALSE, error);
}

static void
conclude(DrvStage *stage)
{
    g_autoptr(GError) why = NULL;

    stage->half_done = FALSE;
    g_ptr_array_set_size(stage->steps, 0);
    if (!drv_stage_empty(stage, TRUE, &why))
        drv_ignore(&why, "all is done, and the stage is emptied once more at the end");
}

gboolean
drv_stage_adopt(DrvStage *stage, int from_fd, const char *name, GError **error)
{
    return drv_stage_rename(from_fd, name, stage->fd, name, stage->where, FALSE, error);
}

gboolean
drv_stage_commit(DrvStage *stage, GError **error)
{
    if (!prepare(stage, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    if (!perform(stage, error)) {
        (void)take_back(stage, error);
        return FALSE;
    }
    conclude(stage);
    return TRUE;
}

gboolean
drv_stage_commit_both(DrvStage *first, DrvStage *then, GError **error)
{
    if (!prepare(first, error) || !prepare(then, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    if (!perform(first, error)) {
        (void)take_back(first, error);
        return FALSE;
    }
    if (perform(then, error)) {
        conclude(first);
        conclude(then);
        return TRUE;
    }
    if (take_back(then, error))
        (void)take_back(first, error);
    else
        conclude(first); /* the second needs it */
    return FALSE;
}
