/* SPDX-License-Identifier: Apache-2.0 */
/* attach_disk and detach_disk. */
#include "base/error.h"
#include "base/log.h"
#include "vmm/kvm/devices/disk-xml.h"
#include "vmm/ops/session.h"
#include "vmm/ops/unplug.h"
#include "vmm/vmm.h"

static DrvNode *
find_disk(DrvXml *domain, gconstpointer target)
{
    drv_xml_variable(domain, "target", target);
    return drv_xml_first(domain, NULL, "/domain/devices/disk[target/@dev=$target]");
}

/* Repeated after we were killed: the same disk is plugged in already. */
static gboolean
is_plugged(DrvXml *domain, const char *device, const char *target)
{
    static const char place[] = "source/@file | source/@dev | source/@name";
    DrvNode *there = find_disk(domain, target);
    g_autoptr(DrvXml) wanted = drv_xml_parse("a disk", device, -1, NULL);
    g_autofree char *have = there ? drv_xml_get(domain, there, place) : NULL;
    g_autofree char *want = wanted ? drv_xml_get(wanted, NULL, place) : NULL;

    return have && want && g_strcmp0(have, want) == 0;
}

static gboolean
attach_to(const VmmSession *session, const VmmDisk *request, GError **error)
{
    g_autoptr(DrvXml) document = vmm_document(request, error);
    g_autoptr(DrvXml) live = document ? vmm_domain_xml(session->domain, error) : NULL;
    g_autofree char *device = NULL;
    g_autofree char *iothreads = NULL;
    KvmDiskFacts facts = { .document = document, .config = session->config };

    if (live == NULL)
        return FALSE;
    facts.disk = drv_xml_first(document, NULL, "VM/TEMPLATE/DISK[ATTACH='YES']");
    if (facts.disk == NULL)
        return drv_throw(error, DRV_ERROR_DUMP, "the document has no disk to attach");
    facts.live = live;
    facts.path = request->path;
    facts.target = request->target;
    facts.vm_id = request->vm_id;
    iothreads = drv_xml_text(live, NULL, "/domain/iothreads");
    facts.iothreads = (guint)g_ascii_strtoull(iothreads, NULL, 10);
    device = kvm_disk_xml(&facts);
    if (is_plugged(live, device, request->target)) {
        drv_info("'%s' is already plugged in", request->target);
        return TRUE;
    }
    /* A drive that is there gets another CD. */
    if (!find_disk(live, request->target) && !kvm_disk_can_plug(&facts, error))
        return FALSE;
    return drv_domain_attach(session->domain, device, error);
}

static gboolean
detach_from(const VmmSession *session, const VmmDisk *request, GError **error)
{
    return vmm_unplug(session->domain, find_disk, request->target, error);
}

typedef gboolean (*Work)(const VmmSession *session,
                         const VmmDisk *request,
                         GError **error);

static gboolean
with_domain(const VmmDisk *request, Work work, GError **error)
{
    g_auto(VmmSession) session = { 0 };

    if (!vmm_session_open(&session, request, error))
        return FALSE;
    return work(&session, request, error) || drv_prefix(error, "'%s'", request->target);
}

static gboolean
attach(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return with_domain(data, attach_to, error);
}

static gboolean
detach(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return with_domain(data, detach_from, error);
}

const DrvOp kvm_attach_disk = { .name = "kvm.attach_disk",
                                .request = &vmm_attach_disk,
                                .run = attach };
const DrvOp kvm_detach_disk = { .name = "kvm.detach_disk",
                                .request = &vmm_detach_disk,
                                .run = detach };
