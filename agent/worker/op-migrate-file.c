/* SPDX-License-Identifier: Apache-2.0 */
/* VM.migrate through a file that both hosts see: saved here, restored there.
 *
 * Killed at any point, the VM is active at one of the two, or Suspended here with its
 * file: the file is removed only when the domain is complete at the destination, and
 * before that the guest does not run there.
 */
#include "agent/worker/ops.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"

/* What is at the destination now, complete and paused. */
static gboolean
settle(Job *job, DrvVirt *destination, gboolean persistent, gboolean run, GError **error)
{
    json_object *affinity = drv_json_member(job->options, "affinity");
    g_autoptr(DrvDomain) there = drv_virt_find(destination, job->uuid, error);
    g_autoptr(DrvDomain) defined = NULL;
    g_autofree char *xml = NULL;
    g_autoptr(GError) why = NULL;
    gboolean pinned = there && pin_all(there, affinity, &why);

    if (there == NULL || (run && !drv_domain_resume(there, error)))
        return drv_prefix(error, "it is at the destination and waits to be resumed");
    if (persistent) {
        xml = drv_domain_migratable_xml(there, error);
        defined = xml ? drv_domains_define(destination, xml, error) : NULL;
        if (defined == NULL)
            return drv_prefix(error, "it runs at the destination, without a definition");
    }
    return pinned || drv_throw(error,
                               DRV_ERROR_VIRT,
                               "it has arrived, without vcpu-map: %s",
                               why->message);
}

/* Nothing of it is there: it goes on here, from the same file. */
static void
go_back(Job *job, const char *file, gboolean run)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) error = NULL;

    json_object_object_add(job->options, "unpause", json_object_new_boolean(run));
    if (restore_at(job, job->virt, file, &error) &&
        start_complete(job, job->virt, 0.9, &error)) {
        g_free(job->undone);
        job->undone = g_strdup("the VM goes on at the source");
        return;
    }
    drv_warn("cannot resume it: %s", error->message);
    g_free(job->undone);
    job->undone = g_strdup_printf("the VM is suspended at the source, in '%s'", file);
}

static void
report_target(const char *uri)
{
    json_object *state = json_object_new_object();

    json_object_object_add(
        state, "migrating_to", uri ? json_object_new_string(uri) : NULL);
    job_state(state);
}

/* The guest must not run before the file is gone, and the file must not go before the
 * domain is complete: start_complete() does both in that order, so it is given no leave
 * to let it run, and the pinning comes in between.
 */
static gboolean
arrive(Job *job, DrvVirt *destination, const char *file, gboolean run, GError **error)
{
    json_object_object_add(job->options, "unpause", json_object_new_boolean(FALSE));
    if (!restore_at(job, destination, file, error) ||
        !start_complete(job, destination, 0.8, error)) {
        report_target(NULL);
        go_back(job, file, run);
        return drv_prefix(error, "saved here, not restored at the destination");
    }
    return TRUE;
}

static gboolean
forget_here(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };

    if (!facts_read(job, &facts, error))
        return FALSE;
    return !facts.exists || facts_is_active(&facts) ||
           drv_domain_undefine(facts.domain, error);
}

gboolean
migrate_by_file(Job *job, Facts *facts, const char *uri, GError **error)
{
    const char *file = drv_json_text(job->options, "file", "");
    gboolean active = facts_is_active(facts);
    gboolean run = !active || facts->look->state == DRV_STATE_RUNNING;
    gboolean persistent = facts->exists && facts->look->persistent;
    g_autoptr(DrvVirt) destination = drv_virt_open(uri, error);

    if (destination == NULL)
        return FALSE;
    if (*file != '/')
        return drv_throw(error, DRV_ERROR_USAGE, "'file' is not a path");
    json_object_object_add(job->vm, "suspend_file", json_object_new_string(file));
    if (active && !suspend_to(job, facts, file, error))
        return FALSE;
    json_object_put(g_steal_pointer(&job->result));
    report_target(uri);
    if (!arrive(job, destination, file, run, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    json_object_put(g_steal_pointer(&job->result));
    migrate_report_gone(job, uri);
    return settle(job, destination, persistent, run, error) && forget_here(job, error);
}
