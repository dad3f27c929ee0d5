/* SPDX-License-Identifier: Apache-2.0 */
/* image/snapshots.h - the directory with the snapshots of a disk or image.
 *
 * "disk.0.snap" or "<image>.snap": files named by numbers, and notes "<id>.current" that
 * say where the content of snapshot <id> is now, if its own file is gone (storage
 * protocol, section 3.1).
 */
#pragma once

#include <glib.h>

/* File below @base_fd (whose path is @base) with the content of snapshot @id: its own,
 * "<snap_dir>/<id>", or without that the one its note names.  Caller frees.
 */
char *drv_snapshots_file(int base_fd, const char *base, const char *snap_dir, guint64 id);

/* FALSE when there is no snapshot @id, perhaps not any more: its file is missing, or
 * holds another one since @id was deleted, which that one's note says.
 */
gboolean
drv_snapshots_has(int base_fd, const char *base, const char *snap_dir, guint64 id);

/* The numbers of all its files, ascending; empty when there is no directory. */
GArray *drv_snapshots_numbers(int base_fd, const char *base, const char *snap_dir);

/* The highest of them, -1 without any. */
gint64 drv_snapshots_highest(int base_fd, const char *base, const char *snap_dir);

/* TRUE when the snapshots are overlays on one another (the transfer managers qcow2 and
 * shared), not copies: then their directory has a link to itself, or, if a front-end
 * of 4.14 made it, its first file is a link to the image.
 */
gboolean drv_snapshots_is_chain(int base_fd, const char *snap_dir);

/* Path of the file that holds the newest content of the image @path: the last of its
 * chain of snapshots, also when all others were deleted; or @path itself, collapsed.
 * Whatever reads an image reads this file.  Caller frees.
 */
char *drv_snapshots_newest(const char *path);

/* TRUE when @name is a number as these files have. */
gboolean drv_snapshots_is_number(const char *name);
