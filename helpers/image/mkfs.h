/* SPDX-License-Identifier: Apache-2.0 */
/* image/mkfs.h - a new empty image, with a file system or swap space in it if asked for.
 */
#pragma once

#include <glib.h>

typedef struct {
    const char *format;              /* raw, qcow2, swap; front-ends before 5.0 may say a
                                      * file system's name here, which means raw with it */
    const char *fs;                  /* "" or NULL: none */
    guint64 size;                    /* bytes */
    const char *const *supported_fs; /* allowed values of fs */
    const char *const *fs_options;   /* options for mkfs; may be NULL */
} DrvMkfs;

/* What datastore/datastore.conf says: SUPPORTED_FS, and the words of FS_OPTS_<@fs>.  Both
 * replace what was there (NULL or a vector to be freed).
 */
gboolean drv_mkfs_read_config(const char *fs,
                              char ***supported_fs,
                              char ***fs_options,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make @name in the directory @dir_fd.  DRV_ERROR_UNSUPPORTED for a format or file system
 * that is not known or not allowed.
 */
gboolean drv_mkfs(int dir_fd, const char *name, const DrvMkfs *want, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
