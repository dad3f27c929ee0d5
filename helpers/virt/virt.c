/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/virt.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "virt/virt-private.h"

#define DEFAULT_URI "qemu:///system"
#define DEFAULT_TIMEOUT_S 60
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT 3
#define CANCEL_GRACE_MS 5000
#define ABORT_GRACE_MS 30000
#define CLOSE_GRACE_MS 3000
#define LOST_GRACE_MS 30000
#define OTHER_LOST_GRACE_MS 60000

/* --- the library ------------------------------------------------------------------ */

/* Errors come back as values; libvirt's own printing would spoil the protocol, and so
 * would the warnings that it logs.
 */
static void
print_nothing(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static gpointer
run_event_loop(gpointer data)
{
    (void)data;
    for (;;) {
        if (virEventRunDefaultImpl() < 0)
            drv_debug("libvirt's event loop: %s", virGetLastErrorMessage());
    }
    return NULL;
}

/* One loop for the process; it ends with it.  Keep-alive and events need it. */
static gboolean
start_library(GError **error)
{
    static gsize started = 0;

    if (g_once_init_enter(&started)) {
        gsize how = 1;

        (void)g_setenv("LIBVIRT_DEBUG", "error", FALSE);
        virSetErrorFunc(NULL, print_nothing);
        if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
            how = 2;
        else
            g_thread_unref(g_thread_new("virt-events", run_event_loop, NULL));
        g_once_init_leave(&started, how);
    }
    if (started != 1)
        return drv_throw(error, DRV_ERROR_VIRT, "cannot initialise libvirt");
    return TRUE;
}

/* --- errors --------------------------------------------------------------------------
 */

static gboolean
is_busy(const DrvVirtCall *call)
{
    if (call->ok)
        return FALSE;
    return call->code == VIR_ERR_BLOCK_COPY_ACTIVE ||
           call->code == VIR_ERR_RESOURCE_BUSY ||
           (call->message && (strstr(call->message, "active block job") ||
                              strstr(call->message, "is in use")));
}

static DrvErrorCode
meaning_of(const DrvVirtCall *call)
{
    if (call->code == VIR_ERR_NO_DOMAIN)
        return DRV_ERROR_NOT_FOUND;
    if (is_busy(call))
        return DRV_ERROR_BUSY;
    if (strstr(call->message, "No space left on device") ||
        strstr(call->message, "Disk quota exceeded"))
        return DRV_ERROR_NO_SPACE;
    switch (call->code) {
    case VIR_ERR_OPERATION_TIMEOUT:
    case VIR_ERR_AGENT_UNRESPONSIVE:
    case VIR_ERR_AGENT_UNSYNCED:
        return DRV_ERROR_TIMEOUT;
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
        return DRV_ERROR_PERMISSION;
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_ARGUMENT_UNSUPPORTED:
    case VIR_ERR_OPERATION_UNSUPPORTED:
        return DRV_ERROR_UNSUPPORTED;
    default:
        return DRV_ERROR_VIRT;
    }
}

/* Set @error from call->code and message, and return FALSE. */
static gboolean
throw_libvirt(const DrvVirtCall *call, GError **error)
{
    return drv_throw(
        error, meaning_of(call), "cannot %s: libvirt: %s", call->what, call->message);
}

/* --- calls -------------------------------------------------------------------------- */

DrvVirtCall *
drv_virt_call_new(DrvVirt *virt, const char *what, DrvVirtCallRun run)
{
    DrvVirtCall *call = g_new0(DrvVirtCall, 1);

    call->refs = 1;
    call->virt = virt ? drv_virt_ref(virt) : NULL;
    call->what = what;
    call->run = run;
    call->timeout_ms = virt ? virt->timeout_ms : DEFAULT_TIMEOUT_S * 1000;
    call->other_fd = -1;
    call->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return call;
}

DrvVirtCall *
drv_virt_call_on(DrvDomain *domain, const char *what, DrvVirtCallRun run)
{
    DrvVirtCall *call = drv_virt_call_new(domain->virt, what, run);

    virDomainRef(domain->domain);
    call->domain = domain->domain;
    return call;
}

DrvVirtCall *
drv_virt_call_ref(DrvVirtCall *call)
{
    g_atomic_int_inc(&call->refs);
    return call;
}

void
drv_virt_call_free(DrvVirtCall *call)
{
    if (call == NULL || !g_atomic_int_dec_and_test(&call->refs))
        return;
    if (call->domain)
        virDomainFree(call->domain);
    g_clear_pointer(&call->virt, drv_virt_close);
    virTypedParamsFree(call->params, call->n_params);
    if (call->in_free)
        call->in_free(call->in);
    g_free(call->text);
    g_free(call->text2);
    g_free(call->text3);
    g_free(call->out_text);
    g_free(call->message);
    drv_fd_close_one(call->done_fd);
    g_free(call);
}

void
drv_virt_call_note(DrvVirtCall *call)
{
    virErrorPtr why = virGetLastError();

    call->code = why ? why->code : VIR_ERR_INTERNAL_ERROR;
    g_free(call->message);
    call->message = g_strdup(why && why->message ? why->message : "unknown error");
    g_strstrip(call->message);
}

static gpointer
run_call(gpointer data)
{
    DrvVirtCall *call = data;
    guint64 one = 1;

    virResetLastError(); /* libvirt keeps errors per thread */
    call->ok = call->run(call);
    if (!call->ok && call->message == NULL)
        drv_virt_call_note(call);
    (void)!write(call->done_fd, &one, sizeof one);
    drv_virt_call_free(call);
    return NULL;
}

static GThread *
start_call(DrvVirtCall *call)
{
    return g_thread_new("virt-call", run_call, drv_virt_call_ref(call));
}

static gboolean
throw_late(const DrvVirtCall *call, guint timeout_ms, GError **error)
{
    return drv_throw(error,
                     DRV_ERROR_TIMEOUT,
                     "cannot %s: libvirt did not answer within %u s",
                     call->what,
                     timeout_ms / 1000);
}

/* A call without a deadline ends with its connections, or soon after that; libvirt's
 * library does not always notice.
 */
static gboolean
wait_for_ever(DrvVirtCall *call, GError **error)
{
    struct pollfd fds[] = { { .fd = call->done_fd, .events = POLLIN },
                            { .fd = call->virt ? call->virt->life->closed_fd : -1,
                              .events = POLLIN },
                            { .fd = call->other_fd, .events = POLLIN } };
    int ready = drv_poll(fds, G_N_ELEMENTS(fds), -1, error);
    guint grace_ms = fds[1].revents ? LOST_GRACE_MS : OTHER_LOST_GRACE_MS;

    if (ready < 0 || fds[0].revents)
        return ready >= 0;
    ready = drv_poll(fds, 1, (int)grace_ms, error);
    return ready == 0 ? throw_late(call, grace_ms, error) : ready > 0;
}

/* Wait for the end of a call; FALSE with DRV_ERROR_TIMEOUT or _CANCELLED. */
static gboolean
wait_for_call(DrvVirtCall *call, guint timeout_ms, GError **error)
{
    struct pollfd done = { .fd = call->done_fd, .events = POLLIN };
    int ready;

    if (timeout_ms == DRV_VIRT_NO_DEADLINE)
        return wait_for_ever(call, error);
    ready = drv_poll(&done, 1, (int)timeout_ms, error);
    return ready == 0 ? throw_late(call, timeout_ms, error) : ready > 0;
}

/* A copy that runs beside the call that it is to end. */
static void
start_abort(DrvVirtCall *call)
{
    g_autoptr(DrvVirtCall) stop = drv_virt_call_new(call->virt, call->what, call->abort);

    virDomainRef(call->domain);
    stop->domain = call->domain;
    stop->text = g_strdup(call->text);
    stop->flags = call->flags;
    g_thread_unref(start_call(stop));
}

/* We were told to stop while the call ran: its end is still worth waiting for, because
 * then the outcome is known.
 */
static gboolean
wait_after_cancel(DrvVirtCall *call)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) late = NULL;

    if (call->abort)
        start_abort(call);
    if (wait_for_call(call, call->abort ? ABORT_GRACE_MS : CANCEL_GRACE_MS, &late))
        return TRUE;
    drv_ignore(&late, "told to stop");
    return FALSE;
}

