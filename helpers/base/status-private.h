/* SPDX-License-Identifier: Apache-2.0 */
/* base/status-private.h - between the files of base/status. */
#pragma once

#include <glib.h>

#define DRV_STATUS_SUFFIX ".status"
#define DRV_STATUS_LOG ".log"
#define DRV_STATUS_LOCK ".lock"
#define DRV_STATUS_LIMIT ".limit"
#define DRV_STATUS_MAX (16 * 1024)     /* bytes of a status */
#define DRV_STATUS_LOG_MAX (64 * 1024) /* bytes of a log */
#define DRV_STATUS_LOGS 100            /* kept in the directory */
#define DRV_STATUS_UNDONE_MAX 1000     /* bytes of what is undone */

/* A step, ours or as a worker reports it. */
typedef struct {
    char *phase;
    char *waits_for;
    char *where; /* host of the worker */
    char *undone;
    guint64 total, moved, kept;
    gint64 began_us;
    double rate; /* as reported */
} DrvStatusStep;

void drv_status_step_clear(DrvStatusStep *step);
/* Append its bytes, rate and rest as lines; @now is monotonic. */
void drv_status_step_add(GString *text, const DrvStatusStep *step, gint64 now);
/* Read the lines of a worker's status. */
void drv_status_step_parse(DrvStatusStep *step, const char *text);

/* One line, control characters as \xNN; a number without decimals. */
void drv_status_add_text(GString *text, const char *key, const char *value);
void drv_status_add_number(GString *text, const char *key, double value);

/* A line of the log, with the time, unless it is full. */
void drv_status_add_log(GString *log, const char *level, const char *text);

/* The files of one status. */
typedef struct {
    char *dir;
    char *id;
    int lock_fd; /* locked while we live */
    int log_fd;
    gsize log_size;
} DrvStatusFiles;
#define DRV_STATUS_FILES_INIT                                                            \
    {                                                                                    \
        NULL, NULL, -1, -1, 0                                                            \
    }

/* The status directories that may be, best first; NULL-terminated, caller frees. */
char **drv_status_dirs(void);

/* Make the files; FALSE when there is no place for them. */
gboolean drv_status_files_open(DrvStatusFiles *files, const char *id);
void drv_status_files_write(DrvStatusFiles *files, const char *text);
/* @line ends with a newline. */
void drv_status_files_log(DrvStatusFiles *files, const char *line);
/* All but the log go. */
void drv_status_files_close(DrvStatusFiles *files);

/* Remove the files of status @id, whose process is gone, but for its log. */
void drv_status_files_remove(const char *dir, const char *id);
