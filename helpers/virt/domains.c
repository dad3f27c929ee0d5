/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/domains.h"

#include <string.h>

#include "base/error.h"
#include "virt/virt-private.h"

void
drv_domain_facts_free(DrvDomainFacts *facts)
{
    if (facts == NULL)
        return;
    g_free(facts->name);
    g_free(facts);
}

static void
facts_free(gpointer data)
{
    drv_domain_facts_free(data);
}

static DrvDomainFacts *
facts_new(virDomainPtr domain)
{
    DrvDomainFacts *facts = g_new0(DrvDomainFacts, 1);
    unsigned number = virDomainGetID(domain);

    facts->name = g_strdup(virDomainGetName(domain));
    (void)virDomainGetUUIDString(domain, facts->uuid);
    facts->number = number == (unsigned)-1 ? -1 : (int)number;
    return facts;
}

/* --- lists ----------------------------------------------------------------------------
 */

static void
take_record(GPtrArray *list, const virDomainStatsRecord *record)
{
    DrvDomainFacts *facts = facts_new(record->dom);

    facts->state = DRV_STATE_RUNNING;
    drv_virt_take_state(record, &facts->state, &facts->pause);
    facts->persistent = TRUE; /* the transient ones are told apart below */
    if (!drv_state_is_active(facts->state))
        facts->number = -1;
    g_ptr_array_add(list, facts);
}

/* A domain that is gone meanwhile stays persistent here; its event comes. */
static gboolean
mark_transient(virConnectPtr conn, GPtrArray *list)
{
    g_autoptr(GHashTable) transient =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(conn, &domains, VIR_CONNECT_LIST_DOMAINS_TRANSIENT);

    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN] = "";

        (void)virDomainGetUUIDString(domains[i], uuid);
        g_hash_table_add(transient, g_strdup(uuid));
        virDomainFree(domains[i]);
    }
    free(domains); /* libvirt's own allocation */
    for (guint i = 0; i < list->len; i++) {
        DrvDomainFacts *facts = g_ptr_array_index(list, i);

        facts->persistent = !g_hash_table_contains(transient, facts->uuid);
    }
    return n >= 0;
}

/* FALSE: look at the error, the driver may have no such call. */
static gboolean
list_in_bulk(DrvVirtCall *call)
{
    virConnectPtr conn = call->virt->conn;
    virDomainStatsRecordPtr *records = NULL;
    unsigned flags = call->virt->local ? 0 : VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;
    int n = virConnectGetAllDomainStats(conn, VIR_DOMAIN_STATS_STATE, &records, flags);

    if (n < 0)
        return FALSE;
    for (int i = 0; i < n; i++)
        take_record(call->in, records[i]);
    virDomainStatsRecordListFree(records);
    return mark_transient(conn, call->in);
}

/* TRUE, and nothing in *facts, when the domain is gone. */
static gboolean
read_facts(virDomainPtr domain, DrvDomainFacts **facts)
{
    g_autoptr(DrvDomainFacts) read = facts_new(domain);
    int state = VIR_DOMAIN_NOSTATE, reason = 0, persistent = -1;

    *facts = NULL;
    if (virDomainGetState(domain, &state, &reason, 0) < 0 ||
        (persistent = virDomainIsPersistent(domain)) < 0)
        return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN;
    read->state = drv_state_of(state, reason, &read->pause);
    read->persistent = persistent > 0;
    if (!drv_state_is_active(read->state))
        read->number = -1;
    *facts = g_steal_pointer(&read);
    return TRUE;
}

static gboolean
list_one_by_one(DrvVirtCall *call)
{
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(call->virt->conn, &domains, 0);
    gboolean ok = n >= 0;

    for (int i = 0; i < n; i++) {
        DrvDomainFacts *facts = NULL;

        if (ok && !read_facts(domains[i], &facts)) {
            drv_virt_call_note(call);
            ok = FALSE;
        }
        if (facts)
            g_ptr_array_add(call->in, facts);
        virDomainFree(domains[i]);
    }
    free(domains);
    return ok;
}

static gboolean
do_list(DrvVirtCall *call)
{
    if (list_in_bulk(call))
        return TRUE;
    if (virGetLastErrorCode() != VIR_ERR_NO_SUPPORT)
        return FALSE;
    virResetLastError();
    return list_one_by_one(call);
}

