/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/error.h"
#include "vmm/kvm/devices/nic-xml.h"

static const char *const parts[] = { "domain", "bus", "slot", "function" };

enum { PCI_DOMAIN, PCI_BUS, PCI_SLOT, PCI_FUNCTION };

typedef struct {
    guint64 part[G_N_ELEMENTS(parts)];
} PciAddress;

static gboolean
parse_hex(const char *text, guint64 *n)
{
    if (g_str_has_prefix(text, "0x"))
        text += 2;
    return g_ascii_string_to_unsigned(text, 16, 0, 0xffff, n, NULL);
}

/* "@domain" in libvirt's XML, "DOMAIN" or with @prefix "VM_DOMAIN" in the front-end's. */
static gboolean
read_address(DrvXml *xml, DrvNode *from, const char *prefix, PciAddress *address)
{
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *upper = g_ascii_strup(parts[i], -1);
        g_autofree char *path = *prefix == '@' ? g_strconcat("@", parts[i], NULL)
                                               : g_strconcat(prefix, upper, NULL);
        g_autofree char *text = drv_xml_get(xml, from, path);

        if (text == NULL || !parse_hex(text, &address->part[i]))
            return FALSE;
    }
    return TRUE;
}

static void
add_address(DrvNode *parent, const PciAddress *address, gboolean with_type)
{
    DrvNode *node = drv_xml_node_add(parent, "address", NULL);

    if (with_type)
        drv_xml_node_set(node, "type", "pci");
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        drv_xml_node_setf(node, parts[i], "0x%" G_GINT64_MODIFIER "x", address->part[i]);
}

/* A virtual function of a network card becomes an interface, to get its MAC. */
static gboolean
is_virtual_function(const PciAddress *address)
{
    g_autofree char *path =
        g_strdup_printf("/sys/bus/pci/devices/%04x:%02x:%02x.%x/physfn",
                        (guint)address->part[0],
                        (guint)address->part[1],
                        (guint)address->part[2],
                        (guint)address->part[3]);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean
same_address(const PciAddress *a, const PciAddress *b)
{
    return memcmp(a->part, b->part, sizeof a->part) == 0;
}

static gboolean
has_place(DrvXml *live, const PciAddress *wanted)
{
    g_autofree char *index = g_strdup_printf("%" G_GUINT64_FORMAT, wanted->part[PCI_BUS]);
    g_autofree char *model = NULL;

    drv_xml_variable(live, "index", index);
    model = drv_xml_text(
        live, NULL, "/domain/devices/controller[@type='pci' and @index=$index]/@model");
    if (wanted->part[PCI_DOMAIN] > 0 || wanted->part[PCI_FUNCTION] > 7)
        return FALSE;
    /* A root port has one slot, 0; slot 0 of other buses is the bridge itself. */
    if (g_str_equal(model, "pcie-root-port"))
        return wanted->part[PCI_SLOT] == 0;
    return *model && wanted->part[PCI_BUS] > 0 && wanted->part[PCI_SLOT] > 0 &&
           wanted->part[PCI_SLOT] < 32;
}

/* Where the guest shall see it, if it can be there: on a bus that the domain has, in a
 * slot of it, at a place that is free.  libvirt finds another place by itself.
 */
static void
add_guest_address(const KvmNicFacts *facts, DrvNode *device)
{
    g_autoptr(GPtrArray) taken = NULL;
    PciAddress wanted, other;

    if (!read_address(facts->document, facts->device, "VM_", &wanted) ||
        !has_place(facts->live, &wanted))
        return;
    taken = drv_xml_all(facts->live, NULL, "/domain/devices/*/address[@type='pci']");
    for (guint i = 0; i < taken->len; i++) {
        if (read_address(facts->live, g_ptr_array_index(taken, i), "@", &other) &&
            same_address(&wanted, &other))
            return;
    }
    add_address(device, &wanted, TRUE);
}

char *
kvm_pci_xml(const KvmNicFacts *facts, GError **error)
{
    g_autofree char *uuid = kvm_nic_value(facts, "UUID");
    g_autofree char *mac = kvm_nic_value(facts, "MAC");
    g_autoptr(DrvXml) xml = NULL;
    PciAddress address;
    gboolean is_nic = FALSE;
    DrvNode *device, *source;

    if (uuid == NULL) {
        if (!read_address(facts->document, facts->device, "", &address)) {
            (void)drv_throw(error, DRV_ERROR_DUMP, "the PCI device has no address");
            return NULL;
        }
        is_nic = is_virtual_function(&address);
    }
    xml = drv_xml_new(is_nic ? "interface" : "hostdev");
    device = drv_xml_root(xml);
    if (is_nic)
        drv_xml_node_set(device, "type", "hostdev");
    else
        drv_xml_node_set(device, "mode", "subsystem");
    if (!is_nic)
        drv_xml_node_set(device, "type", uuid ? "mdev" : "pci");
    if (uuid)
        drv_xml_node_set(device, "model", "vfio-pci");
    else
        drv_xml_node_set(device, "managed", "yes");
    source = drv_xml_node_add(device, "source", NULL);
    if (uuid)
        drv_xml_node_set(drv_xml_node_add(source, "address", NULL), "uuid", uuid);
    else
        add_address(source, &address, is_nic);
    if (is_nic && mac)
        drv_xml_node_set(drv_xml_node_add(device, "mac", NULL), "address", mac);
    add_guest_address(facts, device);
    return drv_xml_to_text(xml);
}

/* --- finding it again
 * -------------------------------------------------------------------- */

static DrvNode *
pci_in_domain(DrvXml *domain, const KvmNicFacts *facts)
{
    g_autofree char *uuid = kvm_nic_value(facts, "UUID");
    g_autoptr(GPtrArray) devices = NULL;
    PciAddress wanted, other;

    if (uuid) {
        drv_xml_variable(domain, "uuid", uuid);
        return drv_xml_first(
            domain, NULL, "/domain/devices/hostdev[source/address/@uuid=$uuid]");
    }
    if (!read_address(facts->document, facts->device, "", &wanted))
        return NULL;
    devices = drv_xml_all(domain,
                          NULL,
                          "/domain/devices/hostdev[@type='pci'] | "
                          "/domain/devices/interface[@type='hostdev']");
    for (guint i = 0; i < devices->len; i++) {
        DrvNode *device = g_ptr_array_index(devices, i);

        if (read_address(
                domain, drv_xml_first(domain, device, "source/address"), "@", &other) &&
            same_address(&wanted, &other))
            return device;
    }
    return NULL;
}

DrvNode *
kvm_nic_in_domain(DrvXml *domain, gconstpointer data)
{
    const KvmNicFacts *facts = data;
    g_autofree char *mac = NULL;

    if (facts->is_pci)
        return pci_in_domain(domain, facts);
    mac = g_ascii_strdown(facts->request->mac, -1);
    drv_xml_variable(domain, "mac", mac);
    return drv_xml_first(
        domain,
        NULL,
        "/domain/devices/interface[translate(mac/@address,'ABCDEF','abcdef')=$mac]");
}
