/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/freeze.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "request/xml.h"
#include "virt/virt-private.h"

#define THAW_TIMEOUT_S 10

/* --- the agent
 * --------------------------------------------------------------------------
 */

static gboolean
do_freeze(DrvVirtCall *call)
{
    (void)virDomainAgentSetResponseTimeout(call->domain, (int)call->number, 0);
    call->out_number = virDomainFSFreeze(call->domain, NULL, 0, 0);
    return call->out_number >= 0;
}

static gboolean
do_thaw(DrvVirtCall *call)
{
    (void)virDomainAgentSetResponseTimeout(call->domain, (int)call->number, 0);
    return virDomainFSThaw(call->domain, NULL, 0, 0) >= 0;
}

gboolean
drv_freeze_filesystems(DrvDomain *domain, guint timeout_s, guint *n, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "freeze the guest's file systems", do_freeze);

    call->number = timeout_s;
    call->timeout_ms = timeout_s * 1000 + DRV_VIRT_AGENT_SLACK_MS;
    if (!drv_virt_call(call, error))
        return FALSE;
    if (n)
        *n = (guint)call->out_number;
    return TRUE;
}

gboolean
drv_freeze_thaw(DrvDomain *domain, GError **error)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "thaw the guest's file systems", do_thaw);

    call->number = THAW_TIMEOUT_S;
    call->timeout_ms = THAW_TIMEOUT_S * 1000 + DRV_VIRT_AGENT_SLACK_MS;
    return drv_virt_call(call, error);
}

/* TRUE when the agent has its end of the channel open. */
static gboolean
has_agent(DrvDomain *domain, GError **error, gboolean *there)
{
    g_autofree char *text = drv_domain_xml(domain, FALSE, error);
    g_autoptr(DrvXml) xml =
        text ? drv_xml_parse("the domain's XML", text, -1, error) : NULL;

    if (xml == NULL)
        return FALSE;
    *there = drv_xml_has(xml,
                         NULL,
                         "/domain/devices/channel/target"
                         "[@name='org.qemu.guest_agent.0' and @state='connected']") ||
             g_str_has_prefix(domain->virt->uri, "test:");
    return TRUE;
}

/* --- the guard, see virt/freeze-watchdog.c
 * -----------------------------------------------------
 */

static gboolean
guard_start(DrvFreeze *quiet, DrvFreezeHow how, GError **error)
{
    const DrvDomain *domain = quiet->domain;
    g_autoptr(DrvCmd) cmd = drv_cmd_new("/proc/self/exe",
                                        how == DRV_FREEZE_FROZEN ? "thaw" : "resume",
                                        domain->virt->uri,
                                        domain->uuid,
                                        NULL);
    g_auto(DrvFd) theirs = -1;
    int ends[2];

    if (domain->virt->local)
        return TRUE;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return drv_throw_errno(error, "cannot create a pipe");
    theirs = ends[0];
    quiet->guard_fd = ends[1];
    drv_cmd_env(cmd, drv_freeze_watchdog_variable, "1");
    drv_cmd_fd(cmd, DRV_FREEZE_WATCHDOG_FD, theirs);
    return drv_cmd_detach(cmd, error) || drv_prefix(error, "cannot start the watchdog");
}

/* Without @done the guard begins to undo once the pipe closes. */
static void
guard_stop(DrvFreeze *quiet, gboolean done)
{
    if (quiet->guard_fd >= 0 && done)
        (void)!write(quiet->guard_fd, "q", 1);
    drv_fd_close_one(drv_fd_steal(&quiet->guard_fd));
}

/* --- quiet -----------------------------------------------------------------------------
 */

static gboolean
undo(DrvFreeze *quiet, GError **error)
{
    DRV_CANCEL_SHIELD();
    DrvFreezeHow how = quiet->how;
    gboolean ok = TRUE;

    quiet->how = DRV_FREEZE_NONE;
    if (how == DRV_FREEZE_FROZEN)
        ok = drv_freeze_thaw(quiet->domain, error);
    else if (how == DRV_FREEZE_PAUSED)
        ok = drv_domain_resume(quiet->domain, error);
    guard_stop(quiet, ok);
    return ok;
}

gboolean
drv_freeze_end(DrvFreeze *quiet, GError **error)
{
    return undo(quiet, error);
}

void
drv_freeze_clear(DrvFreeze *quiet)
{
    g_autoptr(GError) error = NULL;

    if (!undo(quiet, &error))
        drv_warn("domain '%s': %s", drv_domain_id(quiet->domain), error->message);
}

/* A freeze that failed may have frozen a part, or may do so late: thaw in any case. */
static gboolean
try_freeze(DrvFreeze *quiet, guint timeout_s, GError **error)
{
    quiet->how = DRV_FREEZE_FROZEN;
    if (!guard_start(quiet, DRV_FREEZE_FROZEN, error)) {
        quiet->how = DRV_FREEZE_NONE;
        return FALSE;
    }
    if (drv_freeze_filesystems(quiet->domain, timeout_s, NULL, error))
        return TRUE;
    drv_freeze_clear(quiet);
    return FALSE;
}

static gboolean
try_pause(DrvFreeze *quiet, GError **error)
{
    quiet->how = DRV_FREEZE_PAUSED;
    if (!guard_start(quiet, DRV_FREEZE_PAUSED, error)) {
        quiet->how = DRV_FREEZE_NONE;
        return FALSE;
    }
    if (drv_domain_suspend(quiet->domain, error))
        return TRUE;
    drv_freeze_clear(quiet);
    return FALSE;
}

gboolean
drv_freeze_begin(DrvFreeze *quiet, DrvDomain *domain, guint timeout_s, GError **error)
{
    DrvDomainState state;
    gboolean agent = FALSE;
    g_autoptr(GError) why = NULL;

    quiet->domain = domain;
    if (!drv_domain_state(domain, &state, NULL, error))
        return FALSE;
    if (state != DRV_STATE_RUNNING)
        return TRUE; /* it does not write */
    if (!has_agent(domain, error, &agent))
        return FALSE;
    if (agent && try_freeze(quiet, timeout_s, &why))
        return TRUE;
    if (drv_error_is(why, DRV_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (why)
        drv_info(
            "domain '%s' is paused instead: %s", drv_domain_id(domain), why->message);
    return try_pause(quiet, error);
}
