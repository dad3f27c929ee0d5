/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "vmm/vmm.h"

#define KIB_PER_MIB 1024

typedef struct {
    guint64 now;    /* as it shall be */
    guint64 before; /* as it was; 0: not told */
} Change;

static gboolean
read_change(DrvXml *document, const char *name, Change *change, GError **error)
{
    g_autofree char *was = g_strconcat("VM/TEMPLATE/RESIZE/", name, NULL);
    g_autofree char *is = g_strconcat("VM/TEMPLATE/", name, NULL);
    g_autofree char *now = drv_xml_get(document, NULL, is);
    g_autofree char *before = drv_xml_get(document, NULL, was);

    *change = (Change){ 0, 0 };
    if (now && !g_ascii_string_to_unsigned(now, 10, 1, G_MAXUINT32, &change->now, NULL))
        return drv_throw(error, DRV_ERROR_DUMP, "%s: not a number: '%s'", is, now);
    if (before &&
        !g_ascii_string_to_unsigned(before, 10, 0, G_MAXUINT32, &change->before, NULL))
        return drv_throw(error, DRV_ERROR_DUMP, "%s: not a number: '%s'", was, before);
    return TRUE;
}

static gboolean
is_needed(const Change *change)
{
    return change->now > 0 && change->before > 0 && change->now != change->before;
}

/* --- memory that is plugged
 * --------------------------------------------------------------
 */

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
is_done(DrvXml *live, const Change *change)
{
    g_autofree char *total = drv_xml_text(live, NULL, "/domain/memory");
    guint64 kib;

    return g_ascii_string_to_unsigned(total, 10, 0, G_MAXUINT64, &kib, NULL) &&
           kib == change->now * KIB_PER_MIB;
}

static gboolean
plug_memory(DrvDomain *domain, const Change *change, GError **error)
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

static gboolean
resize_memory(DrvDomain *domain, DrvXml *document, const Change *change, GError **error)
{
    g_autofree char *mode =
        drv_xml_text(document, NULL, "VM/TEMPLATE/MEMORY_RESIZE_MODE");
    gboolean ok;

    if (g_ascii_strcasecmp(mode, "HOTPLUG") == 0)
        ok = plug_memory(domain, change, error);
    else
        ok = drv_domain_set_memory(domain, change->now * KIB_PER_MIB, error);
    return ok || drv_prefix(error, "memory to %" G_GUINT64_FORMAT " MiB", change->now);
}

static gboolean
resize(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmHead *request = data;
    g_autoptr(DrvXml) document = vmm_document(request, error);
    g_auto(VmmSession) session = { 0 };
    Change vcpu, memory;

    (void)in;
    (void)result;
    if (document == NULL || !vmm_session_open(&session, request, error) ||
        !read_change(document, "VCPU", &vcpu, error) ||
        !read_change(document, "MEMORY", &memory, error))
        return FALSE;
    vmm_compact_memory(session.config, FALSE);
    if (is_needed(&vcpu) && !drv_domain_set_vcpus(session.domain, (guint)vcpu.now, error))
        return drv_prefix(error, "CPUs to %" G_GUINT64_FORMAT, vcpu.now);
    return !is_needed(&memory) || resize_memory(session.domain, document, &memory, error);
}

const DrvOp kvm_resize = { .name = "kvm.resize", .request = &vmm_resize, .run = resize };
