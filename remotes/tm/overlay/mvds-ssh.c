/* SPDX-License-Identifier: Apache-2.0 */
/* mvds.ssh: what ln.ssh has brought to a host becomes the image again, with all
 * snapshots.
 *
 * The disk stays where it is until it is deleted with its VM: so running it again is no
 * different from running it once, and no failure in between costs the only copy.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"
#include "tm/ops/tm-layout.h"
#include "tm/ops/tm-tree.h"
#include "tm/tm.h"

extern const DrvOp overlay_unlink;

typedef struct {
    const TmDisk *disk;
    const char *disk_name;
    char *name; /* of the image, and of its snapshots' directory */
    char *snap;
    DrvStage *stage;
} Return;

static void
return_clear(Return *to)
{
    g_clear_pointer(&to->stage, drv_stage_free);
    g_free(to->name);
    g_free(to->snap);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Return, return_clear)

/* A host that has not mounted the datastore would keep the image for itself. */
static gboolean
open_image(Return *to, const char *image, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(image);
    g_auto(DrvFd) fd = drv_path_open_dir(dir, error);

    to->name = g_path_get_basename(image);
    to->snap = g_strconcat(to->name, ".snap", NULL);
    if (fd < 0)
        return FALSE;
    if (!drv_path_exists(fd, to->name))
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "'%s' is not on this host, which may not have mounted it",
                         image);
    to->stage = drv_stage_open(fd, dir, to->name, error);
    return to->stage != NULL;
}

static gboolean
copy(const Return *to, const char *from, const char *as, GError **error)
{
    return tm_tree_copy(to->disk->base_fd, from, drv_stage_fd(to->stage), as, error);
}

static gboolean
copy_single(const Return *to, GError **error)
{
    g_auto(DrvFd) snap_fd = drv_path_open_beneath(to->disk->base_fd,
                                                  to->disk->base,
                                                  to->disk->snap_dir,
                                                  O_RDONLY | O_DIRECTORY,
                                                  0,
                                                  error);

    return snap_fd >= 0 &&
           tm_tree_copy(snap_fd, "0", drv_stage_fd(to->stage), to->name, error);
}

static gboolean
copy_chain(const Return *to, GError **error)
{
    g_autofree char *number = g_path_get_basename(to->disk->file);
    g_autofree char *head = g_strconcat(to->snap, "/", NULL);
    g_autofree char *text = g_strconcat(head, number, NULL);
    gboolean single;

    if (!tm_overlay_check(to->disk, to->disk->file, error) ||
        !tm_overlay_is_single(to->disk, &single, error))
        return FALSE;
    if (single)
        return copy_single(to, error);
    return copy(to, to->disk->snap_dir, to->snap, error) &&
           drv_stage_link(to->stage, to->name, text, error) &&
           tm_layout_name(drv_stage_fd(to->stage),
                          drv_stage_path(to->stage),
                          to->snap,
                          head,
                          NULL,
                          error);
}

static gboolean
copy_plain(const Return *to, GError **error)
{
    return copy(to, to->disk_name, to->name, error) &&
           (!drv_path_exists(to->disk->base_fd, to->disk->snap_dir) ||
            copy(to, to->disk->snap_dir, to->snap, error));
}

static gboolean
publish(const Return *to, GError **error)
{
    g_autofree char *sum = g_strconcat(to->name, ".md5sum", NULL);

    drv_stage_remove(to->stage, sum);
    drv_stage_remove(to->stage, to->snap);
    if (drv_path_exists(drv_stage_fd(to->stage), to->snap))
        drv_stage_publish(to->stage, to->snap, to->snap);
    drv_stage_publish(to->stage, to->name, to->name);
    return drv_stage_commit(to->stage, error);
}

static gboolean
return_disk(const TmStore *request, const TmDir *dir, const TmDisk *disk, GError **error)
{
    g_autofree char *image = tm_dir_image_path(dir, request->image);
    g_auto(Return) to = { .disk = disk, .disk_name = dir->disk };

    return open_image(&to, image, error) &&
           (disk->kind == TM_DISK_CHAIN ? copy_chain(&to, error)
                                        : copy_plain(&to, error)) &&
           publish(&to, error);
}

static gboolean
run_mvds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmStore *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_auto(TmDisk) disk = TM_DISK_INIT;
    g_autoptr(DrvStage) stage = NULL;

    if (!tm_dir_open(&dir, request->target, FALSE, error))
        return FALSE;
    stage = drv_stage_open(dir.fd, dir.path, dir.disk, error);
    if (stage == NULL || !tm_disk_look(&disk, &dir, error))
        return FALSE;
    if (disk.kind == TM_DISK_MISSING)
        return drv_throw(error, DRV_ERROR_NOT_FOUND, "'%s' is missing", request->target);
    if (disk.kind == TM_DISK_CHAIN || disk.kind == TM_DISK_PLAIN)
        return return_disk(request, &dir, &disk, error);
    g_clear_pointer(&stage, drv_stage_free);
    return overlay_unlink.run(request, in, result, error); /* it is the image itself */
}

const DrvOp overlay_mvds_ssh = { .name = "overlay.mvds_ssh",
                                 .request = &tm_mvds,
                                 .run = run_mvds };
DRV_OP_REGISTER(overlay_mvds_ssh);
