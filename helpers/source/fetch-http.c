/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-http.c - GET as a source: tries, resumption, limits. */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/load-curl.h"
#include "base/log.h"
#include "source/fetch-private.h"

#define MAX_TRIES 4
#define WORTH_MENTIONING ((guint64)16 * 1024 * 1024) /* tries count from here again */
#define MAX_REDIRECTS 10L
#define WAIT_MS 500 /* at most, before looking at deadlines and cancellation again */
#define CONNECT_MS 30000
#define STALL_MS 60000
#define RETRY_MS 1000
#define DRV_FETCH_AGENT                                                                  \
    "one-native" /* RFC 9110, 10.1.5: many servers refuse requests without */
#define UNKNOWN DRV_SOURCE_SIZE_UNKNOWN

typedef struct {
    DrvHttpTarget target;
    guint64 rate;
    gboolean insecure;
    guint max_tries;
    guint connect_ms;
    guint stall_ms;
    guint retry_ms;

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
    int interrupted;         /* atomic */
} Http;

static gboolean
throw_fetch(Http *http, DrvErrorCode code, const char *reason, GError **error)
{
    return drv_throw(error, code, "cannot fetch '%s': %s", http->target.name, reason);
}

static void
end_try(Http *http)
{
    if (http->easy) {
        curl_multi_remove_handle(http->multi, http->easy);
        curl_easy_cleanup(http->easy);
    }
    http->easy = NULL;
    curl_slist_free_all(g_steal_pointer(&http->headers));
    drv_http_answer_clear(&http->answer);
    http->paused = FALSE;
}

static void
http_free(gpointer state)
{
    Http *http = state;

    end_try(http);
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
    Http *http = state;

    g_atomic_int_set(&http->interrupted, 1);
    curl_multi_wakeup(http->multi);
}

static guint64
http_size(gpointer state)
{
    return ((Http *)state)->total;
}

/* --- what the server answers -------------------------------------------------------- */

static size_t
on_header(char *data, size_t one G_GNUC_UNUSED, size_t size, void *user)
{
    Http *http = user;
    g_autofree char *line = g_strndup(data, size);

    http->last_progress_us = g_get_monotonic_time();
    drv_http_answer_line(&http->answer, line);
    return size;
}

/* The first answer says what the object is. */
static gboolean
check_first(Http *http, long status)
{
    curl_off_t length = -1;
    g_autofree char *reason = NULL;

    if (status != 200) {
        reason = g_strdup_printf("unexpected status %ld", status);
        return throw_fetch(http, DRV_ERROR_FAILED, reason, &http->error);
    }
    curl_easy_getinfo(http->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    http->total = length >= 0 ? (guint64)length : UNKNOWN;
    g_free(http->etag);
    g_free(http->modified);
    http->etag = g_strdup(http->answer.etag);
    http->modified = g_strdup(http->answer.modified);
    return TRUE;
}

/* A later one has to go on with the same object where the one before broke off. */
static gboolean
check_resumed(Http *http, long status)
{
    const DrvHttpAnswer *answer = &http->answer;

    if (status != 206)
        return throw_fetch(http,
                           DRV_ERROR_FAILED,
                           "transfer interrupted, and the server cannot resume it",
                           &http->error);
    if (!answer->has_range || answer->range_begin != http->received ||
        answer->range_total != http->total ||
        (answer->etag && g_strcmp0(answer->etag, http->etag) != 0) ||
        (answer->modified && g_strcmp0(answer->modified, http->modified) != 0))
        return throw_fetch(
            http, DRV_ERROR_FAILED, "changed while being read", &http->error);
    return TRUE;
}

static gboolean
check_answer(Http *http)
{
    long status = 0;

    if (http->answer.checked)
        return TRUE;
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    http->answer.checked = TRUE;
    return http->received == 0 ? check_first(http, status) : check_resumed(http, status);
}

static size_t
on_data(char *data, size_t one G_GNUC_UNUSED, size_t size, void *user)
{
    Http *http = user;

    http->last_progress_us = g_get_monotonic_time();
    if (http->pending->len >= DRV_FETCH_BLOCK) {
        http->paused = TRUE;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (!check_answer(http))
        return 0;
    g_byte_array_append(http->pending, (const guint8 *)data, (guint)size);
    http->received += size;
    return size;
}

/* --- a try -------------------------------------------------------------------------- */

static void
add_header(Http *http, const char *line)
{
    struct curl_slist *longer = curl_slist_append(http->headers, line);

    g_assert(longer); /* out of memory */
    http->headers = longer;
}

/* If-Range wants a strong ETag; without one the date is all we have. */
static void
set_headers(Http *http)
{
    g_auto(GStrv) lines =
        http->target.headers ? http->target.headers(http->target.data) : NULL;
    gboolean strong = http->etag && !g_str_has_prefix(http->etag, "W/");
    const char *proof = strong ? http->etag : http->modified;
    g_autofree char *if_range = NULL;
    g_autofree char *range = NULL;

    for (guint i = 0; lines && lines[i]; i++)
        add_header(http, lines[i]);
    if (http->received > 0) {
        range = g_strdup_printf("Range: bytes=%" G_GUINT64_FORMAT "-", http->received);
        add_header(http, range);
    }
    if (http->received > 0 && proof) {
        if_range = g_strdup_printf("If-Range: %s", proof);
        add_header(http, if_range);
    }
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers);
}

static void
set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    curl_easy_setopt(
        easy, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver */
#endif
}

static void
set_options(Http *http)
{
    CURL *easy = http->easy;

    curl_easy_setopt(easy, CURLOPT_URL, http->target.url);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, DRV_FETCH_AGENT);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, (long)http->target.follow);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, http->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, http->insecure ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_ms);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)http->rate);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->curl_error);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, http);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    set_protocols(easy);
    set_headers(http);
}

