/* SPDX-License-Identifier: Apache-2.0 */
#include "request/http-plain.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

#define HEAD_MAX 65536 /* bytes of an answer before its body */
#define READ_SIZE 65536

typedef struct addrinfo AddrInfo;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AddrInfo, freeaddrinfo)

/* --- where ----------------------------------------------------------------------------
 */

static gboolean
has_proxy(void)
{
    static const char *const names[] = { "http_proxy", "all_proxy", "ALL_PROXY" };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = g_getenv(names[i]);

        if (value && *value)
            return TRUE;
    }
    return FALSE;
}

/* oned listens on IPv4 unless told otherwise, so that is what localhost is tried as. */
static AddrInfo *
address_of(GUri *uri)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    const char *host = g_uri_get_host(uri);
    int port = g_uri_get_port(uri);
    g_autofree char *service = g_strdup_printf("%d", port < 0 ? 80 : port);
    struct addrinfo *found = NULL;

    if (host == NULL || *host == '\0')
        return NULL;
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    return getaddrinfo(host, service, &hints, &found) == 0 ? found : NULL;
}

gboolean
drv_http_plain_can(const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
    g_autoptr(AddrInfo) address = NULL;

    if (uri == NULL || strcmp(g_uri_get_scheme(uri), "http") != 0 ||
        g_uri_get_userinfo(uri) || has_proxy())
        return FALSE;
    address = address_of(uri);
    return address != NULL;
}

/* --- asking ---------------------------------------------------------------------------
 */

typedef struct {
    const char *url;
    guint timeout_s;
    gint64 end; /* monotonic microseconds */
} Deadline;

static gboolean
throw_core(const Deadline *deadline, DrvErrorCode code, const char *why, GError **error)
{
    return drv_throw(error, code, "cannot ask oned: %s (%s)", why, deadline->url);
}

static gboolean
wait_for(const Deadline *deadline, int fd, short events, GError **error)
{
    struct pollfd one = { .fd = fd, .events = events };
    gint64 left_ms = (deadline->end - g_get_monotonic_time()) / 1000;
    int ready = drv_poll(&one, 1, (int)MAX(left_ms, 0), error);
    g_autofree char *why = NULL;

    if (ready != 0)
        return ready > 0;
    why = g_strdup_printf("no answer within %u s", deadline->timeout_s);
    return throw_core(deadline, DRV_ERROR_CORE, why, error);
}

