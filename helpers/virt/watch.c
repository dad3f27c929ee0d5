/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/status.h"
#include "virt/virt-private.h"
#include "virt/virt.h"
#include "virt/watch.h"

/* An event could get lost with a daemon that is being replaced: look again now and then.
 */
#define LOOK_AGAIN_MS 2000
#define ENDING_MS 100 /* between the event of the end and the end itself */
#define BUSY_WAIT_MS 15000
#define DESTROY_TIMEOUT_MS 60000
#define DESTROY_AGAIN_MS 5000

/* What libvirt's event thread fills; an atomic rc box, one reference per registration. */
typedef struct {
    GMutex lock;
    GQueue events; /* DrvEvent */
    int fd;        /* eventfd, readable when there are events */
} Inbox;

struct DrvWatch {
    DrvDomain *domain; /* a domain of our own */
    Inbox *inbox;
    int ids[4]; /* of the registrations; -1: none */
    guint n_ids;
    DrvEvent last;
};

static void
event_free(gpointer data)
{
    DrvEvent *event = data;

    g_free(event->name);
    g_free(event);
}

static void
inbox_clear(gpointer data)
{
    Inbox *inbox = data;

    g_queue_clear_full(&inbox->events, event_free);
    g_mutex_clear(&inbox->lock);
    drv_fd_close_one(inbox->fd);
}

static void
inbox_free(gpointer inbox)
{
    g_atomic_rc_box_release_full(inbox, inbox_clear);
}

static void
inbox_put(Inbox *inbox, DrvEventKind kind, int what, const char *name)
{
    DrvEvent *event = g_new0(DrvEvent, 1);
    guint64 one = 1;

    event->kind = kind;
    event->what = what;
    event->name = g_strdup(name ? name : "");
    g_mutex_lock(&inbox->lock);
    g_queue_push_tail(&inbox->events, event);
    g_mutex_unlock(&inbox->lock);
    (void)!write(inbox->fd, &one, sizeof one);
}

/* The next event or NULL; the descriptor stays readable while there are more. */
static DrvEvent *
inbox_take(Inbox *inbox)
{
    guint64 n;
    DrvEvent *event;

    g_mutex_lock(&inbox->lock);
    event = g_queue_pop_head(&inbox->events);
    if (g_queue_is_empty(&inbox->events))
        (void)!read(inbox->fd, &n, sizeof n);
    g_mutex_unlock(&inbox->lock);
    return event;
}

/* --- libvirt's callbacks
 * ---------------------------------------------------------------- */

static int
on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *data)
{
    (void)conn;
    (void)domain;
    (void)detail;
    inbox_put(data, DRV_EVENT_LIFECYCLE, event, NULL);
    return 0;
}

static void
on_block_job(virConnectPtr conn,
             virDomainPtr domain,
             const char *disk,
             int type,
             int status,
             void *data)
{
    (void)conn;
    (void)domain;
    (void)type;
    inbox_put(data, DRV_EVENT_BLOCK_JOB, status, disk);
}

static void
on_removed(virConnectPtr conn, virDomainPtr domain, const char *alias, void *data)
{
    (void)conn;
    (void)domain;
    inbox_put(data, DRV_EVENT_REMOVED, 0, alias);
}

static void
on_not_removed(virConnectPtr conn, virDomainPtr domain, const char *alias, void *data)
{
    (void)conn;
    (void)domain;
    inbox_put(data, DRV_EVENT_NOT_REMOVED, 0, alias);
}

