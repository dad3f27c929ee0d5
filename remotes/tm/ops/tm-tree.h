/* SPDX-License-Identifier: Apache-2.0 */
/* tm-tree.h - copy a VM's directory to another file system, and prove that it is the
 * same.
 */
#pragma once

#include <glib.h>

/* Copy file, link or directory @from (one component) in @from_fd to @to in @to_fd: holes
 * stay holes, links keep their text, modes are kept.  Sockets and the like are refused.
 */
gboolean tm_tree_copy(int from_fd,
                      const char *from,
                      int to_fd,
                      const char *to,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when both are the same: names, kinds, link texts, and every byte. */
gboolean tm_tree_compare(int a_fd, const char *a, int b_fd, const char *b, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
