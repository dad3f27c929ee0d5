/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a host's store: from the front-end, or from a host that has the image.  An
 * entry gets its name when all of it has arrived and has the content that the name says.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/status.h"
#include "source/content.h"
#include "tm/ssh/ssh.h"
#include "transport/remote.h"

gboolean
ssh_store_send(DrvPeer *peer,
               int dir_fd,
               const char *where,
               const char *name,
               const char *content,
               GError **error)
{
    DrvSendRoot root = { .dir_fd = dir_fd, .where = where, .name = name, .as = content };
    DrvSend send = { .roots = &root, .n_roots = 1 };
    DrvReceipt receipt;
    DrvPlace place;

    return drv_transfer_send(peer, &send, &place, &receipt, error);
}

/* --- on a neighbour --------------------------------------------------------------------
 */

typedef struct {
    const TmClone *request;
    int dir_fd;
    const char *path;
} Push;

static gboolean
talk(DrvPeer *peer, gpointer data, GError **error)
{
    const Push *at = data;
    const char *content = at->request->content;

    return ssh_store_send(peer, at->dir_fd, at->path, content, content, error);
}

static gboolean
push(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmClone *request = data;
    g_autofree char *path = NULL;
    g_auto(DrvFd) dir_fd = ssh_store_open(request, &path, error);
    g_autoptr(GError) why = NULL;
    g_auto(DrvFd) entry = dir_fd < 0 ? -1 : ssh_store_entry(request, dir_fd, path, &why);
    g_autoptr(DrvRemote) to = NULL;
    Push at = { .request = request, .dir_fd = dir_fd, .path = path };

    (void)in;
    if (dir_fd < 0)
        return FALSE;
    if (entry < 0) {
        *result = g_strdup(SSH_STORE_MISSING);
        return TRUE;
    }
    drv_status_route(path, request->host);
    to = drv_remote_open(request->host, DRV_WORKER_PLAIN, &why);
    if (to && drv_remote_converse(to,
                                  ssh_store_receive.name,
                                  drv_request_pack(request),
                                  talk,
                                  &at,
                                  NULL,
                                  &why)) {
        *result = g_strdup(SSH_STORE_DONE);
        return TRUE;
    }
    *result = g_strconcat(SSH_STORE_FAR, why->message, NULL);
    return TRUE;
}

const DrvOp ssh_store_push = {
    .name = "ssh.store_push",
    .request = &tm_clone,
    .run = push,
};
DRV_OP_REGISTER(ssh_store_push);

/* --- on the host that gets it ----------------------------------------------------------
 */

static gboolean
check_content(int dir_fd, const char *where, gpointer data, GError **error)
{
    const TmClone *request = data;
    g_auto(DrvFd) fd = drv_path_open_beneath(
        dir_fd, where, request->content, O_RDONLY | O_NONBLOCK, 0, error);
    g_autofree char *content =
        fd < 0 ? NULL : drv_content_of(fd, request->content, error);

    if (content == NULL)
        return FALSE;
    return g_str_equal(content, request->content) ||
           drv_throw(error,
                     DRV_ERROR_REMOTE,
                     "the image has changed while it was sent: try again");
}

static gboolean
receive(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    const TmClone *request = data;
    g_autofree char *path = NULL;
    g_auto(DrvFd) dir_fd = ssh_store_open(request, &path, error);
    DrvReceive receive = { .dir = path,
                           .key = request->content,
                           .settle = check_content,
                           .data = (gpointer)request };

    (void)result;
    drv_status_route(request->source, request->host);
    return dir_fd >= 0 && drv_transfer_receive(peer, &receive, error);
}

const DrvOp ssh_store_receive = {
    .name = "ssh.store_receive",
    .request = &tm_clone,
    .converse = receive,
};
DRV_OP_REGISTER(ssh_store_receive);
