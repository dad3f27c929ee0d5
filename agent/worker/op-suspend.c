/* SPDX-License-Identifier: Apache-2.0 */
/* VM.suspend: memory to a file, no domain.  VM.resume: back.  options:
 *
 *     file      where to (suspend); default: the record's suspend_file
 *     unpause   (resume) let the guest run at the end
 *
 * The file's name is reported before anything is written, so that after a kill the record
 * knows of it.  It is complete or libvirt reads nothing of it; resume removes it only
 * after the domain is complete, and before that the guest does not run: as long as there
 * is a file, the guest's memory and disks are as they were when it was written.
 */
#include <string.h>

#include "agent/worker/ops.h"
#include "base/cancel.h"
#include "base/log.h"
#include "vmm/kvm/domain/checkpoint.h"

/* --- progress of a call that takes as long as it takes ---------------------------------
 */

#define LOOK_EVERY_MS 250

typedef struct {
    Job *job;
    DrvDomain *domain;
    const char *phase;
    double from, to;
    GMutex lock;
    GCond changed;
    gboolean ended;
} Progress;

static gpointer
follow(gpointer data)
{
    Progress *progress = data;
    double last = progress->from;

    g_mutex_lock(&progress->lock);
    while (!progress->ended) {
        gint64 next = g_get_monotonic_time() + LOOK_EVERY_MS * 1000;
        guint64 done = 0, total = 0;
        double now;

        g_cond_wait_until(&progress->changed, &progress->lock, next);
        if (progress->ended)
            break;
        g_mutex_unlock(&progress->lock);
        if (drv_domain_job_bytes(progress->domain, &done, &total, NULL) && total > 0) {
            now = progress->from +
                  (progress->to - progress->from) * (double)done / (double)total;
            if (now > last)
                (void)!job_step(progress->job, last = now, progress->phase, TRUE, NULL);
        }
        g_mutex_lock(&progress->lock);
    }
    g_mutex_unlock(&progress->lock);
    return NULL;
}

gboolean
run_followed(Job *job,
             DrvDomain *domain,
             const char *phase,
             double from,
             double to,
             FollowedRun run,
             gpointer data,
             GError **error)
{
    Progress progress = {
        .job = job, .domain = domain, .phase = phase, .from = from, .to = to
    };
    GThread *thread;
    gboolean ok;

    g_mutex_init(&progress.lock);
    g_cond_init(&progress.changed);
    thread = g_thread_new("progress", follow, &progress);
    ok = run(domain, data, error);
    g_mutex_lock(&progress.lock);
    progress.ended = TRUE;
    g_cond_signal(&progress.changed);
    g_mutex_unlock(&progress.lock);
    g_thread_join(thread);
    g_mutex_clear(&progress.lock);
    g_cond_clear(&progress.changed);
    return ok;
}

void
suspend_spend_file(Job *job)
{
    const char *file = drv_json_text(job->vm, "suspend_file", "");

    if (*file == '/')
        kvm_checkpoint_remove(file);
    json_object_object_del(job->vm, "suspend_file");
}

/* --- suspend ---------------------------------------------------------------------------
 */

static gboolean
save(DrvDomain *domain, gpointer file, GError **error)
{
    return drv_domain_save(domain, file, error);
}

/* The domain goes on: an older file is the valid one, if there was one. */
static void
forget_file(Job *job, const char *file, const char *aside)
{
    DRV_CANCEL_SHIELD();
    g_auto(Facts) facts = { 0 };
    g_autoptr(GError) error = NULL;

    if (!facts_read(job, &facts, &error) || !facts_is_active(&facts)) {
        drv_ignore(&error,
                   "a file is removed only while the domain is known to be there");
        return;
    }
    kvm_checkpoint_remove(file);
    if (aside)
        drv_info("'%s' was put aside and is kept", aside);
    job->undone = g_strdup("the file was removed, the guest goes on");
}

static void
report_file(const char *file)
{
    json_object *state = json_object_new_object();

    json_object_object_add(state, "suspend_file", json_object_new_string(file));
    job_state(state);
}

gboolean
suspend_to(Job *job, Facts *facts, const char *file, GError **error)
{
    g_autofree char *aside = NULL;

    report_file(file);
    if (!kvm_checkpoint_begin(file, &aside, error))
        return FALSE;
    if (!job_step(job, 0.05, "save", TRUE, error) ||
        !run_followed(
            job, facts->domain, "save", 0.05, 0.9, save, (gpointer)file, error)) {
        forget_file(job, file, aside);
        return FALSE;
    }
    DRV_CANCEL_SHIELD();
    return job_step(job, 0.95, "sync", FALSE, error) &&
           kvm_checkpoint_commit(file, error) && report_state(job, error);
}

/* The record that the state is made of gets the file's name. */
static const char *
file_of(Job *job)
{
    const char *file = drv_json_text(job->options, "file", "");
    json_object *disk = NULL;

    if (*file == '\0') { /* as xenopsd has it: ["Local", path] */
        (void)agent_json_variant(drv_json_member(job->options, "suspend_vdi"), &disk);
        if (json_object_is_type(disk, json_type_string))
            file = json_object_get_string(disk);
    }
    if (*file)
        json_object_object_add(job->vm, "suspend_file", json_object_new_string(file));
    return drv_json_text(job->vm, "suspend_file", "");
}

gboolean
op_suspend(Job *job, GError **error)
{
    const char *file = file_of(job);
    g_auto(Facts) facts = { 0 };

    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (*file != '/')
        return drv_throw(error, DRV_ERROR_USAGE, "the file to suspend to is not a path");
    if (!facts_is_active(&facts)) {
        if (facts_is_saved(job)) /* by a suspend that was killed afterwards */
            return report_state(job, error);
        return job_bad_power(job, "Halted", "Running", error);
    }
    if (facts.unsurvivable)
        return drv_throw(
            error, DRV_ERROR_BUSY, "task '%s' has not completed it", facts.unsurvivable);
    return suspend_to(job, &facts, file, error);
}

/* --- resume ----------------------------------------------------------------------------
 */

static char *
marked_xml(Job *job, DrvVirt *virt, const char *file, GError **error)
{
    g_autofree char *text = drv_virt_saved_xml(virt, file, error);
    g_autoptr(DrvXml) xml =
        text ? drv_xml_parse("the saved domain's XML", text, -1, error) : NULL;

    if (xml == NULL)
        return NULL;
    domain_xml_mark(xml, job);
    return drv_xml_to_text(xml);
}

gboolean
restore_at(Job *job, DrvVirt *virt, const char *file, GError **error)
{
    g_autofree char *xml = marked_xml(job, virt, file, error);

    if (xml == NULL || !job_step(job, 0.1, "restore", TRUE, error))
        return FALSE;
    if (drv_domains_restore_paused(virt, file, xml, error))
        return TRUE;
    start_undo(job, virt);
    return FALSE;
}

gboolean
op_resume(Job *job, GError **error)
{
    const char *file = file_of(job);
    g_auto(Facts) facts = { 0 };
    const char *power;

    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (facts_is_active(&facts) && facts.unsurvivable &&
        (!stop_hard(facts.domain, error) || !facts_read(job, &facts, error)))
        return FALSE;
    power = facts_power(job, &facts);
    if (strcmp(power, "Suspended") != 0)
        return job_bad_power(job, power, "Suspended", error);
    return restore_at(job, job->virt, file, error) &&
           start_complete(job, job->virt, 0.7, error);
}
