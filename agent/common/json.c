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

gsize
json_size(json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array)
                                                       : 0;
}

json_object *
json_element(json_object *array, gsize index)
{
    return index < json_size(array) ? json_object_array_get_idx(array, index) : NULL;
}

double
json_real(json_object *object, const char *key, double fallback)
{
    json_object *value = drv_json_member(object, key);

    return json_object_is_type(value, json_type_int) ||
                   json_object_is_type(value, json_type_double)
               ? json_object_get_double(value)
               : fallback;
}

gboolean
json_is_true(json_object *object, const char *key)
{
    return drv_json_flag(object, key, FALSE);
}

json_object *
json_with(json_object *object, const char *key, json_object *value)
{
    json_object_object_add(object, key, value);
    return object;
}

json_object *
json_with_text(json_object *object, const char *key, const char *text)
{
    return json_with(object, key, json_object_new_string(text));
}
