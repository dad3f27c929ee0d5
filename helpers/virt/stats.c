/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/stats.h"

#include <string.h>
#include <sys/eventfd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
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

/* --- abilities ------------------------------------------------------------------------
 */

static gboolean
do_capabilities(DrvVirtCall *call)
{
    call->out_text = virConnectGetCapabilities(call->virt->conn);
    return call->out_text != NULL;
}

static gboolean
do_guest_capabilities(DrvVirtCall *call)
{
    call->out_text = virConnectGetDomainCapabilities(
        call->virt->conn, NULL, NULL, NULL, call->text, 0);
    return call->out_text != NULL;
}

static gboolean
do_cpu(DrvVirtCall *call)
{
    const char *cpus[] = { call->text2 };

    call->out_text =
        virConnectBaselineHypervisorCPU(call->virt->conn,
                                        NULL,
                                        NULL,
                                        NULL,
                                        call->text,
                                        cpus,
                                        1,
                                        VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES);
    return call->out_text != NULL;
}

char *
drv_virt_capabilities(DrvVirt *virt, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask what the host can do", do_capabilities);

    return drv_virt_call(call, error) ? g_steal_pointer(&call->out_text) : NULL;
}

char *
drv_virt_guest_capabilities(DrvVirt *virt, const char *type, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask what guests can do", do_guest_capabilities);

    call->text = g_strdup(type);
    return drv_virt_call(call, error) ? g_steal_pointer(&call->out_text) : NULL;
}

char *
drv_virt_expand_cpu(DrvVirt *virt, const char *type, const char *cpu, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask for the CPU's features", do_cpu);

    call->text = g_strdup(type);
    call->text2 = g_strdup(cpu);
    return drv_virt_call(call, error) ? g_steal_pointer(&call->out_text) : NULL;
}

/* --- events ---------------------------------------------------------------------------
 */

/* Filled by libvirt's thread; an atomic rc box, one reference per registration. */
typedef struct {
    GMutex lock;
    GArray *events; /* DrvLifecycleEvent */
    int fd;         /* eventfd, readable when there are events */
} Inbox;

struct DrvEvents {
    DrvVirt *virt;
    Inbox *inbox;
    int id; /* of the registration */
};

static void
inbox_clear(gpointer data)
{
    Inbox *inbox = data;

    g_array_unref(inbox->events);
    g_mutex_clear(&inbox->lock);
    drv_fd_close_one(inbox->fd);
}

static void
inbox_free(gpointer inbox)
{
    g_atomic_rc_box_release_full(inbox, inbox_clear);
}

static int
on_event(virConnectPtr conn, virDomainPtr domain, int what, int detail, void *data)
{
    Inbox *inbox = data;
    DrvLifecycleEvent event = { what, detail, "" };
    guint64 one = 1;

    (void)conn;
    (void)virDomainGetUUIDString(domain, event.uuid);
    g_mutex_lock(&inbox->lock);
    g_array_append_val(inbox->events, event);
    g_mutex_unlock(&inbox->lock);
    (void)!write(inbox->fd, &one, sizeof one);
    return 0;
}

static gboolean
do_register(DrvVirtCall *call)
{
    gpointer inbox = g_atomic_rc_box_acquire(call->in);

    call->out_number =
        virConnectDomainEventRegisterAny(call->virt->conn,
                                         NULL,
                                         VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_event),
                                         inbox,
                                         inbox_free);
    if (call->out_number < 0)
        inbox_free(inbox);
    return call->out_number >= 0;
}

static gboolean
do_deregister(DrvVirtCall *call)
{
    return virConnectDomainEventDeregisterAny(call->virt->conn, (int)call->number) >= 0;
}

DrvEvents *
drv_events_new(DrvVirt *virt, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "watch all domains", do_register);
    Inbox *inbox = g_atomic_rc_box_new0(Inbox);
    DrvEvents *events;

    g_mutex_init(&inbox->lock);
    inbox->events = g_array_new(FALSE, FALSE, sizeof(DrvLifecycleEvent));
    inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    call->in = inbox;
    call->in_free = inbox_free;
    if (!drv_virt_call(call, error))
        return NULL;
    events = g_new0(DrvEvents, 1);
    events->virt = drv_virt_ref(virt);
    events->inbox = g_atomic_rc_box_acquire(inbox);
    events->id = (int)call->out_number;
    return events;
}

void
drv_events_free(DrvEvents *events)
{
    if (events == NULL)
        return;
    DRV_CANCEL_SHIELD();
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(events->virt, "stop watching", do_deregister);
    g_autoptr(GError) ignored = NULL;

    call->number = (guint64)events->id;
    if (!drv_virt_call(call, &ignored))
        drv_ignore(&ignored, "the watch ends with the connection");
    inbox_free(events->inbox);
    drv_virt_close(events->virt);
    g_free(events);
}

static gboolean
inbox_take(Inbox *inbox, DrvLifecycleEvent *event)
{
    gboolean got;
    guint64 n;

    g_mutex_lock(&inbox->lock);
    got = inbox->events->len > 0;
    if (got) {
        *event = g_array_index(inbox->events, DrvLifecycleEvent, 0);
        g_array_remove_index(inbox->events, 0);
    }
    if (inbox->events->len == 0)
        (void)!read(inbox->fd, &n, sizeof n);
    g_mutex_unlock(&inbox->lock);
    return got;
}

gboolean
drv_events_next(DrvEvents *events,
                guint timeout_ms,
                int wake_fd,
                DrvLifecycleEvent *event,
                gboolean *got,
                GError **error)
{
    struct pollfd fds[] = {
        { .fd = events->inbox->fd, .events = POLLIN },
        { .fd = events->virt->life->closed_fd, .events = POLLIN },
        { .fd = wake_fd, .events = POLLIN },
    };

    *got = FALSE;
    if (drv_poll(fds, G_N_ELEMENTS(fds), (int)timeout_ms, error) < 0)
        return FALSE;
    if (fds[0].revents)
        *got = inbox_take(events->inbox, event);
    if (!*got && fds[1].revents)
        return drv_throw(error, DRV_ERROR_VIRT, "the connection to libvirt was lost");
    return TRUE;
}
