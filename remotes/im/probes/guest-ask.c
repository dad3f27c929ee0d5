/* SPDX-License-Identifier: Apache-2.0 */
/* Asking one guest, as often as it is worth it. */
#include <string.h>

#include "base/error.h"
#include "im/probes/guest.h"
#include "virt/agent.h"

#define FIRST_WAIT_S 20 /* less than the period: asked again next time */
#define LONGEST_WAIT_S 480
#define REFRESH_S 110 /* of addresses: every fourth time */

static void
take(char **lines, GString *text)
{
    g_free(*lines);
    *lines = g_strdup(text->str);
}

/* TRUE when it is the agent that is silent, or not there. */
static gboolean
is_silent(const GError *why)
{
    return drv_error_is(why, DRV_ERROR_TIMEOUT) ||
           drv_error_is(why, DRV_ERROR_UNSUPPORTED) ||
           drv_error_is(why, DRV_ERROR_NOT_FOUND) ||
           drv_error_is(why, DRV_ERROR_CANCELLED);
}

/* What it runs does not change as long as its agent answers. */
static gboolean
ask_os(Guest *guest, DrvDomain *domain, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) why = NULL;
    g_autoptr(GHashTable) facts = NULL;

    if (guest->os)
        return TRUE;
    facts = drv_agent_facts(domain, DRV_AGENT_OS, GUEST_TIMEOUT_S, &why);
    if (is_silent(why)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (facts) {
        guest_say_os(facts, text);
        take(&guest->os, text);
    }
    drv_ignore(&why, "not all agents know, and none while its disks are frozen");
    return TRUE;
}

/* FALSE with @error when the agent does not answer. */
static gboolean
ask_facts(Guest *guest, DrvDomain *domain, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GHashTable) facts = NULL;

    g_clear_pointer(&guest->addresses, g_free);
    if (!ask_os(guest, domain, error))
        return FALSE;
    facts = drv_agent_facts(domain, DRV_AGENT_ADDRESSES, GUEST_TIMEOUT_S, error);
    if (facts == NULL)
        return FALSE;
    if (guest_say_addresses(facts, text))
        take(&guest->addresses, text);
    return TRUE;
}

/* When to ask again: as long as nothing is to be had, after twice the time. */
static void
put_off(Guest *guest, const GError *why)
{
    if (guest->addresses)
        guest->wait_s = 0;
    else if (drv_error_is(why, DRV_ERROR_UNSUPPORTED))
        guest->wait_s = LONGEST_WAIT_S; /* it has no agent */
    else
        guest->wait_s = CLAMP(guest->wait_s * 2, FIRST_WAIT_S, LONGEST_WAIT_S);
    guest->due = guest->asked +
                 (gint64)(guest->addresses ? REFRESH_S : guest->wait_s) * G_USEC_PER_SEC;
}

static void
ask_when_due(Guest *guest, DrvDomain *domain, const GuestConf *conf)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) why = NULL;

    if (guest->due > guest->asked)
        return;
    guest->silent = !ask_facts(guest, domain, &why) && is_silent(why);
    put_off(guest, why);
    if (guest->silent) {
        g_clear_pointer(&guest->os, g_free);
        g_clear_pointer(&guest->gpus, g_free);
        guest->gpu_pid = 0;
        guest_say_wrong(conf, why->message, text);
        take(&guest->answers, text);
    }
    drv_ignore(&why, "it is asked again later");
}

void
guest_visit(Guest *guest, DrvVirt *virt, const GuestConf *conf)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvDomain) domain = NULL;

    guest->asked = g_get_monotonic_time();
    if (guest->due > guest->asked &&
        (guest->silent || !(conf->enabled || guest->has_gpu)))
        return;
    domain = drv_virt_find(virt, guest->vm->uuid, &why);
    if (domain == NULL) {
        drv_ignore(&why, "it has just ended");
        return;
    }
    ask_when_due(guest, domain, conf);
    if (guest->silent)
        return;
    guest_ask_gpus(guest, domain);
    guest_ask_commands(conf, domain, im_vm_id(guest->vm->name), text);
    take(&guest->answers, text);
}