static int
connect_to(const AddrInfo *address, const Deadline *deadline, GError **error)
{
    g_auto(DrvFd) fd = socket(
        address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int problem = 0;
    socklen_t size = sizeof problem;

    if (fd < 0) {
        (void)throw_core(deadline, DRV_ERROR_CORE, g_strerror(errno), error);
        return -1;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        problem = errno;
        if (problem == EINPROGRESS &&
            (!wait_for(deadline, fd, POLLOUT, error) ||
             getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0))
            return -1;
    }
    if (problem != 0) {
        (void)throw_core(deadline, DRV_ERROR_NO_HOST, g_strerror(problem), error);
        return -1;
    }
    return drv_fd_steal(&fd);
}

static gboolean
send_all(int fd, const GString *text, const Deadline *deadline, GError **error)
{
    gsize at = 0;

    while (at < text->len) {
        gssize done;

        if (!wait_for(deadline, fd, POLLOUT, error))
            return FALSE;
        done = send(fd, text->str + at, text->len - at, MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN && errno != EINTR)
            return throw_core(deadline, DRV_ERROR_CORE, g_strerror(errno), error);
        at += (gsize)MAX(done, 0);
    }
    return TRUE;
}

/* To the end: of HTTP/1.0, which we speak, that is when the connection ends. */
static gboolean
receive_all(int fd, GString *text, const Deadline *deadline, GError **error)
{
    for (;;) {
        gsize had = text->len;
        gssize got;

        if (!wait_for(deadline, fd, POLLIN, error))
            return FALSE;
        g_string_set_size(text, had + READ_SIZE);
        got = recv(fd, text->str + had, READ_SIZE, 0);
        g_string_set_size(text, had + (gsize)MAX(got, 0));
        if (got == 0)
            return TRUE;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return throw_core(deadline, DRV_ERROR_CORE, g_strerror(errno), error);
        if (text->len > (gsize)DRV_DUMP_MAX + HEAD_MAX)
            return throw_core(deadline, DRV_ERROR_CORE, "response too long", error);
    }
}

/* --- the answer -----------------------------------------------------------------------
 */

/* The number in header @name of @head, or -1. */
static gint64
header_number(const char *head, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(head, "\n", -1);
    gsize size = strlen(name);

    for (guint i = 0; lines[i]; i++) {
        gint64 value;

        if (g_ascii_strncasecmp(lines[i], name, size) == 0 && lines[i][size] == ':' &&
            g_ascii_string_to_signed(
                g_strstrip(lines[i] + size + 1), 10, 0, G_MAXINT64, &value, NULL))
            return value;
    }
    return -1;
}

/* "HTTP/1.1 200 OK": 200, or 0. */
static guint64
status_of(const char *head)
{
    g_auto(GStrv) words = g_strsplit(head, " ", 3);
    guint64 status = 0;

    if (!g_str_has_prefix(head, "HTTP/1.") || g_strv_length(words) < 2 ||
        !g_ascii_string_to_unsigned(g_strchomp(words[1]), 10, 100, 599, &status, NULL))
        return 0;
    return status;
}

static gboolean
take_body(const GString *text, const Deadline *deadline, GString *answer, GError **error)
{
    const char *end = g_strstr_len(text->str, (gssize)text->len, "\r\n\r\n");
    gsize head_size = end ? (gsize)(end - text->str) : 0;
    g_autofree char *head = g_strndup(text->str, head_size);
    guint64 status = status_of(head);
    gint64 promised = header_number(head, "Content-Length");
    gsize size = text->len - head_size - 4;

    if (end == NULL || status == 0)
        return throw_core(deadline, DRV_ERROR_CORE, "invalid HTTP response", error);
    if (status != 200)
        return drv_throw(error,
                         DRV_ERROR_CORE,
                         "oned answered HTTP %" G_GUINT64_FORMAT " (%s)",
                         status,
                         deadline->url);
    if (promised >= 0 && (guint64)promised > size)
        return throw_core(deadline, DRV_ERROR_CORE, "response truncated", error);
    g_string_append_len(
        answer, end + 4, (gssize)(promised >= 0 ? (gsize)promised : size));
    return TRUE;
}

gboolean
drv_http_plain_post(
    const char *url, const char *call, guint timeout_s, GString *answer, GError **error)
{
    Deadline deadline = { url,
                          timeout_s,
                          g_get_monotonic_time() + timeout_s * G_USEC_PER_SEC };
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
    g_autoptr(AddrInfo) address = uri ? address_of(uri) : NULL;
    const char *path = uri ? g_uri_get_path(uri) : NULL;
    gboolean v6 = address && address->ai_family == AF_INET6;
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(DrvFd) fd = -1;

    if (address == NULL)
        return throw_core(&deadline, DRV_ERROR_CORE, "not an HTTP URL", error);
    g_string_printf(text,
                    "POST %s HTTP/1.0\r\nHost: %s%s%s:%d\r\n"
                    "User-Agent: one-native\r\nContent-Type: text/xml\r\n"
                    "Content-Length: %zu\r\n\r\n%s",
                    *path ? path : "/",
                    v6 ? "[" : "",
                    g_uri_get_host(uri),
                    v6 ? "]" : "",
                    g_uri_get_port(uri) < 0 ? 80 : g_uri_get_port(uri),
                    strlen(call),
                    call);
    fd = connect_to(address, &deadline, error);
    if (fd < 0 || !send_all(fd, text, &deadline, error))
        return FALSE;
    g_string_truncate(text, 0);
    return receive_all(fd, text, &deadline, error) &&
           take_body(text, &deadline, answer, error);
}
