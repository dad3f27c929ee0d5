/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "virt/domain-snapshot.h"
#include "vmm/kvm/migrate/migrate.h"
#include "vmm/ops/directory.h"

void
kvm_snapshots_clear(KvmSnapshots *snapshots)
{
    g_clear_pointer(&snapshots->xml, g_ptr_array_unref);
    g_clear_pointer(&snapshots->current, g_free);
}

static gboolean
read_all(KvmSnapshots *snapshots, DrvDomain *domain, char **names, GError **error)
{
    for (guint i = 0; names[i]; i++) {
        char *xml = NULL;

        if (!drv_domain_snapshot_xml(domain, names[i], &xml, error))
            return FALSE;
        if (xml)
            g_ptr_array_add(snapshots->xml, xml);
    }
    return TRUE;
}

static gboolean
forget_all(DrvDomain *domain, char **names, GError **error)
{
    for (guint i = g_strv_length(names); i > 0; i--) {
        if (!drv_domain_snapshot_delete(domain, names[i - 1], TRUE, error))
            return FALSE;
    }
    return TRUE;
}

static void
put_in(const KvmSnapshots *snapshots, DrvDomain *domain)
{
    for (guint i = 0; i < snapshots->xml->len; i++) {
        const char *xml = g_ptr_array_index(snapshots->xml, i);
        g_autoptr(DrvXml) parsed = drv_xml_parse("a snapshot", xml, -1, NULL);
        g_autofree char *name =
            parsed ? drv_xml_text(parsed, NULL, "/domainsnapshot/name") : NULL;
        g_autoptr(GError) error = NULL;

        if (!drv_domain_snapshot_redefine(
                domain, xml, g_strcmp0(name, snapshots->current) == 0, &error))
            drv_warn("snapshot '%s' is no longer known: %s", name, error->message);
    }
}

gboolean
kvm_snapshots_take(KvmSnapshots *snapshots,
                   DrvDomain *domain,
                   const char *directory,
                   GError **error)
{
    g_auto(GStrv) names = NULL;

    snapshots->xml = g_ptr_array_new_with_free_func(g_free);
    /* An earlier migration that was killed may have left libvirt without them. */
    if (directory)
        vmm_snapshots_redefine(domain, directory);
    if (!drv_domain_snapshot_list(domain, &names, &snapshots->current, error) ||
        !read_all(snapshots, domain, names, error))
        return FALSE;
    if (names[0] && directory)
        vmm_snapshots_store(domain, directory, NULL);
    if (forget_all(domain, names, error))
        return TRUE;
    DRV_CANCEL_SHIELD();
    put_in(snapshots, domain);
    return FALSE;
}

void
kvm_snapshots_put(const KvmSnapshots *snapshots, DrvVirt *virt, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDomain) domain = NULL;

    if (snapshots->xml == NULL || snapshots->xml->len == 0)
        return;
    domain = drv_virt_find(virt, uuid, &error);
    if (domain)
        put_in(snapshots, domain);
    else
        drv_warn("snapshots are no longer known: %s", error->message);
}
