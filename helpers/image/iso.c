/* SPDX-License-Identifier: Apache-2.0 */
#include "image/iso.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/load-archive.h"

/* Directories below an added one: the standard knows eight levels, libarchive's detour
 * for deeper ones crashes, and a link may lead in circles.
 */
#define MAX_DEPTH 6
#define BLOCK_SIZE 65536

typedef struct archive_entry ArchiveEntry;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArchiveEntry, archive_entry_free)

struct DrvIso {
    struct archive *archive;
    gboolean finished;
};

static gboolean
throw_archive(DrvIso *iso, const char *name, GError **error)
{
    const char *reason = archive_error_string(iso->archive);
    int saved_errno = archive_errno(iso->archive);

    if (saved_errno <= 0)
        return drv_throw(error,
                         DRV_ERROR_FAILED,
                         "cannot write '%s' to the ISO image: %s",
                         name,
                         reason);
    errno = saved_errno;
    return drv_throw_errno(error, "cannot write '%s' to the ISO image: %s", name, reason);
}

DrvIso *
drv_iso_new(int fd, const char *label, GError **error)
{
    g_autoptr(DrvIso) iso = NULL;

    if (!drv_load_archive(error))
        return NULL;
    iso = g_new0(DrvIso, 1);
    iso->archive = archive_write_new();
    if (archive_write_set_format_iso9660(iso->archive) != ARCHIVE_OK ||
        archive_write_set_format_option(iso->archive, "iso9660", "volume-id", label) !=
            ARCHIVE_OK ||
        archive_write_set_format_option(iso->archive, "iso9660", "joliet", "long") !=
            ARCHIVE_OK ||
        archive_write_set_bytes_per_block(iso->archive, 0) != ARCHIVE_OK ||
        archive_write_open_fd(iso->archive, fd) != ARCHIVE_OK) {
        (void)throw_archive(iso, label, error);
        return NULL;
    }
    return g_steal_pointer(&iso);
}

void
drv_iso_free(DrvIso *iso)
{
    if (iso == NULL)
        return;
    if (!iso->finished)
        archive_write_fail(iso->archive); /* else it would be finished to be freed */
    g_clear_pointer(&iso->archive, archive_write_free);
    g_free(iso);
}

static gboolean
write_data(DrvIso *iso, int fd, const char *name, GError **error)
{
    g_autofree char *block = g_malloc(BLOCK_SIZE);
    gssize got;

    while ((got = drv_fd_read(fd, block, BLOCK_SIZE, name, error)) > 0) {
        if (archive_write_data(iso->archive, block, (size_t)got) != got)
            return throw_archive(iso, name, error);
        if (!drv_cancel_check(error))
            return FALSE;
    }
    return got == 0;
}

static gboolean
add_entry(DrvIso *iso, const char *path, const char *name, guint depth, GError **error);

static gboolean
add_dir(DrvIso *iso, const char *path, const char *name, guint depth, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    const char *child;

    if (dir == NULL)
        return FALSE;
    if (depth > MAX_DEPTH)
        return drv_throw(error, DRV_ERROR_REFUSED, "'%s' is nested too deeply", path);
    while ((child = g_dir_read_name(dir))) {
        g_autofree char *child_path = g_build_filename(path, child, NULL);
        g_autofree char *child_name = g_build_filename(name, child, NULL);

        if (!add_entry(iso, child_path, child_name, depth + 1, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
add_entry(DrvIso *iso, const char *path, const char *name, guint depth, GError **error)
{
    g_autoptr(ArchiveEntry) entry = archive_entry_new();
    g_auto(DrvFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot open '%s'", path);
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' is neither a file nor a directory", path);
    archive_entry_copy_stat(entry, &info);
    archive_entry_set_pathname_utf8(entry, name);
    if (archive_entry_pathname(entry) == NULL)
        archive_entry_set_pathname(entry, name);
    archive_entry_set_nlink(entry, 1); /* each name is a file of its own */
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    if (archive_write_header(iso->archive, entry) != ARCHIVE_OK)
        return throw_archive(iso, name, error);
    if (S_ISDIR(info.st_mode))
        return add_dir(iso, path, name, depth, error);
    return write_data(iso, fd, name, error);
}

gboolean
drv_iso_add(DrvIso *iso, const char *path, const char *name, GError **error)
{
    return add_entry(iso, path, name, 0, error);
}

gboolean
drv_iso_finish(DrvIso *iso, GError **error)
{
    iso->finished = TRUE;
    return archive_write_close(iso->archive) == ARCHIVE_OK ||
           throw_archive(iso, "its end", error);
}