gboolean
drv_virt_call(DrvVirtCall *call, GError **error)
{
    g_autoptr(GError) why = NULL;
    GThread *thread;

    if (call->virt && call->virt->stuck)
        return drv_throw(
            error, DRV_ERROR_TIMEOUT, "cannot %s: libvirt does not answer", call->what);
    if (!drv_cancel_check(error))
        return drv_prefix(error, "%s", call->what);
    thread = start_call(call);
    if (!wait_for_call(call, call->timeout_ms, &why) &&
        !(drv_error_is(why, DRV_ERROR_CANCELLED) && wait_after_cancel(call))) {
        if (call->virt)
            call->virt->stuck = TRUE;
        g_thread_unref(thread);
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    g_thread_join(thread); /* it is at its end, and drops what it holds */
    if (!call->ok && why) {
        g_propagate_error(error, g_steal_pointer(&why));
        return drv_prefix(error, "%s", call->what);
    }
    return call->ok || throw_libvirt(call, error);
}

/* --- connection ----------------------------------------------------------------------
 */

static char *
configured_uri(GError **error)
{
    g_autoptr(DrvConfig) kvmrc = drv_config_load("vmm/kvm/kvmrc", error);

    if (kvmrc == NULL)
        return NULL;
    return g_strdup(drv_config_get(kvmrc, "LIBVIRT_URI", DEFAULT_URI));
}

static gboolean
configured_timeout(guint *timeout_ms, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);
    guint64 seconds;

    if (config == NULL ||
        !drv_config_get_uint(config, "VIRT_TIMEOUT", DEFAULT_TIMEOUT_S, &seconds, error))
        return FALSE;
    *timeout_ms = (guint)CLAMP(seconds, 1, 86400) * 1000;
    return TRUE;
}

