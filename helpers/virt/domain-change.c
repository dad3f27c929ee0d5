/* SPDX-License-Identifier: Apache-2.0 */
/* Saving, restoring, and what changes a running domain. */
#define DRV_ALLOW_VIRT
#include "base/error.h"
#include "virt/virt-private.h"
#include "virt/virt.h"

/* --- memory on disk --------------------------------------------------------------------
 */

static gboolean
do_save(DrvVirtCall *call)
{
    return virDomainSaveFlags(call->domain, call->text, NULL, 0) >= 0;
}

static gboolean
do_abort_job(DrvVirtCall *call)
{
    return virDomainAbortJob(call->domain) >= 0;
}

gboolean
drv_domain_save(DrvDomain *domain, const char *file, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "save the domain", do_save);

    call->abort = do_abort_job;
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    call->text = g_strdup(file);
    return drv_virt_call_patiently(domain, NULL, call, error);
}

static gboolean
do_job(DrvVirtCall *call)
{
    virDomainJobInfo info = { 0 };

    if (virDomainGetJobInfo(call->domain, &info) < 0)
        return FALSE;
    call->out_number = info.type != VIR_DOMAIN_JOB_NONE;
    return TRUE;
}

gboolean
drv_domain_job(DrvDomain *domain, gboolean *active, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the domain's job", do_job);

    if (!drv_virt_call(call, error))
        return FALSE;
    *active = call->out_number != 0;
    return TRUE;
}

/* A query waits for its turn like any other job, behind a snapshot too. */
static gboolean
do_idle(DrvVirtCall *call)
{
    virDomainMemoryStatStruct stats[1];

    return virDomainMemoryStats(call->domain, stats, G_N_ELEMENTS(stats), 0) >= 0 ||
           virGetLastErrorCode() != VIR_ERR_OPERATION_TIMEOUT;
}

gboolean
drv_domain_idle(DrvDomain *domain, gboolean *idle, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "wait for the domain's job", do_idle);
    g_autoptr(GError) why = NULL;

    *idle = drv_virt_call(call, &why);
    if (*idle || call->code == VIR_ERR_OPERATION_TIMEOUT)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
do_saved_xml(DrvVirtCall *call)
{
    call->out_text = virDomainSaveImageGetXMLDesc(
        call->virt->conn, call->text, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE);
    return call->out_text != NULL;
}

char *
drv_virt_saved_xml(DrvVirt *virt, const char *file, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "read the checkpoint's XML", do_saved_xml);

    call->text = g_strdup(file);
    if (!drv_virt_call(call, error))
        return NULL;
    return g_steal_pointer(&call->out_text);
}

static gboolean
do_restore(DrvVirtCall *call)
{
    return virDomainRestoreFlags(call->virt->conn, call->text, call->text2, 0) >= 0;
}

gboolean
drv_virt_restore(DrvVirt *virt, const char *file, const char *xml, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "restore the domain", do_restore);

    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    call->text = g_strdup(file);
    call->text2 = g_strdup(xml);
    return drv_virt_call(call, error);
}

/* --- devices ---------------------------------------------------------------------------
 */

static gboolean
do_attach(DrvVirtCall *call)
{
    return virDomainAttachDeviceFlags(call->domain, call->text, VIR_DOMAIN_AFFECT_LIVE) >=
           0;
}

gboolean
drv_domain_attach(DrvDomain *domain, const char *xml, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "attach the device", do_attach);

    call->text = g_strdup(xml);
    return drv_virt_call(call, error);
}

static gboolean
do_detach(DrvVirtCall *call)
{
    return virDomainDetachDeviceFlags(call->domain, call->text, VIR_DOMAIN_AFFECT_LIVE) >=
           0;
}

gboolean
drv_domain_detach(DrvDomain *domain, const char *xml, gboolean *missing, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "detach the device", do_detach);
    g_autoptr(GError) why = NULL;

    *missing = FALSE;
    call->text = g_strdup(xml);
    if (drv_virt_call(call, &why))
        return TRUE;
    *missing = call->code == VIR_ERR_DEVICE_MISSING;
    if (*missing)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
do_update(DrvVirtCall *call)
{
    return virDomainUpdateDeviceFlags(call->domain, call->text, call->flags) >= 0;
}

