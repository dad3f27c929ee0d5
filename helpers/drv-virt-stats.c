/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "drv-virt-stats.h"

#include "drv-error.h"
#include "drv-virt-private.h"

#define WANTED                                                                           \
    (VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |    \
     VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK)

void
drv_domain_stats_free(DrvDomainStats *stats)
{
    if (stats == NULL)
        return;
    g_free(stats->name);
    g_free(stats->uuid);
    g_free(stats);
}

static void
free_element(gpointer stats)
{
    drv_domain_stats_free(stats);
}

static gboolean
get_u64(virDomainStatsRecordPtr record, const char *name, guint64 *value)
{
    unsigned long long n;

    if (virTypedParamsGetULLong(record->params, record->nparams, name, &n) != 1)
        return FALSE;
    *value = n;
    return TRUE;
}

static guint
get_uint(virDomainStatsRecordPtr record, const char *name)
{
    unsigned n = 0;

    (void)virTypedParamsGetUInt(record->params, record->nparams, name, &n);
    return n;
}

/* The sum of "@kind.N.@what" over all N; TRUE when there was any. */
static gboolean
add_up(virDomainStatsRecordPtr record, const char *kind, const char *what, guint64 *sum)
{
    g_autofree char *count = g_strconcat(kind, ".count", NULL);
    guint n = get_uint(record, count);
    gboolean any = FALSE;

    for (guint i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("%s.%u.%s", kind, i, what);
        guint64 value;

        if (get_u64(record, name, &value)) {
            *sum += value;
            any = TRUE;
        }
    }
    return any;
}

static DrvDomainStats *
read_record(virDomainStatsRecordPtr record)
{
    DrvDomainStats *stats = g_new0(DrvDomainStats, 1);
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    int state = VIR_DOMAIN_NOSTATE;

    stats->name = g_strdup(virDomainGetName(record->dom));
    if (virDomainGetUUIDString(record->dom, uuid) == 0)
        stats->uuid = g_strdup(uuid);
    (void)virTypedParamsGetInt(record->params, record->nparams, "state.state", &state);
    (void)virTypedParamsGetInt(
        record->params, record->nparams, "state.reason", &stats->reason);
    stats->state = drv_virt_state_of(state);
    stats->has_cpu = get_u64(record, "cpu.time", &stats->cpu_ns);
    stats->vcpus = get_uint(record, "vcpu.current");
    stats->has_memory = get_u64(record, "balloon.rss", &stats->memory_kib);
    (void)get_u64(record, "balloon.current", &stats->balloon_kib);
    stats->has_net = add_up(record, "net", "rx.bytes", &stats->net_rx);
    (void)add_up(record, "net", "tx.bytes", &stats->net_tx);
    stats->has_block = add_up(record, "block", "rd.bytes", &stats->block_rd);
    (void)add_up(record, "block", "wr.bytes", &stats->block_wr);
    (void)add_up(record, "block", "rd.reqs", &stats->block_rd_requests);
    (void)add_up(record, "block", "wr.reqs", &stats->block_wr_requests);
    return stats;
}

static gboolean
take_records(DrvVirtCall *call, virDomainStatsRecordPtr *records, int n)
{
    GPtrArray *all;

    if (n < 0)
        return FALSE;
    all = g_ptr_array_new_with_free_func(free_element);
    for (int i = 0; i < n; i++)
        g_ptr_array_add(all, read_record(records[i]));
    virDomainStatsRecordListFree(records);
    call->out = all;
    return TRUE;
}

static gboolean
do_all(DrvVirtCall *call)
{
    virDomainStatsRecordPtr *records = NULL;
    int n = virConnectGetAllDomainStats(call->virt->conn,
                                        WANTED,
                                        &records,
                                        VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
                                            VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    return take_records(call, records, n);
}

static gboolean
do_one(DrvVirtCall *call)
{
    virDomainStatsRecordPtr *records = NULL;
    virDomainPtr list[] = { call->domain, NULL };
    int n = virDomainListGetStats(
        list, WANTED, &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    return take_records(call, records, n);
}

GPtrArray *
drv_virt_stats(DrvVirt *virt, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "read the domains' statistics", do_all);

    return drv_virt_call(call, error) ? call->out : NULL;
}

DrvDomainStats *
drv_domain_stats(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the domain's statistics", do_one);
    g_autoptr(GPtrArray) all = NULL;

    if (!drv_virt_call(call, error))
        return NULL;
    all = call->out;
    if (all->len == 1)
        return g_ptr_array_steal_index(all, 0);
    (void)drv_throw(
        error, DRV_ERROR_NOT_FOUND, "domain '%s' is gone", drv_domain_id(domain));
    return NULL;
}
