/* SPDX-License-Identifier: Apache-2.0 */
/* Where the store of a host gets an image from.  Which hosts have had one is remembered
 * in files "<content>@<host>"; that may be wrong, for each host is asked.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"
#include "tm/ssh/ssh.h"
#include "transport/remote.h"

#define NEIGHBOURS 3 /* are asked before it is sent from here */

/* --- who has it ------------------------------------------------------------------------
 */

void
ssh_store_remember(int memory, const TmClone *request)
{
    g_autofree char *name = g_strdup_printf("%s@%s", request->content, request->host);
    g_auto(DrvFd) fd =
        openat(memory, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        drv_debug("cannot remember that %s has the image", request->host);
}

/* Hosts that may have the image, but for the one that wants it, from a random one on. */
static char **
neighbours(int memory, const char *path, const TmClone *request)
{
    g_auto(GStrv) names = drv_path_list(memory, path, NULL);
    g_autofree char *head = g_strconcat(request->content, "@", NULL);
    g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func(g_free);
    guint n = names ? g_strv_length(names) : 0;
    guint from = n > 0 ? g_random_int() % n : 0;

    for (guint i = 0; i < n && hosts->len < NEIGHBOURS; i++) {
        const char *name = names[(from + i) % n];

        if (g_str_has_prefix(name, head) &&
            !g_str_equal(name + strlen(head), request->host))
            g_ptr_array_add(hosts, g_strdup(name + strlen(head)));
    }
    g_ptr_array_add(hosts, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&hosts), FALSE);
}

/* --- filling ---------------------------------------------------------------------------
 */

static gboolean
fill_from(const char *host, TmClone *request)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvRemote) remote =
        drv_remote_open_with_agent(host, DRV_WORKER_PLAIN, &why);
    g_autofree char *answer = NULL;

    if (remote &&
        drv_remote_run(remote,
                       ssh_store_push.name,
                       drv_request_pack(request),
                       NULL,
                       &answer,
                       &why) &&
        g_strcmp0(answer, SSH_STORE_DONE) == 0) {
        drv_info("image '%s' comes from %s", request->source, host);
        return TRUE;
    }
    drv_info("image '%s' does not come from %s: %s",
             request->source,
             host,
             why ? why->message : answer);
    return FALSE;
}

static gboolean
send_image(DrvPeer *peer, gpointer data, GError **error)
{
    const TmClone *request = data;
    g_autofree char *source = drv_path_collapse(request->source);
    g_autofree char *where = g_path_get_dirname(source);
    g_autofree char *name = g_path_get_basename(source);
    g_auto(DrvFd) dir_fd = drv_path_open_dir(where, error);

    return dir_fd >= 0 &&
           ssh_store_send(peer, dir_fd, where, name, request->content, error);
}

static gboolean
fill_from_here(TmClone *request, GError **error)
{
    g_autoptr(DrvRemote) remote = NULL;

    drv_status_route(request->source, request->host);
    remote = drv_remote_open(request->host, DRV_WORKER_PLAIN, error);
    return remote && drv_remote_converse(remote,
                                         ssh_store_receive.name,
                                         drv_request_pack(request),
                                         send_image,
                                         request,
                                         NULL,
                                         error);
}

gboolean
ssh_store_fill(int memory, const char *path, TmClone *request, GError **error)
{
    g_auto(GStrv) hosts = neighbours(memory, path, request);

    for (guint i = 0; hosts[i]; i++) {
        g_autofree char *name = g_strdup_printf("%s@%s", request->content, hosts[i]);

        if (fill_from(hosts[i], request))
            return TRUE;
        if (drv_cancel_check(error) == FALSE ||
            !drv_path_unlink(memory, path, name, error))
            return FALSE;
    }
    return fill_from_here(request, error);
}
