/* SPDX-License-Identifier: Apache-2.0 */
/* VBD, VIF and PCI as libvirt's disk, interface and hostdev. */
#include <string.h>
#include <sys/stat.h>

#include "agent/worker/domain-xml.h"

const char *
device_class(json_object *device)
{
    return drv_json_text(device, "class", "");
}

json_object *
device_record(json_object *device)
{
    return drv_json_member(device, "record");
}

/* An id is [VM, name]. */
const char *
device_name(json_object *device)
{
    json_object *id = drv_json_member(device_record(device), "id");
    json_object *name =
        json_object_is_type(id, json_type_array) ? json_object_array_get_idx(id, 1) : id;

    return json_object_is_type(name, json_type_string) ? json_object_get_string(name)
                                                       : "";
}

/* --- disks -----------------------------------------------------------------------------
 */

/* 0 is "a", 26 is "aa". */
static char *
letters(guint n)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (n++; n > 0; n = (n - 1) / 26)
        g_string_prepend_c(out, (char)('a' + (n - 1) % 26));
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* A name as Linux has it, with Xen's "x" taken off: xvda, vdb, hdc, sdd, fda. */
static char *
target_of_name(const char *name)
{
    const char *at = g_str_has_prefix(name, "xvd") ? name + 1 : name;

    if (strlen(at) >= 3 && strlen(at) <= 5 && strchr("vhsf", at[0]) && at[1] == 'd' &&
        strspn(at + 2, "abcdefghijklmnopqrstuvwxyz") == strlen(at + 2))
        return g_strdup(at);
    return NULL;
}

/* ["Xen", disk, partition], or nested as older ones are. */
static char *
device_target(json_object *device)
{
    static const struct {
        const char *bus, *prefix;
    } buses[] = {
        { "Xen", "vd" }, { "Ide", "hd" }, { "Scsi", "sd" }, { "Floppy", "fd" }
    };
    json_object *position = drv_json_member(device_record(device), "position");
    json_object *disk = NULL;
    const char *bus = agent_json_variant(position, &disk);
    g_autofree char *letter = NULL;

    if (strcmp(device_class(device), "VBD") != 0)
        return NULL;
    if (json_object_is_type(disk, json_type_array))
        disk = json_object_array_get_idx(disk, 0);
    for (guint i = 0; disk && i < G_N_ELEMENTS(buses); i++) {
        if (strcmp(bus, buses[i].bus) != 0)
            continue;
        letter = letters((guint)CLAMP(json_object_get_int(disk), 0, 4095));
        return g_strconcat(buses[i].prefix, letter, NULL);
    }
    return target_of_name(device_name(device));
}

static const char *
bus_of(const char *target)
{
    return *target == 'h'   ? "ide"
           : *target == 's' ? "scsi"
           : *target == 'f' ? "fdc"
                            : "virtio";
}

/* *path NULL: an empty drive. */
static gboolean
backend_path(Job *job, json_object *device, const char **path, GError **error)
{
    json_object *where = NULL;
    json_object *backend = drv_json_member(device_record(device), "backend");
    const char *kind = agent_json_variant(backend, &where);

    *path = NULL;
    if (backend == NULL)
        return TRUE;
    *path =
        json_object_is_type(where, json_type_string) ? json_object_get_string(where) : "";
    if ((strcmp(kind, "Local") == 0 || strcmp(kind, "VDI") == 0) && **path == '/')
        return TRUE;
    return job_fail(job,
                    error,
                    DRV_ERROR_UNSUPPORTED,
                    "Unimplemented",
                    json_object_new_string("a backend that is not a file"),
                    "disk %s: its backend is not the path of a file or block device",
                    device_name(device));
}

