/* SPDX-License-Identifier: Apache-2.0 */
/* rpc.h - calls of one item of a task to the host agent, each of which happens once.
 *
 * An operation is a task of the agent.  Its debug_info is the label of our task and the
 * name of the step, so whoever comes back after a kill, of this program or of the agent,
 * finds it in Task.list and follows it: it is not begun a second time.
 *
 * Errors: the agent's as sentences (common/client.h); DRV_ERROR_CANCELLED: this process
 * is to stop, and nothing is known of the outcome; DRV_ERROR_REMOTE: the agent has been
 * away for too long.
 */
#pragma once

#include "agent/common/client.h"
#include "agent/mqttd/config.h"

typedef struct {
    const Config *config;
    Client client;
    char *label;      /* "mqtt-17-5f2a…/0" */
    gboolean again;   /* ask for what was begun before */
    GPtrArray *begun; /* ids of the agent's tasks, to forget at the end */
} Rpc;

/* @label: the same for an item in every process.  @again: an earlier one has begun it. */
void rpc_init(Rpc *rpc, const Config *config, const char *label, gboolean again);
void rpc_clear(Rpc *rpc);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rpc, rpc_clear)

/* A method that answers at once and may be called again; takes @args.  The agent is
 * waited for, a while.  *result (may be NULL) is the caller's.
 */
gboolean rpc_call(Rpc *rpc,
                  const char *method,
                  json_object *args,
                  json_object **result,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A method that makes a task, followed to its end; takes @args.  @step is its name among
 * those of this item.  *result (may be NULL) is the task's own, or NULL.
 */
gboolean rpc_run(Rpc *rpc,
                 const char *step,
                 const char *method,
                 json_object *args,
                 json_object **result,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Steps below the label that an earlier process began, "NAME/STEP" of a part of the work;
 * empty if there was no such process.  Caller frees.
 */
GPtrArray *rpc_begun(Rpc *rpc, GError **error);

/* Our task is answered: the agent need not know its tasks any longer. */
void rpc_forget_begun(Rpc *rpc);

/* {"id":@id}; caller owns. */
json_object *rpc_id(const char *id);
