/* SPDX-License-Identifier: Apache-2.0 */
/* rpc-json.c - JSON-RPC, V1 as xenopsd speaks it, and 2.0. */
#include "agent/agentd/agentd.h"

gboolean
json_call(json_object *document,
          Form *form,
          const char **method,
          json_object **args,
          json_object **id)
{
    json_object *version = NULL, *name = NULL, *params = NULL;

    *form = FORM_V1;
    *id = NULL;
    if (!json_object_is_type(document, json_type_object))
        return FALSE;
    (void)json_object_object_get_ex(document, "id", id);
    if (json_object_object_get_ex(document, "jsonrpc", &version))
        *form = FORM_V2;
    if (!json_object_object_get_ex(document, "method", &name) ||
        !json_object_is_type(name, json_type_string))
        return FALSE;
    *method = json_object_get_string(name);
    (void)json_object_object_get_ex(document, "params", &params);
    if (json_object_is_type(params, json_type_array)) {
        json_object *first = json_object_array_get_idx(params, 0);

        /* several without names have places; methods_run knows which */
        if (json_object_is_type(first, json_type_object) ||
            json_object_array_length(params) < 2)
            params = first;
    }
    *args = params ? json_object_get(params) : json_object_new_object();
    return TRUE;
}

/* 2.0 wants a number and a text; the interface's error is its data. */
static json_object *
error_v2(const Call *call)
{
    json_object *error = json_object_new_object();
    const char *text =
        json_object_to_json_string_ext(call->error, JSON_C_TO_STRING_PLAIN);

    json_object_object_add(
        error, "code", json_object_new_int(call->code ? call->code : -32000));
    json_object_object_add(error, "message", json_object_new_string(text));
    json_object_object_add(error, "data", json_object_get(call->error));
    return error;
}

char *
json_answer(const Call *call, json_object *result)
{
    json_object *object = json_object_new_object();
    char *text;

    if (call->form == FORM_V2) {
        json_object_object_add(object, "jsonrpc", json_object_new_string("2.0"));
        if (call->error)
            json_object_object_add(object, "error", error_v2(call));
        else
            json_object_object_add(object, "result", json_object_get(result));
    } else {
        json_object_object_add(
            object, "result", call->error ? NULL : json_object_get(result));
        json_object_object_add(object, "error", json_object_get(call->error));
    }
    json_object_object_add(object, "id", json_object_get(call->id));
    text = g_strdup(json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
    return text;
}
