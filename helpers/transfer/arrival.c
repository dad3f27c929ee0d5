/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/arrival.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "source/digest.h"

#define PAGE ((gsize)4096)
#define REACH_STEP ((guint64)64 * 1024 * 1024) /* see source/copy-sparse.c */
#define CACHED ((guint64)64 * 1024 * 1024)

static const guint8 zeros[DRV_BLOCK_SIZE];

void
drv_arrival_clear(DrvArrival *file)
{
    drv_fd_close_one(file->fd);
    drv_fd_close_one(file->basis_fd);
    g_free(file->name);
    *file = (DrvArrival)DRV_ARRIVAL_INIT;
}

/* --- opening ---------------------------------------------------------------------------
 */

static void
open_basis(DrvArrival *file, int target_fd, const char *path)
{
    struct stat info;

    file->basis_fd =
        drv_path_open_beneath(target_fd, "", path, O_RDONLY | O_NONBLOCK, 0, NULL);
    if (file->basis_fd < 0)
        return;
    file->same = fstat(file->basis_fd, &info) == 0 && S_ISREG(info.st_mode) &&
                 (guint64)info.st_size == file->size;
    if (!S_ISREG(info.st_mode)) {
        drv_fd_close_one(file->basis_fd);
        file->basis_fd = -1;
    }
}

