/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/agent.h"

#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "request/xml.h"
#include "virt/virt-private.h"

#define TIME_TIMEOUT_S 5

static gboolean
do_agent(DrvVirtCall *call)
{
    call->out_text =
        virDomainQemuAgentCommand(call->domain, call->text, (int)call->number, 0);
    return call->out_text != NULL;
}

char *
drv_agent_command(DrvDomain *domain, const char *command, guint timeout_s, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "ask the guest's agent", do_agent);

    call->text = g_strdup(command);
    call->number = timeout_s;
    call->timeout_ms = timeout_s * 1000 + DRV_VIRT_AGENT_SLACK_MS;
    if (!drv_virt_call(call, error))
        return NULL;
    return g_steal_pointer(&call->out_text);
}

static gboolean
do_facts(DrvVirtCall *call)
{
    (void)virDomainAgentSetResponseTimeout(call->domain, (int)call->number, 0);
    return virDomainGetGuestInfo(
               call->domain, call->flags, &call->params, &call->n_params, 0) >= 0;
}

static char *
text_of(const virTypedParameter *param)
{
    switch (param->type) {
    case VIR_TYPED_PARAM_STRING:
        return g_strdup(param->value.s);
    case VIR_TYPED_PARAM_UINT:
        return g_strdup_printf("%u", param->value.ui);
    default:
        return NULL; /* no other types are used for what we ask */
    }
}

GHashTable *
drv_agent_facts(DrvDomain *domain, DrvAgentFacts what, guint timeout_s, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "ask the guest", do_facts);
    GHashTable *facts;

    call->flags = (what & DRV_AGENT_OS ? VIR_DOMAIN_GUEST_INFO_OS : 0) |
                  (what & DRV_AGENT_ADDRESSES ? VIR_DOMAIN_GUEST_INFO_INTERFACES : 0);
    call->number = timeout_s;
    call->timeout_ms = timeout_s * 1000 + DRV_VIRT_AGENT_SLACK_MS;
    if (!drv_virt_call(call, error))
        return NULL;
    facts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 0; i < call->n_params; i++) {
        char *text = text_of(&call->params[i]);

        if (text)
            g_hash_table_insert(facts, g_strdup(call->params[i].field), text);
    }
    return facts;
}

static gboolean
do_sync_time(DrvVirtCall *call)
{
    (void)virDomainAgentSetResponseTimeout(call->domain, TIME_TIMEOUT_S, 0);
    return virDomainSetTime(call->domain, 0, 0, VIR_DOMAIN_TIME_SYNC) >= 0;
}

gboolean
drv_agent_sync_time(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "set the guest's clock", do_sync_time);

    call->timeout_ms = TIME_TIMEOUT_S * 1000 + DRV_VIRT_AGENT_SLACK_MS;
    return drv_virt_call(call, error);
}

/* By the same way as the guard of a quiet guest, see virt/freeze-watchdog.c. */
void
drv_agent_sync_time_later(DrvDomain *domain)
{
    g_autoptr(DrvCmd) cmd =
        drv_cmd_new("/proc/self/exe", "time", domain->virt->uri, domain->uuid, NULL);
    g_auto(DrvFd) null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;

    if (domain->virt->local)
        return;
    drv_cmd_env(cmd, drv_freeze_watchdog_variable, "1");
    drv_cmd_keep_env(cmd, "SSH_AUTH_SOCK"); /* the domain may be on another host */
    drv_cmd_fd(cmd, DRV_FREEZE_WATCHDOG_FD, null);
    if (!drv_cmd_detach(cmd, &error))
        drv_warn("the guest's clock is not set: %s", error->message);
}
