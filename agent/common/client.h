/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - calls to the agent: JSON-RPC, a line each way, on its unix socket.
 *
 * Errors: DRV_ERROR_REMOTE when the agent cannot be reached or went away, TIMEOUT when it
 * does not answer, CANCELLED by Ctrl-C; else the agent's own error as a sentence, with
 * NOT_FOUND for Does_not_exist, EXISTS for Already_exists and CANCELLED for Cancelled.
 */
#pragma once

#include "agent/common/json.h"

#define CLIENT_MAX_ANSWER (256 * 1024 * 1024) /* bytes: a list of 10 000 VMs is 20 MB */
#define CLIENT_TIMEOUT_S 30                   /* for an answer that nobody waits behind */

typedef struct {
    const char *path;
    int timeout_s;
    int fd; /* -1: not connected */
    gint64 number;
    GString *in;
    gsize searched; /* of @in, without a newline */
} Client;

gboolean client_open(Client *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void client_close(Client *client);

/* Call a method; takes @args.  *result is the caller's, NULL when it is null.  @wait_s is
 * added to the time for the answer.
 */
gboolean client_call(Client *client,
                     const char *method,
                     json_object *args,
                     int wait_s,
                     json_object **result,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The next line of an answer that has many, within @timeout_ms (-1: any time). */
json_object *client_next(Client *client, int timeout_ms, GError **error);

/* {"debug_info":"drv"}, and with @key a text. */
json_object *client_args(const char *key, const char *value);

/* The agent's error, a variant, as a sentence; FALSE. */
gboolean client_error(json_object *variant, GError **error);
