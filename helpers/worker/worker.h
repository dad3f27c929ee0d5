/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - the worker's end of the conversation. */
#pragma once

#include "request/op.h"

typedef struct WorkerPort WorkerPort;

/* Take stdin and stdout for frames; what else writes to stdout goes to stderr from now
 * on, events of drv-log go out as frames, and a thread says "alive" now and then.
 */
WorkerPort *worker_port_new(GError **error);
void worker_port_free(WorkerPort *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WorkerPort, worker_port_free)

void worker_port_hello(WorkerPort *port, const char *build, const char *machine);

/* Send a status, as a DrvStatusSink. */
void worker_port_status(const char *text, gpointer port);

/* The op is done: say so, and keep its result if the caller answers (base/answer.h). */
gboolean worker_port_deliver(WorkerPort *port,
                             const char *result,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
void worker_port_failed(WorkerPort *port, const GError *error);

/* Wait for the request; its op and fields are the caller's. */
gboolean worker_port_request(WorkerPort *port,
                             char **op,
                             GVariant **fields,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The caller, for an op that converses; borrows @port. */
DrvPeer worker_port_peer(WorkerPort *port);

/* The data stream that follows the request; borrows @port. */
DrvSource *worker_port_stream(WorkerPort *port);
