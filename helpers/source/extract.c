/* SPDX-License-Identifier: Apache-2.0 */
#include "source/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/load-archive.h"
#include "base/path.h"

#define BLOCK ((gsize)64 * 1024)
#define FILE_MODE 0600
#define DIRECTORY_MODE 0700

typedef struct {
    DrvSource *in;
    const char *only;
    int dir_fd;
    const char *where;
    const DrvExtractLimits *limits;
    struct archive *archive;
    GError *error;    /* of reading @in */
    guint64 received; /* bytes of @in */
    guint64 written;
    guint entries;
    gboolean found; /* something below @only */
    guint8 input[BLOCK], output[BLOCK];
} Extract;

static void
extract_free(Extract *self)
{
    if (self->archive)
        archive_read_free(self->archive);
    g_clear_error(&self->error);
    g_free(self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Extract, extract_free)

static gboolean
count(guint64 *total, gsize size, const Extract *self, GError **error)
{
    *total += size;
    return *total <= self->limits->max_bytes ||
           drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "the archive has more than %" G_GUINT64_FORMAT " MiB",
                     self->limits->max_bytes >> 20);
}

static la_ssize_t
pull(struct archive *archive, void *data, const void **buffer)
{
    Extract *self = data;
    gssize got = drv_cancel_check(&self->error)
                     ? drv_source_read(self->in, self->input, BLOCK, &self->error)
                     : -1;

    if (got > 0 && !count(&self->received, (gsize)got, self, &self->error))
        got = -1;
    if (got < 0)
        archive_set_error(archive, EIO, "input failed");
    *buffer = self->input;
    return got;
}

static gboolean
archive_failed(Extract *self, GError **error)
{
    const char *reason = archive_error_string(self->archive);

    if (self->error == NULL)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "the archive is damaged: %s",
                         reason ? reason : "unknown format");
    g_propagate_error(error, g_steal_pointer(&self->error));
    return FALSE;
}

static gboolean
refuse(const char *name, const char *why, GError **error)
{
    g_autofree char *safe = g_strescape(name, NULL);

    return drv_throw(error, DRV_ERROR_REFUSED, "the archive's '%s' %s", safe, why);
}

/* @name without "." and "//"; NULL when it is refused. */
static char *
clean_name(const char *name, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    g_autoptr(GString) clean = g_string_new(NULL);

    if (*name == '/') {
        (void)refuse(name, "is an absolute name", error);
        return NULL;
    }
    for (guint i = 0; parts[i]; i++) {
        if (strcmp(parts[i], "..") == 0) {
            (void)refuse(name, "leads out of it", error);
            return NULL;
        }
        if (*parts[i] && strcmp(parts[i], ".") != 0)
            g_string_append_printf(clean, "%s%s", clean->len ? "/" : "", parts[i]);
    }
    return g_string_free(g_steal_pointer(&clean), FALSE);
}

static gboolean
make_directory(Extract *self, const char *name, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(name);
    g_autofree char *last = g_path_get_basename(name);
    g_auto(DrvFd) fd = drv_path_open_beneath(
        self->dir_fd, self->where, parent, O_PATH | O_DIRECTORY, 0, error);

    if (fd < 0)
        return FALSE;
    if (mkdirat(fd, last, DIRECTORY_MODE) == 0)
        return TRUE;
    return errno == EEXIST ? refuse(name, "is there already", error)
                           : drv_throw_errno(error, "cannot make '%s'", name);
}

/* Some archives have no entry for a directory before the files in it. */
static gboolean
make_parents(Extract *self, const char *name, GError **error)
{
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        g_autofree char *parent = g_strndup(name, (gsize)(slash - name));
        g_autoptr(GError) ignored = NULL;
        g_auto(DrvFd) there = drv_path_open_beneath(
            self->dir_fd, self->where, parent, O_PATH | O_DIRECTORY, 0, &ignored);

        if (there < 0 && !make_directory(self, parent, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
write_file(Extract *self, const char *name, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) fd = drv_path_open_beneath(
        self->dir_fd, self->where, name, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE, &why);
    la_ssize_t got;

    if (fd < 0 && drv_error_is(why, DRV_ERROR_EXISTS))
        return refuse(name, "is there already", error);
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    while ((got = archive_read_data(self->archive, self->output, BLOCK)) > 0) {
        if (!drv_cancel_check(error) || !count(&self->written, (gsize)got, self, error) ||
            !drv_fd_write_all(fd, self->output, (gsize)got, name, error))
            return FALSE;
    }
    return got == 0 || archive_failed(self, error);
}

/* Is it @only, or below it? */
static gboolean
is_wanted(const Extract *self, const char *name)
{
    gsize size = strlen(self->only);

    return strncmp(name, self->only, size) == 0 &&
           (name[size] == '\0' || name[size] == '/');
}

static gboolean
extract_entry(Extract *self, struct archive_entry *entry, GError **error)
{
    const char *raw = archive_entry_pathname(entry);
    mode_t type = archive_entry_filetype(entry);
    g_autofree char *name = NULL;

    if (++self->entries > self->limits->max_entries)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "the archive has more than %u entries",
                         self->limits->max_entries);
    if (raw == NULL)
        return refuse("?", "has a name that is not valid UTF-8", error);
    name = clean_name(raw, error);
    if (name == NULL || !is_wanted(self, name))
        return name != NULL;
    if (archive_entry_hardlink(entry) || (type != AE_IFREG && type != AE_IFDIR))
        return refuse(name, "is neither a file nor a directory", error);
    self->found = TRUE;
    if (!make_parents(self, name, error))
        return FALSE;
    return type == AE_IFDIR ? make_directory(self, name, error)
                            : write_file(self, name, error);
}

/* What follows the end of the archive is read as well: the checksum of a compressed one
 * comes last.
 */
static gboolean
drain(Extract *self, GError **error)
{
    const void *buffer;
    la_ssize_t got;

    while ((got = pull(self->archive, self, &buffer)) > 0)
        ;
    return got == 0 || archive_failed(self, error);
}

gboolean
drv_extract_tar(DrvSource *in,
                const char *only,
                int dir_fd,
                const char *where,
                const DrvExtractLimits *limits,
                GError **error)
{
    g_autoptr(Extract) self = g_new0(Extract, 1);
    struct archive_entry *entry;
    int status;

    self->in = in;
    self->only = only;
    self->dir_fd = dir_fd;
    self->where = where;
    self->limits = limits;
    if (!drv_load_archive(error))
        return FALSE;
    self->archive = archive_read_new();
    if (self->archive == NULL ||
        archive_read_support_format_tar(self->archive) != ARCHIVE_OK ||
        archive_read_open(self->archive, self, NULL, pull, NULL) != ARCHIVE_OK)
        return archive_failed(self, error);
    while ((status = archive_read_next_header(self->archive, &entry)) == ARCHIVE_OK) {
        if (!extract_entry(self, entry, error))
            return FALSE;
    }
    if (status != ARCHIVE_EOF)
        return archive_failed(self, error);
    return drain(self, error) &&
           (self->found ||
            drv_throw(
                error, DRV_ERROR_REFUSED, "the archive has no directory '%s'", only));
}
