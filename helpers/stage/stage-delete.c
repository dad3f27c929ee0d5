/* SPDX-License-Identifier: Apache-2.0 */
/* Deletions.  They are the way out of a full file system, where neither a stage's
 * directory nor its plan may find a block, so without room they are done name by name.
 * Killed in between, the same deletion does the rest.
 */
#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "stage/stage-private.h"

gboolean
drv_stage_open_to_delete(
    int dir_fd, const char *where, const char *key, DrvStage **stage, GError **error)
{
    g_autoptr(GError) why = NULL;

    *stage = drv_stage_open(dir_fd, where, key, &why);
    if (*stage)
        return TRUE;
    if (drv_error_is(why, DRV_ERROR_NO_SPACE)) {
        drv_ignore(&why, "what is to go is deleted without a stage");
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
delete_each(int dir_fd, const char *where, const char *const *targets, GError **error)
{
    for (guint i = 0; targets[i]; i++) {
        if (!drv_path_remove_tree(dir_fd, where, targets[i], error))
            return FALSE;
    }
    return drv_path_sync_dir(dir_fd, where, error);
}

gboolean
drv_stage_delete(DrvStage *stage,
                 int dir_fd,
                 const char *where,
                 const char *const *targets,
                 GError **error)
{
    g_autoptr(GError) why = NULL;

    if (stage == NULL)
        return delete_each(dir_fd, where, targets, error);
    for (guint i = 0; targets[i]; i++)
        drv_stage_remove(stage, targets[i]);
    /* What is gone from its place may still be there: an immutable file, another mount.
     */
    if (drv_stage_commit(stage, &why))
        return drv_stage_empty(stage, TRUE, error) ||
               drv_prefix(error, "cannot remove all that was to go");
    if (drv_error_is(why, DRV_ERROR_NO_SPACE) && !stage->half_done) {
        drv_ignore(&why, "what is to go is deleted without a plan");
        return delete_each(dir_fd, where, targets, error);
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}
