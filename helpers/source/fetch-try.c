/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-try.c - one try to get an object, and whether its answer is the one we
 * want. */
#define DRV_ALLOW_PRIVATE
#include "source/fetch-try.h"
#include "base/error.h"
#include "base/load-curl.h"

#define MAX_REDIRECTS 10L
#define MAX_HEADER_LINES 1000 /* of a try, over all redirects and interim answers */
/* RFC 9110, 10.1.5: many servers refuse requests without */
#define DRV_FETCH_AGENT "one-native"
#define UNKNOWN DRV_SOURCE_SIZE_UNKNOWN

gboolean
drv_http_throw(DrvHttp *http, DrvErrorCode code, const char *reason, GError **error)
{
    return drv_throw(error, code, "cannot fetch '%s': %s", http->target.name, reason);
}

void
drv_http_try_end(DrvHttp *http)
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

/* --- what the server answers -------------------------------------------------------- */

static size_t
on_header(char *data, size_t one G_GNUC_UNUSED, size_t size, void *user)
{
    DrvHttp *http = user;
    g_autofree char *line = g_strndup(data, size);

    if (++http->n_lines > MAX_HEADER_LINES) {
        if (http->error == NULL)
            drv_http_throw(
                http, DRV_ERROR_REFUSED, "too many lines of headers", &http->error);
        return 0;
    }
    http->last_progress_us = g_get_monotonic_time();
    drv_http_answer_line(&http->answer, line);
    return size;
}

/* The first answer says what the object is. */
static gboolean
check_first(DrvHttp *http, long status)
{
    curl_off_t length = -1;
    g_autofree char *reason = NULL;

    if (status != 200) {
        reason = g_strdup_printf("unexpected status %ld", status);
        return drv_http_throw(http, DRV_ERROR_FAILED, reason, &http->error);
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
check_resumed(DrvHttp *http, long status)
{
    const DrvHttpAnswer *answer = &http->answer;

    if (status != 206)
        return drv_http_throw(http,
                              DRV_ERROR_FAILED,
                              "transfer interrupted, and the server cannot resume it",
                              &http->error);
    if (!answer->has_range || answer->range_begin != http->received ||
        answer->range_total != http->total ||
        (answer->etag && g_strcmp0(answer->etag, http->etag) != 0) ||
        (answer->modified && g_strcmp0(answer->modified, http->modified) != 0))
        return drv_http_throw(
            http, DRV_ERROR_FAILED, "changed while being read", &http->error);
    return TRUE;
}

gboolean
drv_http_try_check(DrvHttp *http)
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
    DrvHttp *http = user;

    http->last_progress_us = g_get_monotonic_time();
    if (http->pending->len >= DRV_FETCH_BLOCK) {
        http->paused = TRUE;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (!drv_http_try_check(http))
        return 0;
    g_byte_array_append(http->pending, (const guint8 *)data, (guint)size);
    http->received += size;
    return size;
}

/* --- a try -------------------------------------------------------------------------- */

static void
add_header(DrvHttp *http, const char *line)
{
    struct curl_slist *longer = curl_slist_append(http->headers, line);

    g_assert(longer); /* out of memory */
    http->headers = longer;
}

/* If-Range wants a strong ETag; without one the date is all we have. */
static void
set_headers(DrvHttp *http)
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
set_options(DrvHttp *http)
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

gboolean
drv_http_try_begin(DrvHttp *http, GError **error)
{
    drv_http_try_end(http);
    http->curl_error[0] = '\0';
    http->last_progress_us = g_get_monotonic_time();
    http->hungry_us = 0;
    http->hungry_at = http->received;
    http->n_lines = 0;
    http->easy = curl_easy_init();
    if (http->easy == NULL)
        return drv_http_throw(http, DRV_ERROR_FAILED, "cannot initialise libcurl", error);
    set_options(http);
    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
        return drv_http_throw(http, DRV_ERROR_FAILED, "cannot initialise libcurl", error);
    return TRUE;
}
