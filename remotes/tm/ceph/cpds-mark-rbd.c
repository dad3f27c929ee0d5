/* SPDX-License-Identifier: Apache-2.0 */
/* cpds of a running VM's disk, in two parts: a snapshot while the guest is quiet, and its
 * copy while it goes on.
 */
#include <errno.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "rbd/image.h"
#include "tm/ceph/cpds.h"
#include "tm/ceph/disk.h"

static gboolean
drop_moment(const CephDiskImage *at, const char *moment, GError **error)
{
    g_auto(DrvRbdImage) image =
        drv_rbd_image_open(at->pool, at->image, DRV_RBD_CHANGE, error);
    int rc;

    if (image == NULL)
        return FALSE;
    rc = rbd_snap_remove(image, moment);
    return rc == 0 || rc == -ENOENT ||
           drv_rbd_throw(at->pool, rc, error, "cannot remove snapshot '%s'", moment);
}

static gboolean
with_moment(const CephStore *request,
            gboolean (*work)(const CephStore *request,
                             const CephDiskImage *at,
                             const char *moment,
                             GError **error),
            GError **error)
{
    g_auto(CephDiskImage) at = CEPH_DISK_IMAGE_INIT;
    g_autofree char *where = NULL;
    g_autofree char *name = NULL;
    g_autofree char *moment = NULL;

    if (!drv_rbd_site_split(request->store.image, &where, &name, error) ||
        !ceph_disk_image_open(&at, (const TmHead *)request, &request->disk, error))
        return FALSE;
    moment = g_strconcat("cpds-", name, NULL);
    return work(request, &at, moment, error);
}

/* Take the snapshot; one of a run that was cut off is of another moment. */
static gboolean
mark(const CephStore *request,
     const CephDiskImage *at,
     const char *moment,
     GError **error)
{
    g_auto(DrvRbdImage) image = NULL;
    int rc;

    (void)request;
    if (!drop_moment(at, moment, error))
        return FALSE;
    image = drv_rbd_image_open(at->pool, at->image, DRV_RBD_CHANGE, error);
    if (image == NULL)
        return FALSE;
    rc = rbd_snap_create(image, moment);
    return rc == 0 || drv_rbd_throw(at->pool, rc, error, "cannot create a snapshot");
}

static gboolean
copy_marked(const CephStore *request,
            const CephDiskImage *at,
            const char *moment,
            GError **error)
{
    gboolean ok = ceph_cpds_run(request, moment, error);
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) why = NULL;

    if (!drop_moment(at, moment, &why))
        drv_warn("snapshot '%s' of '%s' remains: %s", moment, at->image, why->message);
    return ok;
}

static gboolean
run_mark(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return with_moment(data, mark, error);
}

static gboolean
run_copy(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return with_moment(data, copy_marked, error);
}

static const DrvOp mark_op = { .name = CEPH_CPDS_MARK,
                               .request = &ceph_tm_cpds,
                               .run = run_mark };
DRV_OP_REGISTER(mark_op);

static const DrvOp copy_op = { .name = CEPH_CPDS_COPY,
                               .request = &ceph_tm_cpds,
                               .run = run_copy };
DRV_OP_REGISTER(copy_op);
