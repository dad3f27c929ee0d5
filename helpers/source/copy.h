/* SPDX-License-Identifier: Apache-2.0 */
/* source/copy.h - bytes into files: as fast as this file system can, and holes stay
 * holes.
 *
 * Data leave the page cache as they get to the disk (docs/copy.md), but the last of them
 * are not synced, and nothing is renamed: that is drv-stage's.  All loops end on
 * cancellation with DRV_ERROR_CANCELLED, and a full disk is DRV_ERROR_NO_SPACE.
 */
#pragma once

#include <glib.h>

#include "source/source.h"

typedef struct {
    const char *name;    /* of the target, for messages; NULL: "file" */
    gboolean no_reflink; /* make a real copy even where a reflink is possible */

    /* Called now and then with the bytes done and in all; NULL: not.  From the calling
     * thread.
     */
    void (*progress)(guint64 done, guint64 total, gpointer data);
    gpointer progress_data;
} DrvCopyOptions;

/* Make @out_fd (an empty regular file, opened for reading and writing) the same as
 * @in_fd (a regular file or block device): reflink, or copy_file_range(2) of its data
 * extents, or read and write with runs of zeros left out.  Both offsets are undefined
 * afterwards.  @options may be NULL; @copied (may be NULL) gets the bytes of data that
 * were moved (0 for a reflink).
 */
gboolean drv_copy_fd(int in_fd,
                     int out_fd,
                     const DrvCopyOptions *options,
                     guint64 *copied,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Write all of @source (stays the caller's) to @out_fd from its begin.  With @sparse
 * aligned 4 KiB blocks of zeros become holes; without, and on what is not a regular file,
 * all is written.  A regular file gets exactly the stream's size.  @written (may be NULL)
 * gets that size.
 */
gboolean drv_copy_source(DrvSource *source,
                         int out_fd,
                         gboolean sparse,
                         guint64 *written,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
