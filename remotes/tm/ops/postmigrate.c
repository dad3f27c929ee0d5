/* SPDX-License-Identifier: Apache-2.0 */
/* postmigrate on shared storage: when the VM went to another system datastore, its old
 * directory goes, but only once all that is in it is in the new one, too.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "tm/ops/arrived.h"
#include "tm/tm.h"

static DrvWhere
where(gconstpointer data)
{
    const TmMigrate *request = data;

    return request->old_ds_id < 0 || request->old_ds_id == request->new_ds_id
               ? DRV_NOWHERE
               : DRV_AT_DATA;
}

static gboolean
clean_source(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmMigrate *request = data;
    g_autofree char *target = drv_path_collapse(request->target);
    g_autofree char *vm = g_path_get_basename(target);
    g_autofree char *new_ds = g_path_get_dirname(target);
    g_autofree char *root = g_path_get_dirname(new_ds);
    g_autofree char *old_ds =
        g_strdup_printf("%s/%" G_GINT64_FORMAT, root, request->old_ds_id);
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, request->vm_id);
    g_auto(DrvFd) fd = -1;
    g_autoptr(DrvStage) stage = NULL;
    TmLeft left = { .ds = old_ds,
                    .vm = vm,
                    .host = "",
                    .target = target,
                    .place = "in the old datastore" };

    (void)in, (void)result;
    if (!g_str_equal(vm, number) || !g_file_test(target, G_FILE_TEST_IS_DIR) ||
        g_str_equal(old_ds, new_ds))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s' is not there, so the directory in '%s' is kept",
                         target,
                         old_ds);
    fd = drv_path_open_dir(old_ds, error);
    if (fd < 0)
        return FALSE;
    /* First of all, so that what another one began is finished. */
    if (!drv_stage_open_to_delete(fd, old_ds, vm, &stage, error))
        return FALSE;
    if (!drv_path_exists(fd, vm))
        return TRUE;
    left.stage = stage;
    left.ds_fd = fd;
    return tm_left_remove(&left, error);
}

const DrvOp tm_postmigrate_op = {
    .name = "tm.postmigrate",
    .request = &tm_migrate,
    .run = clean_source,
    .where = where,
};
DRV_OP_REGISTER(tm_postmigrate_op);
