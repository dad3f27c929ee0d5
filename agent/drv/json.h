/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - what the agent's answers need beside base/json.h; the same rules. */
#pragma once

#include "agent/common/json.h"

#define DRV_JSON_DEPTH 64 /* levels of what the agent says, and of descriptions */

/* Element @index, borrowed, or NULL. */
json_object *json_element(json_object *array, gsize index);
/* How many elements; 0 of what is not an array. */
gsize json_size(json_object *array);
double json_real(json_object *object, const char *key, double fallback);
gboolean json_is_true(json_object *object, const char *key);

/* Add to @object, and return it. */
json_object *json_with(json_object *object, const char *key, json_object *value);
json_object *json_with_text(json_object *object, const char *key, const char *text);
