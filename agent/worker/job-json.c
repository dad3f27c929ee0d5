/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/worker/job.h"

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
