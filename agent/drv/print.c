/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/drv/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR 30

static gboolean with_color, with_bar, redraws, bar_is_drawn;

void
print_set_terminal(gboolean color, gboolean bar)
{
    with_color = color;
    redraws = bar;
    with_bar = bar && isatty(STDERR_FILENO);
}

/* --- safe texts
 * -------------------------------------------------------------------------
 */

/* A character that only shows itself. */
static gboolean
is_plain(gunichar c)
{
    return c != (gunichar)-1 && c != (gunichar)-2 && g_unichar_isprint(c);
}

/* Shown as said above; with @lines, newlines and tabs stay.  Caller frees. */
static char *
print_safe(const char *text, gboolean lines)
{
    GString *out = g_string_new(NULL);

    for (const char *at = text; *at;) {
        gunichar c = g_utf8_get_char_validated(at, -1);

        if (is_plain(c) || (lines && (c == '\n' || c == '\t')))
            g_string_append_unichar(out, c);
        else if (c == (gunichar)-1 || c == (gunichar)-2 || c < 0x80)
            g_string_append_printf(out, "\\x%02x", (unsigned char)*at);
        else
            g_string_append_printf(out, "\\u{%x}", c);
        at = c == (gunichar)-1 || c == (gunichar)-2 ? at + 1 : g_utf8_next_char(at);
    }
    return g_string_free(out, FALSE);
}

static void
put(const char *text)
{
    bar_clear();
    (void)fputs(text, stdout);
}

void
print_line(const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *safe = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    safe = print_safe(text, FALSE);
    put(safe);
    put("\n");
}

void
print_text(const char *text)
{
    g_autofree char *safe = print_safe(text, TRUE);

    put(safe);
    if (!g_str_has_suffix(safe, "\n"))
        put("\n");
}

/* json-c escapes what is below a blank; the rest can only be inside of strings. */
static char *
escape_json(const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        if (is_plain(c) || c == '\n')
            g_string_append_unichar(out, c);
        else if (c < 0x10000)
            g_string_append_printf(out, "\\u%04x", c);
        else
            g_string_append_printf(out,
                                   "\\u%04x\\u%04x",
                                   0xd800 + ((c - 0x10000) >> 10),
                                   0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    return g_string_free(out, FALSE);
}

void
print_json(json_object *value, gboolean pretty)
{
    int style = JSON_C_TO_STRING_NOSLASHESCAPE |
                (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
                        : JSON_C_TO_STRING_PLAIN);
    g_autofree char *safe = escape_json(json_object_to_json_string_ext(value, style));

    put(safe);
    put("\n");
    (void)fflush(stdout);
}

char *
print_time(double seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local((gint64)seconds);

    return time ? g_date_time_format(time, "%F %T") : g_strdup("-");
}

/* --- trees
 * ------------------------------------------------------------------------------
 */

static gboolean
is_scalar(json_object *value)
{
    return !json_object_is_type(value, json_type_object) &&
           !json_object_is_type(value, json_type_array);
}

/* A number of this size in what the agent says is a time. */
#define EPOCH_LEAST 1e9
#define EPOCH_MOST 1e11

static char *
scalar_text(json_object *value)
{
    double number = json_object_get_double(value);

    if (value == NULL)
        return g_strdup("-");
    if (json_object_is_type(value, json_type_double))
        return number > EPOCH_LEAST && number < EPOCH_MOST
                   ? print_time(number)
                   : g_strdup_printf("%.6g", number);
    return print_safe(json_object_get_string(value), FALSE);
}

/* [1,2] or ["a","b"] of up to some elements is printed on one line. */
static char *
short_array(json_object *array)
{
    GString *out;

    if (json_object_array_length(array) > 8)
        return NULL;
    out = g_string_new(json_object_array_length(array) ? NULL : "-");
    for (gsize i = 0; i < json_object_array_length(array); i++) {
        json_object *value = json_object_array_get_idx(array, i);
        g_autofree char *text = NULL;

        if (!is_scalar(value)) {
            g_string_free(out, TRUE);
            return NULL;
        }
        text = scalar_text(value);
        g_string_append_printf(out, "%s%s", i ? ", " : "", text);
    }
    return g_string_free(out, FALSE);
}

static void put_tree(json_object *value, int depth);

static void
put_entry(const char *key, json_object *value, int depth)
{
    g_autofree char *name = print_safe(key, FALSE);
    g_autofree char *text = is_scalar(value) ? scalar_text(value)
                            : json_object_is_type(value, json_type_array)
                                ? short_array(value)
                                : NULL;

    (void)printf("%*s%s:%s%s\n", depth * 2, "", name, text ? " " : "", text ? text : "");
    if (text == NULL)
        put_tree(value, depth + 1);
}

static void
put_tree(json_object *value, int depth)
{
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member) put_entry(key, member, depth);
    } else if (json_object_is_type(value, json_type_array)) {
        for (gsize i = 0; i < json_object_array_length(value); i++) {
            g_autofree char *number = g_strdup_printf("%zu", i + 1);

            put_entry(number, json_object_array_get_idx(value, i), depth);
        }
    } else {
        g_autofree char *text = scalar_text(value);

        (void)printf("%*s%s\n", depth * 2, "", text);
    }
}

