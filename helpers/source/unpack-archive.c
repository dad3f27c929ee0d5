/* SPDX-License-Identifier: Apache-2.0 */
/* source/unpack-archive.c - what is a tar or a zip. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "source/unpack.h"

#define TAR_BLOCK 512

/* A header's sum is over its bytes with the sum's own field as spaces. */
static gboolean
tar_sum_is_right(const guint8 *block)
{
    g_autofree char *field = g_strndup((const char *)block + 148, 8);
    guint64 sum = 0;

    for (guint i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    return g_ascii_strtoull(g_strchug(field), NULL, 8) == sum;
}

gboolean
drv_unpack_is_archive(int fd, DrvArchiveKind *kind, GError **error)
{
    guint8 block[TAR_BLOCK] = { 0 };
    gssize got = pread(fd, block, sizeof block, 0);

    *kind = DRV_ARCHIVE_NONE;
    if (got < 0)
        return drv_throw_errno(error, "cannot read a possible archive");
    if (got == TAR_BLOCK && block[0] && tar_sum_is_right(block))
        *kind = DRV_ARCHIVE_TAR;
    else if (got >= 4 && memcmp(block, "PK\3\4", 4) == 0)
        *kind = DRV_ARCHIVE_ZIP;
    return TRUE;
}
