/* SPDX-License-Identifier: Apache-2.0 */
/* transport/remote.h - have an op run by the worker of another host.
 *
 * The remote command is always "<remotes>/drv/bin/<worker> BUILD"; what to do travels as
 * a frame (transport/frame.h) once the worker has said hello, so a connection or worker
 * that turns out to be unusable has never begun to act and may be replaced.
 */
#pragma once

#include <glib.h>

#include "request/op.h"

typedef struct DrvRemote DrvRemote;

/* Begin to connect to that worker of @host, without waiting for it.  NULL with
 * DRV_ERROR_NO_HOST, or what is wrong here.
 */
DrvRemote *drv_remote_open(const char *host, DrvWorker worker, GError **error);

/* The same for a worker that shall reach a third host with our user's keys: ssh's agent,
 * if there is one, goes along, over a connection that is not shared.
 */
DrvRemote *drv_remote_open_with_agent(const char *host, DrvWorker worker, GError **error);

/* Freed without drv_remote_run(), the worker ends without having done anything. */
void drv_remote_free(DrvRemote *remote);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvRemote, drv_remote_free)

/* Wait for the worker, and have it run op @name with the packed @fields (sunk); once for
 * each DrvRemote.  All else as drv_dispatch(); DRV_ERROR_NO_HOST before the request was
 * sent, and @in was not read then.
 */
gboolean drv_remote_run(DrvRemote *remote,
                        const char *name,
                        GVariant *fields,
                        DrvSource *in,
                        char **result,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What drv_remote_run() or drv_remote_converse() has prepared is to be done; TRUE when it
 * was done without.
 */
gboolean drv_remote_confirm(DrvRemote *remote, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Free @remote; but when what drv_remote_run() has prepared has to be confirmed, not
 * before the answer is out (base/answer.h).
 */
void drv_remote_leave_to_answer(DrvRemote *remote);

/* The same for an op that converses: @talk is our side.  When both sides fail, the error
 * is the one that came first.
 */
gboolean drv_remote_converse(DrvRemote *remote,
                             const char *name,
                             GVariant *fields,
                             DrvPeerTalk talk,
                             gpointer data,
                             char **result,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same by a worker process on this machine (for ops that this program lacks). */
gboolean drv_remote_run_here(DrvWorker worker,
                             const char *name,
                             GVariant *fields,
                             DrvSource *in,
                             char **result,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
