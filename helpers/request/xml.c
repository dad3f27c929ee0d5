/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include "request/xml.h"

#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <string.h>

#include "base/error.h"
#include "request/xml-private.h"

#define ONE_NAMESPACE "http://opennebula.org/xmlns/libvirt/1.0"
#define S(text) ((const xmlChar *)(text))

struct DrvXml {
    xmlDoc *doc;
    xmlXPathContext *xpath;
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlXPathObject, xmlXPathFreeObject)

static DrvXml *
wrap(xmlDoc *doc)
{
    DrvXml *xml = g_new0(DrvXml, 1);
    xmlNode *root = xmlDocGetRootElement(doc);

    xml->doc = doc;
    xml->xpath = xmlXPathNewContext(doc);
    xmlXPathRegisterNs(xml->xpath, S("one"), S(ONE_NAMESPACE));
    for (xmlNs *ns = root ? root->nsDef : NULL; ns; ns = ns->next) {
        if (ns->prefix)
            xmlXPathRegisterNs(xml->xpath, ns->prefix, ns->href);
    }
    return xml;
}

DrvXml *
drv_xml_parse(const char *what, const char *text, gssize size, GError **error)
{
    xmlDoc *doc = drv_xml_read(what, text, size < 0 ? strlen(text) : (gsize)size, error);

    return doc ? wrap(doc) : NULL;
}

DrvXml *
drv_xml_new(const char *root)
{
    xmlDoc *doc = xmlNewDoc(S("1.0"));

    xmlDocSetRootElement(doc, xmlNewNode(NULL, S(root)));
    return wrap(doc);
}

void
drv_xml_free(DrvXml *xml)
{
    if (xml == NULL)
        return;
    xmlXPathFreeContext(xml->xpath);
    xmlFreeDoc(xml->doc);
    g_free(xml);
}

DrvNode *
drv_xml_root(DrvXml *xml)
{
    return xmlDocGetRootElement(xml->doc);
}

void
drv_xml_variable(DrvXml *xml, const char *name, const char *value)
{
    xmlXPathRegisterVariable(xml->xpath, S(name), xmlXPathNewString(S(value)));
}

/* --- looking ---------------------------------------------------------------------------
 */

GPtrArray *
drv_xml_select(DrvXml *xml, DrvNode *from, const char *path, GError **error)
{
    g_autoptr(xmlXPathObject) found = NULL;
    GPtrArray *nodes;

    xml->xpath->node = from ? from : drv_xml_root(xml);
    found = xmlXPathEvalExpression(S(path), xml->xpath);
    if (found == NULL || found->type != XPATH_NODESET) {
        (void)drv_throw(error, DRV_ERROR_FAILED, "bad XPath '%s'", path);
        return NULL;
    }
    nodes = g_ptr_array_new();
    for (int i = 0; found->nodesetval && i < found->nodesetval->nodeNr; i++)
        g_ptr_array_add(nodes, found->nodesetval->nodeTab[i]);
    return nodes;
}

GPtrArray *
drv_xml_all(DrvXml *xml, DrvNode *from, const char *path)
{
    GPtrArray *nodes = drv_xml_select(xml, from, path, NULL);

    g_return_val_if_fail(nodes, g_ptr_array_new());
    return nodes;
}

DrvNode *
drv_xml_first(DrvXml *xml, DrvNode *from, const char *path)
{
    g_autoptr(GPtrArray) nodes = drv_xml_all(xml, from, path);

    return nodes->len > 0 ? g_ptr_array_index(nodes, 0) : NULL;
}

char *
drv_xml_get(DrvXml *xml, DrvNode *from, const char *path)
{
    DrvNode *node = drv_xml_first(xml, from, path);
    g_autofree char *text = node ? drv_xml_node_text(node) : NULL;

    if (text == NULL || *g_strstrip(text) == '\0')
        return NULL;
    return g_steal_pointer(&text);
}

char *
drv_xml_text(DrvXml *xml, DrvNode *from, const char *path)
{
    char *text = drv_xml_get(xml, from, path);

    return text ? text : g_strdup("");
}

gboolean
drv_xml_has(DrvXml *xml, DrvNode *from, const char *path)
{
    return drv_xml_first(xml, from, path) != NULL;
}

char *
drv_xml_node_text(DrvNode *node)
{
    xmlChar *content = xmlNodeGetContent(node);
    char *text = g_strdup(content ? (const char *)content : "");

    xmlFree(content);
    return text;
}

const char *
drv_xml_node_name(const DrvNode *node)
{
    return (const char *)node->name;
}

/* --- editing ---------------------------------------------------------------------------
 */

DrvNode *
drv_xml_node_add(DrvNode *parent, const char *name, const char *text)
{
    /* xmlNewTextChild escapes, xmlNewChild would not. */
    return xmlNewTextChild(parent, NULL, S(name), S(text));
}

void
drv_xml_node_set(DrvNode *node, const char *name, const char *value)
{
    if (value && *value)
        xmlSetProp(node, S(name), S(value));
}

void
drv_xml_node_setf(DrvNode *node, const char *name, const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list args;

    va_start(args, format);
    value = g_strdup_vprintf(format, args);
    va_end(args);
    drv_xml_node_set(node, name, value);
}

void
drv_xml_node_set_text(DrvNode *node, const char *text)
{
    if (node->type == XML_ATTRIBUTE_NODE) {
        xmlSetProp(node->parent, node->name, S(text));
        return;
    }
    xmlNodeSetContent(node, NULL);
    xmlNodeAddContent(node, S(text)); /* this one escapes */
}

void
drv_xml_node_remove(DrvNode *node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

DrvNode *
drv_xml_node_add_copy(DrvNode *parent, DrvNode *node)
{
    return xmlAddChild(parent, xmlDocCopyNode(node, parent->doc, 1));
}

/* --- writing ---------------------------------------------------------------------------
 */

char *
drv_xml_node_to_text(DrvNode *node)
{
    xmlBuffer *buffer = xmlBufferCreate();
    char *text;

    xmlNodeDump(buffer, node->doc, node, 0, 0);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

char *
drv_xml_to_text(DrvXml *xml)
{
    return drv_xml_node_to_text(drv_xml_root(xml));
}
