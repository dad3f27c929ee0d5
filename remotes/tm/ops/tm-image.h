/* SPDX-License-Identifier: Apache-2.0 */
/* tm-image.h - images and overlays as the ops of qcow2 and shared need them. */
#pragma once

#include "stage/stage.h"
#include "tm/ops/tm-dir.h"

/* An image of a datastore, opened on this host. */
typedef struct {
    char *path; /* on this host */
    int dir_fd; /* its datastore's directory */
    char *dir;  /* path of that */
    char *name; /* last component */
    int fd;     /* the image, for reading */
    gboolean is_qcow2;
    guint64 virtual_size; /* bytes */
} TmImage;
#define TM_IMAGE_INIT                                                                    \
    {                                                                                    \
        NULL, -1, NULL, NULL, -1, FALSE, 0                                               \
    }

void tm_image_clear(TmImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TmImage, tm_image_clear)

/* Open @path.  @format is what the front-end says it is, "qcow2" or "raw"; "" looks at
 * the header, which is only right for files no guest has written.  What says qcow2 and is
 * not is refused.
 */
gboolean tm_image_open(TmImage *image,
                       const char *path,
                       const char *format,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Before a tool opens @image, and all that it is backed by: drv_chain_check(). */
gboolean tm_image_check(const TmImage *image, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* *size gets @mb MiB in bytes; FALSE with DRV_ERROR_USAGE for an invalid size. */
gboolean
tm_size_of_mb(guint64 mb, guint64 *size, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make overlay @name in the directory @fd. */
gboolean tm_overlay_make(int fd,
                         const char *name,
                         guint64 size,
                         const char *backing,
                         gboolean backing_is_qcow2,
                         const char *options,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Virtual size of @file below the disk's base, which must be qcow2; with its backing text
 * when @backing is not NULL (caller frees).
 */
gboolean tm_overlay_read(const TmDisk *disk,
                         const char *file,
                         guint64 *size,
                         char **backing,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Is a TM_DISK_CHAIN just file 0, backed by nothing?  Then it is an image by itself. */
gboolean tm_overlay_is_single(const TmDisk *disk,
                              gboolean *single,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Before a tool opens @file below the disk's base as qcow2, and all that it is backed by:
 * drv_chain_check().
 */
gboolean tm_overlay_check(const TmDisk *disk,
                          const char *file,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Give raw file @fd the size @size at least; @full allocates all of it. */
gboolean tm_raw_grow(int fd,
                     guint64 size,
                     gboolean full,
                     const char *name,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Copy @in_fd to new file @name of the stage; *out_fd (may be NULL) gets it open. */
gboolean tm_copy_to_stage(DrvStage *stage,
                          int in_fd,
                          const char *name,
                          int *out_fd,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
