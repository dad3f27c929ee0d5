/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/disk.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "request/xml.h"

void
drv_disk_free(DrvDisk *disk)
{
    if (disk == NULL)
        return;
    g_free(disk->target);
    g_free(disk->device);
    g_free(disk->type);
    g_free(disk->source);
    g_free(disk->format);
    g_free(disk);
}

static void
free_element(gpointer disk)
{
    drv_disk_free(disk);
}

static char *
text_or(DrvXml *xml, DrvNode *node, const char *path, const char *fallback)
{
    char *text = drv_xml_get(xml, node, path);

    return text ? text : g_strdup(fallback);
}

static DrvDisk *
read_disk(DrvXml *xml, DrvNode *node)
{
    DrvDisk *disk = g_new0(DrvDisk, 1);

    disk->target = drv_xml_text(xml, node, "target/@dev");
    disk->device = text_or(xml, node, "@device", "disk");
    disk->type = text_or(xml, node, "@type", "file");
    disk->format = text_or(xml, node, "driver/@type", "raw");
    disk->source = drv_xml_text(
        xml, node, "source/@file | source/@dev | source/@dir | source/@name");
    disk->readonly = drv_xml_has(xml, node, "readonly");
    return disk;
}

GPtrArray *
drv_disk_list(DrvDomain *domain, GError **error)
{
    g_autofree char *text = drv_domain_xml(domain, FALSE, error);
    g_autoptr(DrvXml) xml =
        text ? drv_xml_parse("the domain's XML", text, -1, error) : NULL;
    g_autoptr(GPtrArray) nodes = NULL;
    GPtrArray *disks;

    if (xml == NULL)
        return NULL;
    nodes = drv_xml_all(xml, NULL, "/domain/devices/disk");
    disks = g_ptr_array_new_with_free_func(free_element);
    for (guint i = 0; i < nodes->len; i++)
        g_ptr_array_add(disks, read_disk(xml, g_ptr_array_index(nodes, i)));
    return disks;
}

DrvDisk *
drv_disk_find(DrvDomain *domain, const char *target, GError **error)
{
    g_autoptr(GPtrArray) disks = drv_disk_list(domain, error);

    if (disks == NULL)
        return NULL;
    for (guint i = 0; i < disks->len; i++) {
        DrvDisk *disk = g_ptr_array_index(disks, i);

        if (strcmp(disk->target, target) == 0)
            return g_ptr_array_steal_index(disks, i);
    }
    (void)drv_throw(error,
                    DRV_ERROR_FAILED,
                    "domain '%s' has no disk '%s'",
                    drv_domain_id(domain),
                    target);
    return NULL;
}

char *
drv_disk_chain_name(
    DrvDomain *domain, const char *target, guint depth, char **file, GError **error)
{
    g_autofree char *text = drv_domain_xml(domain, FALSE, error);
    g_autoptr(DrvXml) xml =
        text ? drv_xml_parse("the domain's XML", text, -1, error) : NULL;
    g_autofree char *index = NULL;
    DrvNode *node;

    if (xml == NULL)
        return NULL;
    drv_xml_variable(xml, "target", target);
    node = drv_xml_first(xml, NULL, "/domain/devices/disk[target/@dev=$target]");
    for (guint i = 0; node && i < depth; i++)
        node = drv_xml_first(xml, node, "backingStore[source]");
    index = node ? drv_xml_get(xml, node, depth ? "@index" : "source/@index") : NULL;
    if (index && file)
        *file = drv_xml_text(xml, node, "source/@file | source/@dev");
    if (index)
        return g_strdup_printf("%s[%s]", target, index);
    (void)drv_throw(error,
                    DRV_ERROR_FAILED,
                    "disk '%s' of domain '%s' has no %u backing files",
                    target,
                    drv_domain_id(domain),
                    depth);
    return NULL;
}
