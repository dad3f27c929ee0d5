/* SPDX-License-Identifier: Apache-2.0 */
/* ds-origin.h - open what an image's PATH names, checked and decoded. */
#pragma once

#include "datastore/ds.h"

/* Fill what the settings of this machine say: limits, and hosts that may be read from. */
gboolean ds_origin_read_settings(DsCp *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The stream of the image's bytes: fetched, compared with its digests, decompressed
 * unless NO_DECOMPRESS; request->is_unbounded tells whether its
 * length is not known.  A local path must be allowed, and what was checked is what is
 * read.
 */
gboolean ds_origin_open(DsCp *request,
                        DrvSource **source,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Size in bytes of what a guest would see of the image. */
gboolean
ds_origin_size(DsCp *request, guint64 *size, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Open the local file or directory that the request's path names, if it is allowed: that
 * is, by SAFE_DIRS and RESTRICTED_DIRS; and what is in the datastore itself is only
 * followed along links that drivers make (image/chain.h).  What is not allowed gets one
 * error, whether it is there or not.
 */
int ds_origin_open_path(const DsCp *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* May the request's path be used as a device, which need not exist here?  By the same
 * directories, as it is written and as it is resolved here; a regular file may not.
 */
gboolean ds_origin_check_device(const DsCp *request,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
