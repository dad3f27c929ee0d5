/* SPDX-License-Identifier: Apache-2.0 */
/* HOST.peer: what another host has.  HOST.fetch: bring a VM from there.  options:
 *
 *     uri        of the other host's libvirt, as this host reaches it (absent: this
 * one's) name       (fetch) of the domain, or its UUID affinity, words, tries, live
 * (fetch) as of VM.migrate
 *
 * A VM that is fetched need not be known to this host's agent: it is when it has arrived.
 */
#include <string.h>

#include "agent/common/power.h"
#include "agent/worker/ops.h"
#include "base/error.h"

/* One that ends meanwhile is none any more. */
static gboolean
put_domain(json_object *list, DrvVirt *virt, const DrvDomainFacts *facts, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvDomain) domain = drv_virt_find(virt, facts->uuid, &why);
    json_object *row;
    guint64 kib;

    if (domain == NULL || !drv_domain_max_memory(domain, &kib, &why)) {
        if (drv_error_is(why, DRV_ERROR_NOT_FOUND))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    row = json_with_text(json_object_new_object(), "name", facts->name);
    json_with_text(row, "uuid", facts->uuid);
    json_with_text(row, "power_state", agent_power_of(facts->state));
    json_with(row, "memory_kib", json_object_new_int64((gint64)kib));
    json_object_array_add(list, row);
    return TRUE;
}

static gboolean
describe(Job *job, DrvVirt *virt, GError **error)
{
    g_auto(DrvHostFacts) facts = { 0 };
    g_autoptr(GPtrArray) domains = NULL;
    json_object *list;

    if (!drv_host_facts(virt, &facts, error))
        return FALSE;
    domains = drv_domains_list(virt, error);
    if (domains == NULL)
        return FALSE;
    job->result = json_object_new_object();
    list = json_object_new_array();
    json_with(job->result, "cpus", json_object_new_int64(facts.cpus));
    json_with(job->result, "memory_kib", json_object_new_int64((gint64)facts.memory_kib));
    json_with(
        job->result, "available_kib", json_object_new_int64((gint64)facts.available_kib));
    json_with(job->result, "domains", list);
    for (guint i = 0; i < domains->len; i++) {
        const DrvDomainFacts *domain = g_ptr_array_index(domains, i);

        if (drv_state_is_active(domain->state) && !put_domain(list, virt, domain, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
op_host_peer(Job *job, GError **error)
{
    const char *uri = drv_json_text(job->options, "uri", NULL);
    g_autoptr(DrvVirt) peer = uri ? drv_virt_open(uri, error) : NULL;

    if (uri && peer == NULL)
        return FALSE;
    return describe(job, peer ? peer : job->virt, error);
}

/* Here already: by an earlier call that was interrupted. */
static gboolean
is_here(Job *job, const char *name, gboolean *here, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvDomain) domain = drv_virt_find(job->virt, name, &why);
    DrvDomainState state;

    *here = domain && drv_domain_state(domain, &state, NULL, &why) &&
            drv_state_is_active(state);
    if (why == NULL || drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
fetch(Job *job, DrvVirt *peer, const char *name, GError **error)
{
    g_autofree char *own = g_strdup(drv_virt_uri(job->virt));
    g_autoptr(DrvDomain) domain = drv_virt_find(peer, name, error);

    if (domain == NULL)
        return FALSE;
    g_free(job->uuid);
    job->uuid = g_strdup(drv_domain_uuid(domain));
    json_with_text(job->options, "destination", own);
    job->virt = peer;
    return op_migrate(job, error);
}

gboolean
op_host_fetch(Job *job, GError **error)
{
    const char *uri = drv_json_text(job->options, "uri", "");
    const char *name = drv_json_text(job->options, "name", "");
    g_autoptr(DrvVirt) peer = NULL;
    DrvVirt *own = job->virt;
    gboolean here, ok;

    if (*uri == '\0' || *name == '\0')
        return drv_throw(error, DRV_ERROR_USAGE, "no uri or no name was given");
    if (!job_step(job, 0, "look", TRUE, error) || !is_here(job, name, &here, error))
        return FALSE;
    if (here)
        return TRUE;
    peer = drv_virt_open(uri, error);
    if (peer == NULL)
        return FALSE;
    ok = fetch(job, peer, name, error);
    job->virt = own;
    return ok;
}
