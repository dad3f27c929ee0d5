/* SPDX-License-Identifier: Apache-2.0 */
/* source/copy-sparse.c - writing with holes. */
#define DRV_ALLOW_PRIVATE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/status.h"
#include "source/copy-private.h"

#define PAGE ((gsize)4096)
#define BUFFER_SIZE ((gsize)1024 * 1024)
#define REACH_STEP ((guint64)64 * 1024 * 1024)
#define CACHED ((guint64)64 * 1024 * 1024) /* bytes of the output */

static const guint8 zeros[PAGE];

gboolean
drv_copy_out_begin(DrvCopyOut *out, int fd, const char *name, GError **error)
{
    struct stat st;

    *out = (DrvCopyOut){ .fd = fd, .name = name ? name : "file" };
    if (fstat(fd, &st) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", out->name);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "cannot write '%s': neither a file nor a block device",
                         out->name);
    out->regular = S_ISREG(st.st_mode);
    out->sparse = out->regular;
    if (out->regular && ftruncate(fd, 0) < 0)
        return drv_throw_errno(error, "cannot write '%s'", out->name);
    return TRUE;
}

static gboolean
set_size(DrvCopyOut *out, guint64 size, GError **error)
{
    int result;

    do
        result = ftruncate(out->fd, (off_t)size);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return drv_throw_errno(error, "cannot write '%s'", out->name);
    out->size = size;
    return TRUE;
}

gboolean
drv_copy_out_reach(DrvCopyOut *out, guint64 end, GError **error)
{
    if (!out->regular || end <= out->size)
        return TRUE;
    return set_size(out, (end / REACH_STEP + 1) * REACH_STEP, error);
}

gboolean
drv_copy_out_flush(DrvCopyOut *out, guint64 offset, guint64 size, GError **error)
{
    guint64 end = offset + size;
    guint64 behind = end > out->left + CACHED ? end - CACHED - out->left : 0;

    if (drv_fd_sync_range(out->fd, offset, size, FALSE) < 0 ||
        (behind && drv_fd_sync_range(out->fd, out->left, behind, TRUE) < 0))
        return drv_throw_errno(error, "cannot write '%s'", out->name);
    if (behind) /* advice only */
        (void)posix_fadvise(
            out->fd, (off_t)out->left, (off_t)behind, POSIX_FADV_DONTNEED);
    out->left += behind;
    return TRUE;
}

static gboolean
write_run(DrvCopyOut *out, const guint8 *data, gsize size, guint64 offset, GError **error)
{
    gsize done = 0;

    if (!drv_copy_out_reach(out, offset + size, error))
        return FALSE;
    while (done < size) {
        gssize put = pwrite(out->fd, data + done, size - done, (off_t)(offset + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return drv_throw_errno(error, "cannot write '%s'", out->name);
        done += (gsize)put;
    }
    return TRUE;
}

/* Bytes at the front of @data that are all in zero blocks, or all in others. */
static gsize
run_length(const guint8 *data, gsize size, gboolean *zero)
{
    gsize at = 0;

    *zero = memcmp(data, zeros, MIN(size, PAGE)) == 0;
    do
        at += MIN(size - at, PAGE);
    while (at < size && (memcmp(data + at, zeros, MIN(size - at, PAGE)) == 0) == *zero);
    return at;
}

gboolean
drv_copy_out_write(
    DrvCopyOut *out, const guint8 *data, gsize size, guint64 offset, GError **error)
{
    gsize at = 0;

    while (at < size) {
        gboolean zero = FALSE;
        gsize run = out->sparse ? run_length(data + at, size - at, &zero) : size;

        if (!zero && !write_run(out, data + at, run, offset + at, error))
            return FALSE;
        at += run;
    }
    return TRUE;
}

gboolean
drv_copy_out_finish(DrvCopyOut *out, guint64 size, GError **error)
{
    return !out->regular || set_size(out, size, error);
}

static guint64
size_hint(const DrvSource *source)
{
    guint64 size = drv_source_size_hint(source);

    return size == DRV_SOURCE_SIZE_UNKNOWN ? 0 : size;
}

gboolean
drv_copy_source(
    DrvSource *source, int out_fd, gboolean sparse, guint64 *written, GError **error)
{
    g_autofree guint8 *buffer = g_malloc(BUFFER_SIZE);
    g_autofree char *name = drv_path_of_fd(out_fd, NULL);
    DrvCopyOut out;
    guint64 at = 0;
    gssize got;

    if (!drv_copy_out_begin(&out, out_fd, name, error))
        return FALSE;
    out.sparse &= sparse;
    drv_status_step("writing", size_hint(source));
    while ((got = drv_source_read_full(source, buffer, BUFFER_SIZE, error)) > 0) {
        if (!drv_cancel_check(error) ||
            !drv_copy_out_write(&out, buffer, (gsize)got, at, error) ||
            !drv_copy_out_flush(&out, at, (guint64)got, error))
            return FALSE;
        at += (guint64)got;
        drv_status_moved((guint64)got);
    }
    if (got < 0 || !drv_copy_out_finish(&out, at, error))
        return FALSE;
    if (written)
        *written = at;
    return TRUE;
}
