/* SPDX-License-Identifier: Apache-2.0 */
/* http.c - the head of an HTTP/1.1 request. */
#include "agent/agentd/agentd.h"

/* Size of the head with its empty line, 0: not complete. */
static gsize
head_size(const char *data, gsize size)
{
    const char *end = memmem(data, size, "\r\n\r\n", 4);

    return end ? (gsize)(end - data) + 4 : 0;
}

/* TRUE: *size is set.  More than one, signs and other bases are not a length. */
static gboolean
read_length(const char *text, gboolean *seen, gsize *size)
{
    guint64 number;

    if (*seen || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &number, NULL))
        return FALSE;
    *seen = TRUE;
    *size = number;
    return TRUE;
}

static int
read_fields(char **lines, HttpRequest *request)
{
    gboolean has_length = FALSE;

    for (char **line = lines; *line && **line; line++) {
        char *value = strchr(*line, ':');

        if (value == NULL || value == *line)
            return 400;
        *value++ = '\0';
        g_strstrip(value);
        if (g_ascii_strcasecmp(*line, "Content-Length") == 0) {
            if (!read_length(value, &has_length, &request->body))
                return 400;
        } else if (g_ascii_strcasecmp(*line, "Transfer-Encoding") == 0) {
            return 411;
        } else if (g_ascii_strcasecmp(*line, "Connection") == 0) {
            request->keep_alive = g_ascii_strcasecmp(value, "close") != 0;
        } else if (g_ascii_strcasecmp(*line, "Expect") == 0) {
            request->expect = TRUE;
        }
    }
    if (!request->post)
        return 404;
    if (!has_length)
        return 411;
    return request->body > AGENT_MAX_BODY ? 413 : 200;
}

int
http_parse(const char *data, gsize size, HttpRequest *request)
{
    g_autofree char *head = NULL;
    g_auto(GStrv) lines = NULL;
    g_auto(GStrv) words = NULL;

    *request = (HttpRequest){ .head = head_size(data, size) };
    if (request->head > AGENT_MAX_HEAD || (request->head == 0 && size > AGENT_MAX_HEAD))
        return 431;
    if (request->head == 0)
        return 0;
    if (memchr(data, '\0', request->head))
        return 400;
    head = g_strndup(data, request->head);
    lines = g_strsplit(head, "\r\n", -1);
    words = g_strsplit(lines[0], " ", -1);
    if (g_strv_length(words) != 3 || !g_str_has_prefix(words[2], "HTTP/1."))
        return 400;
    request->post = strcmp(words[0], "POST") == 0;
    request->keep_alive = strcmp(words[2], "HTTP/1.0") != 0;
    return read_fields(lines + 1, request);
}