GPtrArray *
drv_domains_list(DrvVirt *virt, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_new(virt, "list the domains", do_list);

    call->in = g_ptr_array_new_with_free_func(facts_free);
    call->in_free = (GDestroyNotify)g_ptr_array_unref;
    if (!drv_virt_call(call, error))
        return NULL;
    return g_ptr_array_ref(call->in);
}

static gboolean
do_look(DrvVirtCall *call)
{
    virDomainPtr domain = virDomainLookupByUUIDString(call->virt->conn, call->text);
    DrvDomainFacts *facts = NULL;
    gboolean ok;

    if (domain == NULL)
        return FALSE;
    ok = read_facts(domain, &facts) && facts != NULL;
    if (!ok)
        drv_virt_call_note(call);
    virDomainFree(domain);
    call->out = facts;
    return ok;
}

DrvDomainFacts *
drv_domains_look(DrvVirt *virt, const char *uuid, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_new(virt, "look up the domain", do_look);

    call->text = g_strdup(uuid);
    return drv_virt_call(call, error) ? call->out : NULL;
}

/* Drivers of libvirt 9.0, by the word that they call themselves. */
static gboolean
do_has_events(DrvVirtCall *call)
{
    static const char *const with[] = { "QEMU", "TEST", "LXC",       "Xen",
                                        "XEN",  "VZ",   "Parallels", "BHYVE" };
    const char *type = virConnectGetType(call->virt->conn);

    for (guint i = 0; type && i < G_N_ELEMENTS(with); i++) {
        if (strcmp(type, with[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean
drv_domains_has_events(DrvVirt *virt)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask for the driver", do_has_events);
    g_autoptr(GError) ignored = NULL;
    gboolean has = drv_virt_call(call, &ignored);

    drv_ignore(&ignored, "a driver that is not known is asked again and again");
    return has;
}

/* --- definitions ----------------------------------------------------------------------
 */

static gboolean
do_define(DrvVirtCall *call)
{
    call->out = virDomainDefineXMLFlags(call->virt->conn, call->text, 0);
    return call->out != NULL;
}

DrvDomain *
drv_domains_define(DrvVirt *virt, const char *xml, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_new(virt, "define the domain", do_define);

    call->text = g_strdup(xml);
    return drv_virt_call(call, error) ? drv_domain_wrap(virt, NULL, call->out) : NULL;
}

static gboolean
do_start(DrvVirtCall *call)
{
    return virDomainCreateWithFlags(call->domain, call->flags) >= 0;
}

gboolean
drv_domain_start(DrvDomain *domain, unsigned flags, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "start the domain", do_start);

    call->flags = flags & DRV_VIRT_PAUSED ? VIR_DOMAIN_START_PAUSED : 0;
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    return drv_virt_call(call, error);
}

/* A managed save and snapshots of libvirt's own go with the definition, or libvirt
 * refuses; firmware variables stay.  Drivers that know no such flags have nothing of it.
 */
static gboolean
do_undefine(DrvVirtCall *call)
{
    if (virDomainIsPersistent(call->domain) == 0)
        return TRUE;
    if (virDomainUndefineFlags(call->domain,
                               VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                                   VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                                   VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
                                   VIR_DOMAIN_UNDEFINE_KEEP_NVRAM) >= 0)
        return TRUE;
    if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
        return TRUE;
    return virDomainUndefine(call->domain) >= 0 ||
           virGetLastErrorCode() == VIR_ERR_NO_DOMAIN;
}

gboolean
drv_domain_undefine(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "undefine the domain", do_undefine);

    return drv_virt_call(call, error);
}

static gboolean
do_replace_metadata(DrvVirtCall *call)
{
    unsigned flags = 0;
    int active = virDomainIsActive(call->domain);
    int persistent = virDomainIsPersistent(call->domain);

    if (active < 0 || persistent < 0)
        return FALSE;
    flags |= active ? VIR_DOMAIN_AFFECT_LIVE : 0;
    flags |= persistent ? VIR_DOMAIN_AFFECT_CONFIG : 0;
    return virDomainSetMetadata(call->domain,
                                VIR_DOMAIN_METADATA_ELEMENT,
                                call->text,
                                call->text2,
                                call->text3,
                                flags) >= 0;
}

gboolean
drv_domain_replace_metadata(
    DrvDomain *domain, const char *key, const char *uri, const char *xml, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "change the domain's metadata", do_replace_metadata);

    call->text = g_strdup(xml);
    call->text2 = g_strdup(key);
    call->text3 = g_strdup(uri);
    return drv_virt_call(call, error);
}

/* --- the rest -------------------------------------------------------------------------
 */

static gboolean
do_restore_paused(DrvVirtCall *call)
{
    return virDomainRestoreFlags(
               call->virt->conn, call->text, call->text2, VIR_DOMAIN_SAVE_PAUSED) >= 0;
}

gboolean
drv_domains_restore_paused(DrvVirt *virt,
                           const char *file,
                           const char *xml,
                           GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "restore the domain", do_restore_paused);

    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    call->text = g_strdup(file);
    call->text2 = g_strdup(xml);
    return drv_virt_call(call, error);
}

