/* SPDX-License-Identifier: Apache-2.0 */
/* request/xml.h - XML documents that are looked into, edited and made: domains, devices.
 *
 *     g_autoptr(DrvXml) domain = drv_xml_parse("the domain's XML", text, -1, error);
 *     g_autoptr(GPtrArray) disks = drv_xml_all(domain, NULL, "/domain/devices/disk");
 *     g_autofree char *file = drv_xml_get(domain, disk, "source/@file");
 *
 * Expressions are XPath 1.0; @from is where relative ones start (NULL: the root element).
 * Values of users never stand in an expression: give them a name by drv_xml_variable().
 * Nodes belong to their document and live as long as it, unless removed.  Prefixes in
 * expressions are those of the root element and "one" for OpenNebula's metadata.
 *
 * Parsed without network, entities, external files; a document type declaration is
 * refused.  DRV_ERROR_DUMP.
 */
#pragma once

#include <glib.h>

typedef struct DrvXml DrvXml;
typedef struct _xmlNode DrvNode;

/* Parse @size bytes (-1: up to the NUL); @what is for messages ("the domain's XML"). */
DrvXml *drv_xml_parse(const char *what, const char *text, gssize size, GError **error);
/* A new document with the empty root element @root. */
DrvXml *drv_xml_new(const char *root);
void drv_xml_free(DrvXml *xml);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvXml, drv_xml_free)

DrvNode *drv_xml_root(DrvXml *xml);
void drv_xml_variable(DrvXml *xml, const char *name, const char *value);

/* The first node or NULL; all nodes (borrowed elements, free the array). */
DrvNode *drv_xml_first(DrvXml *xml, DrvNode *from, const char *path);
GPtrArray *drv_xml_all(DrvXml *xml, DrvNode *from, const char *path);

/* The same of a @path that may be wrong: NULL with @error then.  In the other functions,
 * a wrong one is a mistake of the program.
 */
GPtrArray *drv_xml_select(DrvXml *xml, DrvNode *from, const char *path, GError **error);

/* Text of the first node @path selects (element or attribute), spaces around it taken
 * off; NULL when there is none or it is empty.  Caller frees.
 */
char *drv_xml_get(DrvXml *xml, DrvNode *from, const char *path);
/* The same, never NULL. */
char *drv_xml_text(DrvXml *xml, DrvNode *from, const char *path);
gboolean drv_xml_has(DrvXml *xml, DrvNode *from, const char *path);

/* All the text in a node, as it is; caller frees. */
char *drv_xml_node_text(DrvNode *node);
/* Name of an element; borrowed. */
const char *drv_xml_node_name(const DrvNode *node);

/* Append a new element; its text when @text is not NULL. */
DrvNode *drv_xml_node_add(DrvNode *parent, const char *name, const char *text);
/* Set an attribute; with a @value of NULL or "" nothing happens. */
void drv_xml_node_set(DrvNode *node, const char *name, const char *value);
void drv_xml_node_setf(DrvNode *node, const char *name, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* Replace the content of an element, attribute or text node. */
void drv_xml_node_set_text(DrvNode *node, const char *text);
void drv_xml_node_remove(DrvNode *node);
/* Append a deep copy of @node, which may be of another document. */
DrvNode *drv_xml_node_add_copy(DrvNode *parent, DrvNode *node);

/* The element or the whole document as text; caller frees. */
char *drv_xml_node_to_text(DrvNode *node);
char *drv_xml_to_text(DrvXml *xml);
