/* SPDX-License-Identifier: Apache-2.0 */
/* VM.shutdown, VM.reboot, VM.delete, VM.pause, VM.unpause, VM.set_*.  options:
 *
 *     delay   seconds that the guest gets to end by itself; absent: none, it is destroyed
 *     force   true: destroy it when it has not ended by then
 */
#include <string.h>

#include "agent/worker/ops.h"
#include "base/cancel.h"
#include "base/error.h"
#include "virt/watch.h"
#include "vmm/kvm/domain/checkpoint.h"

gboolean
stop_hard(DrvDomain *domain, GError **error)
{
    g_autoptr(DrvWatch) watch = drv_watch_new(domain, DRV_EVENT_LIFECYCLE, error);

    return watch && drv_watch_destroy(watch, domain, error);
}

static json_object *
id_and_seconds(const Job *job, double seconds)
{
    json_object *pair = json_object_new_array();

    json_object_array_add(pair, json_object_new_string(job->id));
    json_object_array_add(pair, json_object_new_double(seconds));
    return pair;
}

/* A guest that did not hear the first time is asked again at half time. */
gboolean
stop_softly(Job *job, DrvDomain *domain, double delay_s, GError **error)
{
    g_autoptr(DrvWatch) watch = drv_watch_new(domain, DRV_EVENT_LIFECYCLE, error);
    guint half_ms = (guint)(CLAMP(delay_s, 0, 86400) * 500);
    gboolean gone = FALSE;

    if (watch == NULL)
        return FALSE;
    for (guint i = 0; i < 2 && !gone; i++) {
        g_autoptr(GError) why = NULL;

        if (!drv_domain_shutdown(domain, &why)) {
            if (drv_watch_gone(watch, 0, &gone, NULL) && gone)
                return TRUE;
            if (drv_error_is(why, DRV_ERROR_CANCELLED)) {
                g_propagate_error(error, g_steal_pointer(&why));
                return FALSE;
            }
            return job_fail(job,
                            error,
                            DRV_ERROR_VIRT,
                            "Failed_to_acknowledge_shutdown_request",
                            NULL,
                            "the guest cannot be asked: %s",
                            why->message);
        }
        if (!drv_watch_gone(watch, half_ms, &gone, error))
            return FALSE;
    }
    if (gone)
        return TRUE;
    return job_fail(job,
                    error,
                    DRV_ERROR_TIMEOUT,
                    "Failed_to_shutdown",
                    id_and_seconds(job, delay_s),
                    "the guest did not power off within %g s",
                    delay_s);
}

gboolean
report_state(Job *job, GError **error)
{
    DRV_CANCEL_SHIELD();
    g_auto(Facts) facts = { 0 };

    if (!facts_read(job, &facts, error))
        return FALSE;
    job->result = facts_json(job, &facts);
    job_state(json_object_get(job->result));
    return TRUE;
}

/* --- the end of a domain ---------------------------------------------------------------
 */

static gboolean
end_domain(Job *job, Facts *facts, GError **error)
{
    json_object *delay = drv_json_member(job->options, "delay");
    g_autoptr(GError) why = NULL;

    if (delay == NULL)
        return job_step(job, 0.1, "destroy", TRUE, error) &&
               stop_hard(facts->domain, error);
    if (!job_step(job, 0.1, "ask", TRUE, error))
        return FALSE;
    if (stop_softly(job, facts->domain, json_object_get_double(delay), &why))
        return TRUE;
    if (drv_error_is(why, DRV_ERROR_CANCELLED))
        job->undone = g_strdup("nothing: the guest was asked to power off and still may");
    if (!drv_json_flag(job->options, "force", FALSE) ||
        drv_error_is(why, DRV_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return job_step(job, 0.8, "destroy", TRUE, error) && stop_hard(facts->domain, error);
}

/* What is off is off, however often it is asked for. */
gboolean
op_shutdown(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };

    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (facts_is_active(&facts) && !end_domain(job, &facts, error))
        return FALSE;
    return report_state(job, error);
}

/* It was off in between, and comes back from the kept definition.  When it does not end
 * in time, nothing is started a second time.
 */
gboolean
op_reboot(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };

    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (!facts_is_active(&facts))
        return job_bad_power(job, facts_power(job, &facts), "Running", error);
    if (!end_domain(job, &facts, error))
        return FALSE;
    if (!report_state(job, error))
        return FALSE;
    json_object_put(g_steal_pointer(&job->result));
    json_object_object_add(job->options, "unpause", json_object_new_boolean(TRUE));
    return start_domain(job, job->virt, 0.5, error);
}

