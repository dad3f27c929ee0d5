/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/worker/job.h"

json_object *
job_member(json_object *object, const char *key)
{
    json_object *value = NULL;

    if (json_object_is_type(object, json_type_object))
        (void)json_object_object_get_ex(object, key, &value);
    return value;
}

const char *
job_text(json_object *object, const char *key, const char *fallback)
{
    json_object *value = job_member(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
                                                        : fallback;
}

/* Old clients write numbers as text. */
gint64
job_number(json_object *object, const char *key, gint64 fallback)
{
    json_object *value = job_member(object, key);
    gint64 number;

    if (json_object_is_type(value, json_type_string))
        return g_ascii_string_to_signed(json_object_get_string(value),
                                        10,
                                        G_MININT64,
                                        G_MAXINT64,
                                        &number,
                                        NULL)
                   ? number
                   : fallback;
    if (json_object_is_type(value, json_type_int) ||
        json_object_is_type(value, json_type_double))
        return json_object_get_int64(value);
    return fallback;
}

gboolean
job_flag(json_object *object, const char *key, gboolean fallback)
{
    json_object *value = job_member(object, key);

    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                         : fallback;
}

const char *
job_variant(json_object *value, json_object **argument)
{
    json_object *name = value;

    if (argument)
        *argument = NULL;
    if (json_object_is_type(value, json_type_array)) {
        name = json_object_array_get_idx(value, 0);
        if (argument)
            *argument = json_object_array_get_idx(value, 1);
    }
    return json_object_is_type(name, json_type_string) ? json_object_get_string(name)
                                                       : "";
}

json_object *
job_pair(const char *first, const char *second)
{
    json_object *pair = json_object_new_array();

    json_object_array_add(pair, json_object_new_string(first));
    json_object_array_add(pair, json_object_new_string(second));
    return pair;
}
