/* SPDX-License-Identifier: Apache-2.0 */
/* image/chain.h - files of datastores, found and followed as a tool would, but only along
 * what drivers make.
 *
 * @root is the directory that holds the datastores ("/var/lib/one/datastores").  It may
 * be reached through links, and so may each datastore right below it: admins mount
 * storage that way.  Below a datastore these links, and no others, are followed:
 *
 *     <x>.snap/<x>.snap   points to its own directory: "." or, from releases
 * before 6.0.3, that directory's absolute path <x>.snap/<n>        leads to the image <x>
 * beside <x>.snap, by its absolute path <x>                 "<x>.snap/<n>": a disk or an
 * image with its active file
 *
 * Anything else may have been planted by whoever can write to the directory, and is
 * refused (DRV_ERROR_REFUSED, naming the link), as is what is neither a file nor, where a
 * directory has to be, a directory.  Nothing is opened before it was found this way, and
 * a pipe is never waited for.
 */
#pragma once

#include <glib.h>

/* Open the file @path, which is below @root, with @flags (no O_CREAT). */
int drv_chain_open(const char *root, const char *path, int flags, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The same for an image, whose root is two directories above it. */
int drv_chain_open_image(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Open the directory @path: a datastore, or one in it. */
int drv_chain_open_dir(const char *root,
                       const char *path,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Check all the files that a tool opens when it opens @path as @format ("raw",
 * "qcow2"), before one is: each is a regular file found as above, has the format that the
 * one before says, has no data elsewhere, and names as what it is backed by
 *
 *     an image: "<root>/<datastore>/<x>" or "<root>/<datastore>/<x>.snap/<n>";
 *     or, if @path is in the directory of a VM, a file in the same directory;
 *
 * by an absolute path or one relative to its own directory, never by a protocol.  Where
 * no format is said, as by releases before 5.4, only the numbered files of a snapshot
 * directory may be backed by another one: an image may have been written by a guest.
 */
gboolean drv_chain_check(const char *root,
                         const char *path,
                         const char *format,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
