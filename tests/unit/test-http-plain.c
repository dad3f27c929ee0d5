/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "request/http-plain.h"

/* A server for one question, which says what it is told to. */
typedef struct {
    int listen_fd;
    char *url;
    const char *says; /* NULL: nothing, until the client goes */
    GString *heard;
    GThread *thread;
} Server;

static gboolean
heard_all(const GString *heard)
{
    return strstr(heard->str, "</methodCall>") != NULL;
}

static gpointer
serve(gpointer data)
{
    Server *server = data;
    g_auto(DrvFd) fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    char block[4096];
    ssize_t got = 1;

    while (got > 0 && (server->says == NULL || !heard_all(server->heard))) {
        got = read(fd, block, sizeof block);
        g_string_append_len(server->heard, block, MAX(got, 0));
    }
    if (server->says)
        g_assert_cmpint(write(fd, server->says, strlen(server->says)),
                        ==,
                        (ssize_t)strlen(server->says));
    return NULL;
}

static void
server_start(Server *server, const char *says)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(
        bind(server->listen_fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(server->listen_fd, 1), ==, 0);
    g_assert_cmpint(
        getsockname(server->listen_fd, (struct sockaddr *)&address, &size), ==, 0);
    server->url = g_strdup_printf("http://localhost:%d/RPC2", ntohs(address.sin_port));
    server->says = says;
    server->heard = g_string_new(NULL);
    server->thread = g_thread_new("server", serve, server);
}

static void
server_stop(Server *server)
{
    g_thread_join(server->thread);
    close(server->listen_fd);
    g_free(server->url);
    g_string_free(server->heard, TRUE);
}

#define CALL "<methodCall>is a < b?</methodCall>"

/* What is answered to CALL when the server says @says, or the code of the error. */
static char *
ask(const char *says, GString *heard, GError **error)
{
    Server server;
    g_autoptr(GString) answer = g_string_new(NULL);
    gboolean ok;

    server_start(&server, says);
    ok = drv_http_plain_post(server.url, CALL, says ? 20 : 1, answer, error);
    if (heard)
        g_string_assign(heard, server.heard->str);
    server_stop(&server);
    return ok ? g_strdup(answer->str) : NULL;
}

static void
test_near(void)
{
    static const char *const near[] = { "http://localhost:2633/RPC2",
                                        "http://127.0.0.1/RPC2",
                                        "http://[::1]:2633/RPC2",
                                        "http://192.0.2.1:2633" };
    static const char *const far[] = { "https://localhost:2633/RPC2",
                                       "http://frontend.example:2633/RPC2",
                                       "http://user:secret@localhost:2633/RPC2",
                                       "http://",
                                       "localhost:2633",
                                       "" };

    for (guint i = 0; i < G_N_ELEMENTS(near); i++)
        g_assert_true(drv_http_plain_can(near[i]));
    for (guint i = 0; i < G_N_ELEMENTS(far); i++)
        g_assert_false(drv_http_plain_can(far[i]));
    g_setenv("http_proxy", "http://proxy.example:3128", TRUE);
    g_assert_false(drv_http_plain_can(near[0]));
    g_unsetenv("http_proxy");
}

static void
test_answers(void)
{
    static const char *const says[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<a/>\r\n",
        "HTTP/1.0 200 OK\r\n\r\n<a/>\r\n",
        "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length:  6 \r\n\r\n<a/>\r\nmore",
    };

    for (guint i = 0; i < G_N_ELEMENTS(says); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) heard = g_string_new(NULL);
        g_autofree char *answer = ask(says[i], heard, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(answer, ==, "<a/>\r\n");
        g_assert_true(
            g_str_has_prefix(heard->str, "POST /RPC2 HTTP/1.0\r\nHost: localhost:"));
        g_assert_true(g_str_has_suffix(heard->str, "\r\n\r\n" CALL));
    }
}

static void
test_refused_answers(void)
{
    static const struct {
        const char *says;
        const char *why;
    } cases[] = {
        { "HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n", "answered HTTP 500" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n<a/>", "response truncated" },
        { "HTTP/1.1 200 OK\r\nContent-Le", "invalid HTTP response" },
        { "hello, this is ftp\r\n\r\n", "invalid HTTP response" },
        { "HTTP/1.1 twohundred\r\n\r\n", "invalid HTTP response" },
        { "", "invalid HTTP response" },
        { NULL, "no answer within 1 s" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *answer = ask(cases[i].says, NULL, &error);

        g_assert_null(answer);
        g_assert_error(error, DRV_ERROR, DRV_ERROR_CORE);
        g_assert_nonnull(strstr(error->message, cases[i].why));
    }
}

static void
test_nobody_listens(void)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    g_assert_false(
        drv_http_plain_post("http://127.0.0.1:1/RPC2", CALL, 20, answer, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NO_HOST);
    g_assert_cmpuint(answer->len, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core-near/near", test_near);
    g_test_add_func("/core-near/answers", test_answers);
    g_test_add_func("/core-near/refused-answers", test_refused_answers);
    g_test_add_func("/core-near/nobody-listens", test_nobody_listens);
    return g_test_run();
}
