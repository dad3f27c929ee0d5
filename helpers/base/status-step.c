/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "base/status-private.h"

#define TEXT_MAX 200 /* of what others say */

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

/* The texts of a step that are heard; a line twice counts once. */
static void
hear_text(char **to, const char *value, gsize max)
{
    if (*to == NULL)
        *to = g_strndup(value, max);
}

static void
hear_number(guint64 *to, const char *value)
{
    (void)g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT64, to, NULL);
}

static void
hear_line(DrvStatusStep *step, const char *name, const char *value)
{
    if (g_str_equal(name, "phase"))
        hear_text(&step->phase, value, TEXT_MAX);
    else if (g_str_equal(name, "waits_for"))
        hear_text(&step->waits_for, value, TEXT_MAX);
    else if (g_str_equal(name, "undone"))
        hear_text(&step->undone, value, DRV_STATUS_UNDONE_MAX);
    else if (g_str_equal(name, "bytes_total"))
        hear_number(&step->total, value);
    else if (g_str_equal(name, "bytes_moved"))
        hear_number(&step->moved, value);
    else if (g_str_equal(name, "bytes_kept"))
        hear_number(&step->kept, value);
    else if (g_str_equal(name, "rate"))
        step->rate = CLAMP(g_ascii_strtod(value, NULL), 0.0, 1e15);
}

void
drv_status_step_parse(DrvStatusStep *step, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 64);

    for (guint i = 0; lines[i]; i++) {
        char *value = strchr(lines[i], '=');

        if (value) {
            *value++ = '\0';
            hear_line(step, lines[i], value);
        }
    }
    if (step->phase == NULL)
        step->phase = g_strdup("");
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
