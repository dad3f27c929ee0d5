/* SPDX-License-Identifier: Apache-2.0 */
/* PCI devices that VMs may be given: those that a filter of pci.conf names. */
#include <stdio.h>
#include <string.h>

#include "im/base/im.h"
#include "im/probes/pci-names.h"
#include "im/probes/pci.h"

typedef struct {
    const char *address; /* 0000:02:00.0 */
    guint domain, bus, slot, function;
    guint vendor, device, class; /* class: 16 bits */
} Device;

static gboolean
read_hex(const ImContext *im, const char *address, const char *file, guint64 *value)
{
    g_autofree char *text = im_read(im, IM_PCI_DEVICES "/%s/%s", address, file);

    return text && g_str_has_prefix(text, "0x") &&
           g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT32, value, NULL);
}

static gboolean
read_device(const ImContext *im, const char *address, Device *device)
{
    guint64 vendor, id, class;

    if (sscanf(address,
               "%x:%x:%x.%x",
               &device->domain,
               &device->bus,
               &device->slot,
               &device->function) != 4 ||
        !read_hex(im, address, "vendor", &vendor) ||
        !read_hex(im, address, "device", &id) || !read_hex(im, address, "class", &class))
        return FALSE;
    device->vendor = (guint)vendor;
    device->device = (guint)id;
    device->class = (guint)(class >> 8);
    device->address = address;
    return TRUE;
}

static gboolean
field_matches(const char *field, guint value)
{
    guint64 want;

    if (field == NULL || *field == '\0' || g_str_equal(field, "*"))
        return TRUE;
    return g_ascii_string_to_unsigned(field, 16, 0, G_MAXUINT32, &want, NULL) &&
           want == value;
}

/* "vendor:device:class", of which each may be missing */
static gboolean
filter_matches(const char *filter, const Device *device)
{
    g_auto(GStrv) fields = g_strsplit(filter, ":", 3);
    guint n = g_strv_length(fields);

    return n > 0 && field_matches(fields[0], device->vendor) &&
           (n < 2 || field_matches(fields[1], device->device)) &&
           (n < 3 || field_matches(fields[2], device->class));
}

static gboolean
is_selected(char **filters, const Device *device)
{
    for (guint i = 0; filters[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(filters[i], ",", -1);

        for (guint k = 0; parts[k]; k++) {
            if (filter_matches(g_strstrip(parts[k]), device))
                return TRUE;
        }
    }
    return FALSE;
}

/* Selected by address or name too? */
static gboolean
is_among(char **wanted, const char *value)
{
    for (guint i = 0; wanted[i]; i++) {
        if (strstr(value, wanted[i]))
            return TRUE;
    }
    return wanted[0] == NULL;
}

static void G_GNUC_PRINTF(3, 4)
    add_fieldf(GString *out, const char *key, const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list args;

    va_start(args, format);
    value = g_strdup_vprintf(format, args);
    va_end(args);
    im_pci_field(out, key, value);
}

static void
add_device(const ImContext *im,
           const Device *device,
           const ImPciNames *names,
           GString *out)
{
    g_autofree char *node = im_read(im, IM_PCI_DEVICES "/%s/numa_node", device->address);

    g_string_append(out, "PCI = [ ");
    add_fieldf(
        out, "TYPE", "%04x:%04x:%04x", device->vendor, device->device, device->class);
    add_fieldf(out, "VENDOR", "%04x", device->vendor);
    im_pci_field(out, "VENDOR_NAME", names->vendor);
    add_fieldf(out, "DEVICE", "%04x", device->device);
    add_fieldf(out, "CLASS", "%04x", device->class);
    im_pci_field(out, "CLASS_NAME", names->class);
    add_fieldf(out,
               "ADDRESS",
               "%04x:%02x:%02x:%x",
               device->domain,
               device->bus,
               device->slot,
               device->function);
    add_fieldf(out,
               "SHORT_ADDRESS",
               "%02x:%02x.%x",
               device->bus,
               device->slot,
               device->function);
    add_fieldf(out, "DOMAIN", "%04x", device->domain);
    add_fieldf(out, "BUS", "%02x", device->bus);
    add_fieldf(out, "SLOT", "%02x", device->slot);
    add_fieldf(out, "FUNCTION", "%x", device->function);
    im_pci_field(out, "NUMA_NODE", node == NULL || *node == '-' ? "-" : node);
    im_pci_functions(im, device->address, device->vendor, out);
    g_string_append(out, "DEVICE_NAME = ");
    im_quote(out, names->device);
    g_string_append(out, " ]\n");
}

static gboolean
report_pci(ImContext *im, GString *out, GError **error)
{
    g_auto(GStrv) filters = im_conf_values("pci.conf", "filter");
    g_auto(GStrv) addresses = im_conf_values("pci.conf", "short_address");
    g_auto(GStrv) device_names = im_conf_values("pci.conf", "device_name");
    g_autoptr(GPtrArray) all = im_list(im, IM_PCI_DEVICES, "");
    g_autoptr(ImPciIds) ids = NULL; /* read when there is a device to name */

    (void)error;
    for (guint i = 0; i < all->len && filters[0]; i++) {
        const char *address = g_ptr_array_index(all, i);
        g_auto(ImPciNames) names = { NULL, NULL, NULL };
        Device device;

        if (!read_device(im, address, &device) || !is_selected(filters, &device) ||
            !is_among(addresses, address))
            continue;
        if (ids == NULL)
            ids = im_pci_ids_open(im);
        im_pci_names(ids, device.vendor, device.device, device.class, &names);
        if (is_among(device_names, names.device))
            add_device(im, &device, &names, out);
    }
    return TRUE;
}

IM_PROBE_REGISTER(im_pci, report_pci);
