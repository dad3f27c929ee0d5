/* SPDX-License-Identifier: Apache-2.0 */
#include "request/request.h"

#include <string.h>

#include "base/error.h"

static gpointer
member(gconstpointer request, const DrvField *field)
{
    return G_STRUCT_MEMBER_P(request, field->offset);
}

static void
clear_field(gpointer request, const DrvField *field)
{
    if (field->kind == DRV_TEXT)
        g_clear_pointer((char **)member(request, field), g_free);
    else if (field->kind == DRV_WORDS)
        g_clear_pointer((char ***)member(request, field), g_strfreev);
}

gpointer
drv_request_new(const DrvRequestType *type)
{
    DrvRequest *request = g_malloc0(type->size);

    request->type = type;
    for (guint i = 0; i < type->n_fields; i++) {
        gpointer at = member(request, &type->fields[i]);

        if (type->fields[i].kind == DRV_TEXT)
            *(char **)at = g_strdup("");
        else if (type->fields[i].kind == DRV_WORDS)
            *(char ***)at = g_new0(char *, 1);
    }
    return request;
}

void
drv_request_free(gpointer request)
{
    const DrvRequestType *type = request ? ((DrvRequest *)request)->type : NULL;

    for (guint i = 0; type && i < type->n_fields; i++)
        clear_field(request, &type->fields[i]);
    g_free(request);
}

/* --- checks ------------------------------------------------------------------------ */

/* Answers and notes are lines, and many values get into one. */
static gboolean
check_line(const char *what, const char *text, GError **error)
{
    if (text[strcspn(text, "\r\n")] == '\0')
        return TRUE;
    return drv_throw(
        error, DRV_ERROR_REFUSED, "%s: a line break is not allowed in '%s'", what, text);
}

gboolean
drv_request_check_path(const char *what, const char *path, GError **error)
{
    g_auto(GStrv) parts = NULL;

    if (!check_line(what, path, error))
        return FALSE;
    if (*path != '/')
        return drv_throw(
            error, DRV_ERROR_USAGE, "%s: not an absolute path: '%s'", what, path);
    parts = g_strsplit(path, "/", -1);
    for (guint i = 0; parts[i]; i++) {
        if (strcmp(parts[i], "..") == 0)
            return drv_throw(
                error, DRV_ERROR_REFUSED, "%s: '..' is not allowed in '%s'", what, path);
    }
    return TRUE;
}

gboolean
drv_request_check_host(const char *what, const char *host, GError **error)
{
    gboolean ok = *host != '\0' && *host != '-' && *host != '.' && strlen(host) <= 253;

    for (const char *at = host; *at && ok; at++)
        ok = g_ascii_isalnum(*at) || strchr("._-@", *at);
    if (!ok)
        return drv_throw(error, DRV_ERROR_USAGE, "%s: not a host name: '%s'", what, host);
    return TRUE;
}

/* --- text to value -------------------------------------------------------------------
 */

static gboolean
parse_bool(const char *text, gboolean *value)
{
    static const char *const yes[] = { "yes", "true", "1", NULL };
    static const char *const no[] = { "no", "false", "0", NULL };
    g_autofree char *lower = g_ascii_strdown(text, -1);

    *value = g_strv_contains(yes, lower);
    return *value || g_strv_contains(no, lower);
}

static gboolean
parse_int(const char *what, const char *text, gint64 min, gint64 *value, GError **error)
{
    g_autoptr(GError) bad = NULL;

    if (!g_ascii_string_to_signed(text, 10, min, G_MAXINT64, value, &bad))
        return drv_throw(error, DRV_ERROR_USAGE, "%s: not a number: '%s'", what, text);
    return TRUE;
}

char **
drv_request_split_words(const char *text)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t\r\n", -1);
    GPtrArray *kept = g_ptr_array_new();

    for (guint i = 0; words[i]; i++) {
        if (*words[i])
            g_ptr_array_add(kept, g_strdup(words[i]));
    }
    g_ptr_array_add(kept, NULL);
    return (char **)g_ptr_array_free(kept, FALSE);
}