static const struct {
    DrvEventKind kind;
    int id;
    virConnectDomainEventGenericCallback callback;
} sources[] = {
    { DRV_EVENT_LIFECYCLE,
      VIR_DOMAIN_EVENT_ID_LIFECYCLE,
      VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
    { DRV_EVENT_BLOCK_JOB,
      VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
      VIR_DOMAIN_EVENT_CALLBACK(on_block_job) },
    { DRV_EVENT_REMOVED,
      VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
      VIR_DOMAIN_EVENT_CALLBACK(on_removed) },
    { DRV_EVENT_NOT_REMOVED,
      VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
      VIR_DOMAIN_EVENT_CALLBACK(on_not_removed) },
};

/* --- watching
 * --------------------------------------------------------------------------- */

static gboolean
do_register(DrvVirtCall *call)
{
    gpointer inbox = g_atomic_rc_box_acquire(call->in);
    guint i = (guint)call->number;

    call->out_number = virConnectDomainEventRegisterAny(call->virt->conn,
                                                        call->domain,
                                                        sources[i].id,
                                                        sources[i].callback,
                                                        inbox,
                                                        inbox_free);
    if (call->out_number < 0)
        inbox_free(inbox);
    return call->out_number >= 0;
}

static void
on_nothing(virConnectPtr conn, virDomainPtr domain, int reason, void *data)
{
    (void)conn;
    (void)domain;
    (void)reason;
    (void)data;
}

static gboolean
do_anchor(DrvVirtCall *call)
{
    call->out_number =
        virConnectDomainEventRegisterAny(call->virt->conn,
                                         NULL,
                                         VIR_DOMAIN_EVENT_ID_PMWAKEUP,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_nothing),
                                         NULL,
                                         NULL);
    return call->out_number >= 0;
}

/* An event that arrives while a connection's last registration goes stays in libvirt's
 * queue, and none is delivered any more, to nobody (seen with libvirt 9.0).  So there is
 * no last one: a registration for an event that servers never have stays to the end.
 */
static gboolean
anchor(DrvVirt *virt, GError **error)
{
    g_autoptr(DrvVirtCall) call = NULL;

    if (virt->anchor_id >= 0)
        return TRUE;
    call = drv_virt_call_new(virt, "watch the domains", do_anchor);
    if (!drv_virt_call(call, error))
        return FALSE;
    virt->anchor_id = (int)call->out_number;
    return TRUE;
}

static gboolean
do_deregister(DrvVirtCall *call)
{
    return virConnectDomainEventDeregisterAny(call->virt->conn, (int)call->number) >= 0;
}

static gboolean
watch_source(DrvWatch *watch, guint source, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(watch->domain, "watch the domain", do_register);

    call->number = source;
    call->in = g_atomic_rc_box_acquire(watch->inbox);
    call->in_free = inbox_free;
    if (!drv_virt_call(call, error))
        return FALSE;
    watch->ids[watch->n_ids++] = (int)call->out_number;
    return TRUE;
}

static gboolean
watch_sources(DrvWatch *watch, unsigned kinds, GError **error)
{
    if (!anchor(watch->domain->virt, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
        if ((kinds & sources[i].kind) && !watch_source(watch, i, error))
            return FALSE;
    }
    return TRUE;
}

DrvWatch *
drv_watch_new(DrvDomain *domain, unsigned kinds, GError **error)
{
    g_autoptr(DrvWatch) watch = g_new0(DrvWatch, 1);

    virDomainRef(domain->domain);
    watch->domain = drv_domain_wrap(domain->virt, domain->id, domain->domain);
    watch->inbox = g_atomic_rc_box_new0(Inbox);
    g_mutex_init(&watch->inbox->lock);
    g_queue_init(&watch->inbox->events);
    watch->inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!watch_sources(watch, kinds, error)) {
        (void)drv_prefix(error, "domain '%s'", domain->id);
        return NULL;
    }
    return g_steal_pointer(&watch);
}

void
drv_watch_free(DrvWatch *watch)
{
    if (watch == NULL)
        return;
    DRV_CANCEL_SHIELD();
    for (guint i = 0; i < watch->n_ids; i++) {
        g_autoptr(DrvVirtCall) call =
            drv_virt_call_new(watch->domain->virt, "stop watching", do_deregister);
        g_autoptr(GError) ignored = NULL;

        call->number = (guint64)watch->ids[i];
        if (!drv_virt_call(call, &ignored))
            drv_ignore(&ignored, "the watch ends with the connection");
    }
    inbox_free(watch->inbox);
    drv_domain_free(watch->domain);
    g_free(watch->last.name);
    g_free(watch);
}