gboolean
drv_domain_update(DrvDomain *domain, const char *xml, gboolean force, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "change the device", do_update);

    call->text = g_strdup(xml);
    call->flags = VIR_DOMAIN_AFFECT_LIVE | (force ? VIR_DOMAIN_DEVICE_MODIFY_FORCE : 0);
    return drv_virt_call(call, error);
}

static gboolean
do_set_memory(DrvVirtCall *call)
{
    return virDomainSetMemoryFlags(
               call->domain, (unsigned long)call->number, VIR_DOMAIN_AFFECT_LIVE) >= 0;
}

gboolean
drv_domain_set_memory(DrvDomain *domain, guint64 kib, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "change the memory", do_set_memory);

    call->number = kib;
    return drv_virt_call(call, error);
}

static gboolean
do_set_vcpus(DrvVirtCall *call)
{
    return virDomainSetVcpusFlags(
               call->domain, (unsigned)call->number, VIR_DOMAIN_VCPU_LIVE) >= 0;
}

gboolean
drv_domain_set_vcpus(DrvDomain *domain, guint n, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "change the number of CPUs", do_set_vcpus);

    call->number = n;
    return drv_virt_call(call, error);
}

/* --- where its VCPUs run ---------------------------------------------------------------
 */

#define MAX_CPU 65535

typedef struct {
    guchar *map;
    int size;
} CpuMap;

static void
cpu_map_free(gpointer data)
{
    g_free(((CpuMap *)data)->map);
    g_free(data);
}

static gboolean
do_pin(DrvVirtCall *call)
{
    const CpuMap *map = call->in;

    return virDomainPinVcpu(call->domain, (unsigned)call->number, map->map, map->size) >=
           0;
}

gboolean
drv_domain_pin(DrvDomain *domain, guint vcpu, const guint *cpus, gsize n, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "pin a VCPU", do_pin);
    CpuMap *map = g_new0(CpuMap, 1);
    guint most = 0;

    call->in = map;
    call->in_free = cpu_map_free;
    for (gsize i = 0; i < n; i++)
        most = MAX(most, cpus[i]);
    if (n == 0 || most > MAX_CPU)
        return drv_throw(
            error, DRV_ERROR_USAGE, "a VCPU needs CPUs from 0 to %d", MAX_CPU);
    map->size = (int)VIR_CPU_MAPLEN(most + 1);
    map->map = g_malloc0((gsize)map->size);
    for (gsize i = 0; i < n; i++)
        VIR_USE_CPU(map->map, cpus[i]);
    call->number = vcpu;
    return drv_virt_call(call, error);
}

static gboolean
do_max_memory(DrvVirtCall *call)
{
    call->out_number = (gint64)virDomainGetMaxMemory(call->domain);
    return call->out_number > 0;
}

gboolean
drv_domain_max_memory(DrvDomain *domain, guint64 *kib, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "ask for the domain's memory", do_max_memory);

    if (!drv_virt_call(call, error))
        return FALSE;
    *kib = (guint64)call->out_number;
    return TRUE;
}

/* --- metadata --------------------------------------------------------------------------
 */

static gboolean
do_metadata(DrvVirtCall *call)
{
    call->out_text = virDomainGetMetadata(
        call->domain, VIR_DOMAIN_METADATA_ELEMENT, call->text, VIR_DOMAIN_AFFECT_CURRENT);
    return call->out_text != NULL;
}

gboolean
drv_domain_metadata(DrvDomain *domain, const char *uri, char **xml, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the domain's metadata", do_metadata);
    g_autoptr(GError) why = NULL;

    *xml = NULL;
    call->text = g_strdup(uri);
    if (drv_virt_call(call, &why)) {
        *xml = g_steal_pointer(&call->out_text);
        return TRUE;
    }
    if (call->code == VIR_ERR_NO_DOMAIN_METADATA)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
do_set_metadata(DrvVirtCall *call)
{
    return virDomainSetMetadata(call->domain,
                                VIR_DOMAIN_METADATA_ELEMENT,
                                call->text,
                                call->text2,
                                call->text3,
                                VIR_DOMAIN_AFFECT_LIVE) >= 0;
}

gboolean
drv_domain_set_metadata(
    DrvDomain *domain, const char *key, const char *uri, const char *xml, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "change the domain's metadata", do_set_metadata);

    call->text = g_strdup(xml);
    call->text2 = g_strdup(key);
    call->text3 = g_strdup(uri);
    return drv_virt_call(call, error);
}
