/* SPDX-License-Identifier: Apache-2.0 */
/* The sender of mv: the source is locked while it is sent, and goes only against the
 * receipt, as the last step of all.
 */
#include <fcntl.h>
#include <string.h>

#include "base/answer.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"
#include "stage/stage.h"
#include "tm/ssh/ssh.h"
#include "transport/remote.h"

/* --- sending ---------------------------------------------------------------------------
 */

/* A file in our stage, by which the receiver finds out whether it sees this directory. */
static char *
make_nonce(DrvStage *stage, GError **error)
{
    g_autofree char *name =
        g_strdup_printf("nonce-%08x%08x", g_random_int(), g_random_int());
    g_autofree char *directory = g_path_get_basename(drv_stage_path(stage));
    g_auto(DrvFd) fd = drv_stage_create(stage, name, error);

    return fd < 0 ? NULL : g_build_filename(directory, name, NULL);
}

/* Stages that dead drivers left inside are settled first, so that nothing of them
 * travels.
 */
static gboolean
sweep_inside(int dir_fd, const char *where, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(where, name, NULL);
    g_auto(DrvFd) fd =
        drv_path_open_beneath(dir_fd, where, name, O_RDONLY | O_DIRECTORY, 0, error);

    if (fd >= 0)
        drv_stage_sweep(fd, path);
    return fd >= 0;
}

static gboolean
send_dir(SshMoveEnd *end, DrvPeer *peer, int dir_fd, const char *where, GError **error)
{
    g_autofree char *name = g_path_get_basename(end->request->source);
    g_autofree char *as = g_path_get_basename(end->request->target);
    g_autoptr(DrvStage) stage = drv_stage_open(dir_fd, where, name, error);
    g_autofree char *nonce = stage ? make_nonce(stage, error) : NULL;
    DrvSendRoot root = { .dir_fd = dir_fd, .where = where, .name = name, .as = as };
    DrvSend send = { .roots = &root, .n_roots = 1, .nonce = nonce };
    DrvReceipt receipt;
    DrvPlace place;

    if (nonce == NULL || !sweep_inside(dir_fd, where, name, error) ||
        !drv_transfer_send(peer, &send, &place, &receipt, error))
        return FALSE;
    if (place != DRV_PLACE_FAR) {
        end->result = g_strdup(place == DRV_PLACE_SAME ? "same" : "near");
        return TRUE;
    }
    end->result = drv_receipt_text(&receipt);
    if (end->request->copy)
        return TRUE;
    drv_stage_remove(stage, name);
    drv_transfer_plan_forget(stage, name);
    end->removal = g_steal_pointer(&stage);
    return TRUE;
}

void
ssh_mv_end_clear(SshMoveEnd *end)
{
    g_clear_pointer(&end->removal, drv_stage_free);
    g_clear_pointer(&end->result, g_free);
}

/* What can fail is the removal itself. */
static gboolean
prepare_removal(gpointer stage, GError **error)
{
    (void)stage, (void)error;
    return TRUE;
}

static gboolean
do_removal(gpointer stage, GError **error)
{
    return drv_stage_commit(stage, error);
}

static void
drop_removal(gpointer stage)
{
    drv_stage_free(stage);
}

/* The source goes when the front-end confirms.  Until then it may be cancelled or die,
 * and what it reports is true: the source is there.
 */
static void
leave_to_caller(SshMoveEnd *end, char **result)
{
    static const DrvAnswerOps removal = {
        .prepare = prepare_removal,
        .keep = do_removal,
        .free = drop_removal,
    };

    *result = g_steal_pointer(&end->result);
    if (end->removal)
        drv_answer_hold(&removal, g_steal_pointer(&end->removal));
}

gboolean
ssh_mv_send_talk(DrvPeer *peer, gpointer data, GError **error)
{
    SshMoveEnd *end = data;
    g_autofree char *source = drv_path_collapse(end->request->source);
    g_autofree char *where = g_path_get_dirname(source);
    g_auto(DrvFd) dir_fd = drv_path_open_dir(where, error);

    if (dir_fd < 0)
        return FALSE;
    return send_dir(end, peer, dir_fd, where, error);
}

static void
name_ends(const TmMove *request)
{
    drv_status_route(request->source_host, request->host);
}

static gboolean
send_to_caller(gconstpointer data, DrvPeer *peer, char **result, GError **error)
{
    g_auto(SshMoveEnd) end = { .request = data };

    name_ends(data);
    if (!ssh_mv_send_talk(peer, &end, error))
        return FALSE;
    leave_to_caller(&end, result);
    return TRUE;
}

const DrvOp ssh_mv_send = {
    .name = "ssh.mv_send",
    .request = &tm_mv,
    .converse = send_to_caller,
};
DRV_OP_REGISTER(ssh_mv_send);

/* --- sending to a third host -----------------------------------------------------------
 */

static gboolean
push(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmMove *request = data;
    g_auto(SshMoveEnd) end = { .request = request };
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvRemote) to = NULL;

    (void)in;
    name_ends(request);
    to = drv_remote_open(request->host, DRV_WORKER_PLAIN, &why);
    if (to && drv_remote_converse(to,
                                  ssh_mv_receive.name,
                                  drv_request_pack(request),
                                  ssh_mv_send_talk,
                                  &end,
                                  NULL,
                                  &why)) {
        leave_to_caller(&end, result);
        return TRUE;
    }
    if (!drv_error_is(why, DRV_ERROR_NO_HOST)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    *result = g_strconcat("unreachable ", why->message, NULL);
    return TRUE;
}

const DrvOp ssh_mv_push = {
    .name = "ssh.mv_push",
    .request = &tm_mv,
    .run = push,
};
DRV_OP_REGISTER(ssh_mv_push);
