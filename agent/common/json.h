/* SPDX-License-Identifier: Apache-2.0 */
/* agent/common/json.h - JSON as the agent's interface has it, beside base/json.h:
 * documents of its limits, and the pairs and variants that its values are made of.
 */
#pragma once

#include "base/json.h"

/* Parse one document of valid UTF-8 with at most @depth levels, of any size: a list of
 * many VMs is larger than what base/json.h takes.  *why is NULL when it could be read
 * ("null" is NULL, too), else a static text.  Caller frees.
 */
json_object *agent_json_read(const char *text, gsize size, int depth, const char **why);

/* ["a","b"]; caller frees. */
json_object *agent_json_pair(const char *first, const char *second);

/* A variant, "Name" or ["Name", argument]: its name, "" when it is none; *argument (may
 * be NULL) is borrowed, NULL where there is none.
 */
const char *agent_json_variant(json_object *value, json_object **argument);

/* --- getters and setters beside those of base/json.h; the same rules ----------------
 */

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
