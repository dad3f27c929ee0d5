/* SPDX-License-Identifier: Apache-2.0 */
/* source/extract.h - files of a tar archive that a user made, by libarchive. */
#pragma once

#include <glib.h>

#include "source/source.h"

/* What is accepted; an archive with more is refused. */
typedef struct {
    guint64 max_bytes; /* of the archive, unpacked, and of all files together */
    guint max_entries; /* of the whole archive */
} DrvExtractLimits;

/* Make the directory @only (one component) of the tar archive @in below @dir_fd, with the
 * regular files and directories in it; entries beside it are skipped.  @where is
 * @dir_fd's path, for messages.  Files get mode 0600, directories 0700, all are ours.
 *
 * An absolute name, one with "..", a link, a device, a name that is there already, or a
 * limit exceeded is DRV_ERROR_REFUSED; a damaged archive, too, and one without @only.  No
 * link that is there is followed.  What was made until a failure stays: use a stage.
 */
gboolean drv_extract_tar(DrvSource *in,
                         const char *only,
                         int dir_fd,
                         const char *where,
                         const DrvExtractLimits *limits,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
