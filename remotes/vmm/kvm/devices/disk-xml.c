/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/kvm/devices/disk-xml.h"

#include <string.h>

#define SERIAL_CHARS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._"

char *
kvm_disk_value(const KvmDiskFacts *facts, const char *name)
{
    return drv_xml_get(facts->document, facts->disk, name);
}

char *
kvm_disk_setting(const KvmDiskFacts *facts, const char *name)
{
    g_autofree char *key = g_strconcat("DEFAULT_ATTACH_", name, NULL);
    char *value = kvm_disk_value(facts, name);

    return value ? value : g_strdup(drv_config_get(facts->config, key, NULL));
}

gboolean
kvm_disk_is_cdrom(const KvmDiskFacts *facts)
{
    g_autofree char *type = kvm_disk_value(facts, "TYPE");

    return type && (g_ascii_strcasecmp(type, "cdrom") == 0 ||
                    (strlen(type) > 6 &&
                     g_ascii_strcasecmp(type + strlen(type) - 6, "_cdrom") == 0));
}

/* "auto" queues: one per CPU of the guest. */
static char *
queues_of(const KvmDiskFacts *facts)
{
    g_autofree char *own = kvm_disk_value(facts, "VIRTIO_BLK_QUEUES");
    g_autofree char *features =
        drv_xml_get(facts->document, NULL, "VM/TEMPLATE/FEATURES/VIRTIO_BLK_QUEUES");
    const char *queues = own ? own : features;

    if (queues == NULL)
        queues = drv_config_get(facts->config, "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES", NULL);
    if (queues && g_ascii_strcasecmp(queues, "auto") == 0)
        return drv_xml_get(facts->document, NULL, "VM/TEMPLATE/VCPU");
    return g_strdup(queues);
}

static guint64
number_of(const char *text)
{
    guint64 n;

    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT, &n, NULL) ? n : 0;
}

/* The thread asked for, or in turn. */
static guint64
iothread_of(const KvmDiskFacts *facts)
{
    g_autofree char *own = kvm_disk_value(facts, "IOTHREAD");
    g_autofree char *id = kvm_disk_value(facts, "DISK_ID");
    guint64 wanted = number_of(
        own ? own
            : drv_config_get(facts->config, "DEFAULT_ATTACH_VIRTIO_BLK_IOTHREAD", NULL));

    if (facts->iothreads == 0)
        return 0;
    if (wanted > 0)
        return MIN(wanted, facts->iothreads);
    return number_of(id) % facts->iothreads + 1;
}

static void
add_driver(const KvmDiskFacts *facts, DrvNode *device)
{
    DrvNode *driver = drv_xml_node_add(device, "driver", NULL);
    g_autofree char *format = kvm_disk_value(facts, "DRIVER");
    g_autofree char *cache = kvm_disk_setting(facts, "CACHE");
    g_autofree char *io = kvm_disk_setting(facts, "IO");
    g_autofree char *discard = kvm_disk_setting(facts, "DISCARD");
    g_autofree char *queues = queues_of(facts);
    guint64 iothread = iothread_of(facts);

    drv_xml_node_set(driver, "name", "qemu");
    drv_xml_node_set(
        driver, "type", format && !kvm_disk_is_cdrom(facts) ? format : "raw");
    drv_xml_node_set(driver, "cache", cache ? cache : "default");
    drv_xml_node_set(driver, "io", io);
    drv_xml_node_set(driver, "discard", discard);
    if (!g_str_has_prefix(facts->target, "vd"))
        return;
    drv_xml_node_set(driver, "queues", queues);
    if (iothread > 0)
        drv_xml_node_setf(driver, "iothread", "%" G_GUINT64_FORMAT, iothread);
}

static void
add_encryption(const KvmDiskFacts *facts, DrvNode *device)
{
    g_autofree char *uuid = kvm_disk_value(facts, "LUKS_SECRET");
    DrvNode *encryption, *secret;

    if (uuid == NULL)
        return;
    encryption = drv_xml_node_add(device, "encryption", NULL);
    drv_xml_node_set(encryption, "format", "luks");
    secret = drv_xml_node_add(encryption, "secret", NULL);
    drv_xml_node_set(secret, "type", "passphrase");
    drv_xml_node_set(secret, "uuid", uuid);
}

static void
add_serial(const KvmDiskFacts *facts, DrvNode *device)
{
    g_autofree char *serial = kvm_disk_value(facts, "SERIAL");
    g_autoptr(GString) kept = g_string_new(NULL);

    for (const char *at = serial; at && *at; at++) {
        if (strchr(SERIAL_CHARS, *at))
            g_string_append_c(kept, *at);
    }
    if (kept->len > 0)
        (void)drv_xml_node_add(device, "serial", kept->str);
}

char *
kvm_disk_xml(const KvmDiskFacts *facts)
{
    g_autoptr(DrvXml) xml = drv_xml_new("disk");
    DrvNode *device = drv_xml_root(xml);
    g_autofree char *order = kvm_disk_value(facts, "ORDER");

    drv_xml_node_set(device, "device", kvm_disk_is_cdrom(facts) ? "cdrom" : "disk");
    add_driver(facts, device);
    kvm_disk_source(facts, device);
    kvm_disk_target(facts, device);
    if (order)
        drv_xml_node_set(drv_xml_node_add(device, "boot", NULL), "order", order);
    if (kvm_disk_is_yes(facts, "READONLY"))
        (void)drv_xml_node_add(device, "readonly", NULL);
    if (kvm_disk_is_yes(facts, "SHAREABLE"))
        (void)drv_xml_node_add(device, "shareable", NULL);
    add_encryption(facts, device);
    kvm_disk_iotune(facts, device);
    kvm_disk_address(facts, device);
    add_serial(facts, device);
    return drv_xml_to_text(xml);
}
