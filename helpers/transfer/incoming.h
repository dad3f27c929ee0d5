/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/incoming.h - where files arrive, and how they get their names.
 *
 * ".incoming-<key>" is beside what is going to be changed.  It outlives a transfer that
 * is interrupted, and the next attempt continues in it; the stage of <key> is its lock.
 */
#pragma once

#include <glib.h>

#include "stage/stage.h"
#include "transfer/tree.h"

typedef struct {
    const DrvReceive *receive;
    const DrvTree *tree;
    int target_fd; /* the target directory */
    int fd;        /* ".incoming-<key>" in it */
    char *name;    /* that name */
    DrvStage *stage;
    GHashTable *same; /* paths of files that stand at the target as they have arrived */
    gboolean published;
    guint64 there; /* bytes on disk that are there already */
} DrvIncoming;
#define DRV_INCOMING_INIT                                                                \
    {                                                                                    \
        NULL, NULL, -1, -1, NULL, NULL, NULL, FALSE, 0                                   \
    }

void drv_incoming_clear(DrvIncoming *in);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvIncoming, drv_incoming_clear)

/* Make or find the directory, remove from it what @tree has not, and make the directories
 * that it has.  @target_fd stays the caller's.
 */
gboolean drv_incoming_open(DrvIncoming *in,
                           const DrvReceive *receive,
                           const DrvTree *tree,
                           int target_fd,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* All files are there: make links, set modes, give all their names at once, and see it on
 * disk.
 */
gboolean drv_incoming_publish(DrvIncoming *in, GError **error) G_GNUC_WARN_UNUSED_RESULT;
