/* SPDX-License-Identifier: Apache-2.0 */
#include "source/content.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"
#include "source/digest.h"

#define ATTRIBUTE "user.drv.content"
#define PIECE ((gsize)64 * 1024)
#define NOTE_MAX 256

gboolean
drv_content_is_valid(const char *text)
{
    return strlen(text) == DRV_CONTENT_SIZE &&
           strspn(text, "0123456789abcdef") == DRV_CONTENT_SIZE;
}

/* --- what is known ---------------------------------------------------------------------
 */

static char *
note_of(const char *content, const struct stat *info)
{
    return g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                           ".%09ld %" G_GUINT64_FORMAT,
                           content,
                           (gint64)info->st_size,
                           (gint64)info->st_mtim.tv_sec,
                           info->st_mtim.tv_nsec,
                           (guint64)info->st_ino);
}

static char *
read_note(int fd, const struct stat *info)
{
    char note[NOTE_MAX + 1] = "";
    gssize size = fgetxattr(fd, ATTRIBUTE, note, NOTE_MAX);
    g_autofree char *content = g_strndup(note, DRV_CONTENT_SIZE);
    g_autofree char *wanted = note_of(content, info);

    return size > 0 && drv_content_is_valid(content) && g_str_equal(note, wanted)
               ? g_steal_pointer(&content)
               : NULL;
}

/* --- computing -------------------------------------------------------------------------
 */

static gboolean
read_piece(int fd, const char *name, guint8 *piece, gsize size, off_t at, GError **error)
{
    for (gsize done = 0; done < size;) {
        gssize got = pread(fd, piece + done, size - done, at + (off_t)done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return drv_throw_errno(error, "cannot read '%s'", name);
        if (got == 0)
            return drv_throw(error, DRV_ERROR_FAILED, "'%s' has become shorter", name);
        done += (gsize)got;
    }
    return drv_cancel_check(error);
}

/* Begin of the next piece, from *at on, that may have data; FALSE behind the last. */
static gboolean
find_piece(int fd, off_t end, off_t *at)
{
    off_t data = lseek(fd, *at, SEEK_DATA);

    if (data < 0 && errno == ENXIO)
        return FALSE;
    if (data > *at) /* where holes are unknown, all is data */
        *at = data - data % (off_t)PIECE;
    return *at < end;
}

static char *
compute(int fd, const char *name, off_t end, GError **error)
{
    g_autoptr(DrvDigest) digest = drv_digest_new(DRV_DIGEST_SHA256, error);
    g_autofree guint8 *piece = g_malloc(PIECE);
    guint64 number = GUINT64_TO_LE((guint64)end);

    if (digest == NULL)
        return NULL;
    drv_digest_update(digest, &number, sizeof number);
    for (off_t at = 0; find_piece(fd, end, &at); at += (off_t)PIECE) {
        gsize size = (gsize)MIN((off_t)PIECE, end - at);

        if (!read_piece(fd, name, piece, size, at, error))
            return NULL;
        if (drv_bytes_are_zero(piece, size))
            continue;
        number = GUINT64_TO_LE((guint64)at);
        drv_digest_update(digest, &number, sizeof number);
        drv_digest_update(digest, piece, size);
    }
    return drv_digest_finish(digest, error);
}

char *
drv_content_of(int fd, const char *name, GError **error)
{
    g_autofree char *content = NULL;
    g_autofree char *note = NULL;
    struct stat before, after;

    if (fstat(fd, &before) < 0) {
        (void)drv_throw_errno(error, "cannot stat '%s'", name);
        return NULL;
    }
    content = read_note(fd, &before);
    if (content)
        return g_steal_pointer(&content);
    content = compute(fd, name, before.st_size, error);
    if (content == NULL)
        return NULL;
    note = note_of(content, &before);
    /* What was written to meanwhile is not noted, and what cannot be is computed again.
     */
    if (fstat(fd, &after) == 0 && after.st_size == before.st_size &&
        after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
        after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
        (void)!fsetxattr(fd, ATTRIBUTE, note, strlen(note), 0);
    return g_steal_pointer(&content);
}
