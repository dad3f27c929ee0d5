/* SPDX-License-Identifier: Apache-2.0 */
/* op.h - the work of an action: a function that runs where the data is.
 *
 * The executable on the front-end and the worker on a host link the same op.  It looks at
 * local files, acts on them through helpers, and knows nothing of ssh.
 *
 *     static gboolean
 *     clone_disk(gconstpointer data, DrvSource *in, char **result, GError **error);
 *
 *     const DrvOp my_clone = {
 *         .name = "my.clone",
 *         .request = &tm_clone,
 *         .run = clone_disk,
 *     };
 *     DRV_OP_REGISTER(my_clone);
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

/* Where an op runs for one request. */
typedef enum {
    DRV_AT_DATA,  /* at the host that has the data */
    DRV_LIVE,     /* there too, but the op @live does it, with the running domain */
    DRV_ANYWHERE, /* in this process: it is the same everywhere, and needs no stream */
    DRV_NOWHERE,  /* there is nothing to do: no host is asked */
} DrvWhere;

typedef struct DrvOp DrvOp;
struct DrvOp {
    const char *name; /* unique: "overlay.clone" */
    const DrvRequestType *request;
    DrvOpRun run; /* NULL (a weak symbol) where another program has it: @worker */
    /* In place of @run, for ops that converse with their caller: transport/remote.h. */
    gboolean (*converse)(gconstpointer request,
                         DrvPeer *peer,
                         char **result,
                         GError **error);
    DrvWorker worker;
    DrvWhere (*where)(gconstpointer request); /* NULL: DRV_AT_DATA for all requests */
    const DrvOp *live;                        /* for DRV_LIVE */
    /* Fill in, on the front-end, what neither argv nor XML contains: settings; NULL:
     * nothing. */
    gboolean (*prepare)(gpointer request, GError **error);
    /* Hosts that may do it in the front-end's place, the first that can be reached (a
     * vector for g_strfreev(), or NULL with @error); NULL: nobody may.
     */
    char **(*stand_ins)(gconstpointer request, GError **error);
    /* What it results in is the front-end's answer, word for word. */
    gboolean answers;
};

DrvWhere drv_op_where(const DrvOp *op, gconstpointer request);

/* For @where of ops that run at the same place for every request. */
DrvWhere drv_op_anywhere(gconstpointer request);
DrvWhere drv_op_nowhere(gconstpointer request);

/* All registered ops of a program lie in one section, so that the worker needs no list.
 */
#define DRV_OP_REGISTER(op)                                                              \
    static const DrvOp *const op##_entry __attribute__((section("drv_ops"), used)) = &op

/* The op of this program.  NULL with DRV_ERROR_UNSUPPORTED when its driver has none for
 * the action.
 */
const DrvOp *drv_op_of_program(GError **error);

/* One line of a driver's table: programs of @action have @op.  driver.c is compiled once
 * for each action, with DRV_SLOT_<action> defined as 1, and only the line of that action
 * counts; so a program links just its own op and what that needs.
 *
 * A driver that is as another has lines for what differs, and includes the other's table:
 *
 *     TM_SLOT(clone, mine_clone);
 *     #include "tm/shared/driver.c"
 *
 * The table with the fewest includes around it wins, so that one may in turn be included.
 */
#define DRV_SLOT(action, op)                                                             \
    DRV_SLOT_IF(DRV_SLOT_##action, extern const DrvOp op;                                \
                const DrvOp *const DRV_SLOT_AT(__INCLUDE_LEVEL__) = &op)
#define DRV_SLOT_AT(level) DRV_SLOT_AT_(level)
#define DRV_SLOT_AT_(level) drv_slot_##level
#define DRV_SLOT_IF(flag, code) DRV_SLOT_IF_(flag, code)
#define DRV_SLOT_IF_(flag, code) DRV_SLOT_SECOND(DRV_SLOT_MARK_##flag code, , )
#define DRV_SLOT_SECOND(...) DRV_SLOT_SECOND_(__VA_ARGS__)
#define DRV_SLOT_SECOND_(first, second, ...) second
#define DRV_SLOT_MARK_1 ,
extern const DrvOp *const drv_slot_0 __attribute__((weak)); /* of the driver itself */
extern const DrvOp *const drv_slot_1 __attribute__((weak)); /* of the one it is as */
extern const DrvOp *const drv_slot_2 __attribute__((weak)); /* of the one that is as */
