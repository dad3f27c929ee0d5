/* SPDX-License-Identifier: Apache-2.0 */
/* attach_nic and detach_nic. */
#include "base/error.h"
#include "base/log.h"
#include "vmm/kvm/devices/nic-xml.h"
#include "vmm/ops/session.h"
#include "vmm/ops/unplug.h"

typedef struct {
    VmmSession session;
    KvmNicFacts facts;
} Nic;

static void
nic_clear(Nic *nic)
{
    g_clear_pointer(&nic->facts.document, drv_xml_free);
    g_clear_pointer(&nic->facts.live, drv_xml_free);
    vmm_session_clear(&nic->session);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Nic, nic_clear)

static gboolean
nic_open(Nic *nic, const VmmNic *request, GError **error)
{
    KvmNicFacts *facts = &nic->facts;

    facts->request = request;
    facts->document = vmm_document(request, error);
    if (facts->document == NULL)
        return FALSE;
    kvm_nic_find(facts);
    if (!facts->is_pci && *request->mac == '\0')
        return drv_throw(error, DRV_ERROR_USAGE, "MAC is missing");
    if (!vmm_session_open(&nic->session, request, error))
        return FALSE;
    facts->config = nic->session.config;
    facts->live = vmm_domain_xml(nic->session.domain, error);
    return facts->live != NULL;
}

static gboolean
attach(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    g_auto(Nic) nic = { 0 };
    g_autofree char *xml = NULL;

    (void)in;
    (void)result;
    if (!nic_open(&nic, data, error))
        return FALSE;
    if (kvm_nic_in_domain(nic.facts.live, &nic.facts)) {
        drv_info("it is already plugged in");
        return TRUE;
    }
    xml = nic.facts.is_pci ? kvm_pci_xml(&nic.facts, error)
                           : kvm_nic_xml(&nic.facts, error);
    return xml && drv_domain_attach(nic.session.domain, xml, error);
}

static gboolean
detach(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    g_auto(Nic) nic = { 0 };

    (void)in;
    (void)result;
    return nic_open(&nic, data, error) &&
           vmm_unplug(nic.session.domain, kvm_nic_in_domain, &nic.facts, error);
}

const DrvOp kvm_attach_nic = { .name = "kvm.attach_nic",
                               .request = &vmm_attach_nic,
                               .run = attach };
const DrvOp kvm_detach_nic = { .name = "kvm.detach_nic",
                               .request = &vmm_detach_nic,
                               .run = detach };