static void
life_clear(gpointer life)
{
    drv_fd_close_one(((DrvVirtLife *)life)->closed_fd);
}

static void
life_free(gpointer life)
{
    g_atomic_rc_box_release_full(life, life_clear);
}

static void
connection_closed(virConnectPtr conn, int reason, void *data)
{
    DrvVirtLife *life = data;
    guint64 one = 1;

    (void)conn;
    (void)reason;
    (void)!write(life->closed_fd, &one, sizeof one);
}

static gboolean
do_open(DrvVirtCall *call)
{
    DrvVirt *virt = call->in;
    virConnectPtr conn = virConnectOpen(call->text);
    gpointer life;

    if (conn == NULL)
        return FALSE;
    virt->conn = conn;
    if (virt->local)
        return TRUE;
    /* Some drivers have neither; their calls fail without. */
    (void)virConnectSetKeepAlive(conn, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);
    life = g_atomic_rc_box_acquire(virt->life);
    if (virConnectRegisterCloseCallback(conn, connection_closed, life, life_free) < 0)
        life_free(life);
    return TRUE;
}

DrvVirt *
drv_virt_ref(DrvVirt *virt)
{
    g_atomic_int_inc(&virt->refs);
    return virt;
}

DrvVirt *
drv_virt_open(const char *uri, GError **error)
{
    g_autoptr(DrvVirt) virt = g_new0(DrvVirt, 1);
    g_autoptr(DrvVirtCall) call = NULL;

    virt->refs = 1;
    virt->anchor_id = -1;
    virt->life = g_atomic_rc_box_new0(DrvVirtLife);
    virt->life->closed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    virt->uri = uri ? g_strdup(uri) : configured_uri(error);
    if (virt->uri == NULL || !configured_timeout(&virt->timeout_ms, error) ||
        !start_library(error))
        return NULL;
    virt->local = g_str_has_prefix(virt->uri, "test:") || strstr(virt->uri, "///embed");
    call = drv_virt_call_new(NULL, "connect", do_open);
    call->timeout_ms = virt->timeout_ms;
    call->text = g_strdup(virt->uri);
    call->in = drv_virt_ref(virt);
    call->in_free = (GDestroyNotify)drv_virt_close;
    if (!drv_virt_call(call, error)) {
        /* Whatever its number, this does not mean that the domain is absent. */
        if (error && *error && drv_error_is(*error, DRV_ERROR_NOT_FOUND))
            (*error)->code = DRV_ERROR_VIRT;
        (void)drv_prefix(error, "%s", virt->uri);
        return NULL;
    }
    return g_steal_pointer(&virt);
}

static gboolean
do_close(DrvVirtCall *call)
{
    virConnectPtr conn = call->in;

    if ((int)call->number >= 0)
        (void)virConnectDomainEventDeregisterAny(conn, (int)call->number);
    (void)virConnectUnregisterCloseCallback(conn, connection_closed);
    return virConnectClose(conn) >= 0;
}

/* Saying good-bye may wait for the daemon, but never long. */
static void
close_connection(DrvVirt *virt)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(DrvVirtCall) call = drv_virt_call_new(NULL, "disconnect", do_close);
    g_autoptr(GError) ignored = NULL;

    call->in = virt->conn;
    call->number = (guint64)virt->anchor_id;
    call->timeout_ms = virt->local ? DRV_VIRT_NO_DEADLINE : CLOSE_GRACE_MS;
    if (!drv_virt_call(call, &ignored))
        drv_ignore(&ignored, "closing");
}

void
drv_virt_close(DrvVirt *virt)
{
    if (virt == NULL || !g_atomic_int_dec_and_test(&virt->refs))
        return;
    if (virt->conn && !virt->stuck)
        close_connection(virt);
    life_free(virt->life);
    g_free(virt->uri);
    g_free(virt);
}

gboolean
drv_virt_is_lost(const DrvVirt *virt)
{
    struct pollfd fd = { .fd = virt->life->closed_fd, .events = POLLIN };

    return virt->stuck || poll(&fd, 1, 0) > 0;
}

const char *
drv_virt_uri(const DrvVirt *virt)
{
    return virt->uri;
}
