/* SPDX-License-Identifier: Apache-2.0 */
/* ds-limit.h - how large an image may become: SECURITY.md has the table.
 *
 * Quotas are charged with IMAGE/SIZE, which stat found; a server may answer twice
 * differently, and a compressed file may become anything.
 */
#pragma once

#include "datastore/ds.h"

/* A source of @in, which stays the caller's, that fails with DRV_ERROR_NO_SPACE where it
 * has more bytes than SIZE (with room for what formats add), than EXPAND_LIMIT_MB, or,
 * when nobody said how many there will be, than @free.
 */
DrvSource *ds_limit_stream(const DsCp *request, DrvSource *in, guint64 free);

/* What a guest would see of the image must not be more than IMAGE/SIZE.  Refused with
 * DRV_ERROR_NO_SPACE.
 */
gboolean ds_limit_check_size(const DsCp *request,
                             guint64 virtual_size,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Before a conversion, which writes up to @virtual_size bytes whatever the size of the
 * file: not more than EXPAND_LIMIT_MB, nor, without IMAGE/SIZE, than @free.
 */
gboolean ds_limit_check_conversion(const DsCp *request,
                                   guint64 virtual_size,
                                   guint64 free,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
