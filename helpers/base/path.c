/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define MAX_DEPTH 64 /* directories below a directory that we remove */

typedef DIR DrvDir;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDir, closedir)

int
drv_path_open_dir(const char *path, GError **error)
{
    int fd = open(path, DIR_FLAGS);

    if (fd < 0)
        (void)drv_throw_errno(error, "cannot open directory '%s'", path);
    return fd;
}

int
drv_path_make_dir(const char *path, GError **error)
{
    if (g_mkdir_with_parents(path, 0777) < 0) {
        (void)drv_throw_errno(error, "cannot create directory '%s'", path);
        return -1;
    }
    return drv_path_open_dir(path, error);
}

static int
openat_beneath(int dir_fd, const char *name, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (guint64)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
}

int
drv_path_open_beneath(int dir_fd,
                      const char *where,
                      const char *name,
                      int flags,
                      mode_t mode,
                      GError **error)
{
    int fd = openat_beneath(dir_fd, name, flags, mode);

    if (fd >= 0)
        return fd;
    if (errno == ELOOP || errno == EXDEV)
        (void)drv_throw(
            error,
            DRV_ERROR_REFUSED,
            "'%s/%s' is or goes through a symbolic link, which is not followed",
            where,
            name);
    else
        (void)drv_throw_errno(error, "cannot open '%s/%s'", where, name);
    return -1;
}

int
drv_path_make_beneath(int dir_fd, const char *where, const char *name, GError **error)
{
    if (mkdirat(dir_fd, name, 0777) < 0 && errno != EEXIST) {
        (void)drv_throw_errno(error, "cannot create directory '%s/%s'", where, name);
        return -1;
    }
    return drv_path_open_beneath(dir_fd, where, name, DIR_FLAGS, 0, error);
}

/* --- removing ----------------------------------------------------------------------- */

static gboolean remove_entry(int dir_fd,
                             const char *where,
                             const char *name,
                             dev_t dev,
                             guint depth,
                             GError **error);

static gboolean
remove_contents(int fd, const char *where, dev_t dev, guint depth, GError **error)
{
    g_auto(GStrv) names = drv_path_list(fd, where, error);

    for (guint i = 0; names && names[i]; i++) {
        if (!remove_entry(fd, where, names[i], dev, depth, error))
            return FALSE;
    }
    return names != NULL;
}

static gboolean
remove_dir(int dir_fd,
           const char *where,
           const char *name,
           dev_t dev,
           guint depth,
           GError **error)
{
    g_autofree char *path = g_build_filename(where, name, NULL);
    g_auto(DrvFd) fd = openat_beneath(dir_fd, name, DIR_FLAGS | O_NOFOLLOW, 0);
    struct stat info;

    if (fd < 0)
        return drv_throw_errno(error, "cannot open directory '%s'", path);
    if (fstat(fd, &info) < 0 || info.st_dev != dev || depth > MAX_DEPTH)
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' is another file system or too deep", path);
    if (!remove_contents(fd, path, dev, depth, error))
        return FALSE;
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return drv_throw_errno(error, "cannot remove directory '%s'", path);
    return TRUE;
}

static gboolean
remove_entry(int dir_fd,
             const char *where,
             const char *name,
             dev_t dev,
             guint depth,
             GError **error)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return TRUE;
    if (errno != EISDIR && errno != EPERM)
        return drv_throw_errno(error, "cannot remove '%s/%s'", where, name);
    return remove_dir(dir_fd, where, name, dev, depth + 1, error);
}

gboolean
drv_path_remove_tree(int dir_fd, const char *where, const char *name, GError **error)
{
    struct stat info;

    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return TRUE;
        return drv_throw_errno(error, "cannot stat '%s/%s'", where, name);
    }
    return remove_entry(dir_fd, where, name, info.st_dev, 0, error);
}

gboolean
drv_path_unlink(int dir_fd, const char *where, const char *name, GError **error)
{
    const char *slash = *name == '/' ? "" : "/";

    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return TRUE;
    return drv_throw_errno(
        error, "cannot remove '%s%s%s'", *name == '/' ? "" : where, slash, name);
}

void
drv_path_remove_empty(int dir_fd, const char *name)
{
    unlinkat(dir_fd, name, AT_REMOVEDIR);
}

int
drv_path_rename_noreplace(int from_fd, const char *from, int to_fd, const char *to)
{
    if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL)
        return -1;
    if (drv_path_exists(to_fd, to)) {
        errno = EEXIST;
        return -1;
    }
    return renameat(from_fd, from, to_fd, to);
}