/* The part of "host:path" or "…/disk.N" that the field wants; caller frees. */
static char *
part_of(const DrvField *field, const char *text)
{
    const char *colon = strchr(text, ':');

    if (field->flags & DRV_HOST_OF)
        return colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup("");
    if (field->flags & (DRV_PATH_OF | DRV_NAME_OF))
        return g_strdup(colon ? colon + 1 : text);
    if (field->flags & DRV_DISK_OF) {
        const char *name = strrchr(text, '/');
        gint64 ignored;

        if (name && g_str_has_prefix(name, "/disk.") &&
            parse_int("disk", name + 6, 0, &ignored, NULL))
            return g_strdup(name + 6);
        return g_strdup("-1");
    }
    return g_strdup(text);
}

static gboolean
check_text(const DrvField *field, const char *text, GError **error)
{
    if (*text == '\0')
        return TRUE;
    if ((field->flags & (DRV_PATH | DRV_PATH_OF)) &&
        !drv_request_check_path(field->name, text, error))
        return FALSE;
    if (field->flags & (DRV_LINE | DRV_NAME_OF) && !check_line(field->name, text, error))
        return FALSE;
    return !(field->flags & DRV_HOST_OF) ||
           drv_request_check_host(field->name, text, error);
}

static gboolean
set_value(gpointer request, const DrvField *field, const char *text, GError **error)
{
    gpointer at = member(request, field);

    switch (field->kind) {
    case DRV_TEXT:
        if (!check_text(field, text, error))
            return FALSE;
        *(char **)at = g_strdup(text);
        return TRUE;
    case DRV_WORDS:
        *(char ***)at = drv_request_split_words(text);
        return TRUE;
    case DRV_BOOL:
        if (*text && !parse_bool(text, at))
            return drv_throw(error,
                             DRV_ERROR_USAGE,
                             "%s: neither YES nor NO: '%s'",
                             field->name,
                             text);
        return TRUE;
    case DRV_INT:
        return *text == '\0' || parse_int(field->name, text, G_MININT64, at, error);
    case DRV_UINT:
    default:
        return *text == '\0' || parse_int(field->name, text, 0, at, error);
    }
}

gboolean
drv_request_set(gpointer request, const DrvField *field, const char *text, GError **error)
{
    g_autofree char *part = part_of(field, text ? text : "");
    gboolean blank = *part == '\0';

    clear_field(request, field);
    if (blank && (field->flags & DRV_REQUIRED))
        return drv_throw(error, DRV_ERROR_USAGE, "%s is missing", field->name);
    return set_value(
        request, field, blank && field->fallback ? field->fallback : part, error);
}

/* --- readers -------------------------------------------------------------------------
 */

static char *
usage_of(const DrvRequestType *type)
{
    GString *usage = g_string_new("usage:");
    guint shown = 0;

    for (guint i = 0; i < type->n_fields; i++) {
        g_autofree char *name = g_ascii_strup(type->fields[i].name, -1);

        if (type->fields[i].arg <= shown)
            continue;
        shown = type->fields[i].arg;
        g_string_append_printf(usage, " %s", name);
    }
    return g_string_free(usage, FALSE);
}

gboolean
drv_request_read_args(gpointer request, int argc, char **argv, GError **error)
{
    const DrvRequestType *type = ((DrvRequest *)request)->type;

    for (guint i = 0; i < type->n_fields; i++) {
        const DrvField *field = &type->fields[i];
        const char *text = NULL;

        if (field->arg == 0 && (field->xpath || field->env == NULL))
            continue;
        if (field->env)
            text = g_getenv(field->env);
        else if ((int)field->arg < argc)
            text = argv[field->arg];
        if (!drv_request_set(request, field, text, error)) {
            g_autofree char *usage = usage_of(type);

            return text == NULL ? drv_prefix(error, "%s", usage) : FALSE;
        }
    }
    return TRUE;
}

