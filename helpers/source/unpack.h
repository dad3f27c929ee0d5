/* SPDX-License-Identifier: Apache-2.0 */
/* source/unpack.h - decompression as a stage, and what is an archive.
 *
 * One layer of gzip, bzip2, xz, zstd or lz4 is recognised by content and taken off; what
 * is inside is data, even if compressed again.  Of 7z, rar, lzip, lzop, lzma and compress
 * it is only known that they are not disks: DRV_ERROR_REFUSED "<what> is not supported:
 * …".  Several members after one another are one stream.  Truncated or damaged input, and
 * anything but zero bytes behind the last member, is DRV_ERROR_REFUSED "cannot decompress
 * '<name>' (gzip): …".  Use a limited stage behind it: a small file may expand without
 * end.
 */
#pragma once

#include <glib.h>

#include "source/source.h"

typedef enum {
    DRV_UNPACK_NONE,
    DRV_UNPACK_GZIP,
    DRV_UNPACK_BZIP2,
    DRV_UNPACK_XZ,
    DRV_UNPACK_ZSTD,
    DRV_UNPACK_LZ4,
} DrvUnpackFilter;

/* The decompressed stream of @inner (taken, freed on failure too), or @inner itself when
 * it is not compressed.  *@filter (may be NULL) gets which.  At its end @inner was read
 * to its own end, so that a digest in it has been compared.
 */
DrvSource *drv_source_new_unpacked(DrvSource *inner,
                                   DrvUnpackFilter *filter,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef enum { DRV_ARCHIVE_NONE, DRV_ARCHIVE_TAR, DRV_ARCHIVE_ZIP } DrvArchiveKind;

/* Whether the file is an archive, by content: a tar header with a right checksum (those
 * of the first tars have no magic), or a zip's first header.  FALSE only when it cannot
 * be read.
 */
gboolean drv_unpack_is_archive(int fd,
                               DrvArchiveKind *kind,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
