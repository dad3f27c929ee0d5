/* SPDX-License-Identifier: Apache-2.0 */
/* What is there: list, stat, init_model, and check_state, which is the one rollback.
 *
 * check_state makes of whatever a killed worker left a VM that is down or intact: an
 * incomplete domain is ended, a save or migration that still runs is waited for, a guest
 * that a migration left standing goes on, a spent file is removed.
 */
#include <string.h>

#include "agent/common/power.h"
#include "agent/worker/ops.h"
#include "base/cancel.h"
#include "base/log.h"
#include "virt/watch.h"
#include "vmm/ops/job.h"

/* --- all of them -----------------------------------------------------------------------
 */

static json_object *
row_of(const DrvDomainFacts *facts)
{
    json_object *row = json_object_new_object();
    json_object *domids = json_object_new_array();

    if (facts->number >= 0)
        json_object_array_add(domids, json_object_new_int(facts->number));
    json_object_object_add(row, "uuid", json_object_new_string(facts->uuid));
    json_object_object_add(row, "name", json_object_new_string(facts->name));
    json_object_object_add(
        row, "power_state", json_object_new_string(agent_power_of(facts->state)));
    json_object_object_add(row, "domids", domids);
    json_object_object_add(row, "persistent", json_object_new_boolean(facts->persistent));
    return row;
}

gboolean
op_list(Job *job, GError **error)
{
    g_autoptr(GPtrArray) list = drv_domains_list(job->virt, error);

    if (list == NULL)
        return FALSE;
    job->result = json_object_new_array();
    for (guint i = 0; i < list->len; i++)
        json_object_array_add(job->result, row_of(g_ptr_array_index(list, i)));
    return TRUE;
}

static void
put_text(json_object *row, const char *key, DrvXml *xml, const char *path)
{
    g_autofree char *text = drv_xml_get(xml, NULL, path);

    if (text)
        json_object_object_add(row, key, json_object_new_string(text));
}

/* What to adopt a domain needs: its document, with passwords, and its MACs. */
static gboolean
describe(Job *job, const DrvDomainFacts *facts, json_object *row, GError **error)
{
    g_autoptr(DrvDomain) domain = drv_virt_find(job->virt, facts->uuid, error);
    g_autofree char *text = domain ? drv_domain_xml(domain, TRUE, error) : NULL;
    g_autoptr(DrvXml) xml =
        text ? drv_xml_parse("the domain's XML", text, -1, error) : NULL;

    if (xml == NULL)
        return FALSE;
    drv_xml_variable(xml, "uri", AGENT_METADATA_URI);
    json_object_object_add(row, "xml", json_object_new_string(text));
    json_object_object_add(row, "macs", facts_macs(xml));
    put_text(row, "memory_kib", xml, "/domain/currentMemory");
    put_text(row, "vcpu_max", xml, "/domain/vcpu");
    put_text(row, "vcpus", xml, "/domain/vcpu");
    put_text(row, "vcpus", xml, "/domain/vcpu/@current");
    put_text(row, "vm_id", xml, "/domain/metadata/*[namespace-uri()=$uri]/@id");
    put_text(row,
             "unsurvivable",
             xml,
             "/domain/metadata/*[namespace-uri()=$uri]/@unsurvivable");
    return TRUE;
}

/* One that cannot be asked is listed with the reason: it is there. */
gboolean
op_init_model(Job *job, GError **error)
{
    g_autoptr(GPtrArray) list = drv_domains_list(job->virt, error);

    if (list == NULL)
        return FALSE;
    job->result = json_object_new_array();
    for (guint i = 0; i < list->len; i++) {
        const DrvDomainFacts *facts = g_ptr_array_index(list, i);
        json_object *row = row_of(facts);
        g_autoptr(GError) why = NULL;

        if (!job_step(job, (double)i / list->len, "describe", TRUE, error)) {
            json_object_put(row);
            return FALSE;
        }
        if (describe(job, facts, row, &why) || !drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
            if (why)
                json_object_object_add(
                    row, "unknown", json_object_new_string(why->message));
            json_object_array_add(job->result, row);
        } else {
            json_object_put(row); /* it is gone */
        }
    }
    return TRUE;
}

gboolean
op_stat(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };

    if (!facts_read(job, &facts, error))
        return FALSE;
    job->result = facts_json(job, &facts);
    return TRUE;
}

/* --- after a kill ----------------------------------------------------------------------
 */

/* Libvirt goes on with what a killed client had asked for. */
static gboolean
wait_for_rest(Job *job, Facts *facts, GError **error)
{
    g_autoptr(DrvWatch) watch = drv_watch_new(facts->domain, DRV_EVENT_LIFECYCLE, error);

    if (watch == NULL || !vmm_wait_for_job(facts->domain, watch, error))
        return FALSE;
    return facts_read(job, facts, error);
}

static gboolean
is_left_standing(const Facts *facts)
{
    return facts->look->pause == DRV_PAUSE_MIGRATION ||
           facts->look->pause == DRV_PAUSE_SAVE;
}

/* @did: what was done, for the task that says so. */
static gboolean
mend(Job *job, Facts *facts, const char **did, GError **error)
{
    if (!facts_is_active(facts))
        return TRUE;
    if (facts->unsurvivable) {
        *did = "an incomplete domain was ended";
        return stop_hard(facts->domain, error) &&
               drv_domain_undefine(facts->domain, error);
    }
    if (is_left_standing(facts)) {
        *did = "a guest that was left standing goes on";
        suspend_spend_file(job);
        return drv_domain_resume(facts->domain, error);
    }
    if (drv_json_member(job->vm, "suspend_file")) {
        *did = "the file of a guest that is back was removed";
        suspend_spend_file(job);
    }
    return TRUE;
}

gboolean
op_check_state(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };
    const char *did = NULL;
    gboolean elsewhere;

    if (!job_step(job, 0, "look", TRUE, error) ||
        !migrate_resolve(job, &elsewhere, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (elsewhere) {
        migrate_report_gone(job, drv_json_text(job->vm, "migrating_to", ""));
        return TRUE;
    }
    if (facts_is_active(&facts) &&
        (!job_step(job, 0.3, "wait", TRUE, error) || !wait_for_rest(job, &facts, error)))
        return FALSE;
    if (!job_step(job, 0.6, "mend", TRUE, error) || !mend(job, &facts, &did, error) ||
        !report_state(job, error))
        return FALSE;
    if (did) {
        drv_info("%s", did);
        json_object_object_add(job->result, "did", json_object_new_string(did));
    }
    return TRUE;
}
