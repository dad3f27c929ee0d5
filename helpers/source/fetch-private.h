/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-private.h - between the files of drv-fetch. */
#ifndef DRV_ALLOW_PRIVATE
#error "drv-fetch-private.h is for drv-fetch*.c and tests only"
#endif
#pragma once

#include "base/error.h"
#include "source/fetch.h"

#define DRV_FETCH_BLOCK ((gsize)1024 * 1024)

/* An object that is read by GET. */
typedef struct {
    char *url;  /* owned, may hold secrets */
    char *name; /* owned, for messages */
    /* More header lines, made again for every try; NULL: none.  Caller frees. */
    GStrv (*headers)(gpointer data);
    gpointer data;
    GDestroyNotify free_data;
    gboolean follow; /* redirects */
} DrvHttpTarget;

void drv_http_target_clear(DrvHttpTarget *target);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvHttpTarget, drv_http_target_clear)

/* Open @target, whose content is taken over also on failure. */
DrvSource *drv_fetch_open_http(DrvHttpTarget *target,
                               const DrvFetchRequest *request,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
DrvSource *drv_fetch_open_ssh(const DrvFetchRequest *request,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Fill @target from an s3 URL and its keys. */
gboolean drv_fetch_s3_target(const char *url,
                             const DrvFetchS3 *s3,
                             DrvHttpTarget *target,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Split "ssh://[user@]host:path" or "ssh://[user@]host/path". */
gboolean drv_fetch_split_ssh(const char *url, char **host, char **path, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* What a server says before the content. */
typedef struct {
    char *reason; /* of its status line, printable; NULL: none */
    char *etag;
    char *modified;
    guint64 range_begin; /* of Content-Range */
    guint64 range_total; /* DRV_SOURCE_SIZE_UNKNOWN: a star, or none */
    gboolean has_range;
    gboolean checked; /* it was found to be what we asked for */
} DrvHttpAnswer;

void drv_http_answer_clear(DrvHttpAnswer *answer);

/* Take over one line of it.  A status line begins it again: redirects come first. */
void drv_http_answer_line(DrvHttpAnswer *answer, const char *line);

/* The code for a status of 400 and up. */
DrvErrorCode drv_http_status_code(long status);

/* What a failure that libcurl found means. */
DrvErrorCode drv_http_curl_code(int curl_code);

/* Whether asking again may help, after a transfer that ended with this CURLcode. */
gboolean drv_http_is_temporary(int curl_code, long status);
