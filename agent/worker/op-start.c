/* SPDX-License-Identifier: Apache-2.0 */
/* VM.start.  options: unpause (false): let the guest run at the end.
 *
 * The domain is created with the marker "unsurvivable" in its metadata and does not run;
 * the marker goes last.  Whoever finds a domain with a marker and no worker ends it:
 * whenever this process is killed, the VM is off or complete.
 */
#include <string.h>

#include "agent/worker/ops.h"
#include "base/cancel.h"
#include "base/log.h"

static gboolean
is_persistent(const Job *job)
{
    return drv_json_flag(job->vm, "persistent", FALSE);
}

/* Only what bears our marker: somebody else may have started the same VM meanwhile. */
static gboolean
undo(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };

    if (!facts_read(job, &facts, error))
        return FALSE;
    if (!facts.exists || facts.unsurvivable == NULL ||
        g_strcmp0(facts.owner, job->id) != 0) {
        job->undone = g_strdup(facts.exists ? "nothing: the domain is not of this task"
                                            : "there is no domain");
        return TRUE;
    }
    if (!stop_hard(facts.domain, error) || !drv_domain_undefine(facts.domain, error))
        return FALSE;
    job->undone = g_strdup("the domain was ended before the guest ran");
    return TRUE;
}

void
start_undo(Job *job, DrvVirt *virt)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) error = NULL;
    DrvVirt *own = job->virt;

    g_clear_pointer(&job->undone, g_free);
    job->virt = virt;
    if (!undo(job, &error))
        job->undone = g_strdup_printf("nothing for certain: %s", error->message);
    job->virt = own;
}

/* --- what start promises ---------------------------------------------------------------
 */

static void
check_devices(Job *job, const Facts *facts, GPtrArray *missing)
{
    for (size_t i = 0; i < json_object_array_length(job->devices); i++) {
        json_object *device = json_object_array_get_idx(job->devices, i);

        if (device_xml_find(facts->xml, device) == NULL)
            g_ptr_array_add(missing,
                            g_strdup_printf("%s %s is not plugged",
                                            device_class(device),
                                            device_name(device)));
    }
}

/* Memory and VCPUs of a document of one's own are the document's. */
static void
check_sizes(Job *job, const Facts *facts, GPtrArray *missing)
{
    json_object *state = facts_json(job, facts);
    gint64 memory = drv_json_number(state, "memory_target", 0);
    gint64 vcpus = drv_json_number(state, "vcpu_target", 0);
    gint64 most = drv_json_number(job->vm, "memory_static_max", G_MAXINT64);
    gint64 least = drv_json_number(job->vm, "memory_dynamic_min", 0);
    json_object *consoles = drv_json_member(state, "consoles");

    if (drv_json_member(job->vm, "xml") == NULL) {
        if (memory > most || memory / 1024 < MIN(least, most) / 1024)
            g_ptr_array_add(missing, g_strdup("the memory target is out of its range"));
        if (vcpus != drv_json_number(job->vm, "vcpus", 1))
            g_ptr_array_add(missing, g_strdup("the number of VCPUs is another"));
        if (json_object_array_length(consoles) == 0)
            g_ptr_array_add(missing, g_strdup("there is no console"));
    }
    json_object_put(state);
}

/* An error of what is missing, if anything is. */
static gboolean
nothing_is_missing(Job *job, GPtrArray *missing, GError **error)
{
    g_autofree char *text = NULL;

    if (missing->len == 0)
        return TRUE;
    g_ptr_array_add(missing, NULL);
    text = g_strjoinv(", ", (char **)missing->pdata);
    return job_fail(job,
                    error,
                    DRV_ERROR_VIRT,
                    "Internal_error",
                    json_object_new_string(text),
                    "it did not come up complete: %s",
                    text);
}

gboolean
start_check_sizes(Job *job, const Facts *facts, GError **error)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);

    check_sizes(job, facts, missing);
    return nothing_is_missing(job, missing, error);
}

static gboolean
check_promises(Job *job, const Facts *facts, GError **error)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);

    if (!facts_is_active(facts)) {
        g_ptr_array_add(missing, g_strdup("there is no domain"));
    } else {
        if (facts->look->state != DRV_STATE_PAUSED)
            g_ptr_array_add(missing, g_strdup("it is not paused"));
        if (facts->look->number < 0)
            g_ptr_array_add(missing, g_strdup("it has no id"));
        if (facts->unsurvivable == NULL || strcmp(facts->owner, job->id) != 0)
            g_ptr_array_add(missing, g_strdup("its marker is not this VM's"));
        check_devices(job, facts, missing);
        check_sizes(job, facts, missing);
    }
    return nothing_is_missing(job, missing, error);
}

