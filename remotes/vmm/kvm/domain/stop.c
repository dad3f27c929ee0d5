/* SPDX-License-Identifier: Apache-2.0 */
/* shutdown and cancel: a domain's end, asked for and not. */
#include "base/error.h"
#include "base/log.h"
#include "virt/watch.h"
#include "vmm/ops/directory.h"
#include "vmm/ops/host.h"
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

#define DEFAULT_TIMEOUT_S 120

/* What the end of a domain takes along. */
typedef struct {
    VmmSession session; /* without a domain if there was none */
    DrvWatch *watch;
    DrvXml *xml;
    char *directory; /* may be NULL */
} Stop;

static void
stop_clear(Stop *stop)
{
    g_clear_pointer(&stop->watch, drv_watch_free);
    vmm_session_clear(&stop->session);
    g_clear_pointer(&stop->xml, drv_xml_free);
    g_clear_pointer(&stop->directory, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stop, stop_clear)

static gboolean
read_domain(Stop *stop, GError **error)
{
    stop->xml = vmm_domain_xml(stop->session.domain, error);
    return stop->xml &&
           vmm_dir(stop->session.domain, stop->session.config, &stop->directory, error);
}

/* Open everything before anything is asked for.  A domain libvirt does not know is at its
 * end; *gone says so.
 */
static gboolean
stop_open(Stop *stop, gconstpointer request, gboolean *gone, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (vmm_session_open(&stop->session, request, &why))
        stop->watch = drv_watch_new(stop->session.domain, DRV_EVENT_LIFECYCLE, &why);
    if (stop->watch && drv_watch_gone(stop->watch, 0, gone, &why) &&
        (*gone || read_domain(stop, &why)))
        return TRUE;
    *gone = stop->session.virt && drv_error_is(why, DRV_ERROR_NOT_FOUND);
    if (*gone)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static void
stop_tidy(Stop *stop)
{
    if (stop->xml && stop->directory)
        vmm_release_devices(stop->xml, stop->directory);
    vmm_compact_memory(stop->session.config, TRUE);
}

/* --- shutdown
 * ---------------------------------------------------------------------------- */

/* The guest may be gone, or about to go, by the time it is asked. */
static gboolean
ask(Stop *stop, gboolean *gone, GError **error)
{
    g_autoptr(GError) why = NULL;

    *gone = FALSE;
    if (drv_domain_shutdown(stop->session.domain, &why))
        return TRUE;
    if (!drv_error_is(why, DRV_ERROR_CANCELLED) &&
        drv_watch_gone(stop->watch, 0, gone, NULL) && *gone)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

/* Ask, wait half the time, ask again, wait the other half. */
static gboolean
ask_twice(Stop *stop, guint timeout_s, gboolean *gone, GError **error)
{
    if (!ask(stop, gone, error))
        return FALSE;
    if (*gone || !drv_watch_gone(stop->watch, timeout_s * 500, gone, error) || *gone)
        return *gone;
    if (!ask(stop, gone, error))
        return FALSE;
    return *gone || drv_watch_gone(stop->watch, timeout_s * 500, gone, error);
}

static gboolean
end_guest(Stop *stop, GError **error)
{
    guint timeout_s =
        vmm_config_uint(stop->session.config, "SHUTDOWN_TIMEOUT", DEFAULT_TIMEOUT_S);
    gboolean gone = FALSE;

    if (vmm_config_bool(stop->session.config, "CANCEL_NO_ACPI", FALSE) &&
        !drv_xml_has(stop->xml, NULL, "/domain/features/acpi"))
        return drv_watch_destroy(stop->watch, stop->session.domain, error);
    if (!ask_twice(stop, timeout_s, &gone, error))
        return FALSE;
    if (gone)
        return TRUE;
    if (!vmm_config_bool(stop->session.config, "FORCE_DESTROY", FALSE))
        return drv_throw(error,
                         DRV_ERROR_TIMEOUT,
                         "the guest did not power off within %u s",
                         timeout_s);
    drv_info("the guest did not power off within %u s, destroying it", timeout_s);
    return drv_watch_destroy(stop->watch, stop->session.domain, error);
}

/* The TPM's state is kept of a guest that ends by itself only. */
static gboolean
end_domain(gconstpointer request, gboolean ask_guest, GError **error)
{
    g_auto(Stop) stop = { 0 };
    gboolean gone;

    if (!stop_open(&stop, request, &gone, error))
        return FALSE;
    if (gone)
        return TRUE;
    if (ask_guest && stop.directory)
        vmm_keep_tpm(stop.xml, drv_domain_uuid(stop.session.domain), stop.directory);
    if (!(ask_guest ? end_guest(&stop, error)
                    : drv_watch_destroy(stop.watch, stop.session.domain, error)))
        return FALSE;
    stop_tidy(&stop);
    return TRUE;
}

static gboolean
shutdown_domain(gconstpointer request, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return end_domain(request, TRUE, error);
}

static gboolean
cancel_domain(gconstpointer request, DrvSource *in, char **result, GError **error)
{
    (void)in, (void)result;
    return end_domain(request, FALSE, error);
}

const DrvOp kvm_shutdown = { .name = "kvm.shutdown",
                             .request = &vmm_domain,
                             .run = shutdown_domain };
const DrvOp kvm_cancel = { .name = "kvm.cancel",
                           .request = &vmm_domain,
                           .run = cancel_domain };
