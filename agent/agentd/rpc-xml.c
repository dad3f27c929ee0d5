/* SPDX-License-Identifier: Apache-2.0 */
/* rpc-xml.c - XML-RPC from and to the same values as JSON. */
#include "agent/agentd/agentd.h"

#include <libxml/parser.h>

static json_object *value_of(const xmlNode *node, guint depth, const char **why);

static gboolean
is_named(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static const xmlNode *
child(const xmlNode *node, const char *name)
{
    for (const xmlNode *n = node ? node->children : NULL; n; n = n->next) {
        if (is_named(n, name))
            return n;
    }
    return NULL;
}

/* Of one without elements inside; caller frees. */
static char *
text_of(const xmlNode *node)
{
    GString *text = g_string_new(NULL);

    for (const xmlNode *n = node->children; n; n = n->next) {
        if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE)
            g_string_append(text, (const char *)n->content);
    }
    return g_string_free(text, FALSE);
}

static json_object *
struct_of(const xmlNode *node, guint depth, const char **why)
{
    json_object *object = json_object_new_object();

    for (const xmlNode *n = node->children; n; n = n->next) {
        const xmlNode *name = is_named(n, "member") ? child(n, "name") : NULL;
        const xmlNode *value = is_named(n, "member") ? child(n, "value") : NULL;
        g_autofree char *key = name ? text_of(name) : NULL;

        if (n->type != XML_ELEMENT_NODE)
            continue;
        if (key == NULL || value == NULL)
            *why = "a struct has a member without name or value";
        else
            json_object_object_add(object, key, value_of(value, depth + 1, why));
    }
    return object;
}

static json_object *
array_of(const xmlNode *node, guint depth, const char **why)
{
    json_object *array = json_object_new_array();
    const xmlNode *data = child(node, "data");

    for (const xmlNode *n = data ? data->children : NULL; n; n = n->next) {
        if (is_named(n, "value"))
            json_object_array_add(array, value_of(n, depth + 1, why));
    }
    return array;
}

static json_object *
scalar_of(const xmlNode *node, const char **why)
{
    g_autofree char *text = text_of(node);
    gint64 number;

    g_strstrip(text);
    if (is_named(node, "int") || is_named(node, "i4") || is_named(node, "i8")) {
        if (g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &number, NULL))
            return json_object_new_int64(number);
        *why = "an integer is none";
        return NULL;
    }
    if (is_named(node, "double"))
        return json_object_new_double(g_ascii_strtod(text, NULL));
    if (is_named(node, "boolean") && (strcmp(text, "0") == 0 || strcmp(text, "1") == 0))
        return json_object_new_boolean(text[0] == '1');
    if (!is_named(node, "nil"))
        *why = "a value has a type that is not known";
    return NULL;
}

static json_object *
value_of(const xmlNode *node, guint depth, const char **why)
{
    g_autofree char *text = NULL;

    if (depth > AGENT_MAX_DEPTH) {
        *why = "values are nested too deeply";
        return NULL;
    }
    for (const xmlNode *n = node->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE)
            continue;
        if (is_named(n, "struct"))
            return struct_of(n, depth, why);
        if (is_named(n, "array"))
            return array_of(n, depth, why);
        if (!is_named(n, "string"))
            return scalar_of(n, why);
        text = text_of(n);
        return json_object_new_string(text);
    }
    text = text_of(node);
    return json_object_new_string(text);
}

/* One struct with the named parameters; several that have places are an array. */
static json_object *
params_of(const xmlNode *params, const char **why)
{
    g_autoptr(json_object) all = json_object_new_array();
    json_object *first;

    for (const xmlNode *n = params ? params->children : NULL; n && !*why; n = n->next) {
        const xmlNode *value = n->type == XML_ELEMENT_NODE && is_named(n, "param")
                                   ? child(n, "value")
                                   : NULL;

        if (value)
            json_object_array_add(all, value_of(value, 0, why));
    }
    if (json_object_array_length(all) == 0)
        return json_object_new_object();
    first = json_object_array_get_idx(all, 0);
    return json_object_get(json_object_is_type(first, json_type_object) ||
                                   json_object_array_length(all) == 1
                               ? first
                               : all);
}

