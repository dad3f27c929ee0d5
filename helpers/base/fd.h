/* SPDX-License-Identifier: Apache-2.0 */
/* base/fd.h - descriptors that close themselves, and complete reads and writes. */
#pragma once

#include <glib.h>
#include <unistd.h>

/* g_auto(DrvFd) fd = -1; closes at the end of the scope and keeps errno. */
typedef int DrvFd;
void drv_fd_close_one(DrvFd fd);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(DrvFd, drv_fd_close_one, -1)

/* Take the descriptor out of an auto variable. */
static inline int
drv_fd_steal(DrvFd *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* A file that has no name and is gone when it is closed, to read and write; -1 with
 * @error.
 */
int drv_fd_new_nameless(GError **error);

/* Write all of @data, across short writes and EINTR, also to non-blocking descriptors
 * (waiting under cancellation).  @what names the object in the error.
 */
gboolean drv_fd_write_all(int fd,
                          gconstpointer data,
                          gsize size,
                          const char *what,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read up to @size bytes; waits under cancellation first.  Returns the count, 0 at the
 * end, -1 with @error.
 */
gssize drv_fd_read(int fd, gpointer data, gsize size, const char *what, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Read to the end, at most @max_size bytes (more is DRV_ERROR_FAILED). */
gboolean drv_fd_read_all(int fd,
                         GString *out,
                         gsize max_size,
                         const char *what,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when another process holds a lock on some part of the file, as QEMU does on images
 * that it has open; also when that cannot be asked.
 */
gboolean drv_fd_is_locked(int fd);

/* See some bytes of a file on its disk, or, without @wait, on their way; 0 (also where
 * that cannot be done in part), or -1 with errno.  Linux reports an error of the disk
 * once per descriptor: if it is ignored here, fsync() succeeds later.
 */
int drv_fd_sync_range(int fd, guint64 from, guint64 size, gboolean wait)
    G_GNUC_WARN_UNUSED_RESULT;
