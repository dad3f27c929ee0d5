/* SPDX-License-Identifier: Apache-2.0 */
/* transport/session.h - the front-end's side of a conversation with a worker, over its
 * pipes. */
#pragma once

#include <glib.h>

#include "cmd/cmd.h"
#include "request/op.h"
#include "transport/frame.h"

/* A worker that sends nothing for so long is considered dead; it says "alive" every 5 s.
 */
#define DRV_TALK_SILENCE_MS 60000

typedef struct {
    DrvChild child;     /* or its pipes only, of a session without a process */
    int control;        /* such a session's socket (transport/ssh-mux.h), or -1 */
    char *where;        /* "host01" or "this machine", for messages */
    GByteArray *in;     /* read, not yet parsed */
    GByteArray *out;    /* to be written */
    gsize out_done;     /* bytes of @out already written */
    gsize parsed;       /* bytes of @in that belong to the last frame */
    gboolean converses; /* the worker may send data, too */
    gboolean prepared;  /* it waits for drv_session_confirm() */
    GByteArray *data;   /* of those, what was not asked for yet; from @data_done on */
    gsize data_done;
    GString *err;   /* what it said on stderr, bounded */
    gint64 stop_by; /* deadline of a worker that was asked to stop; 0: not asked */
} DrvSession;
#define DRV_SESSION_INIT                                                                 \
    {                                                                                    \
        .child = DRV_CHILD_INIT, .control = -1                                           \
    }

/* Start @cmd, a worker. */
gboolean drv_session_start(DrvSession *talk,
                           DrvCmd *cmd,
                           const char *where,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a worker started by @command over the connection whose control socket is
 * at @path.
 */
gboolean drv_session_start_over(DrvSession *talk,
                                const char *path,
                                const char *command,
                                const char *where,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean drv_session_is_started(const DrvSession *talk);

/* Ends the child immediately; for one that has no request yet. */
void drv_session_drop(DrvSession *talk);

/* Ends the child, gently when it still runs: its stdin is closed, which tells a worker to
 * unwind, and it gets a moment to do so.
 */
void drv_session_clear(DrvSession *talk);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvSession, drv_session_clear)

/* The next frame, which is valid until the next call.  DRV_ERROR_TIMEOUT after
 * @timeout_ms, DRV_ERROR_REMOTE when the stream ends or is not frames.
 */
gboolean drv_session_next(DrvSession *talk,
                          guint timeout_ms,
                          DrvFrame *frame,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Send the request and the stream @in (may be NULL), and follow it to its end. */
gboolean drv_session_run(DrvSession *talk,
                         const char *op,
                         GVariant *fields,
                         DrvSource *in,
                         char **result,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* After drv_session_run(), when the worker has prepared its result: that is to stay. */
gboolean drv_session_confirm(DrvSession *talk, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Send the request, converse by @talk_fn, and follow the op to its end. */
gboolean drv_session_converse(DrvSession *talk,
                              const char *op,
                              GVariant *fields,
                              DrvPeerTalk talk_fn,
                              gpointer data,
                              char **result,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when it is over, and the worker has said nothing: it never was one. */
gboolean drv_session_was_silent(const DrvSession *talk);
/* What it said on stderr, or what ssh did; "" at first. */
const char *drv_session_stderr(const DrvSession *talk);

/* How the child ended, when its stream is at its end: waitpid(2)'s status. */
gboolean drv_session_status(DrvSession *talk,
                            int *status,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