/* --- the steps -------------------------------------------------------------------------
 */

gboolean
start_commit(Job *job, DrvDomain *domain, GError **error)
{
    g_autofree char *marker = domain_xml_marker(job);

    return drv_domain_replace_metadata(
        domain, AGENT_METADATA_KEY, AGENT_METADATA_URI, marker, error);
}

gboolean
start_hold(Facts *facts, GError **error)
{
    if (!facts_is_active(facts) || facts->look->state != DRV_STATE_RUNNING)
        return TRUE;
    if (!drv_domain_suspend(facts->domain, error))
        return FALSE;
    facts->look->state = DRV_STATE_PAUSED;
    return TRUE;
}

static gboolean
run_guest(Job *job, Facts *facts, GError **error)
{
    DRV_CANCEL_SHIELD(); /* it is complete: a stop changes nothing any more */

    suspend_spend_file(job);
    if (!drv_json_flag(job->options, "unpause", FALSE))
        return TRUE;
    if (!drv_domain_resume(facts->domain, error))
        return drv_prefix(error, "the VM is complete and paused");
    return TRUE;
}

/* The state is reported in one line: in the record the VM never is complete without its
 * consoles.
 */
static gboolean
report_started(Job *job, DrvVirt *virt, double started, GError **error)
{
    DRV_CANCEL_SHIELD();
    g_auto(Facts) facts = { 0 };
    json_object *state;

    (void)virt;
    if (!facts_read(job, &facts, error))
        return FALSE;
    state = facts_json(job, &facts);
    json_object_object_add(state, "last_start_time", json_object_new_double(started));
    job->result = json_object_get(state);
    job_state(state);
    return TRUE;
}

gboolean
start_complete(Job *job, DrvVirt *virt, double from, GError **error)
{
    g_auto(Facts) facts = { 0 };
    double started = (double)g_get_real_time() / G_USEC_PER_SEC;
    DrvVirt *own = job->virt;
    double rest = 1 - from;
    gboolean ok;

    job->virt = virt;
    ok = job_step(job, from, "check", TRUE, error) && facts_read(job, &facts, error) &&
         start_hold(&facts, error) && check_promises(job, &facts, error) &&
         job_step(job, from + rest * 0.6, "complete", TRUE, error);
    if (ok) {
        DRV_CANCEL_SHIELD();
        ok = start_commit(job, facts.domain, error);
    }
    if (!ok) {
        start_undo(job, virt);
        job->virt = own;
        return FALSE;
    }
    ok = run_guest(job, &facts, error) && report_started(job, virt, started, error);
    job->virt = own;
    return ok;
}

DrvDomain *
start_create(Job *job, DrvVirt *virt, const char *xml, GError **error)
{
    /* libvirt's test driver refuses the flag; there, it is paused afterwards. */
    unsigned flags = g_str_has_prefix(drv_virt_uri(virt), "test") ? 0 : DRV_VIRT_PAUSED;
    g_autoptr(DrvDomain) domain = NULL;

    if (!is_persistent(job))
        return drv_virt_create(virt, xml, flags, error);
    domain = drv_domains_define(virt, xml, error);
    if (domain == NULL || !drv_domain_start(domain, flags, error))
        return NULL;
    return g_steal_pointer(&domain);
}

gboolean
start_domain(Job *job, DrvVirt *virt, double from, GError **error)
{
    g_autofree char *xml = NULL;
    g_autoptr(DrvDomain) domain = NULL;

    if (!job_step(job, from, "describe", TRUE, error))
        return FALSE;
    xml = domain_xml_new(job, error);
    if (xml == NULL || !job_step(job, from + (1 - from) * 0.1, "create", TRUE, error))
        return FALSE;
    domain = start_create(job, virt, xml, error);
    if (domain == NULL) {
        start_undo(job, virt);
        return FALSE;
    }
    return start_complete(job, virt, from + (1 - from) * 0.6, error);
}

gboolean
op_start(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };
    const char *power;
    gboolean elsewhere;

    if (!job_step(job, 0, "look", TRUE, error) ||
        !migrate_resolve(job, &elsewhere, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (elsewhere)
        return job_bad_power(job, "Running", "Halted", error);
    if (!migrate_may_start(job, error))
        return FALSE;
    /* An earlier start, which was killed. */
    if (facts_is_active(&facts) && facts.unsurvivable) {
        drv_info("what task '%s' had begun is ended", facts.unsurvivable);
        if (!stop_hard(facts.domain, error) || !facts_read(job, &facts, error))
            return FALSE;
    }
    power = facts_power(job, &facts);
    if (strcmp(power, "Halted") != 0)
        return job_bad_power(job, power, "Halted", error);
    return start_domain(job, job->virt, 0.05, error);
}