/* A format is named and never guessed: a guest can write any header to a raw disk. */
static gboolean
add_disk(Job *job, DrvNode *devices, json_object *device, guint n, GError **error)
{
    json_object *record = device_record(device);
    const char *type = agent_json_variant(drv_json_member(record, "ty"), NULL);
    gboolean cdrom = strcmp(type, "CDROM") == 0;
    gboolean read_only = strcmp(agent_json_variant(drv_json_member(record, "mode"), NULL),
                                "ReadOnly") == 0;
    json_object *extra = drv_json_member(record, "extra_backend_keys");
    g_autofree char *target = device_target(device);
    g_autofree char *letter = letters(n);
    struct stat info;
    const char *path;
    DrvNode *disk, *driver, *node;
    gboolean block;

    if (!backend_path(job, device, &path, error))
        return FALSE;
    block = path && stat(path, &info) == 0 && S_ISBLK(info.st_mode);
    if (target == NULL)
        target = g_strconcat(cdrom ? "hd" : "vd", letter, NULL);
    disk = drv_xml_node_add(devices, "disk", NULL);
    drv_xml_node_set(disk, "type", block ? "block" : "file");
    drv_xml_node_set(disk,
                     "device",
                     cdrom                         ? "cdrom"
                     : strcmp(type, "Floppy") == 0 ? "floppy"
                                                   : "disk");
    driver = drv_xml_node_add(disk, "driver", NULL);
    drv_xml_node_set(driver, "name", "qemu");
    drv_xml_node_set(driver, "type", drv_json_text(extra, "format", "raw"));
    drv_xml_node_set(driver, "cache", drv_json_text(extra, "cache", ""));
    if (path)
        drv_xml_node_set(
            drv_xml_node_add(disk, "source", NULL), block ? "dev" : "file", path);
    node = drv_xml_node_add(disk, "target", NULL);
    drv_xml_node_set(node, "dev", target);
    drv_xml_node_set(node, "bus", bus_of(target));
    if (cdrom || read_only)
        drv_xml_node_add(disk, "readonly", NULL);
    return TRUE;
}

/* --- NICs ------------------------------------------------------------------------------
 */

/* "network:NAME" is a network of libvirt's, "user" needs no rights, else it is a bridge.
 */
static void
add_switch(DrvNode *nic, const char *name)
{
    DrvNode *source;

    if (strcmp(name, "user") == 0) {
        drv_xml_node_set(nic, "type", "user");
        return;
    }
    source = drv_xml_node_add(nic, "source", NULL);
    if (g_str_has_prefix(name, "network:")) {
        drv_xml_node_set(nic, "type", "network");
        drv_xml_node_set(source, "network", name + strlen("network:"));
    } else {
        drv_xml_node_set(nic, "type", "bridge");
        drv_xml_node_set(source, "bridge", name);
    }
}

/* The addresses that a locked NIC may use; libvirt's own filter keeps all else away. */
static void
add_lock(DrvNode *nic, json_object *locked)
{
    static const struct {
        const char *key, *parameter;
    } kinds[] = { { "ipv4", "IP" }, { "ipv6", "IPV6" } };
    DrvNode *filter = drv_xml_node_add(nic, "filterref", NULL);

    drv_xml_node_set(filter, "filter", "clean-traffic");
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        json_object *list = drv_json_member(locked, kinds[i].key);

        for (size_t k = 0; json_object_is_type(list, json_type_array) &&
                           k < json_object_array_length(list);
             k++) {
            DrvNode *parameter = drv_xml_node_add(filter, "parameter", NULL);

            drv_xml_node_set(parameter, "name", kinds[i].parameter);
            drv_xml_node_set(parameter,
                             "value",
                             json_object_get_string(json_object_array_get_idx(list, k)));
        }
    }
}

/* [KiB/s, time slice]; libvirt counts in KiB, too. */
static void
add_rate(DrvNode *nic, json_object *rate)
{
    static const char *const ways[] = { "inbound", "outbound" };
    DrvNode *bandwidth;

    if (json_object_array_length(rate) == 0)
        return;
    bandwidth = drv_xml_node_add(nic, "bandwidth", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++)
        drv_xml_node_setf(drv_xml_node_add(bandwidth, ways[i], NULL),
                          "average",
                          "%" G_GINT64_FORMAT,
                          json_object_get_int64(json_object_array_get_idx(rate, 0)));
}

/* A switch that knows no VLANs makes libvirt refuse the NIC, which is better than one
 * that is in no VLAN.
 */
