/* SPDX-License-Identifier: Apache-2.0 */
#include "image/df.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"

#define BLOCK 512ULL /* of st_blocks */

gboolean
drv_df(const char *path, DrvDf *df, GError **error)
{
    g_auto(DrvFd) fd = drv_path_make_dir(path, error);
    struct statvfs info;
    guint64 unit;

    if (fd < 0)
        return FALSE;
    if (fstatvfs(fd, &info) < 0)
        return drv_throw_errno(error, "cannot get the free space of '%s'", path);
    unit = info.f_frsize;
    df->used_mb = ((info.f_blocks - info.f_bfree) * unit + DRV_MIB - 1) / DRV_MIB;
    df->free_mb = info.f_bavail * unit / DRV_MIB;
    df->total_mb = info.f_blocks * unit / DRV_MIB;
    return TRUE;
}

char *
drv_df_text(const DrvDf *df)
{
    return g_strdup_printf("USED_MB=%" G_GUINT64_FORMAT " FREE_MB=%" G_GUINT64_FORMAT
                           " TOTAL_MB=%" G_GUINT64_FORMAT,
                           df->used_mb,
                           df->free_mb,
                           df->total_mb);
}

static guint64
mb_of(const struct stat *info)
{
    return ((guint64)info->st_blocks * BLOCK + DRV_MIB - 1) / DRV_MIB;
}

guint64
drv_df_fd_mb(int fd)
{
    struct stat info;

    return fstat(fd, &info) < 0 ? 0 : mb_of(&info);
}

guint64
drv_df_file_mb(int dir_fd, const char *name)
{
    struct stat info;

    return fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : mb_of(&info);
}
