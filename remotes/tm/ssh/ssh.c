/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/ssh/ssh.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/inspect.h"
#include "image/qemu-img.h"
#include "tm/ops/tm-image.h"

/* The front-end's word counts; without one, the header's, which may not name other files.
 */
static gboolean
is_qcow2(
    const TmClone *request, int fd, DrvImageInfo *info, gboolean *qcow2, GError **error)
{
    *qcow2 = FALSE;
    if (g_str_equal(request->format, "raw") || request->disk_id < 0)
        return TRUE;
    if (!drv_inspect_fd(fd, request->target, info, error))
        return FALSE;
    *qcow2 = info->format == DRV_IMAGE_QCOW2;
    return !*qcow2 || info->backing_file == NULL ||
           g_str_equal(request->format, "qcow2") ||
           drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "'%s' has a backing file, but oned does not declare it qcow2",
                     request->source);
}

static gboolean
allocate_all(int fd, const char *name, GError **error)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", name);
    return info.st_size == 0 || posix_fallocate(fd, 0, info.st_size) == 0 ||
           drv_throw_errno(error, "cannot allocate all of '%s'", name);
}

static gboolean
grow_qcow2(
    const TmClone *request, int dir_fd, const char *name, guint64 size, GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_qemu_img_resize(name, "qcow2", size, !request->sparse);

    drv_cmd_cwd(cmd, dir_fd);
    return drv_cmd_run(cmd, error);
}

gboolean
ssh_grow(const TmClone *request,
         int dir_fd,
         const char *where,
         const char *name,
         GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };
    g_autofree char *link = drv_path_read_link(dir_fd, name);
    g_auto(DrvFd) fd = -1;
    guint64 size = 0;
    gboolean qcow2;

    if (request->size_mb > request->original_size_mb &&
        !tm_size_of_mb(request->size_mb, &size, error))
        return FALSE;
    if (size == 0 && request->sparse)
        return TRUE;
    fd = drv_path_open_beneath(
        dir_fd, where, link ? link : name, O_RDWR | O_NONBLOCK, 0, error);
    if (fd < 0 || !is_qcow2(request, fd, &info, &qcow2, error))
        return FALSE;
    if (qcow2)
        return size <= info.virtual_size ||
               grow_qcow2(request, dir_fd, link ? link : name, size, error);
    return (size == 0 || tm_raw_grow(fd, size, !request->sparse, name, error)) &&
           (request->sparse || allocate_all(fd, name, error));
}
