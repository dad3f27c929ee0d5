/* SPDX-License-Identifier: Apache-2.0 */
/* Which local paths an image may come from. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "datastore/ds-origin.h"
#include "image/chain.h"
#include "source/fetch.h"

/* What is in the datastore itself must not lead out of it. */
static int
open_path(const DsCp *request, GError **error)
{
    g_autofree char *base = drv_path_collapse(request->base_path);
    g_autofree char *root = g_path_get_dirname(base);
    int fd;

    if (*base && drv_path_is_below(request->path, base))
        return drv_chain_open(root, request->path, O_RDONLY, error);
    fd = open(request->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        (void)drv_throw_errno(error, "cannot access '%s'", request->path);
    return fd;
}

static gboolean
throw_not_allowed(const DsCp *request, GError **error)
{
    return drv_throw(error, DRV_ERROR_REFUSED, DRV_FETCH_NOT_ALLOWED, request->path);
}

static gboolean
is_allowed(const DsCp *request, const char *real)
{
    return drv_path_is_allowed(real,
                               (const char *const *)request->safe_dirs,
                               (const char *const *)request->restricted_dirs);
}

/* Where a path that cannot be opened would be: what exists of it resolved, the rest as it
 * is written.  Else its error would say which files there are.
 */
static gboolean
would_be_allowed(const DsCp *request)
{
    g_autofree char *there = g_strdup(request->path);
    g_autofree char *real = NULL;
    g_autofree char *whole = NULL;

    while ((real = realpath(*there ? there : "/", NULL)) == NULL)
        *strrchr(there, '/') = '\0';
    whole = g_strconcat(real, "/", request->path + strlen(there), NULL);
    return is_allowed(request, whole);
}

/* A regular file, a directory, or, below SAFE_DIRS, a block device. */
static gboolean
check_opened(const DsCp *request, int fd, GError **error)
{
    static const char *const all[] = { "/", NULL };
    g_autofree char *real = drv_path_of_fd(fd, error);
    struct stat info;

    if (real == NULL)
        return FALSE;
    if (!is_allowed(request, real))
        return throw_not_allowed(request, error);
    if (fstat(fd, &info) < 0 ||
        !(S_ISREG(info.st_mode) || S_ISBLK(info.st_mode) || S_ISDIR(info.st_mode)))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s' is neither a file nor a block device",
                         request->path);
    if (S_ISBLK(info.st_mode) &&
        !drv_path_is_allowed(real, (const char *const *)request->safe_dirs, all))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "Not allowed to copy image from %s: block devices have to be "
                         "in SAFE_DIRS of your datastore",
                         request->path);
    return TRUE;
}

int
ds_origin_open_path(const DsCp *request, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_auto(DrvFd) fd = open_path(request, &reason);

    if (fd < 0 && would_be_allowed(request))
        g_propagate_error(error, g_steal_pointer(&reason));
    else if (fd < 0)
        (void)throw_not_allowed(request, error);
    if (fd < 0 || !check_opened(request, fd, error))
        return -1;
    return drv_fd_steal(&fd);
}

gboolean
ds_origin_check_device(const DsCp *request, GError **error)
{
    struct stat info;

    if (!drv_request_check_path("PATH", request->path, error))
        return FALSE;
    if (!is_allowed(request, request->path) || !would_be_allowed(request) ||
        (stat(request->path, &info) == 0 &&
         (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))))
        return throw_not_allowed(request, error);
    return TRUE;
}