static gboolean
begin_try(Http *http, GError **error)
{
    end_try(http);
    http->curl_error[0] = '\0';
    http->last_progress_us = g_get_monotonic_time();
    http->easy = curl_easy_init();
    if (http->easy == NULL)
        return throw_fetch(http, DRV_ERROR_FAILED, "cannot initialise libcurl", error);
    set_options(http);
    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
        return throw_fetch(http, DRV_ERROR_FAILED, "cannot initialise libcurl", error);
    return TRUE;
}

/* --- waiting ------------------------------------------------------------------------ */

static gboolean
check_stop(Http *http, GError **error)
{
    if (g_atomic_int_get(&http->interrupted))
        return drv_throw(error, DRV_ERROR_CANCELLED, "cancelled");
    return drv_cancel_check(error);
}

/* libcurl's poll does not know all events that mean a stop, hence the short times. */
static gboolean
wait_some(Http *http, int timeout_ms, GError **error)
{
    struct curl_waitfd extra[2];
    struct pollfd stops[2];
    guint n = drv_cancel_fds(stops);

    for (guint i = 0; i < n; i++)
        extra[i] = (struct curl_waitfd){ .fd = stops[i].fd, .events = CURL_WAIT_POLLIN };
    if (curl_multi_poll(http->multi, extra, n, MIN(timeout_ms, WAIT_MS), NULL) !=
        CURLM_OK)
        return throw_fetch(http, DRV_ERROR_FAILED, "libcurl failed to wait", error);
    return check_stop(http, error);
}

static gboolean
pause_before_retry(Http *http, GError **error)
{
    gint64 delay_ms = (gint64)http->retry_ms << (http->tries - 1);
    gint64 end = g_get_monotonic_time() + delay_ms * 1000;
    gint64 left_us;

    end_try(http);
    while ((left_us = end - g_get_monotonic_time()) > 0)
        if (!wait_some(http, (int)(MIN(left_us, G_USEC_PER_SEC) / 1000 + 1), error))
            return FALSE;
    return TRUE;
}

/* --- when a try has failed ---------------------------------------------------------- */

static gboolean
throw_status(Http *http, long status, GError **error)
{
    const char *phrase = http->answer.reason ? http->answer.reason : "";
    g_autofree char *reason =
        g_strdup_printf(*phrase ? "%ld %s" : "status %ld%s", status, phrase);

    return throw_fetch(http, drv_http_status_code(status), reason, error);
}

