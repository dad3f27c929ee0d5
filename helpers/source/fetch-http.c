/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-http.c - GET as a source: tries, resumption, limits. */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "source/fetch-try.h"

#define MAX_TRIES 4
#define WORTH_MENTIONING ((guint64)16 * 1024 * 1024) /* tries count from here again */
#define WAIT_MS 500 /* at most, before looking at deadlines and cancellation again */
#define CONNECT_MS 30000
#define STALL_MS 60000
#define RETRY_MS 1000
#define MIN_RATE ((guint64)4096)
#define UNKNOWN DRV_SOURCE_SIZE_UNKNOWN

static void
http_free(gpointer state)
{
    DrvHttp *http = state;

    drv_http_try_end(http);
    if (http->multi)
        curl_multi_cleanup(http->multi);
    drv_http_target_clear(&http->target);
    g_clear_error(&http->error);
    g_byte_array_unref(http->pending);
    g_free(http->etag);
    g_free(http->modified);
    g_free(http);
}

static void
http_interrupt(gpointer state)
{
    DrvHttp *http = state;

    g_atomic_int_set(&http->interrupted, 1);
    curl_multi_wakeup(http->multi);
}

static guint64
http_size(gpointer state)
{
    return ((DrvHttp *)state)->total;
}

/* --- waiting ------------------------------------------------------------------------ */

static gboolean
check_stop(DrvHttp *http, GError **error)
{
    if (g_atomic_int_get(&http->interrupted))
        return drv_throw(error, DRV_ERROR_CANCELLED, "cancelled");
    return drv_cancel_check(error);
}

/* libcurl's poll does not know all events that mean a stop, hence the short times. */
static gboolean
wait_some(DrvHttp *http, int timeout_ms, GError **error)
{
    struct curl_waitfd extra[2];
    struct pollfd stops[2];
    guint n = drv_cancel_fds(stops);

    for (guint i = 0; i < n; i++)
        extra[i] = (struct curl_waitfd){ .fd = stops[i].fd, .events = CURL_WAIT_POLLIN };
    if (curl_multi_poll(http->multi, extra, n, MIN(timeout_ms, WAIT_MS), NULL) !=
        CURLM_OK)
        return drv_http_throw(http, DRV_ERROR_FAILED, "libcurl failed to wait", error);
    return check_stop(http, error);
}

static gboolean
pause_before_retry(DrvHttp *http, GError **error)
{
    gint64 delay_ms = (gint64)http->retry_ms << (http->tries - 1);
    gint64 end = g_get_monotonic_time() + delay_ms * 1000;
    gint64 left_us;

    drv_http_try_end(http);
    while ((left_us = end - g_get_monotonic_time()) > 0)
        if (!wait_some(http, (int)(MIN(left_us, G_USEC_PER_SEC) / 1000 + 1), error))
            return FALSE;
    return TRUE;
}

/* --- when a try has failed ---------------------------------------------------------- */

static gboolean
throw_status(DrvHttp *http, long status, GError **error)
{
    const char *phrase = http->answer.reason ? http->answer.reason : "";
    g_autofree char *reason =
        g_strdup_printf(*phrase ? "%ld %s" : "status %ld%s", status, phrase);

    return drv_http_throw(http, drv_http_status_code(status), reason, error);
}

/* Set @error to what ended this try. */
static gboolean
throw_result(DrvHttp *http, CURLcode result, long status, GError **error)
{
    g_autofree char *text = NULL;

    if (http->error) {
        g_propagate_error(error, g_steal_pointer(&http->error));
        return FALSE;
    }
    if (result == CURLE_HTTP_RETURNED_ERROR)
        return throw_status(http, status, error);
    if (result == CURLE_PARTIAL_FILE && http->total != UNKNOWN) {
        text = g_strdup_printf("it broke off after %" G_GUINT64_FORMAT
                               " of %" G_GUINT64_FORMAT " bytes",
                               http->received,
                               http->total);
        return drv_http_throw(http, DRV_ERROR_FAILED, text, error);
    }
    text = g_strdup(http->curl_error[0] ? http->curl_error : curl_easy_strerror(result));
    g_strdelimit(text, "\r\n", ' ');
    if (g_ascii_islower(text[1]))
        text[0] = g_ascii_tolower(text[0]);
    return drv_http_throw(http, drv_http_curl_code(result), text, error);
}

/* Try again if that may help, else FALSE with @error, which takes @reason. */
static gboolean
try_again(DrvHttp *http, gboolean temporary, GError *reason, GError **error)
{
    /* Without the length there is no telling that a resumed object is the same. */
    gboolean resumable = http->received == 0 || http->total != UNKNOWN;

    if (http->received - http->tried_at >= WORTH_MENTIONING)
        http->tries = 1;
    http->tried_at = http->received;
    if (!temporary || !resumable || http->tries >= http->max_tries) {
        g_propagate_error(error, reason);
        return FALSE;
    }
    drv_debug("%s; trying again", reason->message);
    g_error_free(reason);
    if (!pause_before_retry(http, error))
        return FALSE;
    http->tries++;
    return drv_http_try_begin(http, error);
}

