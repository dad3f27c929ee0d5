/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/trash.h - images that were put away: found by name, and purged when their date has
 * passed.
 */
#pragma once

#include "rbd/pool.h"

/* Until when image @name can be restored from the trash, as text; "it is purged" when
 * there is no date.  NULL: it is not in the trash, or the user may not look.  Caller
 * frees.
 */
char *drv_rbd_trash_until(DrvRbdPool *pool, const char *name);

/* Remove images "one-*" for good that have been put away until a date in the past, for up
 * to CEPH_PURGE_SECONDS and no faster than CEPH_PURGE_RATE; the next call continues. What
 * was put away without a date is somebody else's, and stays; so does an image with
 * snapshots or clones.  For monitoring: failures are logged.
 */
void drv_rbd_trash_purge(DrvRbdPool *pool);
