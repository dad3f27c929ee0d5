/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and ending the client. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "cmd/cmd.h"
#include "im/client/client.h"

#define NAME "monitord-client"
#define END_MS 3000
#define CONFIG_FD 3

/* --- the first pass -------------------------------------------------------------------
 */

static gboolean
add_kind(const ImClient *client,
         ImContext *im,
         const ImKind *kind,
         GString *xml,
         GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *coded = NULL;

    if (!im_run_dir(im, client, kind->dir, out, error))
        return FALSE;
    coded = g_base64_encode((const guchar *)out->str, out->len);
    g_string_append_printf(xml, "<%s>%s</%s>", kind->message, coded, kind->message);
    return TRUE;
}

char *
im_first_pass(const ImClient *client, GError **error)
{
    static const char *const order[] = {
        "SYSTEM_HOST", "MONITOR_HOST", "STATE_VM", "MONITOR_VM"
    };
    g_autoptr(ImContext) im = im_client_context(client, error);
    g_autoptr(GString) xml = g_string_new("<MONITOR_MESSAGES>");

    if (im == NULL)
        return NULL;
    im->lasting = FALSE; /* usage is measured, here and now */
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        for (const ImKind *kind = im_kinds; kind->message; kind++) {
            im->lasting = kind->tcp; /* the state: all of it */
            if (kind->in_first_pass && g_str_equal(kind->message, order[i]) &&
                !add_kind(client, im, kind, xml, error))
                return NULL;
        }
    }
    im->lasting = TRUE;
    g_string_append_printf(xml,
                           "<TIMESTAMP>%" G_GINT64_FORMAT
                           "</TIMESTAMP></MONITOR_MESSAGES>",
                           g_get_real_time() / G_USEC_PER_SEC);
    return g_string_free(g_steal_pointer(&xml), FALSE);
}

/* --- the daemon -----------------------------------------------------------------------
 */

gboolean
im_client_detach(const ImClient *client, GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new(client->self,
                                        client->hypervisor,
                                        client->host_id,
                                        client->host_name,
                                        "--stay",
                                        client->address,
                                        NULL);

    return drv_cmd_input(cmd, CONFIG_FD, client->config, error) &&
           drv_cmd_detach(cmd, error);
}

/* --- predecessors ---------------------------------------------------------------------
 */

/* A client of this host's number: ours, or the stock one. */
static gboolean
is_client(const char *pid, const char *host_id)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", pid);
    g_autofree char *args = NULL;
    gboolean is_named = FALSE, is_hosts = FALSE;
    gsize size;

    if (!g_file_get_contents(path, &args, &size, NULL))
        return FALSE;
    for (const char *at = args; at < args + size; at += strlen(at) + 1) {
        g_autofree char *name = g_path_get_basename(at);

        is_named = is_named || g_str_has_prefix(name, NAME);
        is_hosts = is_hosts || (is_named && g_str_equal(at, host_id));
    }
    return is_named && is_hosts;
}

/* Its number may be another's by now: what is signalled is the process we looked at. */
static gboolean
end_client(const char *pid, const char *host_id, GError **error)
{
    int number = (int)g_ascii_strtoll(pid, NULL, 10);
    g_auto(DrvFd) fd = (int)syscall(SYS_pidfd_open, number, 0);
    struct pollfd ended = { .fd = fd, .events = POLLIN };
    static const int signals[] = { SIGTERM, SIGKILL };

    if (fd < 0 || !is_client(pid, host_id))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(signals); i++) {
        int ready;

        if (syscall(SYS_pidfd_send_signal, fd, signals[i], NULL, 0) < 0)
            return TRUE; /* gone, or another user's */
        ready = drv_poll(&ended, 1, END_MS, error);
        if (ready != 0)
            return ready > 0;
    }
    return TRUE;
}

gboolean
im_end_clients(const char *host_id, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (!g_ascii_isdigit(*name) || g_ascii_strtoll(name, NULL, 10) == getpid() ||
            !is_client(name, host_id))
            continue;
        if (!end_client(name, host_id, error))
            return FALSE;
    }
    return TRUE;
}
