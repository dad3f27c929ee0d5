/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-answer.c - status line and headers of a server, and what a failure means.
 */
#define DRV_ALLOW_PRIVATE
#include <curl/curl.h>
#include <string.h>

#include "source/fetch-private.h"

void
drv_http_answer_clear(DrvHttpAnswer *answer)
{
    g_free(answer->reason);
    g_free(answer->etag);
    g_free(answer->modified);
    *answer = (DrvHttpAnswer){ .range_total = DRV_SOURCE_SIZE_UNKNOWN };
}

/* The value of header @name, if that is what this line is; caller frees. */
static char *
header_value(const char *line, const char *name)
{
    gsize size = strlen(name);

    if (g_ascii_strncasecmp(line, name, size) != 0 || line[size] != ':')
        return NULL;
    return g_strstrip(g_strdup(line + size + 1));
}

static void
set_once(char **place, char *value)
{
    if (value == NULL)
        return;
    g_free(*place);
    *place = value;
}

/* "bytes 10-19/20" or "bytes 10-19/" and a star */
static void
take_range(DrvHttpAnswer *answer, const char *line)
{
    g_autofree char *value = header_value(line, "Content-Range");
    char *end;

    if (value == NULL || !g_str_has_prefix(value, "bytes ") || !g_ascii_isdigit(value[6]))
        return;
    answer->range_begin = g_ascii_strtoull(value + 6, &end, 10);
    answer->has_range = *end == '-';
    end = strchr(end, '/');
    if (end && g_ascii_isdigit(end[1]))
        answer->range_total = g_ascii_strtoull(end + 1, NULL, 10);
}

/* "HTTP/1.1 404 Not Found". */
static void
take_status(DrvHttpAnswer *answer, const char *line)
{
    const char *code = strchr(line, ' ');
    const char *reason = code ? strchr(code + 1, ' ') : NULL;

    drv_http_answer_clear(answer);
    if (reason == NULL)
        return;
    answer->reason = g_strndup(reason + 1, 60);
    for (char *at = answer->reason; *at; at++)
        if (!g_ascii_isprint(*at))
            *at = ' ';
    g_strstrip(answer->reason);
}

void
drv_http_answer_line(DrvHttpAnswer *answer, const char *line)
{
    if (g_str_has_prefix(line, "HTTP/"))
        take_status(answer, line);
    take_range(answer, line);
    set_once(&answer->etag, header_value(line, "ETag"));
    set_once(&answer->modified, header_value(line, "Last-Modified"));
}

DrvErrorCode
drv_http_status_code(long status)
{
    if (status == 404 || status == 410)
        return DRV_ERROR_NOT_FOUND;
    if (status == 401 || status == 403 || status == 407)
        return DRV_ERROR_PERMISSION;
    return DRV_ERROR_FAILED;
}

DrvErrorCode
drv_http_curl_code(int curl_code)
{
    if (curl_code == CURLE_OPERATION_TIMEDOUT)
        return DRV_ERROR_TIMEOUT;
    if (curl_code == CURLE_UNSUPPORTED_PROTOCOL || curl_code == CURLE_TOO_MANY_REDIRECTS)
        return DRV_ERROR_REFUSED;
    return DRV_ERROR_FAILED;
}

gboolean
drv_http_is_temporary(int curl_code, long status)
{
    switch (curl_code) {
    case CURLE_HTTP_RETURNED_ERROR:
        return (status >= 500 && status != 501) || status == 429 || status == 408;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return TRUE;
    default:
        return FALSE;
    }
}
