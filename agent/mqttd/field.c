/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/field.h"

#include <string.h>

#include "base/error.h"

gboolean
field_refuse(const Node *node, const char *why, GError **error)
{
    g_autofree char *path = node_path(node);

    return drv_throw(error, DRV_ERROR_USAGE, "'%s' %s (line %d)", path, why, node->line);
}

static gboolean
is_text(const Node *node, GError **error)
{
    return node->kind == NODE_TEXT || field_refuse(node, "has to be one value", error);
}

static gboolean
read_text(const Node *node, char **text, GError **error)
{
    if (!is_text(node, error))
        return FALSE;
    g_free(*text);
    *text = g_strdup(node->text);
    return TRUE;
}

static gboolean
is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (g_ascii_strcasecmp(*words, text) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
read_bool(const Node *node, gboolean *value, GError **error)
{
    static const char *const yes[] = { "true", "yes", "on", "y", NULL };
    static const char *const no[] = { "false", "no", "off", "n", NULL };

    if (node->kind == NODE_TEXT &&
        (is_one_of(node->text, yes) || is_one_of(node->text, no))) {
        *value = is_one_of(node->text, yes);
        return TRUE;
    }
    return field_refuse(node, "has to be true or false", error);
}

gboolean
field_number(const Node *node, gint64 min, gint64 max, gint64 *number, GError **error)
{
    const char *text = node->kind == NODE_TEXT ? node->text : "";
    gboolean hex = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X");
    g_autofree char *why = NULL;

    if (g_ascii_string_to_signed(
            hex ? text + 2 : text, hex ? 16 : 10, min, max, number, NULL))
        return TRUE;
    why = g_strdup_printf(
        "has to be a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, min, max);
    return field_refuse(node, why, error);
}

static gboolean
read_word(const Node *node, const char *const *words, int *value, GError **error)
{
    g_autofree char *all = g_strjoinv(", ", (char **)words);
    g_autofree char *why = g_strdup_printf("has to be one of %s", all);

    for (int i = 0; node->kind == NODE_TEXT && words[i]; i++) {
        if (strcmp(words[i], node->text) == 0) {
            *value = i;
            return TRUE;
        }
    }
    return field_refuse(node, why, error);
}

static gboolean
read_texts(const Node *node, char ***value, GError **error)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    if (node->kind == NODE_MAP)
        return field_refuse(node, "has to be a list", error);
    if (node->kind == NODE_TEXT)
        g_ptr_array_add(texts, g_strdup(node->text));
    for (guint i = 0; node->kind == NODE_LIST && i < node->items->len; i++) {
        const Node *item = g_ptr_array_index(node->items, i);

        if (!is_text(item, error))
            return FALSE;
        if (i >= FIELD_MAX_TEXTS)
            return field_refuse(node, "has too many elements", error);
        g_ptr_array_add(texts, g_strdup(item->text));
    }
    g_ptr_array_add(texts, NULL);
    g_strfreev(*value);
    *value = (char **)g_ptr_array_free(g_steal_pointer(&texts), FALSE);
    return TRUE;
}

static gboolean
read_one(const Field *field, const Node *node, gpointer into, GError **error)
{
    gpointer at = (char *)into + field->offset;

    switch (field->type) {
    case FIELD_TEXT:
        return read_text(node, at, error);
    case FIELD_BOOL:
        return read_bool(node, at, error);
    case FIELD_NUMBER:
        return field_number(node, field->min, field->max, at, error);
    case FIELD_WORD:
        return read_word(node, field->words, at, error);
    case FIELD_TEXTS:
        return read_texts(node, at, error);
    case FIELD_CUSTOM:
        return field->read(node, into, error);
    }
    return FALSE;
}

static const Field *
field_of(const Field *table, const char *key)
{
    for (; table->key; table++) {
        if (node_same_key(table->key, key) ||
            (table->other && node_same_key(table->other, key)))
            return table;
    }
    return NULL;
}

gboolean
field_read(const Field *table, const Node *map, gpointer into, GError **error)
{
    if (map->kind != NODE_MAP)
        return field_refuse(map, "has to be a map of keys", error);
    for (guint i = 0; i < map->items->len; i++) {
        const Node *node = g_ptr_array_index(map->items, i);
        const Field *field = field_of(table, node->key);

        if (field && !node_is_null(node) && !read_one(field, node, into, error))
            return FALSE;
    }
    return TRUE;
}

const Node *
field_unknown(const Field *const *tables, const Node *map)
{
    for (guint i = 0; i < map->items->len; i++) {
        const Node *node = g_ptr_array_index(map->items, i);
        gboolean known = FALSE;

        for (guint t = 0; tables[t] && !known; t++)
            known = field_of(tables[t], node->key) != NULL;
        if (!known)
            return node;
    }
    return NULL;
}
