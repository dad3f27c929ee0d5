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

/* --- snapshots
 * -------------------------------------------------------------------------- */

static gboolean
do_snapshot(DrvVirtCall *call)
{
    virDomainSnapshotPtr made =
        virDomainSnapshotCreateXML(call->domain, call->text, call->flags);

    if (made)
        virDomainSnapshotFree(made);
    return made != NULL;
}

gboolean
drv_domain_snapshot_create(DrvDomain *domain, const char *name, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "make the snapshot", do_snapshot);
    g_autoptr(DrvXml) xml = drv_xml_new("domainsnapshot");

    (void)drv_xml_node_add(drv_xml_root(xml), "name", name);
    call->text = drv_xml_to_text(xml);
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    return drv_virt_call_patiently(domain, NULL, call, error);
}

gboolean
drv_domain_snapshot_redefine(DrvDomain *domain,
                             const char *xml,
                             gboolean current,
                             GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "redefine the snapshot", do_snapshot);

    call->text = g_strdup(xml);
    call->flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE |
                  (current ? VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT : 0);
    return drv_virt_call(call, error);
}

static gboolean
do_list(DrvVirtCall *call)
{
    virDomainSnapshotPtr *list = NULL;
    virDomainSnapshotPtr current;
    int n = virDomainListAllSnapshots(
        call->domain, &list, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
    char **names;

    if (n < 0)
        return FALSE;
    names = g_new0(char *, (gsize)n + 1);
    for (int i = 0; i < n; i++) {
        names[i] = g_strdup(virDomainSnapshotGetName(list[i]));
        virDomainSnapshotFree(list[i]);
    }
    free(list); /* libvirt's own allocation */
    call->out = names;
    current = virDomainSnapshotCurrent(call->domain, 0);
    if (current) {
        call->out_text = g_strdup(virDomainSnapshotGetName(current));
        virDomainSnapshotFree(current);
    }
    return TRUE;
}

gboolean
drv_domain_snapshot_list(DrvDomain *domain, char ***names, char **current, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "list the snapshots", do_list);

    if (!drv_virt_call(call, error))
        return FALSE;
    *names = call->out;
    if (current)
        *current = g_steal_pointer(&call->out_text);
    return TRUE;
}

static gboolean
do_snapshot_xml(DrvVirtCall *call)
{
    virDomainSnapshotPtr found =
        virDomainSnapshotLookupByName(call->domain, call->text, 0);

    if (found == NULL)
        return FALSE;
    call->out_text = virDomainSnapshotGetXMLDesc(found, VIR_DOMAIN_SNAPSHOT_XML_SECURE);
    if (call->out_text == NULL)
        drv_virt_call_note(call);
    virDomainSnapshotFree(found);
    return call->out_text != NULL;
}

gboolean
drv_domain_snapshot_xml(DrvDomain *domain, const char *name, char **xml, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "read the snapshot", do_snapshot_xml);
    g_autoptr(GError) why = NULL;

    call->text = g_strdup(name);
    *xml = NULL;
    if (drv_virt_call(call, &why)) {
        *xml = g_steal_pointer(&call->out_text);
        return TRUE;
    }
    if (call->code == VIR_ERR_NO_DOMAIN_SNAPSHOT)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
do_snapshot_delete(DrvVirtCall *call)
{
    virDomainSnapshotPtr found =
        virDomainSnapshotLookupByName(call->domain, call->text, 0);
    gboolean ok;

    if (found == NULL)
        return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_SNAPSHOT;
    ok = virDomainSnapshotDelete(found, call->flags) >= 0;
    if (!ok)
        drv_virt_call_note(call);
    virDomainSnapshotFree(found);
    return ok;
}

gboolean
drv_domain_snapshot_delete(DrvDomain *domain,
                           const char *name,
                           gboolean metadata_only,
                           GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "delete the snapshot", do_snapshot_delete);

    call->text = g_strdup(name);
    call->flags = metadata_only ? VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY : 0;
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    return drv_virt_call_patiently(domain, NULL, call, error);
}

static gboolean
do_revert(DrvVirtCall *call)
{
    virDomainSnapshotPtr found =
        virDomainSnapshotLookupByName(call->domain, call->text, 0);
    gboolean ok;

    if (found == NULL)
        return FALSE;
    ok = virDomainRevertToSnapshot(found, call->flags) >= 0;
    if (!ok)
        drv_virt_call_note(call);
    virDomainSnapshotFree(found);
    return ok;
}

gboolean
drv_domain_snapshot_revert(
    DrvDomain *domain, const char *name, gboolean force, gboolean *risky, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "revert to the snapshot", do_revert);

    call->text = g_strdup(name);
    call->flags = force ? VIR_DOMAIN_SNAPSHOT_REVERT_FORCE : 0;
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    if (drv_virt_call_patiently(domain, NULL, call, error))
        return TRUE;
    *risky = call->code == VIR_ERR_SNAPSHOT_REVERT_RISKY;
    return FALSE;
}

/* --- the agent
 * -------------------------------------------------------------------------- */

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
