/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/arrival.h - one file as it arrives.
 *
 * What an earlier try has left of it, and the version that exists at the target, are
 * used block by block where their digest says that they can.
 */
#pragma once

#include <glib.h>

#include "transfer/wire.h"

typedef struct {
    int fd;       /* what arrives */
    int basis_fd; /* the existing target, or -1 */
    char *name;
    guint64 size;
    guint64 at;      /* all before is as it shall be */
    guint64 flushed; /* up to here it is on disk */
    gboolean dirty;  /* there was something in it before */
    gboolean cloned; /* as a clone of the existing target */
    gboolean same;   /* the existing target has proved equal so far */
} DrvArrival;
#define DRV_ARRIVAL_INIT                                                                 \
    {                                                                                    \
        -1, -1, NULL, 0, 0, 0, FALSE, FALSE, FALSE                                       \
    }

void drv_arrival_clear(DrvArrival *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvArrival, drv_arrival_clear)

/* Open or make @path below @dir_fd, which is beside @target_fd. */
gboolean drv_arrival_open(DrvArrival *file,
                          int dir_fd,
                          int target_fd,
                          const char *path,
                          guint64 size,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when there is something of it, so that the sender shall wait for what is needed.
 */
gboolean drv_arrival_has_some(const DrvArrival *file);

/* Go over the next @n blocks; the bits of those that have to be sent are set in @need. */
gboolean drv_arrival_plan(DrvArrival *file,
                          const DrvBlock *blocks,
                          guint n,
                          guint8 *need,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Data of @block, which must have its digest. */
gboolean drv_arrival_put(DrvArrival *file,
                         const DrvBlock *block,
                         const guint8 *data,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* No blocks follow. */
gboolean drv_arrival_end(DrvArrival *file, GError **error) G_GNUC_WARN_UNUSED_RESULT;
