/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is plugged, as modules. */
#include "base/error.h"
#include "vmm/kvm/domain/resize.h"
#include "vmm/ops/session.h"
#include "vmm/ops/unplug.h"

static char *
dimm_xml(DrvXml *live, guint64 kib)
{
    g_autoptr(DrvXml) xml = drv_xml_new("memory");
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, kib);
    g_autofree char *cell = drv_xml_get(live, NULL, "/domain/cpu/numa/cell/@id");
    DrvNode *target;

    drv_xml_node_set(drv_xml_root(xml), "model", "dimm");
    target = drv_xml_node_add(drv_xml_root(xml), "target", NULL);
    drv_xml_node_set(drv_xml_node_add(target, "size", size), "unit", "KiB");
    (void)drv_xml_node_add(target, "node", cell ? cell : "0");
    return drv_xml_to_text(xml);
}

typedef struct {
    guint64 kib;
    guint count; /* how many of that size there are when it is gone */
} Dimm;

static GPtrArray *
find_dimms(DrvXml *domain, guint64 kib)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, kib);

    drv_xml_variable(domain, "size", size);
    return drv_xml_all(
        domain, NULL, "/domain/devices/memory[@model='dimm' and target/size=$size]");
}

/* The last of them, as long as there are more than there shall be. */
static DrvNode *
find_dimm(DrvXml *domain, gconstpointer data)
{
    const Dimm *dimm = data;
    g_autoptr(GPtrArray) all = find_dimms(domain, dimm->kib);

    return all->len > dimm->count ? g_ptr_array_index(all, all->len - 1) : NULL;
}

/* By an action before this one, which did not live to say so. */
static gboolean
is_done(DrvXml *live, const KvmChange *change)
{
    g_autofree char *total = drv_xml_text(live, NULL, "/domain/memory");
    guint64 kib;

    return g_ascii_string_to_unsigned(total, 10, 0, G_MAXUINT64, &kib, NULL) &&
           kib == change->now * KIB_PER_MIB;
}

gboolean
kvm_plug_memory(DrvDomain *domain, const KvmChange *change, GError **error)
{
    gboolean grow = change->now > change->before;
    guint64 mib = grow ? change->now - change->before : change->before - change->now;
    g_autoptr(DrvXml) live = vmm_domain_xml(domain, error);
    g_autoptr(GPtrArray) same = live ? find_dimms(live, mib * KIB_PER_MIB) : NULL;
    g_autofree char *xml = NULL;
    Dimm dimm = { mib * KIB_PER_MIB, 0 };

    if (live == NULL)
        return FALSE;
    if (is_done(live, change))
        return TRUE;
    if (grow) {
        xml = dimm_xml(live, dimm.kib);
        return drv_domain_attach(domain, xml, error);
    }
    if (same->len == 0)
        return drv_throw(error,
                         DRV_ERROR_UNSUPPORTED,
                         "no memory module of %" G_GUINT64_FORMAT " MiB is plugged in",
                         mib);
    dimm.count = same->len - 1;
    return vmm_unplug(domain, find_dimm, &dimm, error);
}
