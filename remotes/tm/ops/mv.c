/* SPDX-License-Identifier: Apache-2.0 */
/* mv on shared storage: a disk is where it was, and the directory of a VM moves with one
 * rename; to another file system it is copied, made durable and compared before the
 * source goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "stage/stage.h"
#include "tm/ops/tm-tree.h"
#include "tm/tm.h"

typedef struct {
    int fd;
    char *path;
    char *name;
} Place;

static void
place_clear(Place *place)
{
    drv_fd_close_one(place->fd);
    g_free(place->path);
    g_free(place->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static gboolean
place_open(Place *place, const char *path, gboolean make, GError **error)
{
    place->name = g_path_get_basename(path);
    place->path = g_path_get_dirname(path);
    place->fd = make ? drv_path_make_dir(place->path, error)
                     : drv_path_open_dir(place->path, error);
    return place->fd >= 0;
}

static gboolean
make_copy(const Place *from, DrvStage *stage, GError **error)
{
    return tm_tree_copy(from->fd, from->name, drv_stage_fd(stage), "copy", error) &&
           tm_tree_compare(from->fd, from->name, drv_stage_fd(stage), "copy", error);
}

/* An earlier try may have been cut short after it had published the copy. */
static gboolean
move_by_copy(const Place *from, const Place *to, GError **error)
{
    g_autoptr(DrvStage) from_stage =
        drv_stage_open(from->fd, from->path, from->name, error);
    g_autoptr(DrvStage) stage =
        from_stage ? drv_stage_open(to->fd, to->path, to->name, error) : NULL;

    if (stage == NULL)
        return FALSE;
    if (drv_path_exists(to->fd, to->name)) {
        if (!tm_tree_compare(from->fd, from->name, to->fd, to->name, error))
            return drv_prefix(error, "'%s/%s' already exists", to->path, to->name);
    } else {
        if (!make_copy(from, stage, error))
            return FALSE;
        drv_stage_publish(stage, "copy", to->name);
    }
    drv_stage_remove(from_stage, from->name);
    return drv_stage_commit_both(stage, from_stage, error);
}

/* TRUE with *moved when an earlier try has done it all. */
static gboolean
is_moved(const Place *from, const Place *to, gboolean *moved, GError **error)
{
    *moved = FALSE;
    if (drv_path_exists(from->fd, from->name))
        return TRUE;
    if (!drv_path_exists(to->fd, to->name))
        return drv_throw(
            error, DRV_ERROR_NOT_FOUND, "'%s/%s' is missing", from->path, from->name);
    drv_stage_sweep(from->fd, from->path);
    drv_stage_sweep(to->fd, to->path);
    *moved = TRUE;
    return TRUE;
}

/* After a rename that may not last otherwise: then it is taken back. */
static gboolean
sync_both(const Place *from, const Place *to, GError **error)
{
    if (drv_path_sync_dir(to->fd, to->path, error) &&
        drv_path_sync_dir(from->fd, from->path, error))
        return TRUE;
    (void)!drv_path_rename_noreplace(to->fd, to->name, from->fd, from->name);
    return FALSE;
}

static gboolean
move_dir(const char *source, const char *target, GError **error)
{
    g_auto(Place) from = { -1, NULL, NULL };
    g_auto(Place) to = { -1, NULL, NULL };
    gboolean moved;

    if (!place_open(&from, source, FALSE, error) ||
        !place_open(&to, target, TRUE, error) || !is_moved(&from, &to, &moved, error))
        return FALSE;
    if (moved)
        return TRUE;
    if (drv_path_rename_noreplace(from.fd, from.name, to.fd, to.name) == 0)
        return sync_both(&from, &to, error);
    if (errno == EXDEV)
        return move_by_copy(&from, &to, error);
    return drv_throw_errno(error, "cannot move '%s' to '%s'", source, target);
}

static DrvWhere
where(gconstpointer data)
{
    const TmMove *request = data;
    g_autofree char *source = drv_path_collapse(request->source);
    g_autofree char *target = drv_path_collapse(request->target);

    return request->disk_id >= 0 || g_str_equal(source, target) ? DRV_NOWHERE
                                                                : DRV_AT_DATA;
}

static gboolean
move_target(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmMove *request = data;
    g_autofree char *source = drv_path_collapse(request->source);
    g_autofree char *target = drv_path_collapse(request->target);

    (void)in, (void)result;
    return move_dir(source, target, error);
}

const DrvOp tm_mv_op = {
    .name = "tm.mv",
    .request = &tm_mv,
    .run = move_target,
    .where = where,
};
DRV_OP_REGISTER(tm_mv_op);
