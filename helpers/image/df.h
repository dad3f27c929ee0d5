/* SPDX-License-Identifier: Apache-2.0 */
/* image/df.h - how full a file system is, and what a file takes of it. */
#pragma once

#include <glib.h>

typedef struct {
    guint64 used_mb;  /* MiB, rounded up */
    guint64 free_mb;  /* MiB available to unprivileged users */
    guint64 total_mb; /* MiB */
} DrvDf;

/* Of the file system that holds @path, which is made as a directory if missing. */
gboolean drv_df(const char *path, DrvDf *df, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "USED_MB=1 FREE_MB=2 TOTAL_MB=3"; caller frees. */
char *drv_df_text(const DrvDf *df);

/* MiB on disk, rounded up, of an open file; 0 when that is not known. */
guint64 drv_df_fd_mb(int fd);

/* The same of @name in @dir_fd, of a link itself; 0 when it is missing. */
guint64 drv_df_file_mb(int dir_fd, const char *name);
