/* SPDX-License-Identifier: Apache-2.0 */
/* The probes' configuration: YAML, with keys as the front-end writes them (":key") or
 * plain.
 */
#include <string.h>
#include <yaml.h>

#include "base/action.h"
#include "base/log.h"
#include "im/base/im.h"

/* Without a file that can be read @document is empty; delete it in any case. */
static void
load(const char *name, yaml_document_t *document)
{
    g_autofree char *path = g_build_filename(
        drv_action_remotes_dir(), "etc", "im", "kvm-probes.d", name, NULL);
    g_autofree char *text = NULL;
    yaml_parser_t parser;
    gsize length;

    memset(document, 0, sizeof *document);
    if (!g_file_get_contents(path, &text, &length, NULL) ||
        !yaml_parser_initialize(&parser))
        return;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    if (!yaml_parser_load(&parser, document))
        drv_warn("%s is not used: line %zu: %s",
                 path,
                 parser.problem_mark.line + 1,
                 parser.problem ? parser.problem : "not YAML");
    yaml_parser_delete(&parser);
}

static const char *
scalar(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
                                                  : NULL;
}

/* The name of a key, without the colon of Ruby's symbols. */
static const char *
key_name(const yaml_node_t *node)
{
    const char *name = scalar(node);

    return name && *name == ':' ? name + 1 : name;
}

static yaml_node_t *
member(yaml_document_t *document, const yaml_node_t *node, const char *key)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top;
         pair++) {
        if (g_strcmp0(key_name(yaml_document_get_node(document, pair->key)), key) == 0)
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

static yaml_node_t *
find(yaml_document_t *document, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, "/", -1);
    yaml_node_t *node = yaml_document_get_root_node(document);

    for (guint i = 0; keys[i] && node; i++)
        node = member(document, node, keys[i]);
    return node;
}

static void
add(GPtrArray *items, const char *text)
{
    if (text && *text)
        g_ptr_array_add(items, g_strdup(text));
}

static void
add_items(GPtrArray *items, yaml_document_t *document, const yaml_node_t *node)
{
    add(items, scalar(node));
    if (node == NULL || node->type != YAML_SEQUENCE_NODE)
        return;
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top;
         item++)
        add(items, scalar(yaml_document_get_node(document, *item)));
}

static void
add_pairs(GPtrArray *items, yaml_document_t *document, const yaml_node_t *node)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE)
        return;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top;
         pair++) {
        const char *name = key_name(yaml_document_get_node(document, pair->key));
        const char *value = scalar(yaml_document_get_node(document, pair->value));

        if (name && *name && value) {
            g_ptr_array_add(items, g_strdup(name));
            g_ptr_array_add(items, g_strdup(value));
        }
    }
}

typedef void (*Add)(GPtrArray *items, yaml_document_t *document, const yaml_node_t *node);

static char **
collect(const char *file, const char *key, Add add_from)
{
    GPtrArray *items = g_ptr_array_new();
    yaml_document_t document;

    load(file, &document);
    add_from(items, &document, find(&document, key));
    yaml_document_delete(&document);
    g_ptr_array_add(items, NULL);
    return (char **)g_ptr_array_free(items, FALSE);
}

char **
im_conf_values(const char *file, const char *key)
{
    return collect(file, key, add_items);
}

char **
im_conf_pairs(const char *file, const char *key)
{
    return collect(file, key, add_pairs);
}

gboolean
im_conf_flag(const char *file, const char *key, gboolean fallback)
{
    static const char *const words[] = { "true", "yes", "on" };
    g_auto(GStrv) values = im_conf_values(file, key);

    if (values[0] == NULL)
        return fallback;
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(values[0], words[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

guint64
im_conf_number(const char *file, const char *key, guint64 fallback)
{
    g_auto(GStrv) values = im_conf_values(file, key);
    guint64 number;

    if (values[0] == NULL ||
        !g_ascii_string_to_unsigned(values[0], 10, 0, G_MAXINT32, &number, NULL))
        return fallback;
    return number;
}