void
print_tree(json_object *value)
{
    bar_clear();
    put_tree(value, 0);
}

/* --- stderr
 * -----------------------------------------------------------------------------
 */

void
print_error(const char *message)
{
    g_autofree char *safe = print_safe(message, FALSE);

    bar_clear();
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  with_color && isatty(STDERR_FILENO) ? "\033[31mdrv:\033[0m %s\n"
                                                      : "drv: %s\n",
                  safe);
}

void
print_note(const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *safe = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    safe = print_safe(text, FALSE);
    bar_clear();
    (void)fflush(stdout);
    (void)fprintf(stderr, "drv: %s\n", safe);
}

gboolean
print_flush(const char **why)
{
    bar_clear();
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return TRUE;
    *why = errno ? g_strerror(errno) : "an error while writing";
    return FALSE;
}

/* --- tables
 * -----------------------------------------------------------------------------
 */

void
table_clear(Table *table)
{
    if (table->cells)
        g_ptr_array_unref(table->cells);
}

void
table_row(Table *table, ...)
{
    guint n = 0;
    va_list args;
    const char *text;

    if (table->cells == NULL)
        table->cells = g_ptr_array_new_with_free_func(g_free);
    va_start(args, table);
    while ((text = va_arg(args, const char *)) != NULL) {
        g_ptr_array_add(table->cells, print_safe(text, FALSE));
        n++;
    }
    va_end(args);
    if (table->columns == 0)
        table->columns = n;
}

/* Cells of a terminal that @text takes. */
static int
width_of(const char *text)
{
    int width = 0;

    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

/* Nothing in this row is behind cell @i. */
static gboolean
rest_is_empty(const Table *table, guint i)
{
    for (i++; i % table->columns != 0; i++) {
        const char *text = g_ptr_array_index(table->cells, i);

        if (*text)
            return FALSE;
    }
    return TRUE;
}

void
table_print(const Table *table)
{
    g_autofree int *widths = g_new0(int, table->columns + 1);
    gboolean color = with_color && isatty(STDOUT_FILENO);

    for (guint i = 0; i < table->cells->len; i++) {
        int *width = &widths[i % table->columns];

        *width = MAX(*width, width_of(g_ptr_array_index(table->cells, i)));
    }
    bar_clear();
    for (guint i = 0; i < table->cells->len; i++) {
        const char *text = g_ptr_array_index(table->cells, i);
        gboolean last = (i + 1) % table->columns == 0;
        int pad = last || rest_is_empty(table, i)
                      ? 0
                      : widths[i % table->columns] - width_of(text) + 2;

        (void)printf("%s%s%*s%s%s",
                     color && i == 0 ? "\033[1m" : "",
                     text,
                     pad,
                     "",
                     color && i == table->columns - 1 ? "\033[0m" : "",
                     last ? "\n" : "");
    }
}

/* --- the bar
 * ----------------------------------------------------------------------------
 */

static int
terminal_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : 80;
}

char *
bar_text(double part, int width)
{
    int filled = (int)(CLAMP(part, 0.0, 1.0) * width);
    int percent = (int)(CLAMP(part, 0.0, 1.0) * 100);

    if (!redraws || !isatty(STDOUT_FILENO))
        return g_strdup_printf("%d %%", percent);
    return g_strdup_printf("[%.*s%.*s] %3d %%",
                           filled,
                           "##############################",
                           width - filled,
                           "..............................",
                           percent);
}

void
print_clear(void)
{
    if (redraws && isatty(STDOUT_FILENO))
        (void)fputs("\033[H\033[2J", stdout);
}

void
bar_draw(double part, const char *text)
{
    int filled = (int)(CLAMP(part, 0.0, 1.0) * BAR);
    g_autofree char *safe = NULL;
    g_autofree char *cut = NULL;
    int room = terminal_width() - BAR - 10;

    if (!with_bar)
        return;
    safe = print_safe(text, FALSE);
    cut = g_utf8_substring(safe, 0, CLAMP(g_utf8_strlen(safe, -1), 0, MAX(room, 0)));
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "\r[%.*s%.*s] %3d %% %s\033[K",
                  filled,
                  "##############################",
                  BAR - filled,
                  "..............................",
                  (int)(CLAMP(part, 0.0, 1.0) * 100),
                  cut);
    bar_is_drawn = TRUE;
}

void
bar_clear(void)
{
    if (bar_is_drawn)
        (void)fputs("\r\033[K", stderr);
    bar_is_drawn = FALSE;
}