static void
add_vlan(DrvNode *nic, json_object *record)
{
    json_object *trunks = drv_json_member(record, "trunks");
    gboolean has_trunks = json_object_is_type(trunks, json_type_array) &&
                          json_object_array_length(trunks) > 0;
    gint64 own = drv_json_number(record, "vlan", -1);
    DrvNode *vlan, *tag;

    if (own < 0 && !has_trunks)
        return;
    vlan = drv_xml_node_add(nic, "vlan", NULL);
    drv_xml_node_set(vlan, "trunk", has_trunks ? "yes" : "");
    if (own >= 0) {
        tag = drv_xml_node_add(vlan, "tag", NULL);
        drv_xml_node_setf(tag, "id", "%" G_GINT64_FORMAT, own);
        drv_xml_node_set(tag, "nativeMode", has_trunks ? "untagged" : "");
    }
    for (size_t i = 0; has_trunks && i < json_object_array_length(trunks); i++)
        drv_xml_node_setf(drv_xml_node_add(vlan, "tag", NULL),
                          "id",
                          "%" G_GINT64_FORMAT,
                          json_object_get_int64(json_object_array_get_idx(trunks, i)));
}

static gboolean
add_nic(Job *job, DrvNode *devices, json_object *device, GError **error)
{
    json_object *record = device_record(device);
    json_object *where = NULL, *locked = NULL;
    const char *kind = agent_json_variant(drv_json_member(record, "backend"), &where);
    const char *lock =
        agent_json_variant(drv_json_member(record, "locking_mode"), &locked);
    const char *model =
        drv_json_text(drv_json_member(record, "other_config"), "model", "virtio");
    json_object *rate = drv_json_member(record, "rate");
    gint64 mtu = drv_json_number(record, "mtu", 1500);
    DrvNode *nic;

    if (strcmp(kind, "Local") != 0 || !json_object_is_type(where, json_type_string))
        return job_fail(job,
                        error,
                        DRV_ERROR_UNSUPPORTED,
                        "Unimplemented",
                        json_object_new_string("a network that is not local"),
                        "NIC %s: its backend is not a switch of this host",
                        device_name(device));
    nic = drv_xml_node_add(devices, "interface", NULL);
    add_switch(nic, json_object_get_string(where));
    drv_xml_node_set(
        drv_xml_node_add(nic, "mac", NULL), "address", drv_json_text(record, "mac", ""));
    drv_xml_node_set(drv_xml_node_add(nic, "model", NULL), "type", model);
    if (mtu != 1500)
        drv_xml_node_setf(
            drv_xml_node_add(nic, "mtu", NULL), "size", "%" G_GINT64_FORMAT, mtu);
    if (strcmp(lock, "Locked") == 0)
        add_lock(nic, locked);
    if (json_object_is_type(rate, json_type_array))
        add_rate(nic, rate);
    add_vlan(nic, record);
    if (!drv_json_flag(record, "carrier", TRUE) || strcmp(lock, "Disabled") == 0)
        drv_xml_node_set(drv_xml_node_add(nic, "link", NULL), "state", "down");
    return TRUE;
}

/* --- devices of the host ---------------------------------------------------------------
 */

/* DDDD:BB:DD.F, in parts. */
typedef struct {
    guint domain, bus, device, function;
} DeviceAddress;

/* As an object, or as text. */
static gboolean
device_address(json_object *device, DeviceAddress *address)
{
    json_object *value = drv_json_member(device_record(device), "address");
    const char *text = json_object_is_type(value, json_type_string)
                           ? json_object_get_string(value)
                           : NULL;
    char end;

    if (text)
        return sscanf(text,
                      "%4x:%2x:%2x.%1u%c",
                      &address->domain,
                      &address->bus,
                      &address->device,
                      &address->function,
                      &end) == 4;
    address->domain = (guint)drv_json_number(value, "domain", 0);
    address->bus = (guint)drv_json_number(value, "bus", 0);
    address->device = (guint)drv_json_number(value, "dev", 0);
    address->function = (guint)drv_json_number(value, "fn", 0);
    return json_object_is_type(value, json_type_object);
}

