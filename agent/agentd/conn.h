/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h - one client, for conn.c and conn-calls.c. */
#pragma once

#include "agent/agentd/agentd.h"

struct Conn {
    Agent *agent;
    int fd;
    guint in_source, out_source, stall, work;
    GString *in, *out;
    gsize sent; /* of out */
    Call *call; /* not answered yet */
    gboolean closing, ended, chosen, raw, expected, subscribed;
    /* how far a raw document has been looked at */
    gsize scanned;
    int depth;
    gboolean in_string, escaped;
};

/* What does not fit into the socket waits for its reader, but not for ever. */
void conn_put(Conn *conn, const char *text, gsize size);
void conn_put_http(
    Conn *conn, int status, const char *reason, const char *type, const char *body);

/* Run the call at the beginning of conn->in, if it is complete. */
void conn_take_http(Conn *conn);
void conn_take_raw(Conn *conn);
