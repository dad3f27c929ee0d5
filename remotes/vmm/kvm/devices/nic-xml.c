/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/kvm/devices/nic-xml.h"

#include <string.h>

#include "base/action.h"
#include "base/error.h"

#define VHOST_SOCKETS "/var/run/one/vhost-socks"

char *
kvm_nic_value(const KvmNicFacts *facts, const char *name)
{
    return facts->device ? drv_xml_get(facts->document, facts->device, name) : NULL;
}

void
kvm_nic_find(KvmNicFacts *facts)
{
    facts->device = drv_xml_first(facts->document, NULL, "VM/TEMPLATE/PCI[ATTACH='YES']");
    facts->is_pci = facts->device != NULL;
    if (!facts->is_pci)
        facts->device =
            drv_xml_first(facts->document, NULL, "VM/TEMPLATE/NIC[ATTACH='YES']");
}

/* A value of NIC, else a word of argv ("-" and "" are none); caller frees. */
static char *
value_or(const KvmNicFacts *facts, const char *name, const char *word)
{
    char *value = kvm_nic_value(facts, name);

    if (value || *word == '\0' || strcmp(word, "-") == 0)
        return value;
    return g_strdup(word);
}

typedef enum { NIC_BRIDGE, NIC_OPENVSWITCH, NIC_DPDK, NIC_ETHERNET } NicKind;

/* Releases differ in what they call an Open vSwitch. */
static NicKind
kind_of(const KvmNicFacts *facts, const char *bridge)
{
    g_autofree char *type = kvm_nic_value(facts, "BRIDGE_TYPE");
    g_autofree char *mode = kvm_nic_value(facts, "NETWORK_MODE");
    g_autofree char *vn_mad = value_or(facts, "VN_MAD", facts->request->vn_mad);
    gboolean new = drv_release_at_least(drv_action_release(), 7, 1, 0);

    if (bridge == NULL || g_strcmp0(mode, "dummy") == 0)
        return NIC_ETHERNET;
    if (new &&g_strcmp0(type, "openvswitch_dpdk") == 0)
        return NIC_DPDK;
    if (type ? (new ? strcmp(type, "openvswitch") == 0
                    : g_str_has_prefix(type, "openvswitch"))
             : vn_mad && g_str_has_prefix(vn_mad, "ovswitch"))
        return NIC_OPENVSWITCH;
    return NIC_BRIDGE;
}

static gboolean
add_source(
    NicKind kind, DrvNode *nic, const char *bridge, const char *target, GError **error)
{
    static const char *const types[] = { "bridge", "bridge", "vhostuser", "ethernet" };
    DrvNode *source;

    drv_xml_node_set(nic, "type", types[kind]);
    if (kind == NIC_ETHERNET)
        return TRUE;
    source = drv_xml_node_add(nic, "source", NULL);
    if (kind == NIC_DPDK) {
        if (target == NULL || strchr(target, '/'))
            return drv_throw(error, DRV_ERROR_DUMP, "the interface has no target");
        drv_xml_node_set(source, "type", "unix");
        drv_xml_node_setf(source, "path", "%s/%s", VHOST_SOCKETS, target);
        drv_xml_node_set(source, "mode", "server");
        return TRUE;
    }
    drv_xml_node_set(source, "bridge", bridge);
    if (kind == NIC_OPENVSWITCH)
        drv_xml_node_set(
            drv_xml_node_add(nic, "virtualport", NULL), "type", "openvswitch");
    return TRUE;
}

static void
add_model(const KvmNicFacts *facts, DrvNode *nic)
{
    g_autofree char *own = value_or(facts, "MODEL", facts->request->model);
    const char *model =
        own ? own : drv_config_get(facts->config, "DEFAULT_ATTACH_NIC_MODEL", NULL);
    g_autofree char *queues = kvm_nic_value(facts, "VIRTIO_QUEUES");
    DrvNode *driver;

    if (model == NULL)
        return;
    drv_xml_node_set(drv_xml_node_add(nic, "model", NULL), "type", model);
    if (queues == NULL || strcmp(model, "virtio") != 0)
        return;
    if (g_ascii_strcasecmp(queues, "auto") == 0) {
        g_free(queues);
        queues = drv_xml_get(facts->document, NULL, "VM/TEMPLATE/VCPU");
    }
    driver = drv_xml_node_add(nic, "driver", NULL);
    drv_xml_node_set(driver, "name", "vhost");
    drv_xml_node_set(driver, "queues", queues);
}

