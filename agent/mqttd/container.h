/* SPDX-License-Identifier: Apache-2.0 */
/* container.h - one task from its message to its answer. */
#pragma once

#include "agent/mqttd/broker.h"
#include "agent/mqttd/work.h"

typedef struct {
    const Config *config;
    Broker *broker;
    const char *label; /* spool_label() */
    gboolean again;    /* an earlier process began it */

    char *answer;     /* set by container_run() */
    gboolean quit;    /* it was a "quit" */
    GPtrArray *works; /* Work */
} Container;

void container_clear(Container *container);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Container, container_clear)

/* Run it; its items side by side, unless they say otherwise.  FALSE: this process is to
 * stop, and the next one goes on with it.
 */
gboolean container_run(Container *container, const char *text, gsize size);

/* The answer is on disk: what only was needed to make it is forgotten. */
void container_forget(Container *container);

/* Names of the VMs that @message is about, borrowed from it or owned by the array.
 * *alone: it may be about any.  Caller frees.
 */
GPtrArray *container_vms(const Message *message, gboolean *alone);
