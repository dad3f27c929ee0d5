/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of a stage (its plan, its promise), and moves of names that cannot be led astray.
 */
#include "stage/stage-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"

#define NOTE_MAX (1024 * 1024) /* bytes */

gboolean
drv_stage_write_journal(
    int dir_fd, const char *where, const char *name, const char *text, GError **error)
{
    g_autofree char *part = g_strconcat(name, ".part", NULL);
    g_auto(DrvFd) fd = drv_path_open_beneath(
        dir_fd, where, part, O_WRONLY | O_CREAT | O_TRUNC, 0600, error);

    if (fd < 0 || !drv_fd_write_all(fd, text, strlen(text), name, error))
        return FALSE;
    if (fsync(fd) < 0 || renameat(dir_fd, part, dir_fd, name) < 0)
        return drv_throw_errno(error, "cannot write '%s/%s'", where, name);
    if (drv_path_sync_dir(dir_fd, where, error))
        return TRUE;
    unlinkat(dir_fd, name, 0); /* not known to last, so it must not count */
    return FALSE;
}

gboolean
drv_stage_read_journal(int dir_fd, const char *name, char ***words, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) fd =
        drv_path_open_beneath(dir_fd, "", name, O_RDONLY | O_NONBLOCK, 0, &why);
    g_autoptr(GString) text = g_string_new(NULL);
    struct stat info;

    *words = NULL;
    if (fd < 0 && drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE;
    if (fd >= 0 && (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)))
        return drv_throw(error, DRV_ERROR_REFUSED, "'%s' in a stage is not a file", name);
    if (fd < 0 || !drv_fd_read_all(fd, text, NOTE_MAX, name, &why)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    *words = g_strsplit(text->str, "\n", -1);
    for (guint i = 0; (*words)[i]; i++) {
        char *plain = g_uri_unescape_string((*words)[i], NULL);

        g_free((*words)[i]);
        (*words)[i] = plain ? plain : g_strdup("");
    }
    return TRUE;
}

/* Open the directory that @path's last component is in; @leaf gets that component. */
static int
open_parent(
    int dir_fd, const char *where, const char *path, const char **leaf, GError **error)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *directory = g_strndup(path, slash ? (gsize)(slash - path) : 0);

    *leaf = slash ? slash + 1 : path;
    return drv_path_open_beneath(
        dir_fd, where, slash ? directory : ".", O_RDONLY | O_DIRECTORY, 0, error);
}

gboolean
drv_stage_rename(int from_fd,
                 const char *from,
                 int to_fd,
                 const char *to,
                 const char *where,
                 gboolean missing_is_done,
                 GError **error)
{
    const char *from_leaf, *to_leaf;
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) from_dir = open_parent(from_fd, where, from, &from_leaf, &why);
    g_auto(DrvFd) to_dir =
        from_dir < 0 ? -1 : open_parent(to_fd, where, to, &to_leaf, &why);

    if (from_dir < 0 && missing_is_done && drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE;
    if (from_dir < 0 || to_dir < 0) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (renameat(from_dir, from_leaf, to_dir, to_leaf) == 0 ||
        (errno == ENOENT && missing_is_done))
        return TRUE;
    return drv_throw_errno(error, "cannot rename '%s' to '%s' in '%s'", from, to, where);
}

gboolean
drv_stage_sync_parent(int dir_fd, const char *where, const char *path, GError **error)
{
    const char *leaf;
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) fd = open_parent(dir_fd, where, path, &leaf, &why);

    if (fd < 0 && drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE; /* it went, as planned */
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return drv_path_sync_dir(fd, where, error);
}

gboolean
drv_stage_move(int from_fd,
               const char *from,
               int to_fd,
               const char *to,
               const char *where,
               gboolean missing_is_done,
               GError **error)
{
    return drv_stage_rename(from_fd, from, to_fd, to, where, missing_is_done, error) &&
           drv_stage_sync_parent(to_fd, where, to, error) &&
           (from_fd == to_fd || drv_stage_sync_parent(from_fd, where, from, error));
}
