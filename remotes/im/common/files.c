/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into /proc, /sys and the probes' configuration. */
#include <stdarg.h>
#include <string.h>

#include "drv-action.h"
#include "im.h"

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
im_list(const ImContext *im, const char *folder, const char *prefix)
{
    g_autofree char *path = g_strconcat(im->root, folder, NULL);
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

/* --- configuration ------------------------------------------------------------------ */

static void
add_item(GPtrArray *items, const char *text)
{
    g_autofree char *item = g_strstrip(g_strdup(text));
    gsize length = strlen(item);

    if (length >= 2 && (*item == '"' || *item == '\'') && item[length - 1] == *item) {
        item[length - 1] = '\0';
        memmove(item, item + 1, length - 1);
    }
    if (*item)
        g_ptr_array_add(items, g_steal_pointer(&item));
}

static void
add_value(GPtrArray *items, char *value)
{
    gsize length = strlen(g_strstrip(value));
    g_auto(GStrv) parts = NULL;

    if (*value != '[' || value[length - 1] != ']') {
        add_item(items, value);
        return;
    }
    value[length - 1] = '\0';
    parts = g_strsplit(value + 1, ",", -1);
    for (guint i = 0; parts[i]; i++)
        add_item(items, parts[i]);
}

/* What stands behind "key:" or ":key:", or NULL. */
static char *
after_key(char *line, const char *key)
{
    if (*line == ':')
        line++;
    if (!g_str_has_prefix(line, key))
        return NULL;
    line += strlen(key);
    return *line == ':' || *line == '=' ? line + 1 : NULL;
}

char **
im_conf_values(const char *file, const char *key)
{
    g_autofree char *path =
        g_build_filename(drv_remotes_dir(), "etc", "im", "kvm-probes.d", file, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GPtrArray *items = g_ptr_array_new();
    gboolean inside = FALSE;

    if (g_file_get_contents(path, &text, NULL, NULL))
        lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines && lines[i]; i++) {
        char *line = g_strstrip(lines[i]);
        char *value = after_key(line, key);

        if (*line == '#' || *line == '\0')
            continue;
        if (value)
            add_value(items, value);
        else if (inside && *line == '-')
            add_item(items, line + 1);
        inside = value || (inside && *line == '-');
    }
    g_ptr_array_add(items, NULL);
    return (char **)g_ptr_array_free(items, FALSE);
}

guint64
im_conf_number(const char *file, const char *key, guint64 fallback)
{
    g_auto(GStrv) values = im_conf_values(file, key);
    guint64 number;

    if (values[0] == NULL ||
        !g_ascii_string_to_unsigned(values[0], 10, 0, G_MAXINT32, &number, NULL))
        return fallback;
    return number;
}