static gboolean
add_pci(DrvNode *devices, json_object *device, GError **error)
{
    DeviceAddress address;
    DrvNode *hostdev, *node;

    if (!device_address(device, &address))
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "PCI device %s: its address is not DDDD:BB:DD.F",
                         device_name(device));
    hostdev = drv_xml_node_add(devices, "hostdev", NULL);
    drv_xml_node_set(hostdev, "mode", "subsystem");
    drv_xml_node_set(hostdev, "type", "pci");
    drv_xml_node_set(hostdev, "managed", "yes");
    node = drv_xml_node_add(drv_xml_node_add(hostdev, "source", NULL), "address", NULL);
    drv_xml_node_setf(node, "domain", "0x%04x", address.domain);
    drv_xml_node_setf(node, "bus", "0x%02x", address.bus);
    drv_xml_node_setf(node, "slot", "0x%02x", address.device);
    drv_xml_node_setf(node, "function", "0x%x", address.function);
    return TRUE;
}

/* --- all of them -----------------------------------------------------------------------
 */

gboolean
device_xml_add(Job *job, DrvNode *devices, json_object *device, guint n, GError **error)
{
    const char *class = device_class(device);

    if (strcmp(class, "VBD") == 0)
        return add_disk(job, devices, device, n, error);
    if (strcmp(class, "VIF") == 0)
        return add_nic(job, devices, device, error);
    if (strcmp(class, "PCI") == 0)
        return add_pci(devices, device, error);
    return drv_throw(
        error, DRV_ERROR_USAGE, "a device of class '%s' is not known", class);
}

static DrvNode *
find_pci(DrvXml *domain, json_object *device)
{
    g_autoptr(GPtrArray) nodes = drv_xml_all(
        domain, NULL, "/domain/devices/hostdev[@type='pci']/source/address/../..");
    DeviceAddress address;
    g_autofree char *wanted = NULL;

    if (!device_address(device, &address))
        return NULL;
    wanted = g_strdup_printf("0x%04x 0x%02x 0x%02x 0x%x",
                             address.domain,
                             address.bus,
                             address.device,
                             address.function);
    for (guint i = 0; i < nodes->len; i++) {
        DrvNode *node = g_ptr_array_index(nodes, i);
        g_autofree char *pci_domain =
            drv_xml_text(domain, node, "source/address/@domain");
        g_autofree char *bus = drv_xml_text(domain, node, "source/address/@bus");
        g_autofree char *slot = drv_xml_text(domain, node, "source/address/@slot");
        g_autofree char *function =
            drv_xml_text(domain, node, "source/address/@function");
        g_autofree char *found =
            g_strdup_printf("%s %s %s %s", pci_domain, bus, slot, function);

        if (strcmp(found, wanted) == 0)
            return node;
    }
    return NULL;
}

/* A disk whose place only the domain knows is found by its file. */
static DrvNode *
find_disk(DrvXml *domain, json_object *device)
{
    g_autofree char *target = device_target(device);
    json_object *path = NULL;

    if (target) {
        drv_xml_variable(domain, "target", target);
        return drv_xml_first(domain, NULL, "/domain/devices/disk[target/@dev=$target]");
    }
    (void)agent_json_variant(drv_json_member(device_record(device), "backend"), &path);
    if (!json_object_is_type(path, json_type_string))
        return NULL;
    drv_xml_variable(domain, "path", json_object_get_string(path));
    return drv_xml_first(
        domain, NULL, "/domain/devices/disk[source/@file=$path or source/@dev=$path]");
}

DrvNode *
device_xml_find(DrvXml *domain, json_object *device)
{
    const char *class = device_class(device);
    g_autofree char *mac = NULL;

    if (strcmp(class, "VBD") == 0)
        return find_disk(domain, device);
    if (strcmp(class, "PCI") == 0)
        return find_pci(domain, device);
    mac = g_ascii_strdown(drv_json_text(device_record(device), "mac", ""), -1);
    drv_xml_variable(domain, "mac", mac);
    return drv_xml_first(domain, NULL, "/domain/devices/interface[mac/@address=$mac]");
}
