/* SPDX-License-Identifier: Apache-2.0 */
/* base/log.h - one line per event on stderr, "LEVEL: action: text".
 *
 * The front-end knows ERROR, INFO, DEBUG (and WARN since 7.0); see docs/compatibility.md.
 * Control characters in the text are shown as \xNN, so one event is always one line.
 * Secrets are never logged; only cmd/cmd.h logs command lines, at debug level.
 */
#pragma once

#include <glib.h>

typedef enum { DRV_LOG_ERROR, DRV_LOG_WARN, DRV_LOG_INFO, DRV_LOG_DEBUG } DrvLogLevel;

void drv_error_log(const char *format, ...) G_GNUC_PRINTF(1, 2);
void drv_warn(const char *format, ...) G_GNUC_PRINTF(1, 2);
void drv_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
void drv_debug(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* One event with its level already decided. */
void drv_log(DrvLogLevel level, const char *text);

/* Name between level and text; a static or interned string. */
void drv_log_set_name(const char *name);

/* Show debug events (off by default; on with ONE_MAD_DEBUG=1). */
void drv_log_set_debug(gboolean on);

/* Send events elsewhere than to stderr: the worker sends them as frames.  NULL resets. */
typedef void (*DrvLogSink)(DrvLogLevel level, const char *text, gpointer data);
void drv_log_set_sink(DrvLogSink sink, gpointer data);

/* Let @tap have every event as well, debug ones included (base/status.h); NULL ends it.
 */
typedef void (*DrvLogTap)(const char *level, const char *text);
void drv_log_set_tap(DrvLogTap tap);

/* @text with control characters as \xNN and invalid UTF-8 as \xNN; caller frees. */
char *drv_log_escape(const char *text);
