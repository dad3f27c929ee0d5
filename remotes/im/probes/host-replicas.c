/* SPDX-License-Identifier: Apache-2.0 */
/* What a host keeps of images for other hosts. */
#include <sys/stat.h>

#include "im/base/im.h"

/* Bytes that a file takes, or the files of a directory do. */
static guint64
allocated(const char *path)
{
    g_autoptr(GDir) dir = NULL;
    guint64 bytes = 0;
    const char *name;
    struct stat st;

    if (lstat(path, &st) < 0)
        return 0;
    dir = S_ISDIR(st.st_mode) ? g_dir_open(path, 0, NULL) : NULL;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        if (lstat(file, &st) == 0)
            bytes += (guint64)st.st_blocks * 512;
    }
    return dir ? bytes : (guint64)st.st_blocks * 512;
}

/* Images that tm/ssh keeps here for other hosts: files beside which there are their
 * snapshots and checksums.
 */
void
im_add_replicas(const char *path, GString *out)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint64 bytes = 0;
    guint images = 0;
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        bytes += allocated(file);
        if (*name != '.' && !g_str_has_suffix(name, ".md5sum") &&
            g_file_test(file, G_FILE_TEST_IS_REGULAR))
            images++;
    }
    g_string_append_printf(
        out,
        "REPLICA_CACHE = \"YES\", REPLICA_CACHE_SIZE = %" G_GUINT64_FORMAT
        ", REPLICA_IMAGES = %u, ",
        bytes >> 20,
        images);
}