/* The try has ended; go on with another, or be done. */
static gboolean
take_result(DrvHttp *http, CURLcode result, GError **error)
{
    GError *reason = NULL;
    long status = 0;

    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && drv_http_try_check(http) && !http->error) {
        http->done = TRUE;
        if (http->total == UNKNOWN)
            http->total = http->received;
        drv_http_try_end(http);
        return http->received == http->total ||
               drv_http_throw(http, DRV_ERROR_FAILED, "shorter than announced", error);
    }
    (void)throw_result(http, result, status, &reason);
    return try_again(http, drv_http_is_temporary(result, status), reason, error);
}

/* Over each time of stall_ms in which we had nothing to do but wait. */
static gboolean
check_rate(DrvHttp *http, gint64 step_us, GError **error)
{
    guint64 least = http->min_rate * http->stall_ms / 1000;
    g_autofree char *text = NULL;
    GError *reason = NULL;

    http->hungry_us += step_us;
    if (http->hungry_us < (gint64)http->stall_ms * 1000)
        return TRUE;
    if (http->received - http->hungry_at >= least) {
        http->hungry_us = 0;
        http->hungry_at = http->received;
        return TRUE;
    }
    text = g_strdup_printf("less than %" G_GUINT64_FORMAT
                           " bytes a second, by FETCH_MIN_RATE too slow",
                           http->min_rate);
    (void)drv_http_throw(http, DRV_ERROR_TIMEOUT, text, &reason);
    return try_again(http, TRUE, reason, error);
}

static gboolean
check_stall(DrvHttp *http, GError **error)
{
    gint64 silent_us = g_get_monotonic_time() - http->last_progress_us;
    g_autofree char *text = NULL;
    GError *reason = NULL;

    if (silent_us < (gint64)http->stall_ms * 1000)
        return TRUE;
    text = g_strdup_printf("no data for %u ms", http->stall_ms);
    (void)drv_http_throw(http, DRV_ERROR_TIMEOUT, text, &reason);
    return try_again(http, TRUE, reason, error);
}

/* --- the source --------------------------------------------------------------------- */

/* One round: let libcurl work, look at what has ended, wait if nothing came. */
static gboolean
step(DrvHttp *http, GError **error)
{
    int running, left;
    CURLMsg *message;

    if (http->paused) {
        http->paused = FALSE;
        curl_easy_pause(http->easy, CURLPAUSE_CONT);
    }
    if (curl_multi_perform(http->multi, &running) != CURLM_OK)
        return drv_http_throw(http, DRV_ERROR_FAILED, "libcurl failed", error);
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE)
            return take_result(http, message->data.result, error);
    if (http->pending->len > 0)
        return TRUE;
    return wait_some(http, WAIT_MS, error) && check_stall(http, error);
}

/* Until there is something to read, or the end. */
static gboolean
fill(DrvHttp *http, GError **error)
{
    if (http->pending_at < http->pending->len)
        return TRUE;
    g_byte_array_set_size(http->pending, 0);
    http->pending_at = 0;
    http->last_progress_us = g_get_monotonic_time(); /* we may have been away for long */
    while (http->pending->len == 0 && !http->done) {
        gint64 begin_us = g_get_monotonic_time();

        if (!step(http, error) ||
            (!http->done && !check_rate(http, g_get_monotonic_time() - begin_us, error)))
            return FALSE;
    }
    return TRUE;
}

static gssize
http_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    DrvHttp *http = state;

    if (!check_stop(http, error) || !fill(http, error))
        return -1;
    size = MIN(size, http->pending->len - http->pending_at);
    if (size > 0)
        memcpy(data, http->pending->data + http->pending_at, size);
    http->pending_at += size;
    return (gssize)size;
}

/* A transfer that the admin slows down is not too slow. */
static gboolean
set_rates(DrvHttp *http, const DrvFetchRequest *request, GError **error)
{
    if (!drv_fetch_parse_rate(request->limit_rate, &http->rate, error))
        return FALSE;
    http->min_rate = request->min_rate ? request->min_rate : MIN_RATE;
    if (http->rate > 0)
        http->min_rate = MIN(http->min_rate, http->rate / 2);
    return TRUE;
}

DrvSource *
drv_fetch_open_http(DrvHttpTarget *target, const DrvFetchRequest *request, GError **error)
{
    static const DrvSourceOps ops = { .read = http_read,
                                      .size = http_size,
                                      .interrupt = http_interrupt,
                                      .free = http_free };
    DrvHttp *http;

    if (!drv_load_curl(error)) {
        drv_http_target_clear(target);
        return NULL;
    }
    http = g_new0(DrvHttp, 1);
    http->target = *target;
    *target = (DrvHttpTarget){ 0 };
    http->insecure = request->insecure;
    http->max_tries = request->no_retry ? 1 : MAX_TRIES;
    http->connect_ms =
        request->connect_timeout_ms ? request->connect_timeout_ms : CONNECT_MS;
    http->stall_ms = request->stall_timeout_ms ? request->stall_timeout_ms : STALL_MS;
    http->retry_ms = request->retry_delay_ms ? request->retry_delay_ms : RETRY_MS;
    http->tries = 1;
    http->total = UNKNOWN;
    http->pending = g_byte_array_sized_new(2 * DRV_FETCH_BLOCK);
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        drv_http_throw(http, DRV_ERROR_FAILED, "cannot initialise libcurl", error);
    else if (set_rates(http, request, error) && drv_http_try_begin(http, error) &&
             fill(http, error))
        return drv_source_new(&ops, http, http->target.name);
    http_free(http);
    return NULL;
}
