/* SPDX-License-Identifier: Apache-2.0 */
/* source/content.h - a name for what is in a file, the same wherever the file is.
 *
 * It is the SHA-256 over the size and over the offset and the bytes of each aligned piece
 * of 64 KiB that has a byte that is not zero; so it does not depend on where a file
 * system has holes, and holes cost nothing.  It is kept in the attribute
 * "user.drv.content" with size, time and inode of the file that it was computed of, and
 * computed again when one of them differs, or where a file system has no attributes.
 */
#pragma once

#include <glib.h>

#define DRV_CONTENT_SIZE 64 /* characters, lower case hexadecimal */

/* Of the regular file @fd, open for reading; @name for messages.  Caller frees; NULL on
 * failure, DRV_ERROR_CANCELLED too.
 */
char *drv_content_of(int fd, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when @text is of that form. */
gboolean drv_content_is_valid(const char *text);
