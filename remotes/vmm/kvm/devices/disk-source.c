/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "request/request.h"
#include "vmm/kvm/devices/disk-xml.h"
#include "vmm/kvm/domain/deploy-xml.h"

/* What a disk's type means to libvirt (virtual machine protocol, section 2.4). */
typedef struct {
    const char *type;     /* TYPE in lower case, without "_cdrom" */
    const char *protocol; /* NULL: a path on this host */
    const char *hosts;    /* blank-separated host[:port] */
    const char *transport;
    const char *port; /* when a host has none; as front-ends write it */
} Network;

static const Network networks[] = {
    { "rbd", "rbd", "CEPH_HOST", NULL, "6789" },
    { "iscsi", "iscsi", "ISCSI_HOST", NULL, "3260" },
    { "gluster", "gluster", "GLUSTER_HOST", "tcp", "24007" },
    { "sheepdog", "sheepdog", "SHEEPDOG_HOST", "tcp", NULL },
};

static const Network *
find_network(const char *type)
{
    for (guint i = 0; i < G_N_ELEMENTS(networks); i++) {
        if (strcmp(networks[i].type, type) == 0)
            return &networks[i];
    }
    return NULL;
}

gboolean
kvm_disk_is_yes(const KvmDiskFacts *facts, const char *name)
{
    g_autofree char *value = kvm_disk_value(facts, name);

    return value && g_ascii_strcasecmp(value, "yes") == 0;
}

/* SOURCE-VM-DISK for a clone, or what has no image; else SOURCE. */
static char *
image_name(const KvmDiskFacts *facts, const char *base)
{
    g_autofree char *source = kvm_disk_value(facts, "SOURCE");
    g_autofree char *id = kvm_disk_value(facts, "DISK_ID");

    if (source && !kvm_disk_is_yes(facts, "CLONE"))
        return g_strdup(source);
    return g_strdup_printf(
        "%s-%s-%s", source ? source : base, facts->vm_id, id ? id : "0");
}

static char *
rbd_name(const KvmDiskFacts *facts)
{
    g_autofree char *pool = kvm_disk_value(facts, "POOL_NAME");
    g_autofree char *base = g_strdup_printf("%s/one-sys", pool ? pool : "one");

    return image_name(facts, base);
}

static char *
gluster_name(const KvmDiskFacts *facts)
{
    g_autofree char *volume = kvm_disk_value(facts, "GLUSTER_VOLUME");
    g_autofree char *source = kvm_disk_value(facts, "SOURCE");
    g_autofree char *name = g_path_get_basename(source ? source : "");
    g_autofree char *id = kvm_disk_value(facts, "DISK_ID");

    if (kvm_disk_is_yes(facts, "CLONE"))
        return g_strdup_printf("%s/%s/disk.%s", volume, facts->vm_id, id ? id : "0");
    return g_strdup_printf("%s/%s", volume, name);
}

static char *
iscsi_name(const KvmDiskFacts *facts)
{
    char *iqn = kvm_disk_value(facts, "ISCSI_IQN");

    return iqn ? iqn : kvm_disk_value(facts, "SOURCE");
}

static char *
network_name(const KvmDiskFacts *facts, const Network *network)
{
    if (strcmp(network->type, "rbd") == 0)
        return rbd_name(facts);
    if (strcmp(network->type, "gluster") == 0)
        return gluster_name(facts);
    if (strcmp(network->type, "iscsi") == 0)
        return iscsi_name(facts);
    return image_name(facts, "");
}

static void
add_hosts(const KvmDiskFacts *facts, const Network *network, DrvNode *source)
{
    g_autofree char *text = kvm_disk_value(facts, network->hosts);
    g_auto(GStrv) hosts = g_strsplit_set(text ? text : "", " \t\n", -1);

    for (guint i = 0; hosts[i]; i++) {
        /* "[::1]:3260": the colon that counts is the last, behind the bracket. */
        char *colon = strrchr(hosts[i], ':');
        DrvNode *host;

        if (*hosts[i] == '\0')
            continue;
        if (colon && strchr(colon, ']'))
            colon = NULL;
        host = drv_xml_node_add(source, "host", NULL);
        if (colon)
            *colon = '\0';
        if (*hosts[i] == '[' && g_str_has_suffix(hosts[i], "]"))
            hosts[i][strlen(hosts[i]) - 1] = '\0'; /* libvirt adds them itself */
        drv_xml_node_set(host, "name", hosts[i] + (*hosts[i] == '['));
        drv_xml_node_set(host, "port", colon ? colon + 1 : network->port);
        drv_xml_node_set(host, "transport", network->transport);
    }
}

static void
add_auth(const KvmDiskFacts *facts, const Network *network, DrvNode *device)
{
    gboolean rbd = strcmp(network->type, "rbd") == 0;
    g_autofree char *user = kvm_disk_value(facts, rbd ? "CEPH_USER" : "ISCSI_USER");
    g_autofree char *secret = kvm_disk_value(facts, rbd ? "CEPH_SECRET" : "ISCSI_USAGE");
    DrvNode *auth, *node;

    if (network->transport || user == NULL || secret == NULL)
        return;
    auth = drv_xml_node_add(device, "auth", NULL);
    drv_xml_node_set(auth, "username", user);
    node = drv_xml_node_add(auth, "secret", NULL);
    drv_xml_node_set(node, "type", rbd ? "ceph" : "iscsi");
    drv_xml_node_set(node, rbd ? "uuid" : "usage", secret);
}

static void
network_source(const KvmDiskFacts *facts, const Network *network, DrvNode *device)
{
    g_autofree char *name = network_name(facts, network);
    DrvNode *source = drv_xml_node_add(device, "source", NULL);

    drv_xml_node_set(device, "type", "network");
    drv_xml_node_set(source, "protocol", network->protocol);
    drv_xml_node_set(source, "name", name);
    add_hosts(facts, network, source);
    add_auth(facts, network, device);
}

void
kvm_disk_source(const KvmDiskFacts *facts, DrvNode *device)
{
    g_autofree char *type = kvm_disk_value(facts, "TYPE");
    g_autofree char *disk_type = kvm_disk_value(facts, "DISK_TYPE");
    g_autofree char *lower = g_ascii_strdown(type ? type : "file", -1);
    g_autofree char *kind = g_ascii_strdown(disk_type ? disk_type : "", -1);
    char *suffix = strstr(lower, "_cdrom");
    g_autofree char *linked = kvm_link_target(facts->path);
    const Network *network;
    gboolean block;

    if (suffix)
        *suffix = '\0';
    network = find_network(lower);
    /* A volatile disk (fs, swap) or a file may lie in such storage, too. */
    if (network == NULL && strcmp(lower, "block") != 0 && strcmp(lower, "cdrom") != 0)
        network = find_network(kind);
    if (network) {
        network_source(facts, network, device);
        return;
    }
    block = strcmp(lower, "block") == 0 || strcmp(kind, "block") == 0;
    drv_xml_node_set(device, "type", block ? "block" : "file");
    drv_xml_node_set(drv_xml_node_add(device, "source", NULL),
                     block ? "dev" : "file",
                     linked && !block ? linked : facts->path);
}
