/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/fill.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "rbd/write.h"
#include "stage/stage.h"

/* One at a time on each host: a killed one's leftovers are removed by the next. */
#define STAGE "one-native-rbd"

static gboolean
copy_file(DrvRbdPool *pool, DrvRbdImage image, int dir_fd, GError **error)
{
    int fd = openat(dir_fd, "new", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    g_autoptr(DrvSource) source = NULL;

    if (fd < 0)
        return drv_throw_errno(error, "cannot open the file system's file");
    source = drv_source_new_fd(fd, "file system");
    return drv_rbd_write_stream(pool, image, source, error);
}

gboolean
drv_rbd_fill(DrvRbdPool *pool,
             DrvRbdImage image,
             const DrvMkfs *want,
             const char *staging_dir,
             GError **error)
{
    g_auto(DrvFd) dir = -1;
    g_autoptr(DrvStage) stage = NULL;

    if (g_str_equal(want->format, "raw") && *want->fs == '\0')
        return TRUE;
    dir = open(staging_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return drv_throw_errno(error, "cannot use STAGING_DIR '%s'", staging_dir);
    stage = drv_stage_open(dir, staging_dir, STAGE, error);
    return stage && drv_mkfs(drv_stage_fd(stage), "new", want, error) &&
           copy_file(pool, image, drv_stage_fd(stage), error);
}
