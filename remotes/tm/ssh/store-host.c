/* SPDX-License-Identifier: Apache-2.0 */
/* The store of a host: what is in it is looked at before it is used, and a disk is made
 * of it by a reflink where the file system can.  An entry that goes meanwhile can be read
 * as long as it is open.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "source/content.h"
#include "stage/stage.h"
#include "tm/ops/tm-image.h"
#include "tm/ssh/ssh.h"

#define STORE ".images"

int
ssh_store_open(const TmClone *request, char **path, GError **error)
{
    g_autofree char *target = drv_path_collapse(request->target);
    g_autofree char *vm = g_path_get_dirname(target);
    g_autofree char *ds = g_path_get_dirname(vm);

    if (!drv_content_is_valid(request->content)) {
        (void)drv_throw(
            error, DRV_ERROR_USAGE, "'%s' is not a content", request->content);
        return -1;
    }
    *path = g_build_filename(ds, STORE, NULL);
    return drv_path_make_dir(*path, error);
}

/* What has another content than its name says was damaged, and goes. */
int
ssh_store_entry(const TmClone *request, int dir_fd, const char *path, GError **error)
{
    g_auto(DrvFd) fd = -1;
    g_autofree char *content = NULL;
    g_autoptr(GError) why = NULL;

    if (!drv_path_exists(dir_fd, request->content))
        return -1;
    fd = drv_path_open_beneath(
        dir_fd, path, request->content, O_RDONLY | O_NONBLOCK, 0, error);
    content = fd < 0 ? NULL : drv_content_of(fd, request->content, error);
    if (content == NULL || g_str_equal(content, request->content))
        return content ? drv_fd_steal(&fd) : -1;
    drv_warn("'%s/%s' was damaged: it is fetched again", path, request->content);
    if (!drv_path_unlink(dir_fd, path, request->content, &why))
        drv_ignore(&why, "it is replaced when the image has arrived");
    return -1;
}

/* By access time, which many file systems do not keep by themselves. */
static void
mark_used(int fd)
{
    const struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
                                       { .tv_nsec = UTIME_OMIT } };

    (void)!futimens(fd, times);
}

static gboolean
make_disk(const TmClone *request, TmDir *dir, int entry, SshSettle settle, GError **error)
{
    g_autoptr(DrvStage) stage = drv_stage_open(dir->fd, dir->path, dir->disk, error);
    g_autofree char *snap = g_strconcat(dir->disk, ".snap", NULL);
    int stage_fd = stage ? drv_stage_fd(stage) : -1;

    if (stage == NULL || !tm_copy_to_stage(stage, entry, dir->disk, NULL, error) ||
        !drv_path_keep_rights(stage_fd, dir->disk, entry, "", error) ||
        !settle(stage_fd, dir->path, (gpointer)request, error))
        return FALSE;
    drv_stage_remove(stage, snap); /* of an earlier disk with this number */
    if (drv_path_exists(stage_fd, snap))
        drv_stage_publish(stage, snap, snap);
    drv_stage_publish(stage, dir->disk, dir->disk);
    return drv_stage_commit(stage, error);
}

gboolean
ssh_store_take(const TmClone *request, SshSettle settle, char **result, GError **error)
{
    g_autofree char *path = NULL;
    g_auto(DrvFd) dir_fd = ssh_store_open(request, &path, error);
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) entry = dir_fd < 0 ? -1 : ssh_store_entry(request, dir_fd, path, &why);
    g_auto(TmDir) dir = TM_DIR_INIT;
    gboolean fits = TRUE;

    if (dir_fd < 0)
        return FALSE;
    if (why) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (entry < 0) {
        if (!ssh_store_trim(request, dir_fd, path, &fits, error))
            return FALSE;
        *result = g_strdup(fits ? SSH_STORE_MISSING : SSH_STORE_NO_ROOM);
        return TRUE;
    }
    mark_used(entry);
    *result = g_strdup(SSH_STORE_DONE);
    return tm_dir_open(&dir, request->target, TRUE, error) &&
           tm_dir_monitor(dir.ds_path, error) &&
           make_disk(request, &dir, entry, settle, error) && tm_dir_keep(&dir);
}
