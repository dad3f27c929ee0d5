/* SPDX-License-Identifier: Apache-2.0 */
/* base/path.h - finding, making and removing files without being led elsewhere.
 *
 * A datastore's own directory may be a link (admins mount storage that way) and is opened
 * as it is.  Below it nothing that a VM or another user could have planted is followed:
 * names are resolved from the directory's descriptor by openat2(2) with RESOLVE_BENEATH
 * and RESOLVE_NO_SYMLINKS.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Open a directory by its absolute path, following links (for a datastore's root). */
int drv_path_open_dir(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make directory @path with its missing parents (mode 0777 and umask) and open it. */
int drv_path_make_dir(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* openat() of relative @name below @dir_fd, through real directories only.  @where is the
 * directory's path for messages.  Symbolic links are never followed.
 */
int drv_path_open_beneath(int dir_fd,
                          const char *where,
                          const char *name,
                          int flags,
                          mode_t mode,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make directory @name (one component) in @dir_fd if missing, and open it. */
int drv_path_make_beneath(int dir_fd, const char *where, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Remove @name (one component) below @dir_fd with all it contains, never following a
 * link nor leaving the file system it is on.  TRUE when it was not there.
 */
gboolean drv_path_remove_tree(int dir_fd,
                              const char *where,
                              const char *name,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove the file or link @name below @dir_fd (@name may be absolute, then @where does
 * not count).  TRUE when it was not there.
 */
gboolean drv_path_unlink(int dir_fd, const char *where, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Remove directory @name below @dir_fd if it is empty; else, or if it cannot be, it
 * stays.
 */
void drv_path_remove_empty(int dir_fd, const char *name);

/* Rename, but never onto what is there: 0, or -1 with errno EEXIST, EXDEV, …  Where the
 * file system cannot do that at once (EINVAL), the names are looked at first.
 */
int drv_path_rename_noreplace(int from_fd, const char *from, int to_fd, const char *to)
    G_GNUC_WARN_UNUSED_RESULT;

/* Text of the link @name below @dir_fd; NULL without error when it is not a link or does
 * not exist.  Caller frees.
 */
char *drv_path_read_link(int dir_fd, const char *name);

/* TRUE when @name exists below @dir_fd, links not followed. */
gboolean drv_path_exists(int dir_fd, const char *name);

/* The umask of this process, read without changing it: other threads may be making files.
 * 022 where /proc does not have it (Linux < 4.7).
 */
mode_t drv_path_umask(void);

/* Take from file @name below @dir_fd ("": @dir_fd itself) what group and others may not
 * do with @like below @like_fd, of which it is a copy or a part.  Nothing is given to
 * anybody; what is not a regular file, on either side, has rights of its own.
 */
gboolean drv_path_keep_rights(int dir_fd,
                              const char *name,
                              int like_fd,
                              const char *like,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Names in the directory @fd but "." and "..", in any order, NULL-terminated; @where is
 * its path for messages.  NULL on failure; caller frees with g_strfreev().
 */
char **drv_path_list(int fd, const char *where, GError **error);

/* "//a///b/" → "/a/b": what is compared; the original string is what is answered. */
char *drv_path_collapse(const char *path);

/* TRUE when @path is @root or below it: whole components, both collapsed first. */
gboolean drv_path_is_below(const char *path, const char *root);

/* Path of an open descriptor as the kernel knows it; caller frees. */
char *drv_path_of_fd(int fd, GError **error);

/* May a cloud user's image be read from @path (already resolved)?  SAFE wins over
 * RESTRICTED; our own directories (var, etc, home), /proc and /sys are always restricted.
 * All of these may be links: what they name counts too.
 */
gboolean drv_path_is_allowed(const char *path,
                             const char *const *safe,
                             const char *const *restricted);

/* fsync() a directory, so that names made in it last. */
gboolean drv_path_sync_dir(int dir_fd,
                           const char *where,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
