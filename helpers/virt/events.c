/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/events.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "virt/virt-private.h"

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
