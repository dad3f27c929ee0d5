/* SPDX-License-Identifier: Apache-2.0 */
/* newest.h - the file of an image that others fetch. */
#pragma once

#include "datastore/ds.h"

/* Open the one file with all of the newest content of the image @source, *path (caller
 * frees; set on failure, too); DRV_ERROR_REFUSED when there are several, a chain.
 */
gboolean ds_open_newest(const char *source, char **path, int *fd, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
