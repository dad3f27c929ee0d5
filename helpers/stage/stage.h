/* SPDX-License-Identifier: Apache-2.0 */
/* stage/stage.h - lock, workshop and journal of one change, in one hidden directory.
 *
 * A stage is the directory ".drv-<key>" beside what is going to change.  Holding it is
 * the lock on <key>; new files are made inside it; and when all are ready, the list of
 * names to put and take is written into it and done.  If the process dies, the next one
 * that opens the stage finishes the list if it was complete, and otherwise throws the
 * stage away: nothing visible had changed.  docs/stage.md has the reasons.
 *
 *     g_autoptr(DrvStage) stage = drv_stage_open(dir_fd, dir, "disk.0", error);
 *     ... make "new" below drv_stage_fd(stage) ...
 *     drv_stage_publish(stage, "new", "disk.0");
 *     drv_stage_remove(stage, "disk.0.snap");
 *     if (!drv_stage_commit(stage, error)) ...
 *
 * Freeing without commit discards what was made.  A stage whose owner lives is waited
 * for, up to LOCK_TIMEOUT seconds (one-native.conf, default 120).
 */
#pragma once

#include <glib.h>

typedef struct DrvStage DrvStage;

/* Claim @key (one path component) in the directory @dir_fd; @where is that directory's
 * path. NULL with DRV_ERROR_BUSY when another process keeps it, or another @error.
 */
DrvStage *drv_stage_open(int dir_fd, const char *where, const char *key, GError **error);

/* The same for a @key that is a new name, which is not reported before the action has
 * ended well: freeing without drv_stage_leave_to_answer() also takes back what was put
 * there, and so does the next sweep when the process has died.  DRV_ERROR_EXISTS when it
 * is there.
 */
DrvStage *drv_stage_open_unpublished(int dir_fd,
                                     const char *where,
                                     const char *key,
                                     GError **error);

/* The last thing an op with a fresh name does once that is committed: the stage is
 * released, and the name stays if the answer gets out (base/answer.h).  Takes @stage.
 */
void drv_stage_leave_to_answer(DrvStage *stage);

void drv_stage_free(DrvStage *stage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvStage, drv_stage_free)

/* The stage's directory, to make things in; and its path (no trailing slash). */
int drv_stage_fd(const DrvStage *stage);
const char *drv_stage_path(const DrvStage *stage);

/* Plan: @name in the stage becomes @target in the directory ("disk.0" or, one level down,
 * "disk.0.snap/1"), in place of a file or link of that name.
 */
void drv_stage_publish(DrvStage *stage, const char *name, const char *target);

/* Plan: @target in the directory disappears, a file or a whole tree; fine if absent. */
void drv_stage_remove(DrvStage *stage, const char *target);

/* Plan: @target in the directory gets the name @aside there, which is new; it stays. */
void drv_stage_set_aside(DrvStage *stage, const char *target, const char *aside);

/* Move @name, made in the directory @from_fd of the same file system, into the stage. */
gboolean drv_stage_adopt(DrvStage *stage, int from_fd, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Sync what was made, and do the plan in its order, all or nothing.  The plan is empty
 * afterwards and the stage stays held.  When a step fails, those before it are taken
 * back; if even that fails, or a file was replaced already, the next owner will finish
 * the plan.
 */
gboolean drv_stage_commit(DrvStage *stage, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for two stages in different directories: when the second fails, the first is
 * taken back.  Killed in between, the first alone is done, so that must do no harm.
 */
gboolean drv_stage_commit_both(DrvStage *first,
                               DrvStage *then,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For deletions, which must work where no block is left to make a stage: TRUE with a NULL
 * *stage then.
 */
gboolean drv_stage_open_to_delete(int dir_fd,
                                  const char *where,
                                  const char *key,
                                  DrvStage **stage,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Take all of @targets (NULL-terminated; absent ones are fine) from the directory @dir_fd
 * and commit.  Where a plan finds no room, or with a NULL @stage, they go one after the
 * other, in this order.
 */
gboolean drv_stage_delete(DrvStage *stage,
                          int dir_fd,
                          const char *where,
                          const char *const *targets,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make symbolic link @name with text @target in the stage. */
gboolean drv_stage_link(DrvStage *stage,
                        const char *name,
                        const char *target,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Create file @name in the stage for writing; the descriptor, or -1. */
int drv_stage_create(DrvStage *stage,
                     const char *name,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Finish or discard what dead processes left in the directory.  Logs, never fails. */
void drv_stage_sweep(int dir_fd, const char *where);

/* A promise outlives commits: a change that only a later look can settle, written down
 * durably by who knows what it means (image/relink.c).  If its owner dies, the next owner
 * of the stage, whatever it came for, has it settled by this function; @stage_fd is where
 * the promise is, DRV_STAGE_PROMISE, and @dir_fd the directory @where.
 */
typedef gboolean (*DrvStageSettle)(int stage_fd,
                                   int dir_fd,
                                   const char *where,
                                   GError **error);

/* Once, where the program begins to run ops.  Without it, a promise is an error. */
void drv_stage_set_settle(DrvStageSettle settle);

/* It is not known what happened: leave the promise to the next owner. */
void drv_stage_leave(DrvStage *stage);
