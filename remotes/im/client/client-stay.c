/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: a thread for each type of message, so that a slow one keeps none waiting.
 */
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "im/client/client.h"

#define TELL_AFTER 2 /* failures in a row: libvirtd may just be starting again */

typedef struct {
    const ImClient *client;
    const ImKind *kind;
    int wake_fd;     /* run now; -1: never */
    GString *unsent; /* what could not be sent, if it is kept */
} Loop;

static void
loop_free(Loop *loop)
{
    g_string_free(loop->unsent, TRUE);
    g_free(loop);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Loop, loop_free)

static void
send_or_keep(Loop *loop, gboolean failed, const char *text)
{
    g_autoptr(GError) error = NULL;
    gboolean sent = im_client_send(loop->client, loop->kind, failed, text, &error);

    if (!failed)
        g_string_assign(loop->unsent, sent || !loop->kind->kept ? "" : text);
    drv_ignore(&error, loop->kind->kept ? "it is sent again" : "the next one may arrive");
}

/* One run, reported whatever came of it.  FALSE when it failed. */
static gboolean
run_once(Loop *loop, ImContext *im, guint failures)
{
    g_autoptr(GString) out = g_string_new(loop->unsent->str);
    g_autoptr(GError) error = NULL;
    gboolean ok = im_run_dir(im, loop->client, loop->kind->dir, out, &error);
    gboolean sent =
        !ok && failures + 1 >= TELL_AFTER && !drv_error_is(error, DRV_ERROR_CANCELLED);

    if (ok || sent)
        send_or_keep(loop, sent, ok ? out->str : error->message);
    drv_ignore(&error, "the front-end was told");
    return ok;
}

static guint
period_of(const ImKind *kind, const ImContext *im)
{
    g_autofree char *path = g_strdup_printf("PROBES_PERIOD/%s", kind->period);

    return kind->period ? (guint)im_config_number(im, path, kind->default_s)
                        : kind->default_s;
}

static gpointer
run_loop(gpointer data)
{
    g_autoptr(Loop) loop = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(ImContext) im = im_client_context(loop->client, &error);
    struct pollfd wake = { .fd = loop->wake_fd, .events = POLLIN };
    guint failures = 0;

    while (im) {
        gint64 start = g_get_monotonic_time();
        gint64 wait_ms = (gint64)period_of(loop->kind, im) * 1000;
        guint64 n;
        int ready;

        failures = run_once(loop, im, failures) ? 0 : failures + 1;
        if (failures > 0)
            wait_ms = (gint64)im_back_off(failures) * 1000;
        else
            wait_ms -= (g_get_monotonic_time() - start) / 1000;
        ready = drv_poll(&wake, 1, (int)MAX(wait_ms, 100), &error);
        if (ready < 0)
            break;
        if (ready > 0)
            (void)!read(wake.fd, &n, sizeof n);
    }
    return NULL;
}

static void
write_file(const ImContext *im, const char *name, const char *text, int mode)
{
    g_autofree char *path = g_build_filename(im->db, name, NULL);
    g_autofree char *directory = g_path_get_dirname(path);
    g_autoptr(GError) error = NULL;

    g_mkdir_with_parents(directory, 0755);
    if (!g_file_set_contents_full(
            path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, mode, &error))
        drv_ignore(&error, "only other programs look for it");
}

/* What other programs on this host look for (7.0). */
static void
write_files(const ImClient *client, const ImContext *im)
{
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    g_autofree char *key = g_build_filename(im->db, "etc", "monitor.pub", NULL);
    g_autoptr(GString) conf = g_string_new("NETWORK = [\n    MONITOR_ADDRESS = ");

    im_quote(conf, client->address);
    g_string_append_printf(conf, ",\n    PORT = \"%u\"", client->port);
    if (client->public_key) {
        g_string_append(conf, ",\n    PUBKEY = ");
        im_quote(conf, key);
        write_file(im, "etc/monitor.pub", client->public_key, 0644);
    }
    g_string_append(conf, "\n]\n");
    write_file(im, "etc/monitord.conf", conf->str, 0644);
    write_file(im, "config", client->config, 0600);
    write_file(im, ".monitor_client.pid", pid, 0644);
}

static int
signals_fd(GError **error)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
        (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        (void)drv_throw_errno(error, "cannot watch signals");
        return -1;
    }
    return fd;
}

gboolean
im_client_stay(ImClient *client, GError **error)
{
    g_auto(DrvFd) signal_fd = signals_fd(error);            /* before any thread */
    int system_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* lasts as the threads do */
    g_autoptr(ImContext) im = signal_fd < 0 ? NULL : im_client_context(client, error);

    if (im == NULL || system_fd < 0)
        return FALSE;
    write_files(client, im);
    for (const ImKind *kind = im_kinds + 1; kind->message; kind++) {
        Loop *loop = g_new0(Loop, 1);
        gboolean facts = g_str_equal(kind->message, "SYSTEM_HOST");

        *loop = (Loop){ client, kind, facts ? system_fd : -1, g_string_new(NULL) };
        g_thread_unref(g_thread_new(kind->message, run_loop, loop));
    }
    return im_watch_states(client, signal_fd, system_fd, error);
}
