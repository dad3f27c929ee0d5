/* SPDX-License-Identifier: Apache-2.0 */
#include "image/snapshots.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"

typedef DIR DrvDir;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDir, closedir)

gboolean
drv_snapshots_is_number(const char *name)
{
    return g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT32, NULL, NULL);
}

char *
drv_snapshots_file(int base_fd, const char *base, const char *snap_dir, guint64 id)
{
    g_autofree char *plain = g_strdup_printf("%s/%" G_GUINT64_FORMAT, snap_dir, id);
    g_autofree char *note = g_strconcat(plain, ".current", NULL);
    g_auto(DrvFd) fd =
        drv_path_open_beneath(base_fd, base, note, O_RDONLY | O_NONBLOCK, 0, NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *name = NULL;

    if (drv_path_exists(base_fd, plain) || fd < 0 ||
        !drv_fd_read_all(fd, text, PATH_MAX, note, NULL))
        return g_steal_pointer(&plain);
    name = g_path_get_basename(g_strchomp(text->str));
    if (!drv_snapshots_is_number(name))
        return g_steal_pointer(&plain);
    return g_build_filename(snap_dir, name, NULL);
}

/* Is @entry the note of a snapshot whose content is in @file? */
static gboolean
is_note_for(int base_fd,
            const char *base,
            const char *snap_dir,
            const char *entry,
            const char *file)
{
    g_autofree char *number = NULL;
    g_autofree char *home = NULL;
    guint64 id;

    if (!g_str_has_suffix(entry, ".current"))
        return FALSE;
    number = g_strndup(entry, strlen(entry) - strlen(".current"));
    if (!g_ascii_string_to_unsigned(number, 10, 0, G_MAXUINT32, &id, NULL))
        return FALSE;
    home = drv_snapshots_file(base_fd, base, snap_dir, id);
    return g_str_equal(home, file);
}

/* NULL when there is no such directory. */
static DIR *
open_dir(int base_fd, const char *base, const char *snap_dir)
{
    g_auto(DrvFd) fd =
        drv_path_open_beneath(base_fd, base, snap_dir, O_RDONLY | O_DIRECTORY, 0, NULL);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir)
        (void)drv_fd_steal(&fd); /* the stream's now */
    return dir;
}

gboolean
drv_snapshots_has(int base_fd, const char *base, const char *snap_dir, guint64 id)
{
    g_autofree char *own = g_strdup_printf("%s/%" G_GUINT64_FORMAT, snap_dir, id);
    g_autofree char *note = g_strdup_printf("%" G_GUINT64_FORMAT ".current", id);
    g_autofree char *file = drv_snapshots_file(base_fd, base, snap_dir, id);
    g_autoptr(DrvDir) dir = open_dir(base_fd, base, snap_dir);
    struct dirent *entry;

    if (!drv_path_exists(base_fd, file))
        return FALSE;
    while (g_str_equal(file, own) && dir && (entry = readdir(dir))) {
        if (!g_str_equal(entry->d_name, note) &&
            is_note_for(base_fd, base, snap_dir, entry->d_name, file))
            return FALSE;
    }
    return TRUE;
}

static int
by_number(gconstpointer a, gconstpointer b)
{
    guint64 left = *(const guint64 *)a;
    guint64 right = *(const guint64 *)b;

    return (left > right) - (left < right);
}

GArray *
drv_snapshots_numbers(int base_fd, const char *base, const char *snap_dir)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(DrvDir) dir = open_dir(base_fd, base, snap_dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        guint64 number;

        if (g_ascii_string_to_unsigned(entry->d_name, 10, 0, G_MAXUINT32, &number, NULL))
            g_array_append_val(numbers, number);
    }
    g_array_sort(numbers, by_number);
    return numbers;
}

gint64
drv_snapshots_highest(int base_fd, const char *base, const char *snap_dir)
{
    g_autoptr(GArray) numbers = drv_snapshots_numbers(base_fd, base, snap_dir);

    return numbers->len ? (gint64)g_array_index(numbers, guint64, numbers->len - 1) : -1;
}

gboolean
drv_snapshots_is_chain(int base_fd, const char *snap_dir)
{
    g_autofree char *name = g_path_get_basename(snap_dir);
    g_autofree char *self = g_build_filename(snap_dir, name, NULL);
    g_autofree char *first = g_build_filename(snap_dir, "0", NULL);
    g_autofree char *self_link = drv_path_read_link(base_fd, self);
    g_autofree char *first_link = drv_path_read_link(base_fd, first);

    return self_link || first_link;
}

char *
drv_snapshots_newest(const char *path)
{
    char *image = drv_path_collapse(path);
    g_autofree char *dir = g_path_get_dirname(image);
    g_autofree char *name = g_path_get_basename(image);
    g_autofree char *snap_dir = g_strconcat(name, ".snap", NULL);
    g_auto(DrvFd) fd = drv_path_open_dir(dir, NULL);
    g_autofree char *link = fd < 0 ? NULL : drv_path_read_link(fd, name);
    gint64 highest;

    if (fd < 0 || link || !drv_snapshots_is_chain(fd, snap_dir))
        return image;
    highest = drv_snapshots_highest(fd, dir, snap_dir);
    if (highest < 0)
        return image;
    g_free(image);
    return g_strdup_printf("%s/%s/%" G_GINT64_FORMAT, dir, snap_dir, highest);
}
