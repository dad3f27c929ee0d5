/* SPDX-License-Identifier: Apache-2.0 */
/* VM.create, VM.build, VM.create_device_model, VM.destroy: the steps of a start one by
 * one, for clients that take them so.
 *
 * QEMU is one process, so that a domain is built when it is created; what there is of the
 * steps is the marker.  create: a domain without the record's devices, paused, and marked
 * as not complete: devices may be plugged, and whoever looks at the VM ends it.  build:
 * its sizes are checked, and the marker goes.  create_device_model: QEMU is that,
 * already.
 */
#include <string.h>

#include "agent/worker/ops.h"
#include "base/cancel.h"

gboolean
op_create(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };
    g_autoptr(DrvDomain) domain = NULL;
    g_autofree char *xml = NULL;

    if (!job_step(job, 0, "look", TRUE, error) || !migrate_may_start(job, error) ||
        !facts_read(job, &facts, error))
        return FALSE;
    if (strcmp(facts_power(job, &facts), "Halted") != 0)
        return job_bad_power(job, facts_power(job, &facts), "Halted", error);
    job->devices = json_object_new_array();
    json_object_object_add(job->document, "devices", job->devices);
    xml = domain_xml_new(job, error);
    if (xml == NULL || !job_step(job, 0.2, "create", TRUE, error))
        return FALSE;
    domain = start_create(job, job->virt, xml, error);
    if (domain && facts_read(job, &facts, error) && start_hold(&facts, error))
        return report_state(job, error);
    start_undo(job, job->virt);
    return FALSE;
}

/* The domain is there: TRUE, and *done when it is complete. */
static gboolean
begin(Job *job, Facts *facts, gboolean *done, GError **error)
{
    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, facts, error))
        return FALSE;
    if (!facts_is_active(facts))
        return job_fail(job,
                        error,
                        DRV_ERROR_NOT_FOUND,
                        "Does_not_exist",
                        agent_json_pair("domain", job->id),
                        "the VM has no domain; it has to be created first");
    *done = facts->unsurvivable == NULL;
    return TRUE;
}

gboolean
op_build(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };
    gboolean done;

    if (!begin(job, &facts, &done, error))
        return FALSE;
    if (!done) {
        if (!start_check_sizes(job, &facts, error) ||
            !job_step(job, 0.6, "complete", TRUE, error))
            return FALSE;
        DRV_CANCEL_SHIELD();
        if (!start_commit(job, facts.domain, error))
            return FALSE;
    }
    return report_state(job, error);
}

gboolean
op_create_device_model(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };
    gboolean done;

    if (!begin(job, &facts, &done, error))
        return FALSE;
    if (!done)
        return job_not_built(job, error);
    return report_state(job, error);
}
