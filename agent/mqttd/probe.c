/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

#define EVERY_MS 1000
#define GREETING "SSH-"

static int
left_ms(gint64 deadline)
{
    return (int)CLAMP((deadline - g_get_monotonic_time()) / 1000, 0, G_MAXINT);
}

static gboolean
wait_for(int fd, short events, gint64 deadline, GError **error)
{
    struct pollfd poll = { .fd = fd, .events = events };
    int n = drv_poll(&poll, 1, left_ms(deadline), error);

    return n > 0 || (n == 0 && drv_throw(error, DRV_ERROR_TIMEOUT, "there is no answer"));
}

static gboolean
is_connected(int fd, GError **error)
{
    int code = 0;
    socklen_t size = sizeof code;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code == 0)
        return TRUE;
    errno = code;
    return drv_throw_errno(error, "cannot connect");
}

static gboolean
greets(int fd, gint64 deadline, GError **error)
{
    char text[sizeof GREETING - 1];
    gsize have = 0;

    while (have < sizeof text) {
        gssize n;

        if (!wait_for(fd, POLLIN, deadline, error))
            return FALSE;
        n = recv(fd, text + have, sizeof text - have, 0);
        if (n < 0)
            return drv_throw_errno(error, "cannot read");
        if (n == 0)
            return drv_throw(error, DRV_ERROR_FAILED, "the connection was closed");
        have += (gsize)n;
    }
    return memcmp(text, GREETING, have) == 0 ||
           drv_throw(error, DRV_ERROR_FAILED, "it is not an ssh server");
}

static gboolean
try_address(const struct addrinfo *address, gint64 deadline, GError **error)
{
    g_auto(DrvFd) fd = socket(address->ai_family,
                              address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                              address->ai_protocol);

    if (fd < 0 ||
        (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS))
        return drv_throw_errno(error, "cannot connect");
    return wait_for(fd, POLLOUT, deadline, error) && is_connected(fd, error) &&
           greets(fd, deadline, error);
}

static gboolean
attempt(const char *host, const char *port, gint64 deadline, GError **error)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *all = NULL;
    int code = getaddrinfo(host, port, &hints, &all);
    gboolean ok = FALSE;

    if (code != 0)
        return drv_throw(error, DRV_ERROR_FAILED, "%s", gai_strerror(code));
    for (const struct addrinfo *one = all; one && !ok; one = one->ai_next) {
        g_clear_error(error);
        ok = try_address(one, deadline, error);
    }
    freeaddrinfo(all);
    return ok;
}

gboolean
probe_ssh(const char *host, int port, int timeout_s, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)timeout_s * G_USEC_PER_SEC;
    g_autofree char *service = g_strdup_printf("%d", port);

    for (;;) {
        gint64 began = g_get_monotonic_time();
        g_autoptr(GError) why = NULL;
        int rest;

        if (attempt(host, service, deadline, &why))
            return TRUE;
        if (drv_error_is(why, DRV_ERROR_CANCELLED)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        if (left_ms(deadline) == 0)
            return drv_throw(error,
                             DRV_ERROR_TIMEOUT,
                             "no ssh server at '%s' within %d s: %s",
                             host,
                             timeout_s,
                             why->message);
        rest = MIN(left_ms(began + EVERY_MS * 1000), left_ms(deadline));
        if (drv_poll(NULL, 0, rest, error) < 0)
            return FALSE;
    }
}
