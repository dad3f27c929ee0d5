/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "source/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/path.h"
#include "base/status.h"
#include "source/copy-private.h"

/* One step of copy_file_range(2) or of read and write: small enough to end soon on
 * cancellation, large enough that the call itself costs nothing.
 */
#define RANGE_STEP ((guint64)2 * 1024 * 1024)
#define READ_STEP ((guint64)1024 * 1024)

typedef struct {
    int in_fd;
    DrvCopyOut out;
    DrvCopyWays ways; /* those that have not been found impossible */
    const DrvCopyOptions *options;
    guint64 size;   /* of the input */
    guint64 copied; /* bytes of data so far */
    guint8 *buffer; /* for reading; NULL: not needed yet */
} Copy;

/* Not here, not between these two, not by this kernel: then another way is tried. */
static gboolean
is_no_way(int saved_errno)
{
    return saved_errno == EXDEV || saved_errno == EINVAL || saved_errno == ENOSYS ||
           saved_errno == EOPNOTSUPP || saved_errno == ENOTTY || saved_errno == EBADF ||
           saved_errno == EPERM || saved_errno == EISDIR;
}

static gboolean
throw_read(const Copy *copy, GError **error)
{
    return drv_throw_errno(error, "cannot read the source of '%s'", copy->out.name);
}

/* Moves up to @size bytes; 1, 0 when this way is none, -1. */
static int
by_range(Copy *copy, guint64 offset, guint64 *size, GError **error)
{
    off_t from = (off_t)offset;
    off_t to = (off_t)offset;
    gssize done = copy_file_range(
        copy->in_fd, &from, copy->out.fd, &to, (gsize)MIN(*size, RANGE_STEP), 0);

    if (done < 0 && errno == EINTR)
        done = 0;
    else if (done == 0 || (done < 0 && is_no_way(errno)))
        return 0; /* 0 is what some file systems answer instead of refusing */
    if (done < 0) {
        drv_throw_errno(error, "cannot write '%s'", copy->out.name);
        return -1;
    }
    *size = (guint64)done;
    return 1;
}

static int
by_read(Copy *copy, guint64 offset, guint64 *size, GError **error)
{
    gssize got;

    if (copy->buffer == NULL)
        copy->buffer = g_malloc(READ_STEP);
    got = pread(copy->in_fd, copy->buffer, MIN(*size, READ_STEP), (off_t)offset);
    if (got < 0 && errno != EINTR) {
        throw_read(copy, error);
        return -1;
    }
    if (got == 0) {
        drv_throw(error,
                  DRV_ERROR_FAILED,
                  "the source of '%s' shrank while being copied",
                  copy->out.name);
        return -1;
    }
    *size = (guint64)MAX(got, 0);
    return drv_copy_out_write(&copy->out, copy->buffer, *size, offset, error) ? 1 : -1;
}

static int
move_some(Copy *copy, guint64 offset, guint64 *size, GError **error)
{
    if (copy->ways & DRV_COPY_BY_RANGE) {
        int result = by_range(copy, offset, size, error);

        if (result != 0)
            return result;
        copy->ways &= ~DRV_COPY_BY_RANGE;
    }
    if (copy->ways & DRV_COPY_BY_READ)
        return by_read(copy, offset, size, error);
    drv_throw(error, DRV_ERROR_UNSUPPORTED, "no method can copy to '%s'", copy->out.name);
    return -1;
}

static gboolean
copy_extent(Copy *copy, guint64 begin, guint64 end, GError **error)
{
    const DrvCopyOptions *options = copy->options;

    if (!drv_copy_out_reach(&copy->out, end, error))
        return FALSE;
    while (begin < end) {
        guint64 size = end - begin;

        if (!drv_cancel_check(error) || move_some(copy, begin, &size, error) < 0 ||
            !drv_copy_out_flush(&copy->out, begin, size, error))
            return FALSE;
        begin += size;
        copy->copied += size;
        drv_status_moved(size);
        if (options && options->progress)
            options->progress(begin, copy->size, options->progress_data);
    }
    return TRUE;
}

