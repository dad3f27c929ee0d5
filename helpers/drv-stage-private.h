/* SPDX-License-Identifier: Apache-2.0 */
/* drv-stage-private.h - what the files of drv-stage share. */
#pragma once

#include <glib.h>

#define DRV_STAGE_PROMISE "promise"

/* Settle the promise in the stage @stage_fd whose owner died, if there is one. */
gboolean drv_stage_settle_promise(int stage_fd,
                                  int dir_fd,
                                  const char *where,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Write @text as file @name in @dir_fd so that it is either absent or complete. */
gboolean drv_stage_write_note(int dir_fd,
                              const char *where,
                              const char *name,
                              const char *text,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Words of note @name, one per line with %-escapes undone; NULL when there is none. */
char **drv_stage_read_note(int dir_fd, const char *name);

/* rename(2) @from in @from_fd to @target ("a" or "a/b") below @dir_fd; folders on the way
 * are real ones.  With @missing_is_done, nothing to rename counts as done before.
 */
gboolean drv_stage_move(int from_fd,
                        const char *from,
                        int to_fd,
                        const char *to,
                        const char *where,
                        gboolean missing_is_done,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