/* --- looking ------------------------------------------------------------------------ */

char *
drv_path_read_link(int dir_fd, const char *name)
{
    char target[PATH_MAX + 1];
    ssize_t size = readlinkat(dir_fd, name, target, PATH_MAX);

    return size < 0 ? NULL : g_strndup(target, (gsize)size);
}

/* umask(2) would change it for a moment. */
mode_t
drv_path_umask(void)
{
    g_autofree char *status = NULL;
    const char *at;

    if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL))
        return 022;
    at = strstr(status, "\nUmask:");
    return at ? (mode_t)g_ascii_strtoull(g_strchug((char *)at + 7), NULL, 8) & 0777 : 022;
}

gboolean
drv_path_keep_rights(
    int dir_fd, const char *name, int like_fd, const char *like, GError **error)
{
    struct stat own, origin;
    mode_t wanted;

    if (fstatat(dir_fd, name, &own, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(like_fd, like, &origin, AT_EMPTY_PATH) < 0)
        return drv_throw_errno(error, "cannot get the permissions of a file");
    wanted = own.st_mode & (origin.st_mode | S_IRWXU) & 0777;
    if (!S_ISREG(own.st_mode) || !S_ISREG(origin.st_mode) ||
        wanted == (own.st_mode & 0777))
        return TRUE;
    if ((*name ? fchmodat(dir_fd, name, wanted, 0) : fchmod(dir_fd, wanted)) < 0)
        return drv_throw_errno(error, "cannot take rights from a copy");
    return TRUE;
}

gboolean
drv_path_exists(int dir_fd, const char *name)
{
    struct stat info;

    return fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

char **
drv_path_list(int fd, const char *where, GError **error)
{
    g_auto(DrvFd) list_fd = openat(fd, ".", DIR_FLAGS);
    g_autoptr(DrvDir) dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct dirent *entry;

    if (dir == NULL) {
        (void)drv_throw_errno(error, "cannot list '%s'", where);
        return NULL;
    }
    (void)drv_fd_steal(&list_fd); /* the stream's now */
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

char *
drv_path_collapse(const char *path)
{
    GString *out = g_string_new(NULL);

    for (const char *at = path; *at; at++) {
        if (*at != '/' || out->len == 0 || out->str[out->len - 1] != '/')
            g_string_append_c(out, *at);
    }
    if (out->len > 1 && out->str[out->len - 1] == '/')
        g_string_truncate(out, out->len - 1);
    return g_string_free(out, FALSE);
}

gboolean
drv_path_is_below(const char *path, const char *root)
{
    g_autofree char *clean_path = drv_path_collapse(path);
    g_autofree char *clean_root = drv_path_collapse(root);
    gsize size = strlen(clean_root);

    if (strcmp(clean_root, "/") == 0)
        return *clean_path == '/';
    return size > 0 && strncmp(clean_path, clean_root, size) == 0 &&
           (clean_path[size] == '/' || clean_path[size] == '\0');
}

char *
drv_path_of_fd(int fd, GError **error)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    char *path = drv_path_read_link(AT_FDCWD, link);

    if (path == NULL)
        (void)drv_throw_errno(error, "cannot find the path of an open file");
    return path;
}

/* An admin's root may be, or go through, a link; @path is resolved already. */
static gboolean
is_below_any(const char *path, const char *const *roots)
{
    for (guint i = 0; roots && roots[i]; i++) {
        g_autofree char *real = *roots[i] == '/' ? realpath(roots[i], NULL) : NULL;

        if (drv_path_is_below(path, roots[i]) || (real && drv_path_is_below(path, real)))
            return TRUE;
    }
    return FALSE;
}

gboolean
drv_path_is_allowed(const char *path,
                    const char *const *safe,
                    const char *const *restricted)
{
    const char *ours[] = {
        "/proc",          "/sys", drv_action_var_dir(), drv_action_etc_dir(),
        g_get_home_dir(), NULL
    };

    return is_below_any(path, safe) ||
           (!is_below_any(path, ours) && !is_below_any(path, restricted));
}

gboolean
drv_path_sync_dir(int dir_fd, const char *where, GError **error)
{
    if (fsync(dir_fd) < 0 && errno != EINVAL) /* EINVAL: a file system without it */
        return drv_throw_errno(error, "cannot sync directory '%s'", where);
    return TRUE;
}
