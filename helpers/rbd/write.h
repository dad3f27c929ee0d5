/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/write.h - bytes into RBD images: many writes in flight, zeros skipped.
 * Memory: 6 blocks of 4 MiB.
 */
#pragma once

#include "rbd/image.h"
#include "source/source.h"

/* Fill @image, which is new and has no data yet, with all of @in (stays the caller's),
 * and make its size that of the stream.
 */
gboolean drv_rbd_write_stream(DrvRbdPool *pool,
                              DrvRbdImage image,
                              DrvSource *in,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Fill @to, new and of the same size, with the data of @from as it is open: its head or a
 * snapshot.  What was never written in @from is not read.
 */
gboolean drv_rbd_write_copy(DrvRbdPool *pool,
                            DrvRbdImage from,
                            DrvRbdImage to,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make @fd, an empty file, the same as @from as it is open: its size, and what was ever
 * written to it.  Blocks of zeros stay holes.
 */
gboolean drv_rbd_read_file(DrvRbdPool *pool, DrvRbdImage from, int fd, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The bytes of @image (stays the caller's) as it is open; name for messages. */
DrvSource *drv_rbd_read_source(DrvRbdPool *pool,
                               DrvRbdImage image,
                               const char *name,
                               GError **error);