/* The next run of data at or behind *begin.  1, 0 when there is none, -1. */
static int
next_extent(const Copy *copy, guint64 *begin, guint64 *end, GError **error)
{
    off_t data = lseek(copy->in_fd, (off_t)*begin, SEEK_DATA);
    off_t hole;

    if (data < 0 && errno == ENXIO)
        return 0;
    hole = data < 0 ? -1 : lseek(copy->in_fd, data, SEEK_HOLE);
    if (hole < 0 && errno != EINVAL && errno != EOPNOTSUPP) {
        throw_read(copy, error);
        return -1;
    }
    if (hole < 0) { /* cannot tell holes: all is data */
        data = (off_t)*begin;
        hole = (off_t)copy->size;
    }
    *begin = (guint64)data;
    *end = MIN((guint64)hole, copy->size);
    return *begin < copy->size;
}

static gboolean
copy_data(Copy *copy, GError **error)
{
    guint64 begin = 0;
    guint64 end;
    int more = 1;

    while (begin < copy->size && copy->out.regular &&
           (more = next_extent(copy, &begin, &end, error)) > 0) {
        if (!copy_extent(copy, begin, end, error))
            return FALSE;
        begin = end;
    }
    if (!copy->out.regular && !copy_extent(copy, 0, copy->size, error))
        return FALSE;
    return more >= 0 && drv_copy_out_finish(&copy->out, copy->size, error);
}

/* Bytes that are there to be copied. */
static guint64
allocated(const Copy *copy)
{
    struct stat info;

    return fstat(copy->in_fd, &info) == 0 && S_ISREG(info.st_mode) && copy->out.regular
               ? MIN((guint64)info.st_blocks * 512, copy->size)
               : copy->size;
}

static gboolean
run(Copy *copy, GError **error)
{
    off_t size = lseek(copy->in_fd, 0, SEEK_END);

    if (size < 0)
        return throw_read(copy, error);
    copy->size = (guint64)size;
    if ((copy->ways & DRV_COPY_BY_REFLINK) && copy->out.regular) {
        if (ioctl(copy->out.fd, FICLONE, copy->in_fd) == 0)
            return TRUE;
        if (!is_no_way(errno))
            return drv_throw_errno(error, "cannot write '%s'", copy->out.name);
    }
    drv_status_more("copying", allocated(copy));
    return copy_data(copy, error);
}

gboolean
drv_copy_fd_by(DrvCopyWays ways,
               int in_fd,
               int out_fd,
               const DrvCopyOptions *options,
               guint64 *copied,
               GError **error)
{
    g_autofree guint8 *buffer = NULL;
    Copy copy = { .in_fd = in_fd, .ways = ways, .options = options };
    gboolean ok;

    if (!drv_cancel_check(error) ||
        !drv_copy_out_begin(&copy.out, out_fd, options ? options->name : NULL, error))
        return FALSE;
    ok = run(&copy, error);
    buffer = copy.buffer;
    if (ok && copied)
        *copied = copy.copied;
    return ok;
}

gboolean
drv_copy_fd(
    int in_fd, int out_fd, const DrvCopyOptions *options, guint64 *copied, GError **error)
{
    /* xfs and btrfs make reflinks of copy_file_range(2), too. */
    DrvCopyWays ways =
        options && options->no_reflink ? DRV_COPY_BY_READ : DRV_COPY_BY_ANY;

    /* What cannot even be looked at is for the copy to say, with its name. */
    if (fcntl(in_fd, F_GETFD) >= 0 && fcntl(out_fd, F_GETFD) >= 0 &&
        !drv_path_keep_rights(out_fd, "", in_fd, "", error))
        return FALSE;
    return drv_copy_fd_by(ways, in_fd, out_fd, options, copied, error);
}