static gboolean
do_job_bytes(DrvVirtCall *call)
{
    virDomainJobInfo info = { 0 };
    guint64 *bytes;

    if (virDomainGetJobInfo(call->domain, &info) < 0)
        return FALSE;
    bytes = call->in;
    if (info.type != VIR_DOMAIN_JOB_NONE) {
        bytes[0] = info.dataProcessed;
        bytes[1] = info.dataProcessed + info.dataRemaining;
    }
    return TRUE;
}

gboolean
drv_domain_job_bytes(DrvDomain *domain, guint64 *done, guint64 *total, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the domain's job", do_job_bytes);
    guint64 *bytes = g_new0(guint64, 2);

    call->in = bytes;
    call->in_free = g_free;
    if (!drv_virt_call(call, error))
        return FALSE;
    *done = bytes[0];
    *total = bytes[1];
    return TRUE;
}

/* Not every driver knows it. */
static guint64
available_memory(virConnectPtr conn)
{
    static const char *const names[] = { VIR_NODE_MEMORY_STATS_FREE,
                                         VIR_NODE_MEMORY_STATS_BUFFERS,
                                         VIR_NODE_MEMORY_STATS_CACHED };
    virNodeMemoryStats stats[8] = { 0 };
    int n = G_N_ELEMENTS(stats), all = VIR_NODE_MEMORY_STATS_ALL_CELLS;
    guint64 kib = 0;

    if (virNodeGetMemoryStats(conn, all, stats, &n, 0) < 0)
        return virNodeGetFreeMemory(conn) / 1024;
    for (int i = 0; i < n; i++) {
        for (guint k = 0; k < G_N_ELEMENTS(names); k++)
            kib += strcmp(stats[i].field, names[k]) == 0 ? stats[i].value : 0;
    }
    return kib;
}

static gboolean
do_host_facts(DrvVirtCall *call)
{
    virConnectPtr conn = call->virt->conn;
    DrvHostFacts *facts = call->in;
    virNodeInfo info;

    if (virNodeGetInfo(conn, &info) < 0)
        return FALSE;
    memcpy(facts->model, info.model, sizeof facts->model - 1);
    facts->memory_kib = info.memory;
    facts->available_kib = available_memory(conn);
    facts->cpus = info.cpus;
    facts->mhz = info.mhz;
    facts->nodes = info.nodes;
    facts->sockets = info.sockets;
    facts->cores = info.cores;
    facts->threads = info.threads;
    facts->type = g_strdup(virConnectGetType(conn));
    (void)virConnectGetVersion(conn, &facts->version);
    (void)virConnectGetLibVersion(conn, &facts->library);
    return TRUE;
}

static void
host_facts_free(gpointer data)
{
    drv_host_facts_clear(data);
    g_free(data);
}

gboolean
drv_host_facts(DrvVirt *virt, DrvHostFacts *facts, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask for the host's facts", do_host_facts);
    DrvHostFacts *read = g_new0(DrvHostFacts, 1);

    call->in = read;
    call->in_free = host_facts_free;
    if (!drv_virt_call(call, error))
        return FALSE;
    *facts = *read;
    read->type = NULL;
    return TRUE;
}

void
drv_host_facts_clear(DrvHostFacts *facts)
{
    g_clear_pointer(&facts->type, g_free);
}
