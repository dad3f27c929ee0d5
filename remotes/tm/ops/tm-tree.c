/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/ops/tm-tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "source/copy.h"

#define BLOCK_SIZE (1024 * 1024)

static int
open_entry(int fd, const char *name, int flags, GError **error)
{
    return drv_path_open_beneath(fd, "", name, flags | O_NONBLOCK, 0, error);
}

static gboolean
copy_file(
    int from_fd, const char *from, int to_fd, const char *to, mode_t mode, GError **error)
{
    g_auto(DrvFd) in = open_entry(from_fd, from, O_RDONLY, error);
    g_auto(DrvFd) out = -1;
    DrvCopyOptions options = { .name = to };

    if (in < 0)
        return FALSE;
    out = drv_path_open_beneath(
        to_fd, "", to, O_RDWR | O_CREAT | O_EXCL, mode & 0777, error);
    return out >= 0 && drv_copy_fd(in, out, &options, NULL, error);
}

static gboolean
copy_dir(int from_fd, const char *from, int to_fd, const char *to, GError **error)
{
    g_auto(DrvFd) in = open_entry(from_fd, from, O_RDONLY | O_DIRECTORY, error);
    g_auto(DrvFd) out = in < 0 ? -1 : drv_path_make_beneath(to_fd, "", to, error);
    g_auto(GStrv) names = out < 0 ? NULL : drv_path_list(in, from, error);

    for (guint i = 0; names && names[i]; i++) {
        if (!tm_tree_copy(in, names[i], out, names[i], error))
            return FALSE;
    }
    return names != NULL;
}

gboolean
tm_tree_copy(int from_fd, const char *from, int to_fd, const char *to, GError **error)
{
    g_autofree char *link = drv_path_read_link(from_fd, from);
    struct stat info;

    if (fstatat(from_fd, from, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", from);
    if (link && symlinkat(link, to_fd, to) < 0)
        return drv_throw_errno(error, "cannot copy link '%s'", from);
    if (link)
        return TRUE;
    if (S_ISDIR(info.st_mode))
        return copy_dir(from_fd, from, to_fd, to, error);
    if (!S_ISREG(info.st_mode))
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' is neither a file nor a directory", from);
    return copy_file(from_fd, from, to_fd, to, info.st_mode, error);
}

/* --- comparing
 * ---------------------------------------------------------------------------- */

static gboolean
throw_differs(const char *name, GError **error)
{
    return drv_throw(
        error, DRV_ERROR_FAILED, "the copy of '%s' differs, the source is kept", name);
}

static gboolean
compare_file(int a_fd, const char *a, int b_fd, const char *b, GError **error)
{
    g_auto(DrvFd) one = open_entry(a_fd, a, O_RDONLY, error);
    g_auto(DrvFd) two = one < 0 ? -1 : open_entry(b_fd, b, O_RDONLY, error);
    g_autofree char *left = g_malloc(BLOCK_SIZE);
    g_autofree char *right = g_malloc(BLOCK_SIZE);
    off_t at = 0;
    gssize n;

    if (two < 0)
        return FALSE;
    while ((n = pread(one, left, BLOCK_SIZE, at)) > 0) {
        if (pread(two, right, (size_t)n, at) != n || memcmp(left, right, (size_t)n) != 0)
            return throw_differs(a, error);
        at += n;
    }
    if (n < 0)
        return drv_throw_errno(error, "cannot read '%s'", a);
    return pread(two, right, 1, at) == 0 || throw_differs(a, error);
}

static gboolean
compare_dir(int a_fd, const char *a, int b_fd, const char *b, GError **error)
{
    g_auto(DrvFd) one = open_entry(a_fd, a, O_RDONLY | O_DIRECTORY, error);
    g_auto(DrvFd) two = one < 0 ? -1 : open_entry(b_fd, b, O_RDONLY | O_DIRECTORY, error);
    g_auto(GStrv) names = two < 0 ? NULL : drv_path_list(one, a, error);
    g_auto(GStrv) others = names == NULL ? NULL : drv_path_list(two, b, error);

    if (others == NULL)
        return FALSE;
    if (g_strv_length(names) != g_strv_length(others))
        return throw_differs(a, error);
    for (guint i = 0; names[i]; i++) {
        if (!tm_tree_compare(one, names[i], two, names[i], error))
            return FALSE;
    }
    return TRUE;
}

gboolean
tm_tree_compare(int a_fd, const char *a, int b_fd, const char *b, GError **error)
{
    g_autofree char *link = drv_path_read_link(a_fd, a);
    g_autofree char *other = drv_path_read_link(b_fd, b);
    struct stat one, two;

    if (fstatat(a_fd, a, &one, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(b_fd, b, &two, AT_SYMLINK_NOFOLLOW) < 0)
        return drv_throw_errno(error, "cannot compare '%s'", a);
    if ((one.st_mode & S_IFMT) != (two.st_mode & S_IFMT) || g_strcmp0(link, other) != 0)
        return throw_differs(a, error);
    if (S_ISDIR(one.st_mode))
        return compare_dir(a_fd, a, b_fd, b, error);
    return link || compare_file(a_fd, a, b_fd, b, error);
}
