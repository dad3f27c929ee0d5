/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - a client: what it sends, and what it gets.
 *
 * The first byte decides: '{' is a stream of JSON-RPC calls, any number, each answered
 * with a line; anything else is HTTP.  (libmicrohttpd and libsoup own their sockets from
 * the first byte on and have no such stream, hence the small parser in http.c.)  Calls of
 * one client are answered in order, one per turn of the loop, and the next is not read
 * before the last answer has been taken: what a client can make the agent keep is one
 * call and one answer.  Streams are cut off with a reason when they are not read.
 */
#include "agent/agentd/conn.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>

#include "base/log.h"

static void conn_work(Conn *conn);
static void watch_in(Conn *conn);
static gboolean can_write(int fd, GIOCondition condition, gpointer data);

static void
call_free(Call *call)
{
    json_object_put(call->id);
    json_object_put(call->args);
    json_object_put(call->error);
    g_free(call);
}

static void
remove_source(guint *source)
{
    if (*source)
        g_source_remove(*source);
    *source = 0;
}

static void
conn_free(Conn *conn)
{
    if (conn->call) {
        updates_forget(conn->agent, conn->call);
        call_free(conn->call);
    }
    if (conn->subscribed)
        g_ptr_array_remove(conn->agent->subscribers, conn);
    remove_source(&conn->in_source);
    remove_source(&conn->out_source);
    remove_source(&conn->stall);
    remove_source(&conn->work);
    g_hash_table_remove(conn->agent->conns, conn);
    conn->agent->out_bytes -= conn->out->len;
    close(conn->fd);
    g_string_free(conn->in, TRUE);
    g_string_free(conn->out, TRUE);
    g_free(conn);
}

/* --- out ------------------------------------------------------------------------------
 */

static gboolean
stalled(gpointer data)
{
    Conn *conn = data;

    conn->stall = 0;
    drv_warn("a client has not read its answer for %d s; it is cut off", AGENT_STALL_S);
    conn_free(conn);
    return G_SOURCE_REMOVE;
}

/* What does not fit into the socket waits for its reader, but not for ever. */
void
conn_put(Conn *conn, const char *text, gsize size)
{
    g_string_append_len(conn->out, text, (gssize)size);
    conn->agent->out_bytes += size;
    if (conn->out_source == 0)
        conn->out_source = g_unix_fd_add(conn->fd, G_IO_OUT, can_write, conn);
    if (conn->stall == 0)
        conn->stall = g_timeout_add_seconds(AGENT_STALL_S, stalled, conn);
}

/* One that is told to go away may still be sending: closing at once would take the answer
 * from it.
 */
static gboolean
lingered(gpointer data)
{
    Conn *conn = data;

    conn->stall = 0;
    conn_free(conn);
    return G_SOURCE_REMOVE;
}

static gboolean
all_is_sent(Conn *conn)
{
    conn->agent->out_bytes -= conn->out->len;
    g_string_truncate(conn->out, 0);
    if (conn->out->allocated_len > 65536) { /* of one big answer */
        g_string_free(conn->out, TRUE);
        conn->out = g_string_new(NULL);
    }
    conn->sent = 0;
    conn->out_source = 0;
    remove_source(&conn->stall);
    if (conn->closing && !conn->ended && shutdown(conn->fd, SHUT_WR) == 0)
        conn->stall = g_timeout_add_seconds(AGENT_LINGER_S, lingered, conn);
    else if (conn->closing || (conn->ended && conn->call == NULL && conn->in->len == 0))
        conn_free(conn);
    else
        conn_work(conn);
    return G_SOURCE_REMOVE;
}

static gboolean
can_write(int fd, GIOCondition condition, gpointer data)
{
    Conn *conn = data;
    gssize n = send(fd,
                    conn->out->str + conn->sent,
                    conn->out->len - conn->sent,
                    MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)condition;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n < 0) {
        conn->out_source = 0;
        conn_free(conn);
        return G_SOURCE_REMOVE;
    }
    conn->sent += (gsize)n;
    if (conn->sent == conn->out->len)
        return all_is_sent(conn);
    remove_source(&conn->stall);
    conn->stall = g_timeout_add_seconds(AGENT_STALL_S, stalled, conn);
    return G_SOURCE_CONTINUE;
}

/* A stream's reader that is too far behind gets what it has begun to read, to the end of
 * the line, then the reason, then the end: it knows that it has to list again.
 */
void
conn_put_line(Conn *conn, const char *line)
{
    static const char reason[] =
        "{\"error\":[\"Internal_error\",\"the client reads too slowly; it is cut off\"]}\n";
    gsize size = strlen(line), begun = conn->sent;

    if (conn->closing)
        return;
    if (conn->out->len - conn->sent + size <= AGENT_MAX_BEHIND) {
        conn_put(conn, line, size);
        return;
    }
    drv_warn("a client is %zu bytes behind its stream; it is cut off",
             conn->out->len - conn->sent);
    while (begun > 0 && begun < conn->out->len && conn->out->str[begun - 1] != '\n')
        begun++;
    conn->agent->out_bytes -= conn->out->len - begun;
    g_string_truncate(conn->out, begun);
    conn->closing = TRUE;
    conn_put(conn, reason, strlen(reason));
}

