/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.h - which task runs when.
 *
 * Tasks that name the same VM run one after the other, in the order of their arrival;
 * others at the same time, up to tasks.concurrency.  One that may concern any VM (a
 * regex, an evacuation, quit), and one with "concurrent-execution: false", runs alone.
 * Memory holds the names only; the message itself stays in the spool until its turn.
 */
#pragma once

#include "agent/mqttd/broker.h"

typedef struct Dispatch Dispatch;

Dispatch *dispatch_new(const Config *config, Spool *spool);
void dispatch_free(Dispatch *dispatch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dispatch, dispatch_free)

/* Where results go; what an earlier process left is taken up: its results are sent, its
 * tasks go on.
 */
void dispatch_begin(Dispatch *dispatch, Broker *broker);

/* A BrokerTask; @data is the Dispatch. */
gboolean dispatch_take(const char *text, gsize size, gpointer data);

/* Readable when a "quit" was answered. */
int dispatch_quit_fd(const Dispatch *dispatch);

/* Wait for the tasks that run; those that wait are for the next process. */
void dispatch_end(Dispatch *dispatch);
