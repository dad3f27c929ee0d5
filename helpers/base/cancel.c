/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"

#define MAX_CANCEL_FDS 2
#define MIN_FILES 1024 /* open at once */

static int signal_fd = -1;
static int peer_fd = -1;
static int shields;

static void
cancel_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

/* A parent may have left few; what the admin allows at most is the limit. */
static void
raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= MIN_FILES)
        return;
    limit.rlim_cur = MIN(limit.rlim_max, MIN_FILES);
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* then what opens a file says so */
}

gboolean
drv_cancel_init(GError **error)
{
    sigset_t set;

    cancel_signals(&set);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return drv_throw_errno(error, "cannot block signals");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* EFBIG is an error that unwinds */
    signal(SIGCHLD, SIG_DFL); /* ignored, nobody can wait for a child */
    raise_file_limit();
    if (signal_fd < 0)
        signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        return drv_throw_errno(error, "cannot watch signals");
    return TRUE;
}

void
drv_cancel_watch_peer(int fd)
{
    peer_fd = fd;
}

guint
drv_cancel_fds(struct pollfd *fds)
{
    guint n = 0;

    if (g_atomic_int_get(&shields) > 0)
        return 0;
    if (signal_fd >= 0)
        fds[n++] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
    if (peer_fd >= 0) /* POLLHUP is always reported; a half-closed socket is POLLRDHUP */
        fds[n++] = (struct pollfd){ .fd = peer_fd, .events = POLLRDHUP };
    return n;
}

gboolean
drv_cancel_pending(void)
{
    struct pollfd fds[MAX_CANCEL_FDS];
    guint n = drv_cancel_fds(fds);

    return n > 0 && poll(fds, n, 0) > 0;
}

gboolean
drv_cancel_check(GError **error)
{
    if (drv_cancel_pending())
        return drv_throw(error, DRV_ERROR_CANCELLED, "cancelled");
    return TRUE;
}

void
drv_cancel_shield(void)
{
    g_atomic_int_inc(&shields);
}

void
drv_cancel_unshield(void)
{
    g_atomic_int_add(&shields, -1);
}

void
drv_cancel_shield_clear(DrvCancelShield *shield)
{
    (void)shield;
    drv_cancel_unshield();
}

int
drv_poll(struct pollfd *fds, guint n_fds, int timeout_ms, GError **error)
{
    g_autofree struct pollfd *all = g_new0(struct pollfd, n_fds + MAX_CANCEL_FDS);
    gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    guint n_cancel;
    int ready;

    if (n_fds > 0)
        memcpy(all, fds, n_fds * sizeof *fds);
    n_cancel = drv_cancel_fds(all + n_fds);
    do {
        gint64 left_ms =
            timeout_ms < 0 ? -1 : (end - g_get_monotonic_time() + 999) / 1000;

        ready = poll(all, n_fds + n_cancel, timeout_ms < 0 ? -1 : (int)MAX(left_ms, 0));
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) {
        drv_throw_errno(error, "poll");
        return -1;
    }
    for (guint i = n_fds; i < n_fds + n_cancel; i++) {
        if (all[i].revents) {
            drv_throw(error, DRV_ERROR_CANCELLED, "cancelled");
            return -1;
        }
    }
    if (n_fds > 0)
        memcpy(fds, all, n_fds * sizeof *fds);
    return ready;
}

void
drv_cancel_reset_in_child(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
}
