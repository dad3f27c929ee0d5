/* SPDX-License-Identifier: Apache-2.0 */
/* delete: what is named goes at once, by a rename, and is then removed.  A persistent
 * disk is a link, and only the link goes.
 */
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "stage/deleted.h"
#include "tm/ops/tm-dir.h"
#include "tm/tm.h"

/* What killed drivers left with the disk's image, for which this is the way back. */
static void
sweep_datastore(const TmDelete *request, const TmDir *dir)
{
    g_autofree char *root = g_path_get_dirname(dir->ds_path);
    g_autofree char *path = g_strdup_printf("%s/%" G_GINT64_FORMAT, root, request->ds_id);
    g_auto(DrvFd) fd = drv_path_open_dir(path, NULL);

    if (fd >= 0)
        drv_stage_sweep(fd, path);
}

/* The disk's own stage is held, and it is kept in the datastore: in the VM's directory it
 * would travel with the VM.
 */
static gboolean
keep_disk(TmDir *dir, GError **error)
{
    g_autofree char *disk = g_build_filename(dir->vm, dir->disk, NULL);
    g_autofree char *snap = g_strconcat(disk, ".snap", NULL);
    g_autofree char *key = g_strconcat("deleted-", dir->vm, "-", dir->disk, NULL);
    const char *const targets[] = { disk, snap, NULL };
    g_autoptr(DrvStage) stage = NULL;

    return drv_stage_open_to_delete(dir->ds_fd, dir->ds_path, key, &stage, error) &&
           drv_deleted_delete(stage, dir->ds_fd, dir->ds_path, targets, error);
}

static gboolean
delete_disk(TmDir *dir, GError **error)
{
    g_autofree char *snap = g_strconcat(dir->disk, ".snap", NULL);
    const char *const targets[] = { dir->disk, snap, NULL };
    g_autoptr(DrvStage) stage = NULL;
    gboolean keep;

    if (!drv_deleted_is_on(&keep, error) ||
        !drv_stage_open_to_delete(dir->fd, dir->path, dir->disk, &stage, error))
        return FALSE;
    return stage && keep ? keep_disk(dir, error)
                         : drv_stage_delete(stage, dir->fd, dir->path, targets, error);
}

static gboolean
delete_dir(
    const TmDelete *request, int ds_fd, const char *ds, const char *name, GError **error)
{
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, request->vm_id);
    const char *const targets[] = { name, NULL };
    g_autoptr(DrvStage) stage = NULL;

    if (!g_str_equal(name, number))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s/%s' is not the directory of VM %s",
                         ds,
                         name,
                         number);
    drv_stage_sweep(ds_fd, ds);
    drv_deleted_trim(ds_fd, ds);
    return drv_stage_open_to_delete(ds_fd, ds, name, &stage, error) &&
           drv_deleted_delete(stage, ds_fd, ds, targets, error);
}

static gboolean
delete_target(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmDelete *request = data;
    g_autofree char *clean = drv_path_collapse(request->target);
    g_autofree char *name = g_path_get_basename(clean);
    g_autofree char *directory = g_path_get_dirname(clean);
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_autoptr(GError) why = NULL;

    (void)in, (void)result;
    /* For a disk the directory is the VM's, for a VM it is the datastore's. */
    if (!g_file_test(directory, G_FILE_TEST_IS_DIR))
        return TRUE;
    if (request->disk_id < 0 && g_ascii_isdigit(*name)) {
        g_auto(DrvFd) ds_fd = drv_path_open_dir(directory, error);

        return ds_fd >= 0 && delete_dir(request, ds_fd, directory, name, error);
    }
    if (!tm_dir_open(&dir, request->target, FALSE, &why)) {
        if (drv_error_is(why, DRV_ERROR_NOT_FOUND))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    sweep_datastore(request, &dir);
    return delete_disk(&dir, error);
}

const DrvOp tm_delete_op = { .name = "tm.delete",
                             .request = &tm_delete,
                             .run = delete_target };
DRV_OP_REGISTER(tm_delete_op);
