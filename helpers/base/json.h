/* SPDX-License-Identifier: Apache-2.0 */
/* base/json.h - JSON of guests' agents, of tools and of callers, by json-c.
 *
 *     g_autoptr(json_object) answer = drv_json_parse("the answer", text, -1, &error);
 *     gint64 pid = drv_json_number(drv_json_member(answer, "return"), "pid", 0);
 *
 * Getters never fail: what is absent, null or of another type is the fallback, so that a
 * chain of them needs no checks.  What they return is borrowed from the document.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

/* Limits of a document.  A guest's agent may answer with 10 MiB, by libvirt's limit. */
#define DRV_JSON_MAX_SIZE ((gsize)16 * 1024 * 1024) /* bytes */
#define DRV_JSON_MAX_DEPTH 32                       /* of nested objects and arrays */

/* The one document in @text, @size bytes (-1: up to its NUL), by json-c's strict
 * rules: valid UTF-8, nothing behind it.  @what is its name in messages.  DRV_ERROR_DUMP
 * when it is not JSON, or beyond the limits; NULL is returned then, and for the document
 * "null" as well. Caller frees.
 */
json_object *
drv_json_parse(const char *what, const char *text, gssize size, GError **error);

/* The same; anything but an object is DRV_ERROR_DUMP. */
json_object *
drv_json_parse_object(const char *what, const char *text, gssize size, GError **error);

/* Member @key of @object, or NULL: @object may be NULL or of another type. */
json_object *drv_json_member(json_object *object, const char *key);

const char *drv_json_text(json_object *object, const char *key, const char *fallback);
/* An integer; or one in a string, as old clients write it; a fraction is cut off. */
gint64 drv_json_number(json_object *object, const char *key, gint64 fallback);
gboolean drv_json_flag(json_object *object, const char *key, gboolean fallback);

/* Add to @object, whose keys are literals. */
void drv_json_add_text(json_object *object, const char *key, const char *text);

/* An array of strings, of @texts up to its NULL; caller frees. */
json_object *drv_json_texts(const char *const *texts);

/* On one line, without spaces and with "/" as it is; caller frees. */
char *drv_json_print(json_object *document);
