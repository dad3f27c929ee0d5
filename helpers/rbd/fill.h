/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/fill.h - a file system or swap space in a new image. */
#pragma once

#include "image/mkfs.h"
#include "rbd/image.h"

/* Create the file system @want in a sparse file in @staging_dir and write it to @image,
 * which is new and of the same size.  Nothing is done if @want is an empty image.
 */
gboolean drv_rbd_fill(DrvRbdPool *pool,
                      DrvRbdImage image,
                      const DrvMkfs *want,
                      const char *staging_dir,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
