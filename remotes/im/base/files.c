/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into /proc and /sys. */
#include <stdarg.h>
#include <string.h>

#include "im/base/im.h"

static char *G_GNUC_PRINTF(2, 0)
    read_path(const ImContext *im, const char *format, va_list args)
{
    g_autofree char *name = g_strdup_vprintf(format, args);
    g_autofree char *path = g_strconcat(im->root, name, NULL);
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    return g_strchomp(text);
}

char *
im_read(const ImContext *im, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = read_path(im, format, args);
    va_end(args);
    return text;
}

gboolean
im_read_number(const ImContext *im, guint64 *value, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = read_path(im, format, args);
    va_end(args);
    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, value, NULL);
}

static gint
by_number(gconstpointer a, gconstpointer b)
{
    const char *one = *(const char *const *)a;
    const char *two = *(const char *const *)b;
    gsize lengths[] = { strlen(one), strlen(two) };

    /* Only the digits differ. */
    if (lengths[0] != lengths[1])
        return lengths[0] < lengths[1] ? -1 : 1;
    return strcmp(one, two);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
im_list(const ImContext *im, const char *directory, const char *prefix)
{
    g_autofree char *path = g_strconcat(im->root, directory, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (*prefix == '\0' ||
            (g_str_has_prefix(name, prefix) && g_ascii_isdigit(name[strlen(prefix)])))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, *prefix ? by_number : by_name);
    return names;
}

gboolean
im_field(const char *text, const char *name, guint64 *value)
{
    gsize length = strlen(name);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        const char *end;

        line += *line == '\n';
        if (strncmp(line, name, length) != 0 || line[length] != ':')
            continue;
        line += length + 1;
        while (*line == ' ' || *line == '\t')
            line++;
        *value = g_ascii_strtoull(line, (char **)&end, 10);
        return end > line;
    }
    return FALSE;
}
