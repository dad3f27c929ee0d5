/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are several: virtual functions of SR-IOV, and NVIDIA's virtual GPUs. */
#include <string.h>

#include "im/probes/pci.h"

#define NVIDIA 0x10de
#define MDEV_TYPES "/sys/class/mdev_bus/%s/mdev_supported_types"

void
im_pci_field(GString *out, const char *key, const char *value)
{
    g_string_append_printf(out, "%s = ", key);
    im_quote(out, value);
    g_string_append(out, ", ");
}

/* Network adapters and their virtual functions (7.4). */
static void
add_sriov(const ImContext *im, const char *address, GString *out)
{
    g_autofree char *directory = g_strdup_printf(IM_PCI_DEVICES "/%s/net", address);
    g_autofree char *pf =
        g_strdup_printf("%s" IM_PCI_DEVICES "/%s/physfn", im->root, address);
    g_autoptr(GPtrArray) interfaces = im_list(im, directory, "");
    guint64 functions;

    if (interfaces->len > 0)
        im_pci_field(out, "IFNAME", g_ptr_array_index(interfaces, 0));
    if (g_file_test(pf, G_FILE_TEST_EXISTS)) {
        im_pci_field(out, "SRIOV", "vf");
    } else if (im_read_number(
                   im, &functions, IM_PCI_DEVICES "/%s/sriov_numvfs", address)) {
        g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, functions);

        im_pci_field(out, "SRIOV", "pf");
        im_pci_field(out, "SRIOV_NUM", number);
    } else {
        im_pci_field(out, "SRIOV", "no");
    }
}

/* The name of the virtual GPU that will be made there: the same whenever it is asked for,
 * and another on each host (RFC 4122, version 5).
 */
static char *
uuid_of(const ImContext *im, const char *address)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 b[20];
    gsize length = sizeof b;

    g_checksum_update(sum, (const guchar *)im->host_name, -1);
    g_checksum_update(sum, (const guchar *)"/", 1);
    g_checksum_update(sum, (const guchar *)address, -1);
    g_checksum_get_digest(sum, b, &length);
    b[6] = (b[6] & 0x0f) | 0x50;
    b[8] = (b[8] & 0x3f) | 0x80;
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                           "%02x%02x%02x%02x%02x%02x",
                           b[0],
                           b[1],
                           b[2],
                           b[3],
                           b[4],
                           b[5],
                           b[6],
                           b[7],
                           b[8],
                           b[9],
                           b[10],
                           b[11],
                           b[12],
                           b[13],
                           b[14],
                           b[15]);
}

/* Numbers at the beginnings of lines "558 : NVIDIA A10-1B", joined by commas. */
static char *
type_numbers(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *all = g_string_new(NULL);

    for (guint i = 0; lines[i]; i++) {
        const char *line = g_strchug(lines[i]);
        gsize digits = strspn(line, "0123456789");

        if (digits == 0)
            continue;
        g_string_append(all, all->len > 0 ? "," : "");
        g_string_append_len(all, line, (gssize)digits);
    }
    return g_string_free(all, FALSE);
}

/* What can be made of a device, for the helper that makes it: kinds of mediated devices,
 * or since the kernel has none of those for it any more, numbers of the driver's own.
 */
static void
add_vgpu(const ImContext *im, const char *address, GString *out)
{
    g_autofree char *directory = g_strdup_printf(MDEV_TYPES, address);
    g_autoptr(GPtrArray) types = im_list(im, directory, "");
    g_autofree char *text =
        im_read(im, IM_PCI_DEVICES "/%s/nvidia/creatable_vgpu_types", address);
    g_autofree char *uuid = uuid_of(im, address);
    g_autofree char *profiles = NULL;

    if (text == NULL && types->len == 0)
        return;
    if (text) {
        profiles = type_numbers(text);
    } else {
        g_ptr_array_add(types, NULL);
        profiles = g_strjoinv(",", (char **)types->pdata);
    }
    im_pci_field(out, "UUID", uuid);
    im_pci_field(out, "PROFILES", profiles);
    im_pci_field(out, "MDEV_MODE", text ? "nvidia" : "legacy");
}

void
im_pci_functions(const ImContext *im, const char *address, guint vendor, GString *out)
{
    add_sriov(im, address, out);
    if (vendor == NVIDIA)
        add_vgpu(im, address, out);
}
