/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <string.h>
#include <unistd.h>

static const char *log_name = "drv";
static gboolean log_debug;
static DrvLogSink log_sink;
static gpointer log_sink_data;
static DrvLogTap log_tap;

static const char *const level_names[] = {
    [DRV_LOG_ERROR] = "ERROR",
    [DRV_LOG_WARN] = "WARN",
    [DRV_LOG_INFO] = "INFO",
    [DRV_LOG_DEBUG] = "DEBUG",
};

char *
drv_log_escape(const char *text)
{
    GString *out = g_string_new(NULL);
    const char *at = text;

    while (*at) {
        gunichar c = g_utf8_get_char_validated(at, -1);

        if (c == (gunichar)-1 || c == (gunichar)-2 || g_unichar_iscntrl(c)) {
            g_string_append_printf(out, "\\x%02x", (unsigned char)*at);
            at++;
        } else {
            const char *next = g_utf8_next_char(at);

            g_string_append_len(out, at, next - at);
            at = next;
        }
    }
    return g_string_free(out, FALSE);
}

void
drv_log(DrvLogLevel level, const char *text)
{
    g_autofree char *clean = NULL;
    g_autofree char *line = NULL;
    gssize written;

    if (log_tap)
        log_tap(level_names[level], text);
    if (level == DRV_LOG_DEBUG && !log_debug)
        return;
    if (log_sink) {
        log_sink(level, text, log_sink_data);
        return;
    }
    clean = drv_log_escape(text);
    line = g_strdup_printf("%s: %s: %s\n", level_names[level], log_name, clean);
    written = write(STDERR_FILENO, line, strlen(line));
    (void)written; /* stderr is gone: there is nobody left to tell */
}

#define DRV_LOG_FUNCTION(function, level)                                                \
    void function(const char *format, ...)                                               \
    {                                                                                    \
        g_autofree char *text = NULL;                                                    \
        va_list args;                                                                    \
                                                                                         \
        va_start(args, format);                                                          \
        text = g_strdup_vprintf(format, args);                                           \
        va_end(args);                                                                    \
        drv_log(level, text);                                                            \
    }

DRV_LOG_FUNCTION(drv_error_log, DRV_LOG_ERROR)
DRV_LOG_FUNCTION(drv_warn, DRV_LOG_WARN)
DRV_LOG_FUNCTION(drv_info, DRV_LOG_INFO)
DRV_LOG_FUNCTION(drv_debug, DRV_LOG_DEBUG)

void
drv_log_set_name(const char *name)
{
    log_name = name;
}

void
drv_log_set_debug(gboolean on)
{
    log_debug = on;
}

void
drv_log_set_sink(DrvLogSink sink, gpointer data)
{
    log_sink = sink;
    log_sink_data = data;
}

void
drv_log_set_tap(DrvLogTap tap)
{
    log_tap = tap;
}
