/* SPDX-License-Identifier: Apache-2.0 */
/* Actions with the suffix ".ssh": the image is in the pool, and the disk a file in the
 * VM's directory on its host's own storage.
 */
#include <fcntl.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "rbd/tree.h"
#include "rbd/write.h"
#include "tm/ceph/ceph.h"
#include "tm/ops/tm-dir.h"
#include "tm/ops/tm-image.h"

/* --- clone, ln: from the pool
 * ----------------------------------------------------------------
 */

static gboolean
export_image(const CephClone *request, int fd, GError **error)
{
    const TmClone *clone = &request->clone;
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_autoptr(DrvRbdPool) pool = NULL;
    g_auto(DrvRbdImage) image = NULL;

    if (!drv_rbd_site_split(clone->source, &where, &name, error))
        return FALSE;
    pool = drv_rbd_pool_open(&request->disk.site, where, error);
    if (pool == NULL || !drv_rbd_step_pass(pool, name, drv_rbd_tree_settle, error))
        return FALSE;
    image = drv_rbd_image_open(pool, name, DRV_RBD_LOOK, error);
    return image && drv_rbd_read_file(pool, image, fd, error) &&
           (clone->size_mb <= clone->original_size_mb ||
            tm_raw_grow(fd, clone->size_mb * DRV_MIB, !clone->sparse, "disk", error));
}

static gboolean
run_clone(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const CephClone *request = data;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_autoptr(DrvStage) stage = NULL;
    g_auto(DrvFd) fd = -1;

    (void)in, (void)result;
    if (!tm_dir_open(&dir, request->clone.target, TRUE, error) ||
        !tm_dir_monitor(dir.ds_path, error))
        return FALSE;
    stage = drv_stage_open(dir.fd, dir.path, dir.disk, error);
    fd = stage ? drv_stage_create(stage, "new", error) : -1;
    if (fd < 0 || !export_image(request, fd, error))
        return FALSE;
    drv_stage_publish(stage, "new", dir.disk);
    return drv_stage_commit(stage, error) && tm_dir_keep(&dir);
}

static const DrvOp clone_op = { .name = "ceph.tm.clone_ssh",
                                .request = &ceph_tm_clone,
                                .run = run_clone };
DRV_OP_REGISTER(clone_op);

/* --- mvds, cpds: into the pool
 * ---------------------------------------------------------------
 */

static gboolean
fill(DrvRbdPool *pool, DrvRbdImage image, gpointer data, GError **error)
{
    return drv_rbd_write_stream(pool, image, data, error);
}

typedef gboolean (*Put)(
    DrvRbdPool *pool, const char *name, DrvRbdFill fill, gpointer data, GError **error);

static gboolean
store(const CephStore *request, Put put, GError **error)
{
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_auto(TmDir) dir = TM_DIR_INIT;
    g_autoptr(DrvSource) source = NULL;
    g_autoptr(DrvRbdPool) pool = NULL;
    int fd;

    if (!drv_rbd_site_split(request->store.image, &where, &name, error) ||
        !tm_dir_open(&dir, request->store.target, FALSE, error))
        return FALSE;
    fd = drv_path_open_beneath(dir.fd, dir.path, dir.disk, O_RDONLY, 0, error);
    if (fd < 0)
        return FALSE;
    source = drv_source_new_fd(fd, dir.disk);
    pool = drv_rbd_pool_open(&request->disk.site, where, error);
    return pool && put(pool, name, fill, source, error);
}

static gboolean
run_mvds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return store(data, drv_rbd_tree_put, error);
}

static gboolean
run_cpds(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return store(data, drv_rbd_tree_make, error);
}

static const DrvOp mvds_op = { .name = "ceph.tm.mvds_ssh",
                               .request = &ceph_tm_mvds,
                               .run = run_mvds };
DRV_OP_REGISTER(mvds_op);

static const DrvOp cpds_op = { .name = CEPH_CPDS_SSH,
                               .request = &ceph_tm_cpds,
                               .run = run_cpds };
DRV_OP_REGISTER(cpds_op);
