/* SPDX-License-Identifier: Apache-2.0 */
/* conn-calls.c - from bytes to a call: HTTP or the raw stream, JSON or XML. */
#include "agent/agentd/conn.h"

static void
refuse_call(Call *call, int code, const char *text)
{
    call->code = code;
    (void)call_fail(call, "Internal_error", json_object_new_string(text));
    call_answer(call, NULL);
}

static void
run_json(Call *call, const char *text, gsize size)
{
    const char *why, *method = NULL;
    json_object *document = agent_json_read(text, size, AGENT_MAX_DEPTH, &why),
                *id = NULL;

    if (why != NULL) {
        refuse_call(call, -32700, why);
        return;
    }
    call->has_id = json_object_object_get_ex(document, "id", &id);
    call->id = json_object_get(id);
    if (json_call(document, &call->form, &method, &call->args, &id)) {
        g_autofree char *name = g_strdup(method);

        methods_run(call, name);
    } else {
        refuse_call(call, -32600, "not a call: an object with a method is expected");
    }
    json_object_put(document);
}

static void
run_xml(Call *call, const char *text, gsize size)
{
    g_autofree char *method = NULL;
    const char *why;

    call->form = FORM_XML;
    if (xml_call(text, size, &method, &call->args, &why))
        methods_run(call, method);
    else
        refuse_call(call, -32700, why);
}

static Call *
call_new(Conn *conn)
{
    Call *call = g_new0(Call, 1);

    call->agent = conn->agent;
    call->conn = conn;
    conn->call = call;
    return call;
}

static const char *
reason_of(int status)
{
    switch (status) {
    case 404:
        return "Not Found";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Bad Request";
    }
}

void
conn_take_http(Conn *conn)
{
    HttpRequest request;
    int status = http_parse(conn->in->str, conn->in->len, &request);
    g_autofree char *body = NULL;
    const char *start;
    Call *call;

    if (status == 0)
        return;
    if (status != 200) {
        conn->closing = TRUE;
        conn_put_http(conn, status, reason_of(status), "text/plain", reason_of(status));
        return;
    }
    if (conn->in->len < request.head + request.body) {
        if (request.expect && !conn->expected)
            conn_put(conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        conn->expected = TRUE;
        return;
    }
    conn->expected = FALSE;
    body = g_strndup(conn->in->str + request.head, request.body);
    g_string_erase(conn->in, 0, (gssize)(request.head + request.body));
    call = call_new(conn);
    call->http = TRUE;
    call->keep_alive = request.keep_alive;
    start = body + strspn(body, " \t\r\n");
    if (*start == '<')
        run_xml(call, body, request.body);
    else
        run_json(call, body, request.body);
}

/* Size of the JSON document at the beginning, by its braces; 0: not complete yet. */
static gsize
document_size(Conn *conn)
{
    for (gsize i = conn->scanned; i < conn->in->len; i++) {
        char c = conn->in->str[i];

        if (conn->in_string) {
            if (conn->escaped)
                conn->escaped = FALSE;
            else if (c == '\\')
                conn->escaped = TRUE;
            else if (c == '"')
                conn->in_string = FALSE;
        } else if (c == '"') {
            conn->in_string = TRUE;
        } else if (c == '{' || c == '[') {
            conn->depth++;
        } else if ((c == '}' || c == ']') && --conn->depth <= 0) {
            return i + 1;
        }
    }
    conn->scanned = conn->in->len;
    return 0;
}

void
conn_take_raw(Conn *conn)
{
    g_autofree char *text = NULL;
    gsize skip = 0, size;

    while (conn->scanned == 0 && skip < conn->in->len &&
           (g_ascii_isspace(conn->in->str[skip]) || conn->in->str[skip] == '\0'))
        skip++;
    g_string_erase(conn->in, 0, (gssize)skip);
    if (conn->in->len == 0)
        return;
    if (conn->in->str[0] != '{') {
        conn->closing = TRUE;
        refuse_call(call_new(conn), -32700, "a call begins with '{'");
        return;
    }
    size = document_size(conn);
    if (size == 0 && conn->in->len > AGENT_MAX_BODY) {
        conn->closing = TRUE;
        refuse_call(call_new(conn), -32600, "the call is too large");
    }
    if (size == 0)
        return;
    text = g_strndup(conn->in->str, size);
    g_string_erase(conn->in, 0, (gssize)size);
    conn->scanned = 0;
    conn->depth = 0;
    run_json(call_new(conn), text, size);
}