gboolean
op_delete(Job *job, GError **error)
{
    const char *file = drv_json_text(job->vm, "suspend_file", "");
    g_auto(Facts) facts = { 0 };

    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (facts_is_active(&facts) &&
        (!job_step(job, 0.2, "destroy", TRUE, error) || !stop_hard(facts.domain, error)))
        return FALSE;
    if (facts.exists && !drv_domain_undefine(facts.domain, error))
        return FALSE;
    if (!facts_read(job, &facts, error))
        return FALSE;
    if (facts.exists)
        return drv_throw(error, DRV_ERROR_VIRT, "libvirt still has the domain");
    if (*file)
        kvm_checkpoint_remove(file);
    return report_state(job, error);
}

/* --- small changes of a running one ----------------------------------------------------
 */

gboolean
job_not_built(Job *job, GError **error)
{
    return job_fail(job,
                    error,
                    DRV_ERROR_VIRT,
                    "Domain_not_built",
                    NULL,
                    "the VM has no domain that is complete");
}

/* An incomplete domain must not run: its memory and disks may be used again. */
static gboolean
read_built(Job *job, Facts *facts, GError **error)
{
    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, facts, error))
        return FALSE;
    return facts_is_active(facts) && facts->unsurvivable == NULL
               ? TRUE
               : job_not_built(job, error);
}

gboolean
op_pause(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };

    if (!read_built(job, &facts, error) || (facts.look->state == DRV_STATE_RUNNING &&
                                            !drv_domain_suspend(facts.domain, error)))
        return FALSE;
    return report_state(job, error);
}

gboolean
op_unpause(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };

    if (!read_built(job, &facts, error))
        return FALSE;
    suspend_spend_file(job);
    if (facts.look->state == DRV_STATE_PAUSED && !drv_domain_resume(facts.domain, error))
        return FALSE;
    return report_state(job, error);
}

gboolean
op_set_vcpus(Job *job, GError **error)
{
    gint64 n = drv_json_number(job->options, "vcpus", 0);
    gint64 most = drv_json_number(job->vm, "vcpu_max", n);
    g_auto(Facts) facts = { 0 };

    if (n < 1 || n > most)
        return job_fail(job,
                        error,
                        DRV_ERROR_USAGE,
                        "Invalid_vcpus",
                        json_object_new_int64(most),
                        "%" G_GINT64_FORMAT " VCPUs are not from 1 to %" G_GINT64_FORMAT,
                        n,
                        most);
    if (!read_built(job, &facts, error) ||
        !drv_domain_set_vcpus(facts.domain, (guint)n, error))
        return FALSE;
    return report_state(job, error);
}

gboolean
op_set_memory(Job *job, GError **error)
{
    gint64 bytes = drv_json_number(job->options, "maximum", 0);
    g_auto(Facts) facts = { 0 };

    if (bytes < 1024 || bytes > drv_json_number(job->vm, "memory_static_max", bytes))
        return drv_throw(error, DRV_ERROR_USAGE, "the memory is out of the VM's range");
    if (!read_built(job, &facts, error) ||
        !drv_domain_set_memory(facts.domain, (guint64)bytes / 1024, error))
        return FALSE;
    return report_state(job, error);
}
