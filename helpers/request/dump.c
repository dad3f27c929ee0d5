/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "request/dump.h"

#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "request/xml-private.h"

struct DrvDump {
    xmlDoc *doc;
    xmlXPathContext *xpath;
    gboolean from_stdin;
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlXPathObject, xmlXPathFreeObject)

void
drv_dump_free(DrvDump *dump)
{
    if (dump == NULL)
        return;
    g_clear_pointer(&dump->xpath, xmlXPathFreeContext);
    g_clear_pointer(&dump->doc, xmlFreeDoc);
    g_free(dump);
}

static DrvDump *
parse_xml(const char *xml, gsize size, GError **error)
{
    g_autoptr(DrvDump) dump = g_new0(DrvDump, 1);

    dump->doc = drv_xml_read("the dump", xml, size, error);
    if (dump->doc == NULL)
        return NULL;
    dump->xpath = xmlXPathNewContext(dump->doc);
    return g_steal_pointer(&dump);
}

DrvDump *
drv_dump_parse(const char *data, gsize size, GError **error)
{
    const char *at = data;
    const char *end = data + size;
    g_autofree char *copy = NULL;
    g_autofree guchar *xml = NULL;
    gsize xml_size;

    while (at < end && g_ascii_isspace(*at))
        at++;
    if (at < end && *at == '<')
        return parse_xml(at, (gsize)(end - at), error);
    copy = g_strndup(at, (gsize)(end - at));
    xml = g_base64_decode(copy, &xml_size);
    if (xml_size == 0) {
        (void)drv_throw(error, DRV_ERROR_DUMP, "the dump is empty or not base64");
        return NULL;
    }
    return parse_xml((const char *)xml, xml_size, error);
}

DrvDump *
drv_dump_read_action(int argc, char **argv, const char **id, GError **error)
{
    gboolean in_argv = argc > 2 && strcmp(argv[1], "-") != 0;
    g_autoptr(GString) data = g_string_new(NULL);
    DrvDump *dump;

    if (argc < 2) {
        (void)drv_throw(error, DRV_ERROR_USAGE, "usage: [DUMP] ID < dump");
        return NULL;
    }
    *id = argv[argc > 2 ? 2 : 1];
    if (in_argv)
        return drv_dump_parse(argv[1], strlen(argv[1]), error);
    if (!drv_fd_read_all(STDIN_FILENO, data, 2 * (gsize)DRV_DUMP_MAX, "the dump", error))
        return NULL;
    dump = drv_dump_parse(data->str, data->len, error);
    if (dump)
        dump->from_stdin = TRUE;
    return dump;
}

gboolean
drv_dump_came_from_stdin(const DrvDump *dump)
{
    return dump->from_stdin;
}

void
drv_dump_set_variable(DrvDump *dump, const char *name, const char *text)
{
    xmlXPathRegisterVariable(
        dump->xpath, (const xmlChar *)name, xmlXPathNewString((const xmlChar *)text));
}

static xmlXPathObject *
evaluate(DrvDump *dump, const char *xpath)
{
    dump->xpath->node = xmlDocGetRootElement(dump->doc);
    return xmlXPathEvalExpression((const xmlChar *)xpath, dump->xpath);
}

static char *
text_of(xmlNode *node)
{
    xmlChar *content = xmlNodeGetContent(node);
    char *text = g_strdup((const char *)content);

    xmlFree(content);
    return text;
}

gboolean
drv_dump_value(DrvDump *dump, const char *xpath, char **text, GError **error)
{
    g_auto(GStrv) choices = g_strsplit(xpath, "|", -1);

    *text = NULL;
    for (guint i = 0; choices[i]; i++) {
        g_autoptr(xmlXPathObject) found = evaluate(dump, choices[i]);
        g_autofree char *value = NULL;

        if (found == NULL || found->type != XPATH_NODESET)
            return drv_throw(error, DRV_ERROR_FAILED, "bad XPath '%s'", choices[i]);
        if (xmlXPathNodeSetIsEmpty(found->nodesetval))
            continue;
        value = text_of(found->nodesetval->nodeTab[0]);
        if (value && *g_strstrip(value)) {
            *text = g_steal_pointer(&value);
            return TRUE;
        }
    }
    return TRUE;
}

char **
drv_dump_values(DrvDump *dump, const char *xpath)
{
    g_autoptr(xmlXPathObject) found = evaluate(dump, xpath);
    GPtrArray *values = g_ptr_array_new();
    int n = found && found->nodesetval ? found->nodesetval->nodeNr : 0;

    for (int i = 0; i < n; i++)
        g_ptr_array_add(values, text_of(found->nodesetval->nodeTab[i]));
    g_ptr_array_add(values, NULL);
    return (char **)g_ptr_array_free(values, FALSE);
}

char *
drv_dump_to_text(DrvDump *dump)
{
    xmlChar *xml = NULL;
    int size = 0;
    char *text;

    xmlDocDumpMemoryEnc(dump->doc, &xml, &size, "UTF-8");
    text = g_strndup((const char *)xml, (gsize)size);
    xmlFree(xml);
    return text;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlBuffer, xmlBufferFree)

char *
drv_dump_build(const char *root, const char *const *children)
{
    g_autoptr(xmlDoc) doc = xmlNewDoc((const xmlChar *)"1.0");
    g_autoptr(xmlBuffer) buffer = xmlBufferCreate();
    xmlNode *top = xmlNewNode(NULL, (const xmlChar *)root);

    xmlDocSetRootElement(doc, top);
    for (guint i = 0; children[i] && children[i + 1]; i += 2)
        xmlNewTextChild(
            top, NULL, (const xmlChar *)children[i], (const xmlChar *)children[i + 1]);
    xmlNodeDump(buffer, doc, top, 0, 0);
    return g_strdup((const char *)xmlBufferContent(buffer));
}
