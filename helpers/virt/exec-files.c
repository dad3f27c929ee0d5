/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/exec-files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"

/* The one before us may have removed the file that we have opened. */
static gboolean
is_there(int dir_fd, const char *file, int fd)
{
    struct stat mine, there;

    return fstat(fd, &mine) == 0 &&
           fstatat(dir_fd, file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

int
drv_exec_files_lock(int dir_fd, const char *name, GError **error)
{
    g_autofree char *file = g_strconcat(KVM_EXEC_LOCK, name, NULL);
    g_auto(DrvFd) fd = drv_path_open_beneath(
        dir_fd, KVM_EXEC_DIR, file, O_RDWR | O_CREAT | O_CLOEXEC, 0600, error);

    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_there(dir_fd, file, fd))
        return drv_fd_steal(&fd);
    (void)drv_throw(
        error, DRV_ERROR_BUSY, "another command is being started in '%s'", name);
    return -1;
}

void
drv_exec_files_unlock(int dir_fd, const char *name, int lock_fd)
{
    g_autofree char *file = g_strconcat(KVM_EXEC_LOCK, name, NULL);
    g_autoptr(GError) error = NULL;

    if (lock_fd >= 0 && !drv_path_unlink(dir_fd, KVM_EXEC_DIR, file, &error))
        drv_ignore(&error, "a lock file without an owner holds nobody up");
    drv_fd_close_one(lock_fd);
}
