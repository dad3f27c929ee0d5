/* SPDX-License-Identifier: Apache-2.0 */
/* snap_create_live: the running domain goes on in a new overlay; a raw disk is copied
 * while the guest is quiet.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "image/relink.h"
#include "tm/ops/tm-image.h"
#include "tm/overlay/live.h"
#include "tm/overlay/snapshot.h"
#include "virt/block.h"
#include "virt/disk.h"
#include "virt/freeze.h"

/* The overlay gets its final name, and the promise says what to do with it if we die. */
static gboolean
lay_overlay(TmSnapDisk *snap,
            const char *file,
            const char *path,
            const char *text,
            GError **error)
{
    DrvStage *stage = tm_snap_data_stage(snap);
    g_auto(DrvFd) fd = -1;

    if (drv_path_exists(snap->disk.base_fd, file))
        return drv_throw(error, DRV_ERROR_EXISTS, "'%s' already exists", path);
    if (!tm_snap_overlay(snap, "overlay", snap->disk.file, error))
        return FALSE;
    fd = openat(drv_stage_fd(stage), "overlay", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return drv_throw_errno(error, "cannot open the overlay for '%s'", path);
    if (!drv_relink_intend(snap->vm_stage, fd, path, snap->dir.disk, text, error))
        return FALSE;
    drv_stage_publish(stage, "overlay", file);
    return drv_stage_commit(stage, error);
}

/* The call has failed, but did the domain switch all the same?  When nobody can say, the
 * promise stays.
 */
static gboolean
has_switched(TmSnapDisk *snap, TmLive *live, const char *target, const char *path)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvDisk) disk = drv_disk_find(live->domain, target, &why);
    g_autofree char *source = disk ? drv_path_collapse(disk->source) : NULL;

    if (disk == NULL) {
        drv_warn("cannot determine whether '%s' is in use: %s", path, why->message);
        drv_stage_leave(snap->vm_stage);
        return FALSE;
    }
    if (g_strcmp0(source, path) == 0)
        return TRUE;
    if (!drv_path_unlink(AT_FDCWD, "", path, &why) ||
        !drv_relink_forget(snap->vm_stage, &why))
        drv_stage_leave(snap->vm_stage);
    return FALSE;
}

static gboolean
switch_domain(TmSnapDisk *snap,
              TmLive *live,
              const TmSnapshot *request,
              const char *path,
              GError **error)
{
    g_autofree char *name =
        g_strdup_printf("%s-%" G_GUINT64_FORMAT, snap->dir.disk, request->snapshot_id);
    g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;
    g_autoptr(GError) why = NULL;

    if (drv_freeze_begin(&quiet, live->domain, TM_AGENT_TIMEOUT_S, &why) &&
        drv_block_snapshot(live->domain, request->dev_target, path, name, &why))
        return drv_freeze_end(&quiet, error);
    drv_freeze_clear(&quiet);
    if (has_switched(snap, live, request->dev_target, path)) {
        drv_ignore(&why, "the domain uses the new file, so it has worked");
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
snapshot_chain(TmSnapDisk *snap, TmLive *live, const TmSnapshot *request, GError **error)
{
    guint64 next = request->snapshot_id + 1;
    g_autofree char *text = tm_snap_text(snap, next);
    g_autofree char *active = drv_path_collapse(snap->disk.link);
    g_autofree char *file =
        g_strdup_printf("%s/%" G_GUINT64_FORMAT, snap->disk.snap_dir, next);
    g_autofree char *path = g_build_filename(snap->disk.base, file, NULL);

    if (g_str_equal(active, text))
        return TRUE; /* taken already */
    if (!tm_overlay_check(&snap->disk, snap->disk.file, error) ||
        !lay_overlay(snap, file, path, text, error) ||
        !switch_domain(snap, live, request, path, error))
        return FALSE;
    return tm_snap_relink(snap, text, error) && drv_relink_forget(snap->vm_stage, error);
}

/* The copy gets its name while the guest is quiet still; that takes no time. */
static gboolean
snapshot_raw(TmSnapDisk *snap, TmLive *live, guint64 id, GError **error)
{
    g_autofree char *copy = tm_snap_plan_copy(snap, id, error);
    g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;

    return copy && drv_freeze_begin(&quiet, live->domain, TM_AGENT_TIMEOUT_S, error) &&
           tm_snap_copy(snap, snap->disk.file, copy, error) &&
           drv_freeze_end(&quiet, error) &&
           drv_stage_commit(tm_snap_data_stage(snap), error);
}

gboolean
overlay_run_snap_create_live(gconstpointer data,
                             DrvSource *in,
                             char **result,
                             GError **error)
{
    const TmSnapshot *request = data;
    g_auto(TmSnapDisk) snap = TM_SNAP_DISK_INIT;
    g_auto(TmLive) live = TM_LIVE_INIT;

    (void)in, (void)result;
    if (!tm_snap_disk_open(&snap, request, error) ||
        !tm_live_open(&live, request->deploy_id, request->vm_id, request->vm_mad, error))
        return FALSE;
    return tm_snap_is_chain(&snap)
               ? snapshot_chain(&snap, &live, request, error)
               : snapshot_raw(&snap, &live, request->snapshot_id, error);
}

DRV_OP_REGISTER(overlay_snap_create_live);
