/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/ops/tm-dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "stage/stage.h"

#define MONITOR ".monitor"
#define PROBE "ssh\n" /* the driver whose monitor_ds the host runs */

void
tm_dir_clear(TmDir *dir)
{
    if (dir->made)
        drv_path_remove_empty(dir->ds_fd, dir->vm);
    drv_fd_close_one(dir->ds_fd);
    drv_fd_close_one(dir->fd);
    g_free(dir->ds_path);
    g_free(dir->path);
    g_free(dir->vm);
    g_free(dir->disk);
    *dir = (TmDir)TM_DIR_INIT;
}

gboolean
tm_dir_open(TmDir *dir, const char *target, gboolean create, GError **error)
{
    g_autofree char *clean = drv_path_collapse(target);

    dir->disk = g_path_get_basename(clean);
    dir->path = g_path_get_dirname(clean);
    dir->vm = g_path_get_basename(dir->path);
    dir->ds_path = g_path_get_dirname(dir->path);
    dir->ds_fd = create ? drv_path_make_dir(dir->ds_path, error)
                        : drv_path_open_dir(dir->ds_path, error);
    if (dir->ds_fd < 0)
        return FALSE;
    dir->made = create && mkdirat(dir->ds_fd, dir->vm, 0777) == 0;
    if (create && !dir->made && errno != EEXIST)
        return drv_throw_errno(error, "cannot create directory '%s'", dir->path);
    dir->fd = drv_path_open_beneath(
        dir->ds_fd, dir->ds_path, dir->vm, O_RDONLY | O_DIRECTORY, 0, error);
    return dir->fd >= 0;
}

gboolean
tm_dir_keep(TmDir *dir)
{
    dir->made = FALSE;
    return TRUE;
}

char *
tm_dir_image_path(const TmDir *dir, const char *source)
{
    g_autofree char *clean = drv_path_collapse(source);
    g_autofree char *file = g_path_get_basename(clean);
    g_autofree char *directory = g_path_get_dirname(clean);
    g_autofree char *ds = g_path_get_basename(directory);
    g_autofree char *root = g_path_get_dirname(dir->ds_path);

    return g_build_filename(root, ds, file, NULL);
}

static gboolean
is_monitored(int dir, const char *ds_path)
{
    g_auto(DrvFd) fd =
        drv_path_open_beneath(dir, ds_path, MONITOR, O_RDONLY | O_NONBLOCK, 0, NULL);
    char now[sizeof PROBE] = "";

    return fd >= 0 && read(fd, now, sizeof now - 1) == sizeof PROBE - 1 &&
           g_str_equal(now, PROBE);
}

gboolean
tm_dir_monitor(const char *ds_path, GError **error)
{
    g_auto(DrvFd) dir = drv_path_make_dir(ds_path, error);
    g_autoptr(DrvStage) stage = NULL;
    g_auto(DrvFd) fd = -1;

    if (dir < 0)
        return FALSE;
    if (is_monitored(dir, ds_path) && !drv_path_exists(dir, ".drv-" MONITOR))
        return TRUE; /* and nobody died over it */
    stage = drv_stage_open(dir, ds_path, MONITOR, error);
    fd = stage ? drv_stage_create(stage, "new", error) : -1;
    if (fd < 0 || !drv_fd_write_all(fd, PROBE, sizeof PROBE - 1, MONITOR, error))
        return FALSE;
    drv_stage_publish(stage, "new", MONITOR);
    return drv_stage_commit(stage, error);
}

gboolean
tm_dir_unmonitor(TmDir *dir, GError **error)
{
    return drv_path_unlink(dir->ds_fd, dir->ds_path, MONITOR, error);
}
