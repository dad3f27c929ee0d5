/* SPDX-License-Identifier: Apache-2.0 */
/* tm-layout.h - a chain of overlays that gets to another directory, or another name.
 *
 * The files of a chain are numbered, in a directory "<disk>.snap", and name each other
 * "<disk>.snap/<n>"; a link of that directory to itself makes the text lead there from
 * inside, too.  Only headers are changed here, never data.
 */
#pragma once

#include <glib.h>

/* Make the files in @snap_dir below @dir_fd, all of them qcow2, name each other @head and
 * the number, and give the link the directory's name.  A path that ends in @image (may be
 * NULL) means file 0.  With a relative @head ("disk.0.snap/") a file that is backed by
 * anything else is DRV_ERROR_REFUSED; with an absolute one it stays, as do all absolute
 * texts.
 */
gboolean tm_layout_name(int dir_fd,
                        const char *where,
                        const char *snap_dir,
                        const char *head,
                        const char *image,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make of qcow2 @image that was copied to @disk below @dir_fd, and "<image>.snap" to
 * "<disk>.snap", a disk of a VM: a link to the newest file of the chain.  An image whose
 * snapshots are whole files, not a chain, stays as it is.
 */
gboolean tm_layout_make(int dir_fd,
                        const char *where,
                        const char *disk,
                        const char *image,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
