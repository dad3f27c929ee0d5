/* SPDX-License-Identifier: Apache-2.0 */
/* source/copy-private.h - between the files of drv-copy. */
#ifndef DRV_ALLOW_PRIVATE
#error "drv-copy-private.h is for drv-copy*.c and tests only"
#endif
#pragma once

#include "source/copy.h"

/* A file being written from its begin to its end, holes left out. */
typedef struct {
    int fd;
    const char *name;
    gboolean regular; /* else: a device, where nothing is left out */
    gboolean sparse;
    guint64 size; /* of the file, kept ahead of what is written */
    guint64 left; /* up to here all is on the disk, and out of the page cache */
} DrvCopyOut;

/* Look at @fd.  DRV_ERROR_REFUSED when it is neither a regular file nor a block device.
 */
gboolean drv_copy_out_begin(DrvCopyOut *out, int fd, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Make room in a regular file for data up to @end.  A file system that thinks a file is
 * growing (xfs) reserves space behind its end, in what is going to be a hole; so the end
 * is moved first, in large steps.
 */
gboolean drv_copy_out_reach(DrvCopyOut *out,
                            guint64 end,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Write @size bytes at @offset, without its zero blocks if out->sparse. */
gboolean drv_copy_out_write(DrvCopyOut *out,
                            const guint8 *data,
                            gsize size,
                            guint64 offset,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Let the disk begin with what was just written, and wait for what was written 64 MiB
 * before, which leaves the page cache then.  So the sync at the end is short, and a large
 * image neither pushes out what the host's guests need nor takes memory that the kernel
 * has to find first, which is what makes large copies slow.  The caller goes forward.
 */
gboolean drv_copy_out_flush(DrvCopyOut *out, guint64 offset, guint64 size, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* A regular file gets exactly @size bytes. */
gboolean drv_copy_out_finish(DrvCopyOut *out,
                             guint64 size,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Copy by one way only, for tests and figures. */
typedef enum {
    DRV_COPY_BY_REFLINK = 1 << 0,
    DRV_COPY_BY_RANGE = 1 << 1, /* copy_file_range(2) */
    DRV_COPY_BY_READ = 1 << 2,
    DRV_COPY_BY_ANY = 7,
} DrvCopyWays;
gboolean drv_copy_fd_by(DrvCopyWays ways,
                        int in_fd,
                        int out_fd,
                        const DrvCopyOptions *options,
                        guint64 *copied,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
