/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.h - what the snapshot ops have in common.
 *
 * Snapshots of qcow2 disks (storage protocol 3.1): files are numbered, disk.N names the
 * active one, and each has the one before as backing file.  File i is the state at
 * snapshot i, so the file after snapshot i is i + 1.  Snapshots of raw disks are full
 * copies, numbered as the snapshots.
 */
#pragma once

#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/tm.h"

/* The disk of a snapshot request, looked at and held. */
typedef struct {
    TmDir dir;
    TmDisk disk;
    DrvStage *vm_stage;    /* in the VM's directory: the lock, and where links are made */
    DrvStage *image_stage; /* in the image datastore, for persistent disks; or NULL */
} TmSnapDisk;
#define TM_SNAP_DISK_INIT                                                                \
    {                                                                                    \
        TM_DIR_INIT, TM_DISK_INIT, NULL, NULL                                            \
    }

void tm_snap_disk_clear(TmSnapDisk *snap);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TmSnapDisk, tm_snap_disk_clear)

gboolean tm_snap_disk_open(TmSnapDisk *snap,
                           const TmSnapshot *request,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The stage in the directory where data and snapshots are. */
DrvStage *tm_snap_data_stage(TmSnapDisk *snap);

/* TRUE for a disk with overlays. */
gboolean tm_snap_is_chain(const TmSnapDisk *snap);

/* "<link_head><n>": link and backing text of file @n; caller frees. */
char *tm_snap_text(const TmSnapDisk *snap, guint64 n);

/* Make overlay @name in the data stage on the disk's file @file ("<snap_dir>/2").  The
 * text in its header is what disk.N says of that file: tools that open disk.N look for
 * relative texts beside it, so of a persistent disk the text is absolute.
 */
gboolean tm_snap_overlay(TmSnapDisk *snap,
                         const char *name,
                         const char *file,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Point disk.N to @text, after what is planned already. */
gboolean tm_snap_relink(TmSnapDisk *snap,
                        const char *text,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when backing text @backing means @file ("<snap_dir>/2"). */
gboolean tm_snap_names(const char *backing, const char *file);

/* Files of the snapshot directory whose backing file is @file, as paths below base; and
 * the backing text of one of them.  NULL-terminated; caller frees.
 */
char **tm_snap_children(const TmSnapDisk *snap, const char *file, GError **error);

/* What @file itself is backed by: backing text, "" for an image that has no backing file.
 */
gboolean tm_snap_parent(const TmSnapDisk *snap,
                        const char *file,
                        char **parent,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make all that is backed by @file, but @except (may be NULL), are backed by its parent
 * instead.
 */
gboolean tm_snap_free_children(const TmSnapDisk *snap,
                               const char *file,
                               const char *except,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Copy raw @file below the disk's base to @name in the data stage. */
gboolean tm_snap_copy(TmSnapDisk *snap,
                      const char *file,
                      const char *name,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Plan a copy as snapshot @id of a raw disk, with its directory if that is missing.
 * Returns the name that the copy must have in the data stage; caller frees.
 */
char *tm_snap_plan_copy(TmSnapDisk *snap, guint64 id, GError **error);