/* Set @error to what ended this try. */
static gboolean
throw_result(Http *http, CURLcode result, long status, GError **error)
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
        return throw_fetch(http, DRV_ERROR_FAILED, text, error);
    }
    text = g_strdup(http->curl_error[0] ? http->curl_error : curl_easy_strerror(result));
    g_strdelimit(text, "\r\n", ' ');
    if (g_ascii_islower(text[1]))
        text[0] = g_ascii_tolower(text[0]);
    return throw_fetch(http, drv_http_curl_code(result), text, error);
}

/* Try again if that may help, else FALSE with @error, which takes @reason. */
static gboolean
try_again(Http *http, gboolean temporary, GError *reason, GError **error)
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
    return begin_try(http, error);
}

/* The try has ended; go on with another, or be done. */
static gboolean
take_result(Http *http, CURLcode result, GError **error)
{
    GError *reason = NULL;
    long status = 0;

    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && check_answer(http) && !http->error) {
        http->done = TRUE;
        if (http->total == UNKNOWN)
            http->total = http->received;
        end_try(http);
        return http->received == http->total ||
               throw_fetch(http, DRV_ERROR_FAILED, "shorter than announced", error);
    }
    (void)throw_result(http, result, status, &reason);
    return try_again(http, drv_http_is_temporary(result, status), reason, error);
}

static gboolean
check_stall(Http *http, GError **error)
{
    gint64 silent_us = g_get_monotonic_time() - http->last_progress_us;
    g_autofree char *text = NULL;
    GError *reason = NULL;

    if (silent_us < (gint64)http->stall_ms * 1000)
        return TRUE;
    text = g_strdup_printf("no data for %u ms", http->stall_ms);
    (void)throw_fetch(http, DRV_ERROR_TIMEOUT, text, &reason);
    return try_again(http, TRUE, reason, error);
}

/* --- the source --------------------------------------------------------------------- */

/* One round: let libcurl work, look at what has ended, wait if nothing came. */
static gboolean
step(Http *http, GError **error)
{
    int running, left;
    CURLMsg *message;

    if (http->paused) {
        http->paused = FALSE;
        curl_easy_pause(http->easy, CURLPAUSE_CONT);
    }
    if (curl_multi_perform(http->multi, &running) != CURLM_OK)
        return throw_fetch(http, DRV_ERROR_FAILED, "libcurl failed", error);
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE)
            return take_result(http, message->data.result, error);
    if (http->pending->len > 0)
        return TRUE;
    return wait_some(http, WAIT_MS, error) && check_stall(http, error);
}

/* Until there is something to read, or the end. */
static gboolean
fill(Http *http, GError **error)
{
    if (http->pending_at < http->pending->len)
        return TRUE;
    g_byte_array_set_size(http->pending, 0);
    http->pending_at = 0;
    http->last_progress_us = g_get_monotonic_time(); /* we may have been away for long */
    while (http->pending->len == 0 && !http->done)
        if (!step(http, error))
            return FALSE;
    return TRUE;
}

static gssize
http_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Http *http = state;

    if (!check_stop(http, error) || !fill(http, error))
        return -1;
    size = MIN(size, http->pending->len - http->pending_at);
    if (size > 0)
        memcpy(data, http->pending->data + http->pending_at, size);
    http->pending_at += size;
    return (gssize)size;
}

DrvSource *
drv_fetch_open_http(DrvHttpTarget *target, const DrvFetchRequest *request, GError **error)
{
    static const DrvSourceOps ops = { .read = http_read,
                                      .size = http_size,
                                      .interrupt = http_interrupt,
                                      .free = http_free };
    Http *http;

    if (!drv_load_curl(error)) {
        drv_http_target_clear(target);
        return NULL;
    }
    http = g_new0(Http, 1);
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
        throw_fetch(http, DRV_ERROR_FAILED, "cannot initialise libcurl", error);
    else if (drv_fetch_parse_rate(request->limit_rate, &http->rate, error) &&
             begin_try(http, error) && fill(http, error))
        return drv_source_new(&ops, http, http->target.name);
    http_free(http);
    return NULL;
}
