/* SPDX-License-Identifier: Apache-2.0 */
/* source/unpack-archive.c - tar and zip into a folder, and nowhere else. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/load-archive.h"
#include "base/log.h"
#include "source/copy.h"
#include "source/unpack.h"

#define TAR_BLOCK 512
#define MAX_DEPTH 32
#define DEFAULT_ENTRIES 10000
#define READ_SIZE ((gsize)256 * 1024)

typedef struct archive Archive;

static void
archive_close_one(Archive *archive)
{
    archive_read_free(archive);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_close_one)

/* A header's sum is over its bytes with the sum's own field as blanks. */
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
        return drv_throw_errno(error, "cannot read what may be an archive");
    if (got == TAR_BLOCK && memcmp(block + 257, "ustar", 5) == 0 &&
        tar_sum_is_right(block))
        *kind = DRV_ARCHIVE_TAR;
    else if (got >= 4 && memcmp(block, "PK\3\4", 4) == 0)
        *kind = DRV_ARCHIVE_ZIP;
    return TRUE;
}

/* What is being unpacked. */
typedef struct {
    struct archive *archive;
    int dir_fd;
    const char *name;   /* of the archive */
    guint64 bytes_left; /* of the limits */
    guint entries_left;
} Job;

static gboolean
refuse(const Job *job, const char *path, const char *reason, GError **error)
{
    g_autofree char *shown = drv_log_escape(path);

    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "cannot unpack '%s' of '%s': %s",
                     shown,
                     job->name,
                     reason);
}

static gboolean
count_entry(Job *job, GError **error)
{
    if (job->entries_left == 0)
        return drv_throw(
            error, DRV_ERROR_NO_SPACE, "cannot unpack '%s': too many entries", job->name);
    job->entries_left--;
    return TRUE;
}

/* The components of @path, or NULL when it is no plain relative path. */
static char **
split(const Job *job, const char *path, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; parts[i]; i++) {
        if (strcmp(parts[i], "..") == 0 || (i == 0 && parts[i][0] == '\0')) {
            refuse(job, path, "its name leads outside", error);
            return NULL;
        }
        if (parts[i][0] != '\0' && strcmp(parts[i], ".") != 0)
            g_ptr_array_add(kept, g_strdup(parts[i]));
    }
    if (kept->len > MAX_DEPTH) {
        refuse(job, path, "too many folders in one another", error);
        return NULL;
    }
    g_ptr_array_add(kept, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&kept), FALSE);
}

/* Step from *dir (-1: the target itself) to its folder @part, which is made if need be.
 */
static gboolean
enter(Job *job, DrvFd *dir, const char *part, const char *path, GError **error)
{
    int at = *dir < 0 ? job->dir_fd : *dir;
    int made = mkdirat(at, part, 0755);
    int next;

    if (made < 0 && errno != EEXIST)
        return drv_throw_errno(error, "cannot make folder '%s'", path);
    if (made == 0 && !count_entry(job, error))
        return FALSE;
    next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
        return refuse(job, path, "a file has the name of its folder", error);
    if (next < 0)
        return drv_throw_errno(error, "cannot open folder '%s'", path);
    drv_fd_close_one(*dir);
    *dir = next;
    return TRUE;
}

/* The data of the current entry, as a source. */
static gssize
entry_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Job *job = state;
    la_ssize_t got = archive_read_data(job->archive, data, size);
    const char *reason = got < 0 ? archive_error_string(job->archive) : NULL;

    if (got >= 0)
        return got;
    drv_throw(error,
              DRV_ERROR_REFUSED,
              "cannot unpack '%s': %s",
              job->name,
              reason ? reason : "it is damaged");
    return -1;
}

