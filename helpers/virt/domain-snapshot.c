/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/domain-snapshot.h"

#include "base/error.h"
#include "request/xml.h"
#include "virt/virt-private.h"

static gboolean
do_snapshot(DrvVirtCall *call)
{
    virDomainSnapshotPtr made =
        virDomainSnapshotCreateXML(call->domain, call->text, call->flags);

    if (made)
        virDomainSnapshotFree(made);
    return made != NULL;
}

gboolean
drv_domain_snapshot_create(DrvDomain *domain, const char *name, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "make the snapshot", do_snapshot);
    g_autoptr(DrvXml) xml = drv_xml_new("domainsnapshot");

    (void)drv_xml_node_add(drv_xml_root(xml), "name", name);
    call->text = drv_xml_to_text(xml);
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    return drv_virt_call_patiently(domain, NULL, call, error);
}

gboolean
drv_domain_snapshot_redefine(DrvDomain *domain,
                             const char *xml,
                             gboolean current,
                             GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "redefine the snapshot", do_snapshot);

    call->text = g_strdup(xml);
    call->flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE |
                  (current ? VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT : 0);
    return drv_virt_call(call, error);
}

static gboolean
do_list(DrvVirtCall *call)
{
    virDomainSnapshotPtr *list = NULL;
    virDomainSnapshotPtr current;
    int n = virDomainListAllSnapshots(
        call->domain, &list, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
    char **names;

    if (n < 0)
        return FALSE;
    names = g_new0(char *, (gsize)n + 1);
    for (int i = 0; i < n; i++) {
        names[i] = g_strdup(virDomainSnapshotGetName(list[i]));
        virDomainSnapshotFree(list[i]);
    }
    free(list); /* libvirt's own allocation */
    call->out = names;
    current = virDomainSnapshotCurrent(call->domain, 0);
    if (current) {
        call->out_text = g_strdup(virDomainSnapshotGetName(current));
        virDomainSnapshotFree(current);
    }
    return TRUE;
}

gboolean
drv_domain_snapshot_list(DrvDomain *domain, char ***names, char **current, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "list the snapshots", do_list);

    if (!drv_virt_call(call, error))
        return FALSE;
    *names = call->out;
    if (current)
        *current = g_steal_pointer(&call->out_text);
    return TRUE;
}

static gboolean
do_snapshot_xml(DrvVirtCall *call)
{
    virDomainSnapshotPtr found =
        virDomainSnapshotLookupByName(call->domain, call->text, 0);

    if (found == NULL)
        return FALSE;
    call->out_text = virDomainSnapshotGetXMLDesc(found, VIR_DOMAIN_SNAPSHOT_XML_SECURE);
    if (call->out_text == NULL)
        drv_virt_call_note(call);
    virDomainSnapshotFree(found);
    return call->out_text != NULL;
}

gboolean
drv_domain_snapshot_xml(DrvDomain *domain, const char *name, char **xml, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the snapshot", do_snapshot_xml);
    g_autoptr(GError) why = NULL;

    call->text = g_strdup(name);
    *xml = NULL;
    if (drv_virt_call(call, &why)) {
        *xml = g_steal_pointer(&call->out_text);
        return TRUE;
    }
    if (call->code == VIR_ERR_NO_DOMAIN_SNAPSHOT)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
do_snapshot_delete(DrvVirtCall *call)
{
    virDomainSnapshotPtr found =
        virDomainSnapshotLookupByName(call->domain, call->text, 0);
    gboolean ok;

    if (found == NULL)
        return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_SNAPSHOT;
    ok = virDomainSnapshotDelete(found, call->flags) >= 0;
    if (!ok)
        drv_virt_call_note(call);
    virDomainSnapshotFree(found);
    return ok;
}

gboolean
drv_domain_snapshot_delete(DrvDomain *domain,
                           const char *name,
                           gboolean metadata_only,
                           GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "delete the snapshot", do_snapshot_delete);

    call->text = g_strdup(name);
    call->flags = metadata_only ? VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY : 0;
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    return drv_virt_call_patiently(domain, NULL, call, error);
}

static gboolean
do_revert(DrvVirtCall *call)
{
    virDomainSnapshotPtr found =
        virDomainSnapshotLookupByName(call->domain, call->text, 0);
    gboolean ok;

    if (found == NULL)
        return FALSE;
    ok = virDomainRevertToSnapshot(found, call->flags) >= 0;
    if (!ok)
        drv_virt_call_note(call);
    virDomainSnapshotFree(found);
    return ok;
}

gboolean
drv_domain_snapshot_revert(
    DrvDomain *domain, const char *name, gboolean force, gboolean *risky, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "revert to the snapshot", do_revert);

    call->text = g_strdup(name);
    call->flags = force ? VIR_DOMAIN_SNAPSHOT_REVERT_FORCE : 0;
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    if (drv_virt_call_patiently(domain, NULL, call, error))
        return TRUE;
    *risky = call->code == VIR_ERR_SNAPSHOT_REVERT_RISKY;
    return FALSE;
}
