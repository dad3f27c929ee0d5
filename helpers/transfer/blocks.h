/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/blocks.h - the data of a file, block by block with digests, read ahead by a
 * thread of its own so that the disk, the digest and the line work at the same time.
 *
 * Only extents are read (SEEK_DATA), and blocks of zeros are left out wherever the file
 * system says that there is data.
 */
#pragma once

#include <glib.h>

#include "transfer/wire.h"

#define DRV_WINDOW_SIZE (4 * 1024 * 1024)

/* Some consecutive blocks with their data: block i begins where those before it end.  One
 * without blocks says that none were found in a long piece of the file.
 */
typedef struct {
    gboolean last;
    guint n;
    gsize used; /* bytes of @data */
    DrvBlock blocks[DRV_BLOCKS_MAX];
    guint8 data[DRV_WINDOW_SIZE];
} DrvWindow;

typedef struct DrvBlockReader DrvBlockReader;

/* Begin to read @fd (stays the caller's, and open) up to @size; @name is for messages. */
DrvBlockReader *drv_block_reader_new(int fd, guint64 size, const char *name);
void drv_block_reader_free(DrvBlockReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvBlockReader, drv_block_reader_free)

/* The next window, valid until the next call; *window is NULL at the end. */
gboolean drv_block_reader_next(DrvBlockReader *reader,
                               const DrvWindow **window,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
