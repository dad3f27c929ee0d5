/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/drv/json.h"

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
