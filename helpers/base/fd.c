/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cancel.h"
#include "base/error.h"

void
drv_fd_close_one(DrvFd fd)
{
    int saved_errno = errno;

    if (fd >= 0)
        close(fd);
    errno = saved_errno;
}

static gboolean
wait_for(int fd, short events, GError **error)
{
    struct pollfd one = { .fd = fd, .events = events };

    return drv_poll(&one, 1, -1, error) >= 0;
}

gboolean
drv_fd_write_all(int fd, gconstpointer data, gsize size, const char *what, GError **error)
{
    const char *at = data;

    while (size > 0) {
        gssize done = write(fd, at, size);

        if (done < 0 && errno == EAGAIN) {
            if (!wait_for(fd, POLLOUT, error))
                return FALSE;
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return drv_throw_errno(error, "cannot write %s", what);
        at += done;
        size -= (gsize)done;
    }
    return TRUE;
}

gssize
drv_fd_read(int fd, gpointer data, gsize size, const char *what, GError **error)
{
    for (;;) {
        gssize done;

        if (!wait_for(fd, POLLIN, error))
            return -1;
        done = read(fd, data, size);
        if (done >= 0)
            return done;
        if (errno != EINTR && errno != EAGAIN) {
            drv_throw_errno(error, "cannot read %s", what);
            return -1;
        }
    }
}

int
drv_fd_new_nameless(GError **error)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        drv_throw_errno(error, "cannot create a file in '%s'", g_get_tmp_dir());
    return fd;
}

gboolean
drv_fd_read_all(int fd, GString *out, gsize max_size, const char *what, GError **error)
{
    char buffer[16384];
    gssize got;

    while ((got = drv_fd_read(fd, buffer, sizeof buffer, what, error)) > 0) {
        if (out->len + (gsize)got > max_size)
            return drv_throw(
                error, DRV_ERROR_FAILED, "%s is larger than %zu bytes", what, max_size);
        g_string_append_len(out, buffer, got);
    }
    return got == 0;
}

int
drv_fd_sync_range(int fd, guint64 from, guint64 size, gboolean wait)
{
    guint waits = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
    guint flags = SYNC_FILE_RANGE_WRITE | (wait ? waits : 0);

    if (sync_file_range(fd, (off_t)from, (off_t)size, flags) == 0)
        return 0;
    return errno == ENOSYS || errno == ESPIPE || errno == EINVAL ? 0 : -1;
}

gboolean
drv_fd_is_locked(int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}
