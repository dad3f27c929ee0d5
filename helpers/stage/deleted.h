/* SPDX-License-Identifier: Apache-2.0 */
/* stage/deleted.h - the waiting room: what is deleted can come back for some hours.
 *
 * A deletion renames: "img" in a datastore's directory becomes ".deleted-<id>-img" there,
 * and "25/disk.0" becomes ".deleted-<id>-25+disk.0".  <id> is the time and four random
 * digits, the same for all names of one deletion.  So it is one step, nothing crosses a
 * file system, and the name says all that is needed to bring it back.
 *
 * one-native.conf: UNDELETE_HOURS (0: off), UNDELETE_QUOTA_MB of each datastore (0:
 * none), UNDELETE_MIN_FREE, the percent of its file system that stay free: the oldest go
 * first.
 */
#pragma once

#include <glib.h>

#include "stage/stage.h"

#define DRV_DELETED_ID 21 /* characters: "20261128T003137Z-1a2b" */

/* As drv_stage_delete(), but where the setting says so, @targets stay under such names;
 * @dir_fd is the datastore's directory, @targets are "name" or "25/name".  Without a
 * stage (no block is left) they go.
 */
gboolean drv_deleted_delete(DrvStage *stage,
                            int dir_fd,
                            const char *where,
                            const char *const *targets,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* *on: deletions are kept at the moment. */
gboolean drv_deleted_is_on(gboolean *on, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove what is older than the setting says, or more than quota and free space allow,
 * the oldest first.  Logs, never fails.
 */
void drv_deleted_trim(int dir_fd, const char *where);

/* One deletion in the datastore @where. */
typedef struct {
    char id[DRV_DELETED_ID + 1];
    char *where;
    GPtrArray *names; /* as they were: "25/disk.0", "25/disk.0.snap" */
    gint64 when;      /* seconds since 1970 */
    guint64 bytes;    /* on disk */
} DrvDeleted;

void drv_deleted_free(gpointer deleted); /* a DrvDeleted, or NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDeleted, drv_deleted_free)

/* All of a datastore, oldest first; with @sizes, trees are walked for their bytes. */
GPtrArray *
drv_deleted_list(int dir_fd, const char *where, gboolean sizes, GError **error);

/* Give them their names back.  DRV_ERROR_EXISTS when one is taken meanwhile,
 * DRV_ERROR_NOT_FOUND when its directory is gone.
 */
gboolean drv_deleted_restore(const DrvDeleted *deleted,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
