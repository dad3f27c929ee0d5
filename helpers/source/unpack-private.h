/* SPDX-License-Identifier: Apache-2.0 */
/* source/unpack-private.h - between the files of drv-unpack. */
#ifndef DRV_ALLOW_PRIVATE
#error "drv-unpack-private.h is for drv-unpack*.c only"
#endif
#pragma once

#include "source/unpack.h"

/* How much compressed data is read at a time. */
#define DRV_UNPACK_INPUT_SIZE ((gsize)256 * 1024)

/* gzip by ISA-L, or by zlib where that is missing or @by_zlib says so; both compare
 * checksum and length of each member, libarchive's filter does not.  Takes @inner.
 */
DrvSource *drv_unpack_new_gzip(DrvSource *inner, gboolean by_zlib);

/* xz by liblzma, in at most 256 MiB of memory.  Takes @inner. */
DrvSource *drv_unpack_new_xz(DrvSource *inner);

/* Throw "cannot decompress '<name>' (<filter>): <reason>"; returns -1. */
gssize drv_unpack_throw(DrvSource *inner,
                        DrvUnpackFilter filter,
                        const char *reason,
                        GError **error);
