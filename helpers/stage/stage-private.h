/* SPDX-License-Identifier: Apache-2.0 */
/* stage/stage-private.h - what the files of drv-stage share. */
#pragma once

#include <glib.h>

#include "stage/stage.h"

#define DRV_STAGE_PREFIX ".drv-"
#define DRV_STAGE_FRESH ".new" /* behind a stage's name: the note of a fresh name */
#define DRV_STAGE_LOCK "lock"
#define DRV_STAGE_PLAN "plan"
#define DRV_STAGE_PROMISE "promise"

/* One line of the plan: @name in the stage becomes @target (put), or the reverse (take),
 * or @target becomes @name in the same directory (keep).
 */
typedef struct {
    gboolean put;
    gboolean keep;
    char *name;
    char *target;
    gboolean done;     /* the names have changed */
    gboolean replaced; /* something stood at @target, and is gone: no way back */
} DrvStageStep;

struct DrvStage {
    int dir_fd;       /* ours: a duplicate */
    int fd;           /* the stage's directory; -1 once it is removed */
    int lock_fd;      /* flock held */
    int note_fd;      /* of a new name, flock held; or -1 */
    char *note;       /* its first byte, mapped; or NULL */
    char *where;      /* the directory's path */
    char *name;       /* ".drv-<key>" */
    char *path;       /* where/name */
    char *fresh;      /* the new name; or NULL */
    GPtrArray *steps; /* DrvStageStep */
    guint n_taken;
    gboolean half_done; /* the plan must stay for the next owner */
};

/* --- stage/stage-plan.c ----------------------------------------------------------------
 */

void drv_stage_step_free(gpointer step);

/* What a dead owner left: a complete plan is performed, anything less is discarded. */
gboolean drv_stage_recover(DrvStage *stage, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove all that is in the stage but the lock and, if so asked, the promise; the plan
 * first.
 */
gboolean drv_stage_empty(DrvStage *stage,
                         gboolean keep_promise,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- stage/stage-unpublished.c
 * -----------------------------------------------------------------
 */

/* Hold the note that @stage is about to make its key as a new name. */
gboolean drv_stage_note_unpublished(DrvStage *stage,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Get ready for drv_stage_end_note(), which cannot fail then. */
gboolean drv_stage_prepare_note(DrvStage *stage,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The new name is known: it stays, from the first instruction on. */
void drv_stage_end_note(DrvStage *stage);

/* Take back the new name, if it was made, and the note. */
void drv_stage_forget_unpublished(DrvStage *stage);

/* TRUE when @entry of a directory is such a note. */
gboolean drv_stage_is_unpublished_note(const char *entry);

/* Settle note @entry, if its owner is dead. */
gboolean drv_stage_sweep_unpublished(int dir_fd,
                                     const char *where,
                                     const char *entry,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- stage/stage-journal.c
 * --------------------------------------------------------------------- */

/* Write @text as file @name in @dir_fd so that it is either absent or complete. */
gboolean drv_stage_write_journal(int dir_fd,
                                 const char *where,
                                 const char *name,
                                 const char *text,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* *words of note @name, one per line with %-escapes undone; NULL when there is none.  A
 * note that is there and cannot be read is an error: it may be a plan half done.
 */
gboolean drv_stage_read_journal(int dir_fd,
                                const char *name,
                                char ***words,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* rename(2) @from in @from_fd to @to ("a" or "a/b") below @to_fd; directories on the way
 * are real ones.  With @missing_is_done, nothing to rename counts as done before.
 */
gboolean drv_stage_rename(int from_fd,
                          const char *from,
                          int to_fd,
                          const char *to,
                          const char *where,
                          gboolean missing_is_done,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sync the directory in which @path ("a" or "a/b") below @dir_fd is. */
gboolean drv_stage_sync_parent(int dir_fd,
                               const char *where,
                               const char *path,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Both: drv_stage_rename(), and its directories synced. */
gboolean drv_stage_move(int from_fd,
                        const char *from,
                        int to_fd,
                        const char *to,
                        const char *where,
                        gboolean missing_is_done,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
