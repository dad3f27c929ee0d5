/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/room.h - space is known before the first byte. */
#pragma once

#include <glib.h>

/* There must be room for @bytes in the file system of @fd, of which @there are there
 * already, beside what other transfers of this machine have claimed.  The claim is part
 * of the status (base/status.h), shrinks by what is moved and ends with the process.
 * DRV_ERROR_NO_SPACE, with both figures.
 */
gboolean drv_room_claim(int fd,
                        const char *where,
                        guint64 bytes,
                        guint64 there,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