gboolean
drv_arrival_open(DrvArrival *file,
                 int dir_fd,
                 int target_fd,
                 const char *path,
                 guint64 size,
                 GError **error)
{
    struct stat info;

    file->name = g_strdup(path);
    file->size = size;
    file->fd = drv_path_open_beneath(
        dir_fd, "", path, O_RDWR | O_CREAT | O_NONBLOCK, 0600, error);
    if (file->fd < 0)
        return FALSE;
    if (fstat(file->fd, &info) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", path);
    open_basis(file, target_fd, path);
    file->dirty = info.st_size > 0;
    if (!file->dirty && file->basis_fd >= 0)
        file->cloned = ioctl(file->fd, FICLONE, file->basis_fd) == 0;
    file->dirty |= file->cloned;
    return TRUE;
}

gboolean
drv_arrival_has_some(const DrvArrival *file)
{
    return file->dirty || file->basis_fd >= 0;
}

/* --- writing ---------------------------------------------------------------------------
 */

static gboolean
throw_write(const DrvArrival *file, GError **error)
{
    return drv_throw_errno(error, "cannot write '%s'", file->name);
}

static gboolean
write_run(
    DrvArrival *file, const guint8 *data, gsize size, guint64 offset, GError **error)
{
    gsize done = 0;

    while (done < size) {
        gssize put = pwrite(file->fd, data + done, size - done, (off_t)(offset + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return throw_write(file, error);
        done += (gsize)put;
    }
    return TRUE;
}

/* A page of zeros needs no block where nothing was before. */
static gboolean
write_block(
    DrvArrival *file, const guint8 *data, gsize size, guint64 offset, GError **error)
{
    gsize at = 0;

    if (file->dirty)
        return write_run(file, data, size, offset, error);
    while (at < size) {
        gsize start = at;
        gboolean zero = memcmp(data + at, zeros, MIN(PAGE, size - at)) == 0;

        while (at < size && (memcmp(data + at, zeros, MIN(PAGE, size - at)) == 0) == zero)
            at += MIN(PAGE, size - at);
        if (!zero && !write_run(file, data + start, at - start, offset + start, error))
            return FALSE;
    }
    return TRUE;
}

/* Where the file system cannot make holes, zeros are written. */
static gboolean
make_hole(DrvArrival *file, guint64 from, guint64 to, GError **error)
{
    off_t data = lseek(file->fd, (off_t)from, SEEK_DATA);

    if (data < 0 && errno == ENXIO)
        return TRUE;
    if (data >= 0 && (guint64)data >= to)
        return TRUE;
    if (fallocate(file->fd,
                  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)from,
                  (off_t)(to - from)) == 0)
        return TRUE;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return throw_write(file, error);
    for (guint64 at = from; at < to; at += DRV_BLOCK_SIZE) {
        if (!drv_cancel_check(error) ||
            !write_run(file, zeros, MIN(DRV_BLOCK_SIZE, to - at), at, error))
            return FALSE;
    }
    return TRUE;
}

/* The sender has nothing between what is settled and @to. */
static gboolean
settle_gap(DrvArrival *file, guint64 to, GError **error)
{
    if (to > file->at && file->same && file->basis_fd >= 0) {
        off_t data = lseek(file->basis_fd, (off_t)file->at, SEEK_DATA);

        file->same = data < 0 ? errno == ENXIO : (guint64)data >= to;
    }
    return to <= file->at || !file->dirty || make_hole(file, file->at, to, error);
}

/* As docs/copy.md has it: little is left to sync at the end. */
static gboolean
flush(DrvArrival *file, guint64 end, GError **error)
{
    if (end < file->flushed + CACHED)
        return TRUE;
    if (drv_fd_sync_range(file->fd, file->flushed, end - file->flushed, TRUE) < 0)
        return throw_write(file, error);
    (void)posix_fadvise(file->fd,
                        (off_t)file->flushed,
                        (off_t)(end - file->flushed),
                        POSIX_FADV_DONTNEED);
    file->flushed = end;
    return TRUE;
}

/* --- blocks ----------------------------------------------------------------------------
 */

static gboolean
has_block(int fd, const DrvBlock *block, guint8 *buffer)
{
    g_autoptr(GError) ignored = NULL;
    guint8 digest[DRV_SHA256_SIZE];

    if (pread(fd, buffer, block->size, (off_t)block->offset) != (gssize)block->size)
        return FALSE;
    if (drv_digest_sha256(buffer, block->size, digest, &ignored))
        return memcmp(digest, block->digest, sizeof digest) == 0;
    drv_ignore(&ignored, "the block is sent, then");
    return FALSE;
}

/* TRUE in *there when the block need not be sent. */
static gboolean
find_block(DrvArrival *file, const DrvBlock *block, gboolean *there, GError **error)
{
    guint8 buffer[DRV_BLOCK_SIZE];

    *there = file->dirty && has_block(file->fd, block, buffer);
    if (file->cloned)
        file->same &= *there;
    if (file->cloned || file->basis_fd < 0 || (*there && !file->same))
        return TRUE;
    if (!has_block(file->basis_fd, block, buffer)) {
        file->same = FALSE;
        return TRUE;
    }
    if (!*there && !write_block(file, buffer, block->size, block->offset, error))
        return FALSE;
    *there = TRUE;
    return TRUE;
}

gboolean
drv_arrival_plan(
    DrvArrival *file, const DrvBlock *blocks, guint n, guint8 *need, GError **error)
{
    guint64 ahead = (blocks[n - 1].offset + blocks[n - 1].size) / REACH_STEP + 1;

    if (!file->dirty && blocks[0].offset / REACH_STEP + 1 <= ahead &&
        ftruncate(file->fd, (off_t)MIN(file->size, ahead * REACH_STEP)) < 0)
        return throw_write(file, error);
    for (guint i = 0; i < n; i++) {
        gboolean there = FALSE;

        if (!drv_cancel_check(error) || !settle_gap(file, blocks[i].offset, error) ||
            !find_block(file, blocks + i, &there, error))
            return FALSE;
        if (!there)
            need[i / 8] |= (guint8)(1 << (i % 8));
        file->at = blocks[i].offset + blocks[i].size;
    }
    return TRUE;
}

gboolean
drv_arrival_put(DrvArrival *file,
                const DrvBlock *block,
                const guint8 *data,
                GError **error)
{
    guint8 digest[DRV_SHA256_SIZE];

    if (!drv_digest_sha256(data, block->size, digest, error))
        return FALSE;
    if (memcmp(digest, block->digest, sizeof digest) != 0)
        return drv_throw(error,
                         DRV_ERROR_REMOTE,
                         "'%s' arrived damaged at byte %" G_GUINT64_FORMAT,
                         file->name,
                         block->offset);
    return write_block(file, data, block->size, block->offset, error) &&
           flush(file, block->offset + block->size, error);
}

gboolean
drv_arrival_end(DrvArrival *file, GError **error)
{
    return settle_gap(file, file->size, error) &&
           (ftruncate(file->fd, (off_t)file->size) == 0 || throw_write(file, error));
}
