/* SPDX-License-Identifier: Apache-2.0 */
/* fs.h - an image of a file datastore, looked at where it is. */
#pragma once

#include "datastore/ds.h"
#include "stage/stage.h"

typedef struct {
    int dir_fd;
    char *dir;       /* path of the datastore's directory, collapsed */
    char *name;      /* of the image there */
    char *snap_dir;  /* "<name>.snap" */
    DrvStage *stage; /* held for the image's name */
} FsImage;
#define FS_IMAGE_INIT                                                                    \
    {                                                                                    \
        -1, NULL, NULL, NULL, NULL                                                       \
    }

void fs_image_clear(FsImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FsImage, fs_image_clear)

/* Hold the image @source, which must be right below @base_path ("" : wherever it is). */
gboolean fs_image_open(FsImage *image,
                       const char *base_path,
                       const char *source,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same to remove it, which must work on a full file system: then nothing is held, and
 * the stage is NULL, as drv_stage_delete() takes it.
 */
gboolean fs_image_open_to_delete(FsImage *image,
                                 const char *base_path,
                                 const char *source,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Hold a new name in @base_path, and sweep up after those who died there. */
gboolean fs_image_new(FsImage *image,
                      const char *base_path,
                      const char *name,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The end of an op with a new name: @made in the stage becomes the image. */
gboolean fs_image_publish(FsImage *image,
                          const char *made,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* drv_snapshots_is_chain() of it. */
gboolean fs_image_is_chain(const FsImage *image);

/* "<snap_dir>/<id>", or what "<id>.current" names; caller frees. */
char *fs_image_snapshot(const FsImage *image, gint64 id);

/* The same, NULL with DRV_ERROR_NOT_FOUND when there is no such snapshot (any more). */
char *fs_image_find_snapshot(const FsImage *image, gint64 id, GError **error);

/* Plan that checksum files of the image, which are stale then, go too. */
void fs_image_take_sidecars(FsImage *image);

/* --- snapshots (fs-snapshot.c) --------------------------------------------------------
 */

/* Open a file of the image for reading; -1 on failure. */
int fs_image_open_file(const FsImage *image,
                       const char *file,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* See *highest, the highest number in the snapshot directory (-1: none), and *child, one
 * that is backed by @file (NULL: none; NULL when called, caller frees).
 */
gboolean fs_image_scan(const FsImage *image,
                       const char *file,
                       gint64 *highest,
                       char **child,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "copy" in the stage becomes a copy of @file. */
gboolean fs_image_stage_copy(FsImage *image,
                             const char *file,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
