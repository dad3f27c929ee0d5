/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "base/status-private.h"
#include "base/status.h"

#define TEXT_MAX 200 /* of what others say */
#define LINES_MAX 64

void
drv_status_add_text(GString *text, const char *key, const char *value)
{
    g_autofree char *shown = drv_log_escape(value ? value : "");

    g_string_append_printf(text, "%s=%s\n", key, shown);
}

void
drv_status_add_number(GString *text, const char *key, double value)
{
    g_string_append_printf(text, "%s=%.0f\n", key, value);
}

void
drv_status_step_add(GString *text, const DrvStatusStep *step, gint64 now)
{
    double seconds = (double)(now - step->began_us) / (double)G_USEC_PER_SEC;
    double rate = step->began_us == 0 ? step->rate
                  : seconds > 0       ? (double)step->moved / seconds
                                      : 0;
    guint64 done = step->moved + step->kept;
    guint64 left = step->total > done ? step->total - done : 0;
    gboolean known = step->total > 0 && (rate > 0 || left == 0);

    drv_status_add_number(text, "bytes_total", (double)step->total);
    drv_status_add_number(text, "bytes_moved", (double)step->moved);
    drv_status_add_number(text, "bytes_kept", (double)step->kept);
    drv_status_add_number(text, "bytes_left", (double)left);
    drv_status_add_number(text, "rate", rate);
    drv_status_add_number(text,
                          "seconds_left",
                          !known      ? -1
                          : left == 0 ? 0
                                      : (double)left / rate);
}

void
drv_status_step_clear(DrvStatusStep *step)
{
    g_free(step->phase);
    g_free(step->waits_for);
    g_free(step->where);
    g_free(step->undone);
    memset(step, 0, sizeof *step);
}

GHashTable *
drv_status_lines(const char *text)
{
    GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", LINES_MAX + 1);

    for (guint i = 0; i < LINES_MAX && lines[i]; i++) {
        char *value = strchr(lines[i], '=');

        if (value == NULL)
            continue;
        *value++ = '\0';
        if (!g_hash_table_contains(all, lines[i]))
            g_hash_table_insert(all, g_strdup(lines[i]), g_strdup(value));
    }
    return all;
}

static char *
text_of(GHashTable *lines, const char *name, gsize max)
{
    const char *value = g_hash_table_lookup(lines, name);

    return value ? g_strndup(value, max) : NULL;
}

static guint64
number_of(GHashTable *lines, const char *name)
{
    const char *value = g_hash_table_lookup(lines, name);
    guint64 number = 0;

    if (value)
        (void)g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT64, &number, NULL);
    return number;
}

void
drv_status_step_parse(DrvStatusStep *step, const char *text)
{
    g_autoptr(GHashTable) lines = drv_status_lines(text);
    const char *rate = g_hash_table_lookup(lines, "rate");

    step->phase = text_of(lines, "phase", TEXT_MAX);
    if (step->phase == NULL)
        step->phase = g_strdup("");
    step->waits_for = text_of(lines, "waits_for", TEXT_MAX);
    step->undone = text_of(lines, "undone", DRV_STATUS_UNDONE_MAX);
    step->total = number_of(lines, "bytes_total");
    step->moved = number_of(lines, "bytes_moved");
    step->kept = number_of(lines, "bytes_kept");
    step->rate = rate ? CLAMP(g_ascii_strtod(rate, NULL), 0.0, 1e15) : 0;
}

void
drv_status_add_log(GString *log, const char *level, const char *text)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *when = g_date_time_format(now, "%FT%T");
    g_autofree char *clean = drv_log_escape(text);

    if (log->len < DRV_STATUS_LOG_MAX)
        g_string_append_printf(log,
                               "%s.%03dZ %s %s\n",
                               when,
                               g_date_time_get_microsecond(now) / 1000,
                               level,
                               clean);
}
