/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include <string.h>

#include "base/error.h"
#include "virt/virt-private.h"
#include "virt/virt.h"

/* --- finding -------------------------------------------------------------------------
 */

DrvDomain *
drv_domain_wrap(DrvVirt *virt, const char *id, virDomainPtr raw)
{
    DrvDomain *domain = g_new0(DrvDomain, 1);
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    domain->virt = drv_virt_ref(virt);
    domain->domain = raw;
    domain->name = g_strdup(virDomainGetName(raw)); /* both are known without a call */
    domain->id = g_strdup(id ? id : domain->name);
    if (virDomainGetUUIDString(raw, uuid) == 0)
        domain->uuid = g_strdup(uuid);
    return domain;
}

void
drv_domain_free(DrvDomain *domain)
{
    if (domain == NULL)
        return;
    virDomainFree(domain->domain);
    drv_virt_close(domain->virt);
    g_free(domain->id);
    g_free(domain->uuid);
    g_free(domain->name);
    g_free(domain);
}

const char *
drv_domain_id(const DrvDomain *domain)
{
    return domain->id;
}

const char *
drv_domain_uuid(const DrvDomain *domain)
{
    return domain->uuid;
}

const char *
drv_domain_name(const DrvDomain *domain)
{
    return domain->name;
}

static gboolean
looks_like_uuid(const char *id)
{
    return strlen(id) == VIR_UUID_STRING_BUFLEN - 1 &&
           strspn(id, "0123456789abcdefABCDEF-") == VIR_UUID_STRING_BUFLEN - 1;
}

static gboolean
looks_like_number(const char *id, gint64 *number)
{
    return g_ascii_isdigit(*id) &&
           g_ascii_string_to_signed(id, 10, 0, G_MAXINT, number, NULL);
}

/* Any other error than "no such domain" ends the search: it is not an answer. */
static gboolean
go_on_looking(gconstpointer found)
{
    return found == NULL && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN;
}

static gboolean
do_find(DrvVirtCall *call)
{
    virConnectPtr conn = call->virt->conn;
    gint64 number;

    if (looks_like_uuid(call->text)) {
        call->out = virDomainLookupByUUIDString(conn, call->text);
        if (!go_on_looking(call->out))
            return call->out != NULL;
    }
    if (looks_like_number(call->text, &number)) {
        call->out = virDomainLookupByID(conn, (int)number);
        if (!go_on_looking(call->out))
            return call->out != NULL;
    }
    call->out = virDomainLookupByName(conn, call->text);
    return call->out != NULL;
}

DrvDomain *
drv_virt_find(DrvVirt *virt, const char *id, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_new(virt, "find the domain", do_find);

    call->text = g_strdup(id);
    if (!drv_virt_call(call, error)) {
        (void)drv_prefix(error, "domain '%s'", id);
        return NULL;
    }
    return drv_domain_wrap(virt, id, call->out);
}

static gboolean
do_create(DrvVirtCall *call)
{
    call->out = virDomainCreateXML(call->virt->conn, call->text, call->flags);
    return call->out != NULL;
}

DrvDomain *
drv_virt_create(DrvVirt *virt, const char *xml, unsigned flags, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_new(virt, "create the domain", do_create);

    call->text = g_strdup(xml);
    call->flags = flags & DRV_VIRT_PAUSED ? VIR_DOMAIN_START_PAUSED : 0;
    call->timeout_ms = DRV_VIRT_NO_DEADLINE; /* memory may have to be cleared */
    if (!drv_virt_call(call, error))
        return NULL;
    return drv_domain_wrap(virt, NULL, call->out);
}

/* --- state ---------------------------------------------------------------------------
 */

static gboolean
do_state(DrvVirtCall *call)
{
    int state, reason;

    if (virDomainGetState(call->domain, &state, &reason, 0) < 0)
        return FALSE;
    call->out_number = state;
    call->out_number2 = reason;
    return TRUE;
}

gboolean
drv_domain_state(DrvDomain *domain,
                 DrvDomainState *state,
                 DrvPause *pause,
                 GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the domain's state", do_state);
    g_autoptr(GError) why = NULL;

    if (!drv_virt_call(call, &why)) {
        if (!drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        *state = DRV_STATE_ABSENT;
        return TRUE;
    }
    *state = drv_state_of((int)call->out_number, call->out_number2, pause);
    return TRUE;
}

static gboolean
do_xml(DrvVirtCall *call)
{
    call->out_text = virDomainGetXMLDesc(call->domain, call->flags);
    return call->out_text != NULL;
}

char *
drv_domain_xml(DrvDomain *domain, gboolean secure, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the domain's XML", do_xml);

    call->flags = secure ? VIR_DOMAIN_XML_SECURE : 0;
    if (!drv_virt_call(call, error))
        return NULL;
    return g_steal_pointer(&call->out_text);
}

char *
drv_domain_migratable_xml(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the domain's XML", do_xml);

    call->flags = VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE;
    if (!drv_virt_call(call, error))
        return NULL;
    return g_steal_pointer(&call->out_text);
}

/* libvirt itself gives a guest's agent 60 s to take such a request, before ACPI. */
#define AGENT_SHUTDOWN_MS 60000

/* --- requests without arguments --------------------------------------------------------
 */

static gboolean
do_shutdown(DrvVirtCall *call)
{
    return virDomainShutdownFlags(call->domain, 0) >= 0;
}

gboolean
drv_domain_shutdown(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "shut down the domain", do_shutdown);

    call->timeout_ms += AGENT_SHUTDOWN_MS;
    return drv_virt_call(call, error);
}

static gboolean
do_reboot(DrvVirtCall *call)
{
    return virDomainReboot(call->domain, 0) >= 0;
}

gboolean
drv_domain_reboot(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "reboot the domain", do_reboot);

    call->timeout_ms += AGENT_SHUTDOWN_MS;
    return drv_virt_call(call, error);
}

static gboolean
do_reset(DrvVirtCall *call)
{
    return virDomainReset(call->domain, 0) >= 0;
}

gboolean
drv_domain_reset(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "reset the domain", do_reset);

    return drv_virt_call(call, error);
}

static gboolean
do_destroy(DrvVirtCall *call)
{
    if (virDomainDestroyFlags(call->domain, 0) >= 0)
        return TRUE;
    /* It may have ended by itself meanwhile. */
    switch (virGetLastErrorCode()) {
    case VIR_ERR_NO_DOMAIN:
        return TRUE;
    case VIR_ERR_OPERATION_INVALID:
        return virDomainIsActive(call->domain) == 0;
    default:
        return FALSE;
    }
}

gboolean
drv_domain_destroy(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "destroy the domain", do_destroy);

    return drv_virt_call(call, error);
}

static gboolean
do_suspend(DrvVirtCall *call)
{
    return virDomainSuspend(call->domain) >= 0;
}

gboolean
drv_domain_suspend(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "pause the domain", do_suspend);

    return drv_virt_call(call, error);
}

static gboolean
do_resume(DrvVirtCall *call)
{
    return virDomainResume(call->domain) >= 0;
}

gboolean
drv_domain_resume(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "resume the domain", do_resume);

    return drv_virt_call(call, error);
}

static gboolean
do_wakeup(DrvVirtCall *call)
{
    return virDomainPMWakeup(call->domain, 0) >= 0;
}

gboolean
drv_domain_wakeup(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "wake up the domain", do_wakeup);

    return drv_virt_call(call, error);
}
