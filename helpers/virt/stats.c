/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/stats.h"

#include <string.h>

#include "base/error.h"
#include "virt/virt-private.h"

/* --- usage ---------------------------------------------------------------------------
 */

void
drv_stats_free(DrvStats *usage)
{
    if (usage == NULL)
        return;
    g_free(usage->name);
    g_free(usage);
}

static void
stats_free(gpointer data)
{
    drv_stats_free(data);
}

/* "net.0.rx.bytes" is of the group "net.", the counter ".rx.bytes" */
static gboolean
is_counter(const char *field, const char *group, const char *counter)
{
    gsize length = strlen(group);

    if (strncmp(field, group, length) != 0 || !g_ascii_isdigit(field[length]))
        return FALSE;
    field += length;
    while (g_ascii_isdigit(*field))
        field++;
    return g_str_equal(field, counter);
}

static void
add_counter(DrvStats *stats, const char *field, guint64 value)
{
    const struct {
        const char *group, *counter;
        guint64 *sum;
        unsigned has;
    } counters[] = {
        { "net.", ".rx.bytes", &stats->net_rx, DRV_STAT_NET },
        { "net.", ".tx.bytes", &stats->net_tx, DRV_STAT_NET },
        { "block.", ".rd.bytes", &stats->read_bytes, DRV_STAT_BLOCK },
        { "block.", ".wr.bytes", &stats->write_bytes, DRV_STAT_BLOCK },
        { "block.", ".rd.reqs", &stats->read_requests, DRV_STAT_BLOCK },
        { "block.", ".wr.reqs", &stats->write_requests, DRV_STAT_BLOCK },
    };

    for (guint i = 0; i < G_N_ELEMENTS(counters); i++) {
        if (is_counter(field, counters[i].group, counters[i].counter)) {
            *counters[i].sum += value;
            stats->has |= counters[i].has;
        }
    }
}

static void
take_number(DrvStats *stats, const char *field, guint64 value)
{
    if (g_str_equal(field, "cpu.time")) {
        stats->cpu_ns = value;
        stats->has |= DRV_STAT_CPU;
    } else if (g_str_equal(field, "balloon.rss")) {
        stats->rss_kib = value;
        stats->has |= DRV_STAT_MEMORY;
    } else if ((g_str_equal(field, "net.count") || g_str_equal(field, "block.count")) &&
               value == 0) {
        /* There is nothing to count, which is a figure too. */
        stats->has |= *field == 'n' ? DRV_STAT_NET : DRV_STAT_BLOCK;
    } else {
        add_counter(stats, field, value);
    }
}

static void
take_param(DrvStats *stats, const virTypedParameter *param)
{
    switch (param->type) {
    case VIR_TYPED_PARAM_INT:
        take_number(stats, param->field, (guint64)MAX(param->value.i, 0));
        break;
    case VIR_TYPED_PARAM_UINT:
        take_number(stats, param->field, param->value.ui);
        break;
    case VIR_TYPED_PARAM_LLONG:
        take_number(stats, param->field, (guint64)MAX(param->value.l, 0));
        break;
    case VIR_TYPED_PARAM_ULLONG:
        take_number(stats, param->field, param->value.ul);
        break;
    default:
        break;
    }
}

void
drv_virt_take_state(const virDomainStatsRecord *record,
                    DrvDomainState *state,
                    DrvPause *pause)
{
    int number, reason = 0;

    if (virTypedParamsGetInt(record->params, record->nparams, "state.state", &number) !=
        1)
        return;
    (void)virTypedParamsGetInt(record->params, record->nparams, "state.reason", &reason);
    *state = drv_state_of(number, reason, pause);
}

static gboolean
take_records(DrvVirtCall *call, virDomainStatsRecordPtr *records, int n)
{
    if (n < 0)
        return FALSE;
    for (int i = 0; i < n; i++) {
        DrvStats *stats = g_new0(DrvStats, 1);

        stats->name = g_strdup(virDomainGetName(records[i]->dom));
        (void)virDomainGetUUIDString(records[i]->dom, stats->uuid);
        drv_virt_take_state(records[i], &stats->state, &stats->pause);
        for (int k = 0; k < records[i]->nparams; k++)
            take_param(stats, &records[i]->params[k]);
        g_ptr_array_add(call->in, stats);
    }
    virDomainStatsRecordListFree(records);
    return TRUE;
}

/* Drivers within the process do not know of waiting. */
static unsigned
no_wait(const DrvVirt *virt)
{
    return virt->local ? 0 : VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;
}

static gboolean
do_all(DrvVirtCall *call)
{
    virDomainStatsRecordPtr *records = NULL;
    int n = virConnectGetAllDomainStats(call->virt->conn,
                                        call->flags,
                                        &records,
                                        VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
                                            no_wait(call->virt));

    return take_records(call, records, n);
}

static gboolean
do_one(DrvVirtCall *call)
{
    virDomainStatsRecordPtr *records = NULL;
    virDomainPtr list[] = { call->domain, NULL };
    int n = virDomainListGetStats(list, call->flags, &records, no_wait(call->virt));

    return take_records(call, records, n);
}

/* Run @call; its array is the caller's. */
static GPtrArray *
ask(DrvVirtCall *call, gboolean usage, GError **error)
{
    call->flags = VIR_DOMAIN_STATS_STATE;
    if (usage && !g_str_has_prefix(call->virt->uri, "test:"))
        call->flags |= VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |
                       VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK;
    call->in = g_ptr_array_new_with_free_func(stats_free);
    call->in_free = (GDestroyNotify)g_ptr_array_unref;
    if (!drv_virt_call(call, error))
        return NULL;
    return g_ptr_array_ref(call->in);
}

GPtrArray *
drv_stats_all(DrvVirt *virt, gboolean usage, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask for all domains' state", do_all);

    return ask(call, usage, error);
}

DrvStats *
drv_stats_one(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "ask for the domain's state", do_one);
    g_autoptr(GPtrArray) all = ask(call, TRUE, error);

    if (all == NULL)
        return NULL;
    if (all->len == 1)
        return g_ptr_array_steal_index(all, 0);
    (void)drv_throw(
        error, DRV_ERROR_NOT_FOUND, "domain '%s' is gone", drv_domain_id(domain));
    return NULL;
}