gboolean
drv_watch_next(DrvWatch *watch, DrvEvent *event, guint timeout_ms, GError **error)
{
    DrvVirt *virt = watch->domain->virt;
    struct pollfd fds[] = { { .fd = watch->inbox->fd, .events = POLLIN },
                            { .fd = virt->life->closed_fd, .events = POLLIN } };
    g_autofree DrvEvent *taken = NULL;

    DRV_STATUS_WAIT("guest");
    *event = (DrvEvent){ 0, 0, NULL };
    if (drv_poll(fds, G_N_ELEMENTS(fds), (int)timeout_ms, error) < 0)
        return FALSE;
    if (fds[0].revents)
        taken = inbox_take(watch->inbox);
    if (taken) {
        g_free(watch->last.name);
        watch->last = *taken;
        *event = watch->last;
        return TRUE;
    }
    if (fds[1].revents)
        return drv_throw(error,
                         DRV_ERROR_VIRT,
                         "domain '%s': the connection to libvirt was lost",
                         watch->domain->id);
    return TRUE;
}

/* Milliseconds until @end, at most @most. */
static guint
left_until(gint64 end, guint most)
{
    gint64 left_ms = (end - g_get_monotonic_time() + 999) / 1000;

    return (guint)CLAMP(left_ms, 0, most);
}

gboolean
drv_watch_gone(DrvWatch *watch, guint timeout_ms, gboolean *gone, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    guint look_again_ms = LOOK_AGAIN_MS;

    for (;;) {
        DrvDomainState state;
        DrvEvent event;
        guint wait_ms;

        if (!drv_domain_state(watch->domain, &state, NULL, error))
            return FALSE;
        *gone = !drv_state_is_active(state);
        wait_ms = left_until(end, look_again_ms);
        if (*gone || wait_ms == 0)
            return TRUE;
        if (!drv_watch_next(watch, &event, wait_ms, error))
            return FALSE;
        look_again_ms =
            event.kind == DRV_EVENT_LIFECYCLE && event.what == VIR_DOMAIN_EVENT_STOPPED
                ? ENDING_MS
                : LOOK_AGAIN_MS;
    }
}

gboolean
drv_watch_destroy(DrvWatch *watch, DrvDomain *domain, GError **error)
{
    gint64 end = g_get_monotonic_time() + DESTROY_TIMEOUT_MS * 1000;
    gboolean gone = FALSE;

    for (;;) {
        g_autoptr(GError) why = NULL;
        gboolean ok = drv_domain_destroy(domain, &why);

        if (!drv_watch_gone(watch, DESTROY_AGAIN_MS, &gone, error))
            return FALSE;
        if (gone)
            return TRUE;
        if (g_get_monotonic_time() < end)
            continue;
        if (!ok)
            g_propagate_error(error, g_steal_pointer(&why));
        return ok ? drv_throw(error, DRV_ERROR_TIMEOUT, "it is still active") : FALSE;
    }
}

/* Forget a failed attempt. */
static void
reset_call(DrvVirtCall *call)
{
    guint64 n;

    g_clear_pointer(&call->message, g_free);
    call->code = 0;
    (void)!read(call->done_fd, &n, sizeof n);
}

gboolean
drv_virt_call_patiently(DrvDomain *domain,
                        DrvWatch *watch,
                        DrvVirtCall *call,
                        GError **error)
{
    gint64 end = g_get_monotonic_time() + BUSY_WAIT_MS * 1000;
    g_autoptr(DrvWatch) own = NULL;
    DrvEvent event;

    for (;;) {
        g_autoptr(GError) why = NULL;
        guint left_ms;

        if (drv_virt_call(call, &why))
            return TRUE;
        left_ms = left_until(end, LOOK_AGAIN_MS / 2);
        if (!drv_error_is(why, DRV_ERROR_BUSY) || left_ms == 0) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        if (watch == NULL)
            watch = own = drv_watch_new(domain, DRV_EVENT_BLOCK_JOB, error);
        if (watch == NULL || !drv_watch_next(watch, &event, left_ms, error))
            return FALSE;
        reset_call(call);
    }
}
