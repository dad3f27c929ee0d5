/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - what the agent's answers need beside base/json.h; the same rules. */
#pragma once

#include "base/json.h"

/* Element @index, borrowed, or NULL. */
json_object *json_element(json_object *array, gsize index);
/* How many elements; 0 of what is not an array. */
gsize json_size(json_object *array);
double json_real(json_object *object, const char *key, double fallback);
gboolean json_is_true(json_object *object, const char *key);

/* Add to @object, and return it. */
json_object *json_with(json_object *object, const char *key, json_object *value);
json_object *json_with_text(json_object *object, const char *key, const char *text);
/* ["a","b"] */
json_object *json_pair(const char *first, const char *second);

/* A variant, "Name" or ["Name", argument]: its name, "" when it is none; *argument (may
 * be NULL) is borrowed.
 */
const char *json_variant(json_object *value, json_object **argument);

/* Parse one document of valid UTF-8 with at most 64 levels, of any size: a list of many
 * VMs is larger than what base/json.h takes.  NULL: *why is static.
 */
json_object *json_read(const char *text, gsize size, const char **why);
