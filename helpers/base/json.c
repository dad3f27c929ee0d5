/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_tokener, json_tokener_free)

json_object *
drv_json_parse(const char *what, const char *text, gssize size, GError **error)
{
    g_autoptr(json_tokener) tokener = json_tokener_new_ex(DRV_JSON_MAX_DEPTH);
    g_autofree char *copy = NULL;
    gsize length = size < 0 ? strlen(text) : (gsize)size;
    json_object *document;
    enum json_tokener_error why;

    if (length > DRV_JSON_MAX_SIZE || tokener == NULL) {
        (void)drv_throw(error, DRV_ERROR_DUMP, "%s is too long for JSON", what);
        return NULL;
    }
    /* The NUL belongs to what is parsed: it ends a document that is a number. */
    copy = g_strndup(text, length);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    document = json_tokener_parse_ex(tokener, copy, (int)strlen(copy) + 1);
    why = strlen(copy) < length ? json_tokener_error_parse_unexpected
                                : json_tokener_get_error(tokener);
    if (why == json_tokener_success)
        return document;
    json_object_put(document);
    (void)drv_throw(
        error, DRV_ERROR_DUMP, "%s is not JSON: %s", what, json_tokener_error_desc(why));
    return NULL;
}

json_object *
drv_json_parse_object(const char *what, const char *text, gssize size, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(json_object) document = drv_json_parse(what, text, size, &why);

    if (why)
        g_propagate_error(error, g_steal_pointer(&why));
    else if (json_object_is_type(document, json_type_object))
        return g_steal_pointer(&document);
    else
        (void)drv_throw(error, DRV_ERROR_DUMP, "%s is not a JSON object", what);
    return NULL;
}

json_object *
drv_json_member(json_object *object, const char *key)
{
    json_object *value = NULL;

    if (json_object_is_type(object, json_type_object))
        (void)json_object_object_get_ex(object, key, &value);
    return value;
}

const char *
drv_json_text(json_object *object, const char *key, const char *fallback)
{
    json_object *value = drv_json_member(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
                                                        : fallback;
}

gint64
drv_json_number(json_object *object, const char *key, gint64 fallback)
{
    json_object *value = drv_json_member(object, key);
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
        (json_object_is_type(value, json_type_double) &&
         isfinite(json_object_get_double(value)))) /* json-c reads NaN, too */
        return json_object_get_int64(value);
    return fallback;
}

gboolean
drv_json_flag(json_object *object, const char *key, gboolean fallback)
{
    json_object *value = drv_json_member(object, key);

    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                         : fallback;
}

void
drv_json_add_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

json_object *
drv_json_texts(const char *const *texts)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; texts[i]; i++)
        json_object_array_add(array, json_object_new_string(texts[i]));
    return array;
}

char *
drv_json_print(json_object *document)
{
    return g_strdup(json_object_to_json_string_ext(
        document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}
