/* SPDX-License-Identifier: Apache-2.0 */
/* A live snapshot has a moment when only the hypervisor knows whether it happened: the
 * new overlay lies at its final place, the domain may or may not write to it already, and
 * the link to the active file still names the old one.  If we die there, the next owner
 * settles it without libvirt, by what can be seen of the overlay:
 *
 *   the link names it already        → done
 *   a process holds it open          → the domain switched: make the link name it
 *   it was written to since          → the domain switched: make the link name it
 *   it does not exist                → nothing happened
 *   untouched and unused             → nothing happened: remove it
 *
 * "Holds it open" is asked of QEMU's own byte locks.  Where a file system knows no locks,
 * the answer is taken to be yes: an empty overlay too many harms nobody.
 */
#include "image/relink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "image/chain.h"
#include "image/snapshots.h"
#include "stage/stage-private.h"

static char *
escape(const char *text)
{
    return g_uri_escape_string(text, "/.", FALSE);
}

static char *
fingerprint(int fd)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return NULL;
    return g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                           (gint64)info.st_size,
                           (gint64)info.st_mtim.tv_sec * 1000000000 +
                               info.st_mtim.tv_nsec);
}

gboolean
drv_relink_intend(DrvStage *stage,
                  int fd,
                  const char *path,
                  const char *link,
                  const char *target,
                  GError **error)
{
    g_autofree char *safe_path = escape(path);
    g_autofree char *safe_link = escape(link);
    g_autofree char *safe_target = escape(target);
    g_autofree char *now = fingerprint(fd);
    g_autofree char *text =
        g_strdup_printf("%s\n%s\n%s\n%s\n", safe_path, safe_link, safe_target, now);

    return drv_stage_write_journal(
        drv_stage_fd(stage), drv_stage_path(stage), DRV_STAGE_PROMISE, text, error);
}

static gboolean
is_untouched(int fd, const char *recorded)
{
    g_autofree char *now = fingerprint(fd);

    return g_strcmp0(now, recorded) == 0;
}

static gboolean
make_link_name(int stage_fd, int dir_fd, const char *where, char **note, GError **error)
{
    drv_info("completing an interrupted snapshot in '%s': '%s' is '%s' now",
             where,
             note[1],
             note[2]);
    if (unlinkat(stage_fd, "relink", 0) < 0 && errno != ENOENT)
        return drv_throw_errno(error, "cannot settle '%s/%s'", where, note[1]);
    if (symlinkat(note[2], stage_fd, "relink") < 0)
        return drv_throw_errno(error, "cannot settle '%s/%s'", where, note[1]);
    return drv_stage_move(stage_fd, "relink", dir_fd, note[1], where, FALSE, error);
}

/* Open the directory that the promised file @path is in: in the stage's own directory
 * @where, or among the snapshots of an image in a datastore beside.  Whoever can write to
 * the directory can have written the promise, too.  *name is the file's; caller frees.
 */
static int
open_dir_of(int dir_fd, const char *where, const char *path, char **name, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *datastore = g_path_get_dirname(directory);
    g_autofree char *its_root = g_path_get_dirname(datastore);
    g_autofree char *our_datastore = g_path_get_dirname(where);
    g_autofree char *root = g_path_get_dirname(our_datastore);

    *name = g_path_get_basename(path);
    if (drv_path_is_below(directory, where)) {
        const char *below = directory + strlen(where);

        return drv_path_open_beneath(
            dir_fd, where, *below ? below + 1 : ".", O_RDONLY | O_DIRECTORY, 0, error);
    }
    if (g_str_has_suffix(directory, ".snap") && drv_snapshots_is_number(*name) &&
        g_str_equal(its_root, root))
        return drv_chain_open_dir(root, directory, error);
    (void)drv_throw(error,
                    DRV_ERROR_REFUSED,
                    "'%s' refers to '%s', which does not belong to it",
                    where,
                    path);
    return -1;
}

gboolean
drv_relink_settle(int stage_fd, int dir_fd, const char *where, GError **error)
{
    g_auto(GStrv) note = NULL;
    g_autofree char *link = NULL;
    g_autofree char *name = NULL;
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) directory = -1;
    g_auto(DrvFd) fd = -1;

    if (!drv_stage_read_journal(stage_fd, DRV_STAGE_PROMISE, &note, error))
        return FALSE;
    if (note == NULL || g_strv_length(note) < 4)
        return TRUE;
    link = drv_path_read_link(dir_fd, note[1]);
    if (g_strcmp0(link, note[2]) == 0)
        return TRUE;
    directory = open_dir_of(dir_fd, where, note[0], &name, &why);
    if (directory < 0 && drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE;
    if (directory < 0) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    fd = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || drv_throw_errno(error, "cannot open '%s'", note[0]);
    if (drv_fd_is_locked(fd) || !is_untouched(fd, note[3]))
        return make_link_name(stage_fd, dir_fd, where, note, error);
    drv_info("removing '%s', left over from a snapshot that was not made", note[0]);
    if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
        return drv_throw_errno(error, "cannot remove '%s'", note[0]);
    return TRUE;
}

gboolean
drv_relink_forget(DrvStage *stage, GError **error)
{
    if (unlinkat(drv_stage_fd(stage), DRV_STAGE_PROMISE, 0) < 0 && errno != ENOENT)
        return drv_throw_errno(error, "cannot write in '%s'", drv_stage_path(stage));
    return TRUE;
}
