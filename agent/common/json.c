/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/common/json.h"

json_object *
agent_json_read(const char *text, gsize size, int depth, const char **why)
{
    json_tokener *tokener = json_tokener_new_ex(depth);
    g_autoptr(json_object) document = NULL;
    enum json_tokener_error error;
    gsize end;

    *why = NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    document = json_tokener_parse_ex(tokener, text, (int)MIN(size, G_MAXINT));
    error = json_tokener_get_error(tokener);
    end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    while (end < size && g_ascii_isspace(text[end]))
        end++;
    if (error == json_tokener_success && end == size)
        return g_steal_pointer(&document);
    *why = error == json_tokener_success    ? "there is text behind the document"
           : error == json_tokener_continue ? "the document is cut short"
                                            : json_tokener_error_desc(error);
    return NULL;
}

json_object *
agent_json_pair(const char *first, const char *second)
{
    json_object *pair = json_object_new_array();

    json_object_array_add(pair, json_object_new_string(first));
    json_object_array_add(pair, json_object_new_string(second));
    return pair;
}

const char *
agent_json_variant(json_object *value, json_object **argument)
{
    gboolean has_argument = json_object_is_type(value, json_type_array);
    json_object *name = has_argument ? json_object_array_get_idx(value, 0) : value;

    if (argument)
        *argument = has_argument ? json_object_array_get_idx(value, 1) : NULL;
    return json_object_is_type(name, json_type_string) ? json_object_get_string(name)
                                                       : "";
}
