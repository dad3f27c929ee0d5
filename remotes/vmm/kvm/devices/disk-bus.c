/* SPDX-License-Identifier: Apache-2.0 */
/* On which bus a disk is plugged in: the one that a front-end's deployment file would
 * name for its target, so that the guest finds the same disk after its next start.
 */
#include <string.h>

#include "base/error.h"
#include "vmm/kvm/devices/disk-xml.h"

#define MAX_SCSI_TARGET 255

/* q35 and virt have no IDE. */
static gboolean
has_ide(const KvmDiskFacts *facts)
{
    g_autofree char *machine =
        facts->live ? drv_xml_text(facts->live, NULL, "/domain/os/type/@machine")
                    : g_strdup("");

    return strstr(machine, "q35") == NULL && !g_str_has_prefix(machine, "virt");
}

/* What the VM says; else, as the front-end's own default is not in the document, what the
 * disks have that it was started with.  NULL: libvirt's choice, SCSI.
 */
static char *
sd_bus(const KvmDiskFacts *facts)
{
    char *bus = drv_xml_get(facts->document, NULL, "VM/TEMPLATE/OS/SD_DISK_BUS");

    if (bus || facts->live == NULL)
        return bus;
    return drv_xml_get(facts->live,
                       NULL,
                       "/domain/devices/disk[not(@device) or @device='disk']"
                       "/target[starts-with(@dev,'sd')]/@bus");
}

/* A CD's deployment file says SATA or IDE, where QEMU plugs in nothing: SCSI, which its
 * target stands for, is the only bus on which a running guest can get one.
 */
static char *
bus_of(const KvmDiskFacts *facts)
{
    if (g_str_has_prefix(facts->target, "sd"))
        return kvm_disk_is_cdrom(facts) ? g_strdup("scsi") : sd_bus(facts);
    if (g_str_has_prefix(facts->target, "hd"))
        return g_strdup(has_ide(facts) ? "ide" : "sata");
    return NULL;
}

gboolean
kvm_disk_can_plug(const KvmDiskFacts *facts, GError **error)
{
    g_autofree char *bus = bus_of(facts);

    if (g_strcmp0(bus, "sata") != 0 && g_strcmp0(bus, "ide") != 0)
        return TRUE;
    return drv_throw(error,
                     DRV_ERROR_UNSUPPORTED,
                     "power the VM off first: %s disks cannot be added while it runs "
                     "(only disks named vd* and sd* on SCSI can)",
                     strcmp(bus, "sata") == 0 ? "SATA" : "IDE");
}

void
kvm_disk_target(const KvmDiskFacts *facts, DrvNode *device)
{
    DrvNode *target = drv_xml_node_add(device, "target", NULL);
    g_autofree char *bus = bus_of(facts);

    drv_xml_node_set(target, "dev", facts->target);
    drv_xml_node_set(target, "bus", bus);
}

/* "sda" is 0, "sdz" 25, "sdaa" 26. */
static gint
letters_index(const char *letters)
{
    gint n = 0;

    for (; *letters; letters++) {
        if (!g_ascii_islower(*letters) || n > MAX_SCSI_TARGET)
            return -1;
        n = n * 26 + (*letters - 'a' + 1);
    }
    return n - 1;
}

void
kvm_disk_address(const KvmDiskFacts *facts, DrvNode *device)
{
    g_autofree char *bus = bus_of(facts);
    gint n =
        g_str_has_prefix(facts->target, "sd") ? letters_index(facts->target + 2) : -1;
    DrvNode *address;

    if (n < 0 || n > MAX_SCSI_TARGET || (bus && strcmp(bus, "scsi") != 0))
        return;
    address = drv_xml_node_add(device, "address", NULL);
    drv_xml_node_set(address, "type", "drive");
    drv_xml_node_set(address, "controller", "0");
    drv_xml_node_set(address, "bus", "0");
    drv_xml_node_setf(address, "target", "%d", n);
    drv_xml_node_set(address, "unit", "0");
}
