/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/fence.h - no client that has an image open may write to it any more. */
#pragma once

#include "rbd/pool.h"

/* Blocklist who has @image open or locked, for a day: once TRUE is returned the cluster
 * takes nothing from them, whatever became of their hosts.  *n gets their number; their
 * addresses are logged.  An image that is absent has no clients.  DRV_ERROR_PERMISSION:
 * who may not blocklist cannot be sure either.
 */
gboolean drv_rbd_fence(DrvRbdPool *pool, const char *image, guint *n, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