gboolean
drv_request_wants_dump(const DrvRequestType *type)
{
    for (guint i = 0; i < type->n_fields; i++) {
        if (type->fields[i].xpath)
            return TRUE;
    }
    return FALSE;
}

/* --- the wire ------------------------------------------------------------------------
 */

static GVariant *
pack_field(gconstpointer request, const DrvField *field)
{
    gpointer at = member(request, field);

    switch (field->kind) {
    case DRV_TEXT: /* names may be any bytes, so text travels as bytes */
        return g_variant_new_bytestring(*(char **)at ? *(char **)at : "");
    case DRV_WORDS:
        return g_variant_new_bytestring_array(*(const char *const **)at,
                                              *(char ***)at ? -1 : 0);
    case DRV_BOOL:
        return g_variant_new_boolean(*(gboolean *)at);
    case DRV_UINT:
    case DRV_INT:
    default:
        return g_variant_new_int64(*(gint64 *)at);
    }
}

GVariant *
drv_request_pack(gconstpointer request)
{
    const DrvRequestType *type = ((const DrvRequest *)request)->type;
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < type->n_fields; i++)
        g_variant_builder_add(&builder,
                              "{sv}",
                              type->fields[i].name,
                              pack_field(request, &type->fields[i]));
    return g_variant_builder_end(&builder);
}

static gboolean
unpack_field(gpointer request, const DrvField *field, GVariant *value, GError **error)
{
    static const char *const types[] = {
        [DRV_TEXT] = "ay", [DRV_UINT] = "x",    [DRV_INT] = "x",
        [DRV_BOOL] = "b",  [DRV_WORDS] = "aay",
    };
    gpointer at = member(request, field);

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(types[field->kind])))
        return drv_throw(
            error, DRV_ERROR_USAGE, "%s: wrong type in the request", field->name);
    switch (field->kind) {
    case DRV_TEXT:
        *(char **)at = g_variant_dup_bytestring(value, NULL);
        if (**(char **)at == '\0' && (field->flags & DRV_REQUIRED))
            return drv_throw(error, DRV_ERROR_USAGE, "%s is missing", field->name);
        return check_text(field, *(char **)at, error);
    case DRV_WORDS:
        *(char ***)at = g_variant_dup_bytestring_array(value, NULL);
        return TRUE;
    case DRV_BOOL:
        *(gboolean *)at = g_variant_get_boolean(value);
        return TRUE;
    case DRV_UINT:
        if (g_variant_get_int64(value) < 0)
            return drv_throw(error, DRV_ERROR_USAGE, "%s: negative", field->name);
        /* fall through */
    case DRV_INT:
    default:
        *(gint64 *)at = g_variant_get_int64(value);
        return TRUE;
    }
}

gboolean
drv_request_unpack(gpointer request, GVariant *packed, GError **error)
{
    const DrvRequestType *type = ((DrvRequest *)request)->type;

    for (guint i = 0; i < type->n_fields; i++) {
        const DrvField *field = &type->fields[i];
        g_autoptr(GVariant) value = g_variant_lookup_value(packed, field->name, NULL);

        if (value == NULL)
            return drv_throw(
                error, DRV_ERROR_USAGE, "%s is missing in the request", field->name);
        clear_field(request, field);
        if (!unpack_field(request, field, value, error))
            return FALSE;
    }
    return TRUE;
}

gpointer
drv_request_copy(gconstpointer request)
{
    const DrvRequestType *type = ((const DrvRequest *)request)->type;
    gpointer copy = drv_request_new(type);

    for (guint i = 0; i < type->n_fields; i++) {
        const DrvField *field = &type->fields[i];
        gpointer from = member(request, field);
        gpointer to = member(copy, field);

        clear_field(copy, field);
        if (field->kind == DRV_TEXT)
            *(char **)to = g_strdup(*(char **)from);
        else if (field->kind == DRV_WORDS)
            *(char ***)to = g_strdupv(*(char ***)from);
        else if (field->kind == DRV_BOOL)
            *(gboolean *)to = *(gboolean *)from;
        else
            *(gint64 *)to = *(gint64 *)from;
    }
    return copy;
}
