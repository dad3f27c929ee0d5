/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/vm-xml.h"

#include <string.h>

#include "agent/common/json.h"
#include "base/error.h"
#include "request/xml.h"

/* The element @name of the domain, made if missing. */
static DrvNode *
child(DrvXml *xml, const char *name)
{
    g_autofree char *path = g_strdup_printf("/domain/%s", name);
    DrvNode *node = drv_xml_first(xml, NULL, path);

    return node ? node : drv_xml_node_add(drv_xml_root(xml), name, NULL);
}

static void
drop(DrvXml *xml, const char *path)
{
    g_autoptr(GPtrArray) nodes = drv_xml_all(xml, NULL, path);

    for (guint i = 0; i < nodes->len; i++)
        drv_xml_node_remove(g_ptr_array_index(nodes, i));
}

static void
set_memory(DrvXml *xml, gint64 kib)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, kib);

    drop(xml, "/domain/memory|/domain/currentMemory");
    drv_xml_node_set(child(xml, "memory"), "unit", "KiB");
    drv_xml_node_set_text(child(xml, "memory"), text);
}

/* A topology that does not fit any more is libvirt's to choose. */
static void
set_vcpus(DrvXml *xml, gint64 n)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, n);

    drop(xml, "/domain/vcpu|/domain/vcpus|/domain/cpu/topology");
    drv_xml_node_set_text(child(xml, "vcpu"), text);
}

static char *
cpu_set(json_object *cpus)
{
    GString *set = g_string_new(NULL);

    for (gsize i = 0; i < json_size(cpus); i++)
        g_string_append_printf(set,
                               "%s%" G_GINT64_FORMAT,
                               i ? "," : "",
                               json_object_get_int64(json_element(cpus, i)));
    return g_string_free(set, FALSE);
}

static void
set_cpus(DrvXml *xml, json_object *cpus)
{
    DrvNode *tune = child(xml, "cputune");

    drop(xml, "/domain/cputune/vcpupin");
    for (gsize i = 0; i < json_size(cpus); i++) {
        g_autofree char *set = cpu_set(json_element(cpus, i));
        DrvNode *pin = drv_xml_node_add(tune, "vcpupin", NULL);

        drv_xml_node_setf(pin, "vcpu", "%zu", i);
        drv_xml_node_set(pin, "cpuset", set);
    }
}

static DrvXml *
read_domain(const char *text, GError **error)
{
    g_autoptr(DrvXml) xml = drv_xml_parse("'xml'", text, -1, error);

    if (xml == NULL)
        return NULL;
    if (strcmp(drv_xml_node_name(drv_xml_root(xml)), "domain") == 0 &&
        drv_xml_has(xml, NULL, "/domain/name"))
        return g_steal_pointer(&xml);
    (void)drv_throw(error, DRV_ERROR_DUMP, "'xml' is not a libvirt domain with a name");
    return NULL;
}

char *
vm_xml_edit(const char *text,
            gint64 memory_kib,
            gint64 vcpus,
            json_object *cpus,
            char **name,
            char **uuid,
            GError **error)
{
    g_autoptr(DrvXml) xml = read_domain(text, error);

    if (xml == NULL)
        return NULL;
    g_free(*name);
    *name = drv_xml_text(xml, NULL, "/domain/name");
    *uuid = drv_xml_get(xml, NULL, "/domain/uuid");
    if (memory_kib > 0)
        set_memory(xml, memory_kib);
    if (vcpus > 0)
        set_vcpus(xml, vcpus);
    if (cpus)
        set_cpus(xml, cpus);
    return drv_xml_to_text(xml);
}

char *
vm_xml_name(const char *text)
{
    g_autoptr(DrvXml) xml = read_domain(text, NULL);

    return xml ? drv_xml_text(xml, NULL, "/domain/name") : NULL;
}