static gboolean
write_file(Job *job, int at, const char *part, const char *path, GError **error)
{
    static const DrvSourceOps ops = { .read = entry_read };
    g_autoptr(DrvSource) source = NULL;
    g_auto(DrvFd) fd =
        openat(at, part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    guint64 written;

    if (fd < 0 && errno == EEXIST)
        return refuse(job, path, "its name is there already", error);
    if (fd < 0)
        return drv_throw_errno(error, "cannot make file '%s'", path);
    source = drv_source_new_limited(
        drv_source_new(&ops, job, job->name), job->bytes_left, "room for its content");
    if (!drv_copy_source(source, fd, TRUE, &written, error))
        return FALSE;
    job->bytes_left -= written;
    return TRUE;
}

/* NULL: a file or a folder, else why not. */
static const char *
unwanted(struct archive_entry *entry)
{
    if (archive_entry_symlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
        return "it is a symbolic link";
    if (archive_entry_hardlink(entry))
        return "it is a hard link";
    if (archive_entry_is_encrypted(entry))
        return "it is encrypted";
    if (archive_entry_filetype(entry) != AE_IFREG &&
        archive_entry_filetype(entry) != AE_IFDIR)
        return "it is neither a file nor a folder";
    return NULL;
}

static gboolean
unpack_entry(Job *job, struct archive_entry *entry, GError **error)
{
    const char *utf8 = archive_entry_pathname_utf8(entry);
    const char *path = utf8 ? utf8 : archive_entry_pathname(entry);
    const char *reason = unwanted(entry);
    gboolean is_dir = archive_entry_filetype(entry) == AE_IFDIR;
    g_auto(GStrv) parts = NULL;
    g_auto(DrvFd) dir = -1;

    if (path == NULL || path[0] == '\0')
        return refuse(job, "?", "it has no name", error);
    if (reason)
        return refuse(job, path, reason, error);
    if (!count_entry(job, error) || (parts = split(job, path, error)) == NULL)
        return FALSE;
    if (parts[0] == NULL)
        return is_dir || refuse(job, path, "it has no name", error);
    for (guint i = 0; parts[i]; i++) {
        if (parts[i + 1] == NULL && !is_dir)
            return write_file(job, dir < 0 ? job->dir_fd : dir, parts[i], path, error);
        if (!enter(job, &dir, parts[i], path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
throw_archive(const Job *job, GError **error)
{
    const char *reason = archive_error_string(job->archive);

    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "cannot unpack '%s': %s",
                     job->name,
                     reason ? reason : "it is damaged");
}

/* libarchive converts names to the charset of the locale, and drops those that have no
 * place there; in C's that is all that is not ASCII.
 */
static locale_t
enter_utf8(locale_t *before)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

    *before = utf8 ? uselocale(utf8) : (locale_t)0;
    return utf8;
}

static void
leave_utf8(locale_t utf8, locale_t before)
{
    if (utf8 == (locale_t)0)
        return;
    (void)uselocale(before);
    freelocale(utf8);
}

static gboolean
unpack_all(Job *job, GError **error)
{
    struct archive_entry *entry;
    int result;

    while ((result = archive_read_next_header(job->archive, &entry)) == ARCHIVE_OK ||
           result == ARCHIVE_WARN) {
        if (!drv_cancel_check(error) || !unpack_entry(job, entry, error))
            return FALSE;
    }
    return result == ARCHIVE_EOF || throw_archive(job, error);
}

gboolean
drv_unpack_archive(
    int fd, int dir_fd, const DrvUnpackLimits *limits, const char *name, GError **error)
{
    g_autoptr(Archive) archive = NULL;
    Job job = { .dir_fd = dir_fd,
                .name = name,
                .bytes_left = limits->max_bytes,
                .entries_left =
                    limits->max_entries ? limits->max_entries : DEFAULT_ENTRIES };
    locale_t before;
    locale_t utf8;
    gboolean ok;

    if (lseek(fd, 0, SEEK_SET) < 0)
        return drv_throw_errno(error, "cannot rewind '%s'", name);
    if (!drv_load_archive(error))
        return FALSE;
    job.archive = archive = archive_read_new();
    if (archive == NULL || archive_read_support_format_tar(archive) != ARCHIVE_OK ||
        archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
        archive_read_open_fd(archive, fd, READ_SIZE) != ARCHIVE_OK)
        return throw_archive(&job, error);
    utf8 = enter_utf8(&before);
    ok = unpack_all(&job, error);
    leave_utf8(utf8, before);
    return ok;
}
