/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cancel.h"
#include "scratch.h"

static const int stops[] = { SIGTERM, SIGINT, SIGHUP };

/* Take pending signals back, so that the next test starts afresh. */
static void
drain(void)
{
    const struct timespec now = { 0, 0 };
    sigset_t set;

    sigemptyset(&set);
    for (guint i = 0; i < G_N_ELEMENTS(stops); i++)
        sigaddset(&set, stops[i]);
    while (sigtimedwait(&set, NULL, &now) > 0)
        ;
    g_assert_false(drv_cancel_pending());
}

static void
test_signals(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(stops); i++) {
        g_autoptr(GError) error = NULL;

        must(drv_cancel_check(&error));
        raise(stops[i]);
        g_assert_true(drv_cancel_pending());
        g_assert_true(drv_cancel_pending()); /* asking does not use it up */
        g_assert_false(drv_cancel_check(&error));
        g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
        drain();
    }
    raise(SIGPIPE); /* ignored */
    g_assert_false(drv_cancel_pending());
}

static void
test_shield(void)
{
    g_autoptr(GError) error = NULL;

    raise(SIGTERM);
    {
        DRV_CANCEL_SHIELD();
        g_assert_false(drv_cancel_pending());
        must(drv_cancel_check(&error));
        drv_cancel_shield();
        drv_cancel_unshield();
        g_assert_cmpint(drv_poll(NULL, 0, 1, &error), ==, 0);
        g_assert_no_error(error);
    }
    g_assert_true(drv_cancel_pending());
    drain();
}

static void
test_poll_ready(void)
{
    int ends[2];
    struct pollfd fds[2];
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(pipe(ends), ==, 0);
    fds[0] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = ends[1], .events = POLLOUT };
    g_assert_cmpint(drv_poll(fds, 1, 0, &error), ==, 0);
    g_assert_cmpint(drv_poll(fds, 2, -1, &error), ==, 1);
    g_assert_cmpint(fds[0].revents, ==, 0);
    g_assert_cmpint(fds[1].revents, ==, POLLOUT);
    g_assert_no_error(error);
    close(ends[0]);
    close(ends[1]);
}

static void
test_poll_timeout(void)
{
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(drv_poll(NULL, 0, 60, &error), ==, 0);
    g_assert_cmpint((g_get_monotonic_time() - start) / 1000, >=, 59);
}

static gpointer
stop_main(gpointer data)
{
    kill(getpid(), SIGTERM);
    return data;
}

static void
test_poll_cancelled(void)
{
    int ends[2];
    struct pollfd fd;
    GThread *other;
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(pipe(ends), ==, 0);
    fd = (struct pollfd){ .fd = ends[0], .events = POLLIN, .revents = 99 };
    other = g_thread_new("stop", stop_main, NULL);
    g_assert_cmpint(drv_poll(&fd, 1, -1, &error), ==, -1);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    g_thread_join(other);
    close(ends[0]);
    close(ends[1]);
    drain();
}

static void
test_peer(gconstpointer data)
{
    gboolean half = GPOINTER_TO_INT(data);
    int ends[2];
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    drv_cancel_watch_peer(ends[0]);
    g_assert_cmpint(write(ends[1], "data is no hang-up", 18), ==, 18);
    g_assert_false(drv_cancel_pending());
    if (half)
        shutdown(ends[1], SHUT_WR);
    else
        close(ends[1]);
    g_assert_true(drv_cancel_pending());
    g_assert_cmpint(drv_poll(NULL, 0, -1, &error), ==, -1);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    drv_cancel_watch_peer(-1);
    g_assert_false(drv_cancel_pending());
    close(ends[0]);
    if (half)
        close(ends[1]);
}

/* A child that forgot to unblock would survive this. */
static void
test_child(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        drv_cancel_reset_in_child();
        raise(SIGTERM);
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpint(WTERMSIG(status), ==, SIGTERM);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    g_test_init(&argc, &argv, NULL);
    must(drv_cancel_init(&error));
    must(drv_cancel_init(&error)); /* once more does no harm */
    g_test_add_func("/cancel/signals", test_signals);
    g_test_add_func("/cancel/shield", test_shield);
    g_test_add_func("/cancel/poll/ready", test_poll_ready);
    g_test_add_func("/cancel/poll/timeout", test_poll_timeout);
    g_test_add_func("/cancel/poll/cancelled", test_poll_cancelled);
    g_test_add_data_func("/cancel/peer/closed", GINT_TO_POINTER(FALSE), test_peer);
    g_test_add_data_func("/cancel/peer/half-closed", GINT_TO_POINTER(TRUE), test_peer);
    g_test_add_func("/cancel/child", test_child);
    return g_test_run();
}
