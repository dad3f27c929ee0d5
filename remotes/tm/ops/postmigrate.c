/* SPDX-License-Identifier: Apache-2.0 */
/* postmigrate on shared storage: when the VM went to another system datastore, its old
 * directory goes, but only once all that is in it is in the new one, too.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "stage/stage.h"
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
    const char *const targets[] = { vm, NULL };
    g_auto(DrvFd) fd = -1;
    g_autoptr(DrvStage) stage = NULL;
    g_autoptr(GError) why = NULL;

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
    if (!tm_is_unused(fd, old_ds, vm, error))
        return FALSE;
    if (!tm_has_arrived("", target, fd, old_ds, vm, &why)) {
        /* The VM runs there: an error would make the front-end look for it here. */
        drv_warn("the directory stays in the old datastore, too: %s", why->message);
        return TRUE;
    }
    return drv_stage_delete(stage, fd, old_ds, targets, error);
}

const DrvOp tm_postmigrate_op = {
    .name = "tm.postmigrate",
    .request = &tm_migrate,
    .run = clean_source,
    .where = where,
};
DRV_OP_REGISTER(tm_postmigrate_op);
