/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/node.h"

#include <string.h>
#include <yaml.h>

#include "base/error.h"

typedef struct {
    yaml_parser_t parser;
    Node *root, *open; /* where the next node goes; NULL: it is the root */
    char *key;         /* waits for its value */
    guint nodes, depth;
    gboolean ended;
} Reader;

void
node_free(Node *node)
{
    if (node == NULL)
        return;
    if (node->items)
        g_ptr_array_unref(node->items);
    g_free(node->text);
    g_free(node->key);
    g_free(node);
}

static gboolean
refuse(const Reader *reader, int line, const char *why, GError **error)
{
    (void)reader;
    return drv_throw(error, DRV_ERROR_DUMP, "line %d: %s", line, why);
}

static int
line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

/* --- the tree --------------------------------------------------------------------------
 */

static Node *
new_node(const yaml_event_t *event, NodeKind kind)
{
    Node *node = g_new0(Node, 1);

    node->kind = kind;
    node->line = line_of(event);
    if (kind == NODE_TEXT)
        node->text =
            g_strndup((const char *)event->data.scalar.value, event->data.scalar.length);
    else
        node->items = g_ptr_array_new_with_free_func((GDestroyNotify)node_free);
    node->quoted =
        kind == NODE_TEXT && event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return node;
}

/* Takes @node. */
static gboolean
put(Reader *reader, Node *node, GError **error)
{
    node->parent = reader->open;
    node->key = g_steal_pointer(&reader->key);
    if (reader->open == NULL) {
        reader->root = node;
    } else {
        node->index = reader->open->items->len;
        g_ptr_array_add(reader->open->items, node);
    }
    if (++reader->nodes > NODE_MAX_NODES)
        return refuse(reader, node->line, "the document has too many values", error);
    if (node->kind == NODE_TEXT)
        return TRUE;
    reader->open = node;
    if (++reader->depth > NODE_MAX_DEPTH)
        return refuse(reader, node->line, "the document is nested too deeply", error);
    return TRUE;
}

static gboolean
take_key(Reader *reader, const yaml_event_t *event, GError **error)
{
    const char *text = (const char *)event->data.scalar.value;

    if (event->data.scalar.length > NODE_MAX_KEY)
        return refuse(reader, line_of(event), "a key is too long", error);
    if (reader->open->items->len >= NODE_MAX_KEYS)
        return refuse(reader, line_of(event), "a map has too many keys", error);
    if (node_find(reader->open, text))
        return drv_throw(error,
                         DRV_ERROR_DUMP,
                         "line %d: the key '%s' is there twice",
                         line_of(event),
                         text);
    reader->key = g_strndup(text, event->data.scalar.length);
    return TRUE;
}

static gboolean
wants_key(const Reader *reader)
{
    return reader->open && reader->open->kind == NODE_MAP && reader->key == NULL;
}

static gboolean
take_text(Reader *reader, const yaml_event_t *event, GError **error)
{
    if (memchr(event->data.scalar.value, 0, event->data.scalar.length))
        return refuse(reader, line_of(event), "a value contains NUL", error);
    if (wants_key(reader))
        return take_key(reader, event, error);
    return put(reader, new_node(event, NODE_TEXT), error);
}

static gboolean
begin(Reader *reader, const yaml_event_t *event, NodeKind kind, GError **error)
{
    if (wants_key(reader))
        return refuse(reader, line_of(event), "a key has to be text", error);
    return put(reader, new_node(event, kind), error);
}

static gboolean
end(Reader *reader)
{
    reader->open = (Node *)reader->open->parent;
    reader->depth--;
    return TRUE;
}

static gboolean
take(Reader *reader, const yaml_event_t *event, GError **error)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_text(reader, event, error);
    case YAML_SEQUENCE_START_EVENT:
        return begin(reader, event, NODE_LIST, error);
    case YAML_MAPPING_START_EVENT:
        return begin(reader, event, NODE_MAP, error);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return end(reader);
    case YAML_ALIAS_EVENT:
        return refuse(reader, line_of(event), "aliases are not accepted", error);
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
        reader->ended = TRUE;
        return TRUE;
    default:
        return TRUE;
    }
}

static gboolean
next(Reader *reader, GError **error)
{
    yaml_event_t event;
    gboolean ok;

    if (!yaml_parser_parse(&reader->parser, &event))
        return drv_throw(error,
                         DRV_ERROR_DUMP,
                         "line %zu: %s",
                         reader->parser.problem_mark.line + 1,
                         reader->parser.problem ? reader->parser.problem
                                                : "it is not YAML");
    ok = take(reader, &event, error);
    yaml_event_delete(&event);
    return ok;
}

gboolean
node_read(const char *text, gsize size, Node **root, GError **error)
{
    Reader reader = { .root = NULL };
    gboolean ok = TRUE;

    *root = NULL;
    if (size > NODE_MAX_SIZE)
        return drv_throw(
            error, DRV_ERROR_DUMP, "it has more than %d bytes", NODE_MAX_SIZE);
    if (!yaml_parser_initialize(&reader.parser))
        return drv_throw(error, DRV_ERROR_FAILED, "out of memory");
    yaml_parser_set_input_string(&reader.parser, (const guchar *)text, size);
    while (ok && !reader.ended)
        ok = next(&reader, error);
    yaml_parser_delete(&reader.parser);
    g_free(reader.key);
    *root = reader.root;
    if (ok && reader.root == NULL)
        return drv_throw(error, DRV_ERROR_DUMP, "it is empty");
    return ok;
}

/* --- looking at it ---------------------------------------------------------------------
 */

gboolean
node_same_key(const char *a, const char *b)
{
    for (; *a && (*a == *b || (strchr("-_", *a) && *b && strchr("-_", *b))); a++, b++)
        ;
    return *a == *b;
}

const Node *
node_find(const Node *map, const char *key)
{
    for (guint i = 0; map && map->kind == NODE_MAP && i < map->items->len; i++) {
        const Node *node = g_ptr_array_index(map->items, i);

        if (node_same_key(node->key, key))
            return node;
    }
    return NULL;
}

gboolean
node_is_null(const Node *node)
{
    return node == NULL || (node->kind == NODE_TEXT && !node->quoted &&
                            (*node->text == '\0' || strcmp(node->text, "~") == 0 ||
                             g_ascii_strcasecmp(node->text, "null") == 0));
}

char *
node_path(const Node *node)
{
    GString *path = g_string_new(NULL);

    for (; node && (node->key || node->parent); node = node->parent) {
        g_autofree char *part =
            node->key ? g_strdup(node->key) : g_strdup_printf("[%u]", node->index);

        if (path->len && *path->str != '[')
            g_string_prepend_c(path, '.');
        g_string_prepend(path, part);
    }
    return g_string_free(path, FALSE);
}

/* Numbers, times, and YAML 1.1's words; too many are quoted rather than one too few. */
gboolean
node_is_special(const char *text)
{
    static const char *const words[] = { "",   "~",    "null", "true", "false", "yes",
                                         "no", "on",   "off",  "y",    "n",     ".inf",
                                         "<<", ".nan", "=",    NULL };

    for (guint i = 0; words[i]; i++) {
        if (g_ascii_strcasecmp(words[i], text) == 0)
            return TRUE;
    }
    return strchr("+-.0123456789", *text) != NULL &&
           strspn(text, "+-.:_xXoO0123456789abcdefABCDEFT ") == strlen(text);
}