static gboolean
read_call(const xmlNode *root, char **method, json_object **args, const char **why)
{
    const xmlNode *name =
        root && is_named(root, "methodCall") ? child(root, "methodName") : NULL;

    if (name == NULL) {
        *why = "not a methodCall with a methodName";
        return FALSE;
    }
    *args = params_of(child(root, "params"), why);
    if (*why) {
        json_object_put(*args);
        *args = NULL;
        return FALSE;
    }
    *method = g_strstrip(text_of(name));
    return TRUE;
}

gboolean
xml_call(
    const char *text, gsize size, char **method, json_object **args, const char **why)
{
    xmlDoc *document = xmlReadMemory(text,
                                     (int)MIN(size, G_MAXINT),
                                     NULL,
                                     NULL,
                                     XML_PARSE_NONET | XML_PARSE_NOERROR |
                                         XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    gboolean ok = FALSE;

    *why = NULL;
    if (document == NULL)
        *why = "not well-formed XML";
    else if (document->intSubset)
        *why = "a document type is not accepted";
    else
        ok = read_call(xmlDocGetRootElement(document), method, args, why);
    xmlFreeDoc(document);
    return ok;
}

/* --- writing --------------------------------------------------------------------------
 */

static void
put_text(GString *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '<')
            g_string_append(out, "&lt;");
        else if (*c == '>')
            g_string_append(out, "&gt;");
        else if (*c == '&')
            g_string_append(out, "&amp;");
        else if ((guchar)*c >= 0x20 || *c == '\t' || *c == '\n' || *c == '\r')
            g_string_append_c(out, *c);
    }
}

static void put_value(GString *out, json_object *value);

static void
put_struct(GString *out, json_object *object)
{
    g_string_append(out, "<struct>");
    json_object_object_foreach(object, key, value)
    {
        g_string_append(out, "<member><name>");
        put_text(out, key);
        g_string_append(out, "</name>");
        put_value(out, value);
        g_string_append(out, "</member>");
    }
    g_string_append(out, "</struct>");
}

static void
put_array(GString *out, json_object *array)
{
    g_string_append(out, "<array><data>");
    for (gsize i = 0; i < json_object_array_length(array); i++)
        put_value(out, json_object_array_get_idx(array, i));
    g_string_append(out, "</data></array>");
}

static void
put_double(GString *out, double number)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    g_string_append_printf(
        out, "<double>%s</double>", g_ascii_formatd(text, sizeof text, "%.16g", number));
}

/* i8 only where i4 is too small: Python takes int for both. */
static void
put_integer(GString *out, gint64 number)
{
    const char *tag = number < G_MININT32 || number > G_MAXINT32 ? "i8" : "int";

    g_string_append_printf(out, "<%s>%" G_GINT64_FORMAT "</%s>", tag, number, tag);
}

static void
put_value(GString *out, json_object *value)
{
    g_string_append(out, "<value>");
    switch (json_object_get_type(value)) {
    case json_type_null:
        g_string_append(out, "<nil/>");
        break;
    case json_type_boolean:
        g_string_append_printf(
            out, "<boolean>%d</boolean>", json_object_get_boolean(value) ? 1 : 0);
        break;
    case json_type_int:
        put_integer(out, json_object_get_int64(value));
        break;
    case json_type_double:
        put_double(out, json_object_get_double(value));
        break;
    case json_type_object:
        put_struct(out, value);
        break;
    case json_type_array:
        put_array(out, value);
        break;
    case json_type_string:
        g_string_append(out, "<string>");
        put_text(out, json_object_get_string(value));
        g_string_append(out, "</string>");
        break;
    }
    g_string_append(out, "</value>");
}

char *
xml_answer(const Call *call, json_object *result)
{
    GString *out = g_string_new("<?xml version=\"1.0\"?><methodResponse><params><param>");
    json_object *object = json_object_new_object();

    json_object_object_add(
        object, "Status", json_object_new_string(call->error ? "Failure" : "Success"));
    if (call->error)
        json_object_object_add(object, "ErrorDescription", json_object_get(call->error));
    else
        json_object_object_add(object, "Value", json_object_get(result));
    put_value(out, object);
    json_object_put(object);
    g_string_append(out, "</param></params></methodResponse>");
    return g_string_free(out, FALSE);
}
