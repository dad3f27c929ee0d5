/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-try.h - an object that is read by GET, in one or more tries. */
#ifndef DRV_ALLOW_PRIVATE
#error "fetch-try.h is for fetch-http.c and fetch-try.c only"
#endif
#pragma once

#include "base/load-curl.h"
#include "source/fetch-private.h"

typedef struct {
    DrvHttpTarget target;
    guint64 rate;
    gboolean insecure;
    guint max_tries;
    guint connect_ms;
    guint stall_ms;
    guint retry_ms;
    guint64 min_rate; /* bytes a second; less is a break */

    CURLM *multi;
    CURL *easy; /* of the running try; NULL: none */
    struct curl_slist *headers;
    char curl_error[CURL_ERROR_SIZE];
    DrvHttpAnswer answer;
    GError *error;       /* found in a callback */
    GByteArray *pending; /* received, not read yet, from: */
    gsize pending_at;
    gboolean paused;
    gboolean done;
    guint64 received; /* of the object, over all tries */
    guint64 total;    /* of the object, or UNKNOWN */
    char *etag;       /* of the object, from the first answer */
    char *modified;
    guint tries;             /* since: */
    guint64 tried_at;        /* received then */
    gint64 last_progress_us; /* monotonic */
    gint64 hungry_us;        /* waited for data since: */
    guint64 hungry_at;       /* received then */
    guint n_lines;           /* of headers, of this try */
    int interrupted;         /* atomic */
} DrvHttp;

/* Ask for what was not received yet; the try before ends. */
gboolean drv_http_try_begin(DrvHttp *http, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void drv_http_try_end(DrvHttp *http);

/* Once: is the answer the object, from where it was left?  Else http->error is set. */
gboolean drv_http_try_check(DrvHttp *http);

/* "cannot fetch '<name>': <reason>" */
gboolean
drv_http_throw(DrvHttp *http, DrvErrorCode code, const char *reason, GError **error);