static void
add_filter(const KvmNicFacts *facts, DrvNode *nic)
{
    static const char *const parameters[] = { "IP", "VROUTER_IP" };
    g_autofree char *own = kvm_nic_value(facts, "FILTER");
    g_autofree char *ip = kvm_nic_value(facts, "IP");
    const char *filter =
        own ? own : drv_config_get(facts->config, "DEFAULT_ATTACH_NIC_FILTER", NULL);
    DrvNode *reference;

    if (filter == NULL || ip == NULL)
        return;
    reference = drv_xml_node_add(nic, "filterref", NULL);
    drv_xml_node_set(reference, "filter", filter);
    for (guint i = 0; i < G_N_ELEMENTS(parameters); i++) {
        g_autofree char *value = kvm_nic_value(facts, parameters[i]);
        DrvNode *parameter;

        if (value == NULL)
            continue;
        parameter = drv_xml_node_add(reference, "parameter", NULL);
        drv_xml_node_set(parameter, "name", "IP");
        drv_xml_node_set(parameter, "value", value);
    }
}

static void
add_bandwidth(const KvmNicFacts *facts, DrvNode *nic)
{
    static const char *const ways[] = { "inbound", "outbound" };
    static const char *const limits[][2] = { { "average", "AVG_BW" },
                                             { "peak", "PEAK_BW" },
                                             { "burst", "PEAK_KB" } };
    DrvNode *bandwidth = drv_xml_node_add(nic, "bandwidth", NULL);
    gboolean any = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *prefix = g_ascii_strup(ways[i], -1);
        g_autofree char *average_name = g_strconcat(prefix, "_AVG_BW", NULL);
        g_autofree char *average = kvm_nic_value(facts, average_name);
        DrvNode *way;

        if (average == NULL)
            continue;
        any = TRUE;
        way = drv_xml_node_add(bandwidth, ways[i], NULL);
        for (guint j = 0; j < G_N_ELEMENTS(limits); j++) {
            g_autofree char *name = g_strconcat(prefix, "_", limits[j][1], NULL);
            g_autofree char *value = kvm_nic_value(facts, name);

            drv_xml_node_set(way, limits[j][0], value);
        }
    }
    if (!any)
        drv_xml_node_remove(bandwidth);
}

char *
kvm_nic_xml(const KvmNicFacts *facts, GError **error)
{
    g_autoptr(DrvXml) xml = drv_xml_new("interface");
    DrvNode *nic = drv_xml_root(xml);
    g_autofree char *bridge = value_or(facts, "BRIDGE", facts->request->bridge);
    g_autofree char *target = value_or(facts, "TARGET", facts->request->target);
    g_autofree char *mac = value_or(facts, "MAC", facts->request->mac);
    g_autofree char *script = kvm_nic_value(facts, "SCRIPT");
    g_autofree char *order = kvm_nic_value(facts, "ORDER");

    if (!add_source(kind_of(facts, bridge), nic, bridge, target, error))
        return NULL;
    if (mac)
        drv_xml_node_set(drv_xml_node_add(nic, "mac", NULL), "address", mac);
    if (script)
        drv_xml_node_set(drv_xml_node_add(nic, "script", NULL), "path", script);
    if (target)
        drv_xml_node_set(drv_xml_node_add(nic, "target", NULL), "dev", target);
    if (order)
        drv_xml_node_set(drv_xml_node_add(nic, "boot", NULL), "order", order);
    add_model(facts, nic);
    add_filter(facts, nic);
    add_bandwidth(facts, nic);
    return drv_xml_to_text(xml);
}
