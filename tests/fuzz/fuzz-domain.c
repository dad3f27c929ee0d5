/* SPDX-License-Identifier: Apache-2.0 */
/* XML of domains and devices.  First byte, even: the rest is a domain that deploy
 * changes; odd: it is the document of an attach action, of which devices are made.  What
 * we write can be read again.
 */
#include <stdint.h>
#include <string.h>

#include "vmm/kvm/devices/disk-xml.h"
#include "vmm/kvm/devices/nic-xml.h"
#include "vmm/kvm/domain/deploy-xml.h"
#include "vmm/ops/repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvXml) xml = drv_xml_parse("ours", text, -1, &error);

    if (xml == NULL)
        g_error("'%s': %s", text, error->message);
}

static void
change_domain(const char *text)
{
    g_autofree char *mended = vmm_repair_domain(text);
    g_autoptr(DrvXml) domain = drv_xml_parse("x", mended ? mended : text, -1, NULL);
    g_autofree char *changed = NULL;

    if (domain == NULL)
        return;
    kvm_resolve_links(domain);
    changed = drv_xml_to_text(domain);
    check_text(changed);
}

static void
make_disk(DrvXml *document, const DrvConfig *config)
{
    KvmDiskFacts facts = { .document = document,
                           .config = config,
                           .path = "/ds/0/1/disk.3",
                           .target = "vdb",
                           .vm_id = "1",
                           .iothreads = 2 };
    g_autofree char *text = NULL;

    facts.disk = drv_xml_first(document, NULL, "VM/TEMPLATE/DISK[ATTACH='YES']");
    if (facts.disk == NULL)
        return;
    text = kvm_disk_xml(&facts);
    check_text(text);
}

static void
make_nic(DrvXml *document, const DrvConfig *config)
{
    g_autoptr(DrvXml) live = drv_xml_new("domain");
    g_autoptr(DrvRequest) request = drv_request_new(&vmm_attach_nic);
    KvmNicFacts facts = { .document = document,
                          .live = live,
                          .config = config,
                          .request = (const VmmNic *)request };
    g_autofree char *text = NULL;

    kvm_nic_find(&facts);
    text = facts.is_pci ? kvm_pci_xml(&facts, NULL) : kvm_nic_xml(&facts, NULL);
    if (text)
        check_text(text);
    (void)kvm_nic_in_domain(live, &facts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = size > 0 ? g_strndup((const char *)data + 1, size - 1) : NULL;
    g_autoptr(DrvConfig) config = drv_config_parse("x", "", NULL);
    g_autoptr(DrvXml) document = NULL;

    if (text && data[0] % 2 == 0) {
        change_domain(text);
    } else if (text) {
        document = drv_xml_parse("x", text, -1, NULL);
        if (document == NULL)
            return 0;
        make_disk(document, config);
        make_nic(document, config);
    }
    return 0;
}
