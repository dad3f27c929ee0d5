/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/qemu.h - qemu-img with RBD images. */
#pragma once

#include "cmd/cmd.h"
#include "rbd/pool.h"

/* Write the content of @fd, a file in @format, to image @name, which is there and empty
 * and has @size bytes as @fd's disk.
 */
gboolean drv_rbd_qemu_convert(DrvRbdPool *pool,
                              int fd,
                              const char *format,
                              const char *name,
                              guint64 size,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
