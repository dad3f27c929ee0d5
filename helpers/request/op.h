/* SPDX-License-Identifier: Apache-2.0 */
/* request/op.h - the work of an action: a function that runs where the data is.
 *
 * The executable on the front-end and the worker on a host link the same op.  It looks at
 * local files, acts on them through helpers, and knows nothing of ssh.
 *
 *     static gboolean run(gconstpointer data, DrvSource *in, char **result, GError
 * **error); const DrvOp overlay_clone = { "overlay.clone", &tm_clone, run };
 *     DRV_OP_REGISTER(overlay_clone);
 *
 * TRUE when all is done and durable, and then *result (NULL from the caller) may be set
 * to a text for the front-end; FALSE with @error set and nothing visible changed.
 */
#pragma once

#include <glib.h>

#include "request/request.h"
#include "source/peer.h"
#include "source/source.h"

typedef gboolean (*DrvOpRun)(gconstpointer request,
                             DrvSource *in,
                             char **result,
                             GError **error);

/* The programs of which each has some ops (docs/worker.md). */
typedef enum {
    DRV_WORKER_PLAIN, /* files; such ops are linked into the actions, too */
    DRV_WORKER_VIRT,  /* with libvirt: *-live.c */
    DRV_WORKER_RBD,   /* with librbd: *-rbd.c */
} DrvWorker;

typedef struct DrvOp DrvOp;
struct DrvOp {
    const char *name; /* unique: "overlay.clone" */
    const DrvRequestType *request;
    DrvOpRun run; /* NULL where another program has it: @worker */
    /* In place of @run, for ops that converse with who calls them: transport/remote.h. */
    gboolean (*converse)(gconstpointer request,
                         DrvPeer *peer,
                         char **result,
                         GError **error);
    DrvWorker worker;
    /* Says whether this request needs the running domain.  Then the op of name @live, of
     * the worker that links libvirt, does it instead.  NULL: never.
     */
    gboolean (*is_live)(gconstpointer request);
    const char *live;
    /* Says that there is nothing to do for this request, so that no host is asked. */
    gboolean (*is_noop)(gconstpointer request);
    /* The work is the same everywhere and needs no stream: never ask a host. */
    gboolean here;
    /* Fill in, on the front-end, what neither argv nor XML tells: settings; NULL:
     * nothing. */
    gboolean (*prepare)(gpointer request, GError **error);
    /* Hosts that may do it in the front-end's place, the first that can be reached (a
     * vector for g_strfreev(), or NULL with @error); NULL: nobody may.
     */
    char **(*stand_ins)(gconstpointer request, GError **error);
    /* What it results in is the front-end's answer, word for word. */
    gboolean answers;
};

/* All registered ops of a program lie in one section, so that the worker needs no list.
 */
#define DRV_OP_REGISTER(op)                                                              \
    static const DrvOp *const op##_entry __attribute__((section("drv_ops"), used)) = &op

/* One line of a driver's table: in programs of @action, @variable is &@op.  driver.c is
 * compiled once for each action, with DRV_SLOT_<action> defined as 1, and only the line
 * of that action counts; so a program links just its own op and what that needs.
 */
#define DRV_SLOT(variable, action, op)                                                   \
    DRV_SLOT_IF(DRV_SLOT_##action, extern const DrvOp op;                                \
                const DrvOp *const variable = &op)
#define DRV_SLOT_IF(flag, code) DRV_SLOT_IF_(flag, code)
#define DRV_SLOT_IF_(flag, code) DRV_SLOT_SECOND(DRV_SLOT_MARK_##flag code, , )
#define DRV_SLOT_SECOND(...) DRV_SLOT_SECOND_(__VA_ARGS__)
#define DRV_SLOT_SECOND_(first, second, ...) second
#define DRV_SLOT_MARK_1 ,
