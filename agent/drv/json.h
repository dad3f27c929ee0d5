/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - JSON that is read with defaults, and freed by itself. */
#pragma once

#include <glib.h>
#include <json-c/json.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

/* Member @key, borrowed; NULL when @object is not an object, or has none, or it is null.
 */
json_object *json_member(json_object *object, const char *key);
/* Element @index, borrowed, or NULL. */
json_object *json_element(json_object *array, gsize index);
/* How many elements; 0 of what is not an array. */
gsize json_size(json_object *array);
/* A string, borrowed; @fallback when it is absent or not a string. */
const char *json_text(json_object *object, const char *key, const char *fallback);
double json_number(json_object *object, const char *key, double fallback);
gboolean json_flag(json_object *object, const char *key);

/* Add to @object, and return it. */
json_object *json_with(json_object *object, const char *key, json_object *value);
json_object *json_with_text(json_object *object, const char *key, const char *text);
/* ["a","b"] */
json_object *json_pair(const char *first, const char *second);

/* A variant, "Name" or ["Name", argument]: its name, "" when it is none; *argument (may
 * be NULL) is borrowed.
 */
const char *json_variant(json_object *value, json_object **argument);

/* Parse one document of valid UTF-8 with at most 64 levels; NULL: *why is static. */
json_object *json_read(const char *text, gsize size, const char **why);