static void
conn_subscribe(Conn *conn)
{
    conn->subscribed = TRUE;
    g_ptr_array_add(conn->agent->subscribers, conn);
}

void
conn_put_http(
    Conn *conn, int status, const char *reason, const char *type, const char *body)
{
    g_autofree char *head =
        g_strdup_printf("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Connection: %s\r\n\r\n",
                        status,
                        reason,
                        type,
                        strlen(body),
                        conn->closing ? "close" : "keep-alive");

    conn_put(conn, head, strlen(head));
    conn_put(conn, body, strlen(body));
}

static gboolean
work_later(gpointer data)
{
    Conn *conn = data;

    conn->work = 0;
    conn_work(conn);
    return G_SOURCE_REMOVE;
}

/* A notification of JSON-RPC 2.0 has no id, and no answer. */
static gboolean
is_notification(const Call *call)
{
    return call->form == FORM_V2 && !call->has_id && call->error == NULL;
}

static void
put_answer(Call *call, const char *text)
{
    Conn *conn = call->conn;

    if (call->http) {
        conn->closing |= !call->keep_alive;
        conn_put_http(conn,
                      200,
                      "OK",
                      call->form == FORM_XML ? "text/xml" : "application/json",
                      is_notification(call) ? "" : text);
    } else if (!is_notification(call)) {
        conn_put(conn, text, strlen(text));
        conn_put(conn, "\n", 1);
    }
}

void
call_answer(Call *call, json_object *result)
{
    Conn *conn = call->conn;
    g_autofree char *text =
        call->form == FORM_XML ? xml_answer(call, result) : json_answer(call, result);

    json_object_put(result);
    if (strlen(text) + conn->agent->out_bytes > AGENT_MAX_OUT) {
        g_free(text);
        (void)call_fail_text(call, "too many answers wait for their readers");
        text = call->form == FORM_XML ? xml_answer(call, NULL) : json_answer(call, NULL);
    }
    conn->call = NULL;
    put_answer(call, text);
    if (call->subscribe)
        conn_subscribe(conn);
    call_free(call);
    if (conn->work == 0)
        conn->work = g_idle_add_full(G_PRIORITY_DEFAULT, work_later, conn, NULL);
}

/* --- in ------------------------------------------------------------------------------
 */

/* One call, when there is one and the last answer has been taken. */
static void
conn_work(Conn *conn)
{
    if (!conn->closing && conn->call == NULL && conn->out->len == 0 &&
        conn->in->len > 0) {
        if (!conn->chosen)
            conn->raw = conn->in->str[0] == '{';
        conn->chosen = TRUE;
        if (conn->raw)
            conn_take_raw(conn);
        else
            conn_take_http(conn);
    }
    if (conn->ended && conn->call == NULL && conn->out->len == 0 && conn->work == 0)
        conn_free(conn); /* the rest of what it sent is not a call */
    else
        watch_in(conn);
}

/* A client may have said all it wants to say, and still read. */
static gboolean
at_end(Conn *conn, gboolean both)
{
    conn->in_source = 0;
    conn->ended = TRUE;
    if (both || conn->subscribed || (conn->call == NULL && conn->out->len == 0))
        conn_free(conn);
    else
        watch_in(conn);
    return G_SOURCE_REMOVE;
}

static gboolean
can_read(int fd, GIOCondition condition, gpointer data)
{
    Conn *conn = data;
    static char buffer[65536];
    gssize n;

    if ((condition & G_IO_IN) == 0)
        return at_end(conn, TRUE);
    n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0)
        return at_end(conn, n < 0 || (condition & G_IO_HUP) != 0);
    /* What comes behind an error is read and dropped, so that the answer is not lost. */
    if (conn->closing)
        return G_SOURCE_CONTINUE;
    g_string_append_len(conn->in, buffer, n);
    conn->in_source = 0;
    conn_work(conn);
    return G_SOURCE_REMOVE;
}

/* While a call is worked on, no more is read than the next one. */
static void
watch_in(Conn *conn)
{
    gboolean full = conn->in->len > AGENT_MAX_BODY + AGENT_MAX_HEAD && !conn->closing;

    remove_source(&conn->in_source);
    conn->in_source = g_unix_fd_add(
        conn->fd, full || conn->ended ? G_IO_HUP : G_IO_IN | G_IO_HUP, can_read, conn);
}

Conn *
conn_new(Agent *agent, int fd)
{
    Conn *conn = g_new0(Conn, 1);

    conn->agent = agent;
    conn->fd = fd;
    conn->in = g_string_new(NULL);
    conn->out = g_string_new(NULL);
    g_hash_table_add(agent->conns, conn);
    watch_in(conn);
    return conn;
}

void
conn_refuse(Agent *agent, int fd, int status, const char *reason)
{
    Conn *conn = conn_new(agent, fd);

    conn->closing = TRUE;
    conn_put_http(conn, status, reason, "text/plain", reason);
}
