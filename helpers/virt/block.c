/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/block.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "request/xml.h"
#include "virt/disk.h"
#include "virt/freeze.h"
#include "virt/virt-private.h"
#include "virt/watch.h"

#define LOOK_EVERY_MS 1000 /* progress; events tell of the end */

/* --- snapshot
 * ---------------------------------------------------------------------------
 */

static char *
snapshot_xml(GPtrArray *disks, const char *target, const char *file, const char *name)
{
    g_autoptr(DrvXml) xml = drv_xml_new("domainsnapshot");
    DrvNode *list;

    (void)drv_xml_node_add(drv_xml_root(xml), "name", name);
    list = drv_xml_node_add(drv_xml_root(xml), "disks", NULL);
    for (guint i = 0; i < disks->len; i++) {
        const DrvDisk *disk = g_ptr_array_index(disks, i);
        DrvNode *node = drv_xml_node_add(list, "disk", NULL);
        gboolean ours = strcmp(disk->target, target) == 0;

        drv_xml_node_set(node, "name", disk->target);
        drv_xml_node_set(node, "snapshot", ours ? "external" : "no");
        if (!ours)
            continue;
        drv_xml_node_set(node, "type", "file");
        drv_xml_node_set(drv_xml_node_add(node, "source", NULL), "file", file);
        drv_xml_node_set(drv_xml_node_add(node, "driver", NULL), "type", "qcow2");
    }
    return drv_xml_to_text(xml);
}

static gboolean
do_snapshot(DrvVirtCall *call)
{
    virDomainSnapshotPtr made = virDomainSnapshotCreateXML(
        call->domain,
        call->text,
        VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT |
            VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA);

    if (made)
        virDomainSnapshotFree(made);
    return made != NULL;
}

gboolean
drv_block_snapshot(DrvDomain *domain,
                   const char *target,
                   const char *file,
                   const char *name,
                   GError **error)
{
    g_autoptr(GPtrArray) disks = drv_disk_list(domain, error);
    g_autoptr(DrvVirtCall) call = NULL;

    if (disks == NULL)
        return FALSE;
    call = drv_virt_call_on(domain, "snapshot the disk", do_snapshot);
    call->text = snapshot_xml(disks, target, file, name);
    return drv_virt_call_patiently(domain, NULL, call, error) ||
           drv_prefix(error, "disk '%s'", target);
}

/* --- jobs ------------------------------------------------------------------------------
 */

static gboolean
do_job_info(DrvVirtCall *call)
{
    virDomainBlockJobInfo info = { 0 };

    call->out_number2 = virDomainGetBlockJobInfo(call->domain, call->text, &info, 0);
    call->out_number = (gint64)info.cur;
    call->number = info.end;
    return call->out_number2 >= 0;
}

static gboolean
do_job_end(DrvVirtCall *call)
{
    return virDomainBlockJobAbort(call->domain, call->text, call->flags) >= 0;
}

/* Abort, finish or pivot, as @flags say; waits for it to be over. */
static gboolean
end_job(DrvDomain *domain, const char *target, unsigned flags, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "end the disk's job", do_job_end);

    call->text = g_strdup(target);
    call->flags = flags;
    return drv_virt_call(call, error) || drv_prefix(error, "disk '%s'", target);
}

typedef struct {
    DrvDomain *domain;
    DrvWatch *watch;
    const char *target;
    DrvBlockProgress progress;
    gpointer data;
} Job;

/* What a look at a job shows, without events. */
typedef enum { JOB_RUNS, JOB_IS_READY, JOB_IS_GONE } JobState;

/* Where the job is: libvirt shows a mirror as at its end only when it is ready. */
static gboolean
look_at_job(Job *job, JobState *state, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(job->domain, "read the disk's job", do_job_info);

    call->text = g_strdup(job->target);
    if (!drv_virt_call(call, error))
        return FALSE;
    if (call->out_number2 == 0)
        *state = JOB_IS_GONE;
    else
        *state = (guint64)call->out_number == call->number ? JOB_IS_READY : JOB_RUNS;
    if (*state != JOB_IS_GONE && job->progress)
        job->progress((guint64)call->out_number, call->number, job->data);
    return TRUE;
}

/* One event of our disk, *status -1 when there was none yet. */
static gboolean
next_status(Job *job, int *status, GError **error)
{
    DrvEvent event;

    *status = -1;
    if (!drv_watch_next(job->watch, &event, LOOK_EVERY_MS, error))
        return FALSE;
    if (event.kind == DRV_EVENT_BLOCK_JOB && strcmp(event.name, job->target) == 0)
        *status = event.what;
    else if (event.kind == DRV_EVENT_LIFECYCLE && event.what == VIR_DOMAIN_EVENT_STOPPED)
        return drv_throw(error, DRV_ERROR_VIRT, "the domain ended");
    return TRUE;
}

/* Wait for the job to reach @wanted (READY or COMPLETED).  Without an event, what two
 * looks show counts: after the first, the last event had its time.
 */
static gboolean
follow_job(Job *job, int wanted, GError **error)
{
    JobState state = JOB_RUNS;
    int status;

    for (;;) {
        JobState before = state;

        if (!next_status(job, &status, error))
            return FALSE;
        if (status == wanted)
            return TRUE;
        if (status == VIR_DOMAIN_BLOCK_JOB_FAILED)
            return drv_throw(error, DRV_ERROR_VIRT, "the job failed");
        if (status == VIR_DOMAIN_BLOCK_JOB_CANCELED)
            return drv_throw(error, DRV_ERROR_VIRT, "the job was aborted");
        if (status >= 0)
            continue;
        if (!look_at_job(job, &state, error))
            return FALSE;
        if (state != before)
            continue;
        if (state == JOB_IS_READY && wanted == VIR_DOMAIN_BLOCK_JOB_READY)
            return TRUE;
        if (state == JOB_IS_GONE)
            return drv_throw(error, DRV_ERROR_VIRT, "the job no longer exists");
    }
}

/* Follow a job that was started; if that fails for any reason, it is aborted. */
static gboolean
finish_job(Job *job, int wanted, GError **error)
{
    g_autoptr(GError) ignored = NULL;

    if (follow_job(job, wanted, error))
        return TRUE;
    DRV_CANCEL_SHIELD();
    if (!end_job(job->domain, job->target, 0, &ignored))
        drv_ignore(&ignored, "the job is over");
    return drv_prefix(error, "disk '%s'", job->target);
}

/* Start by @call and follow to @wanted. */
static gboolean
run_job(DrvDomain *domain,
        DrvVirtCall *call,
        const char *target,
        const DrvBlockCopy *copy,
        GError **error)
{
    g_autoptr(DrvWatch) watch =
        drv_watch_new(domain, DRV_EVENT_BLOCK_JOB | DRV_EVENT_LIFECYCLE, error);
    gboolean mirror = copy != NULL || (call->flags & VIR_DOMAIN_BLOCK_COMMIT_ACTIVE);
    Job job = { domain, watch, target, NULL, NULL };

    if (watch == NULL)
        return FALSE;
    if (copy) {
        job.progress = copy->progress;
        job.data = copy->data;
    }
    if (!drv_virt_call_patiently(domain, watch, call, error))
        return drv_prefix(error, "disk '%s'", target);
    return finish_job(&job,
                      mirror ? VIR_DOMAIN_BLOCK_JOB_READY
                             : VIR_DOMAIN_BLOCK_JOB_COMPLETED,
                      error);
}

/* --- copy ------------------------------------------------------------------------------
 */

static char *
copy_xml(const DrvBlockCopy *copy)
{
    g_autoptr(DrvXml) xml = drv_xml_new("disk");
    DrvNode *disk = drv_xml_root(xml);

    drv_xml_node_set(disk, "type", copy->block ? "block" : "file");
    drv_xml_node_set(
        drv_xml_node_add(disk, "source", NULL), copy->block ? "dev" : "file", copy->file);
    drv_xml_node_set(drv_xml_node_add(disk, "driver", NULL), "type", copy->format);
    return drv_xml_to_text(xml);
}

static gboolean
do_copy(DrvVirtCall *call)
{
    return virDomainBlockCopy(
               call->domain, call->text, call->text2, NULL, 0, call->flags) >= 0;
}

gboolean
drv_block_copy_begin(DrvDomain *domain, const DrvBlockCopy *copy, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "copy the disk", do_copy);

    call->text = g_strdup(copy->target);
    call->text2 = copy_xml(copy);
    call->flags = VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB |
                  (copy->reuse ? VIR_DOMAIN_BLOCK_COPY_REUSE_EXT : 0) |
                  (copy->shallow ? VIR_DOMAIN_BLOCK_COPY_SHALLOW : 0);
    return run_job(domain, call, copy->target, copy, error);
}

gboolean
drv_block_copy_end(DrvDomain *domain, const DrvBlockCopy *copy, GError **error)
{
    if (!drv_cancel_check(error)) {
        drv_block_copy_abort(domain, copy);
        return FALSE;
    }
    return end_job(
        domain, copy->target, copy->pivot ? VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT : 0, error);
}

void
drv_block_copy_abort(DrvDomain *domain, const DrvBlockCopy *copy)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) ignored = NULL;

    if (!end_job(domain, copy->target, 0, &ignored))
        drv_warn("domain '%s': %s", drv_domain_id(domain), ignored->message);
}

gboolean
drv_block_copy(DrvDomain *domain, const DrvBlockCopy *copy, GError **error)
{
    g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;

    if (!drv_block_copy_begin(domain, copy, error))
        return FALSE;
    if (copy->quiet_s > 0 && !drv_freeze_begin(&quiet, domain, copy->quiet_s, error)) {
        drv_block_copy_abort(domain, copy);
        return FALSE;
    }
    if (!drv_block_copy_end(domain, copy, error))
        return FALSE;
    return copy->quiet_s == 0 || drv_freeze_end(&quiet, error);
}

/* --- commit, pull, resize
 * ---------------------------------------------------------------- */

static gboolean
do_commit(DrvVirtCall *call)
{
    return virDomainBlockCommit(
               call->domain, call->text, call->text3, call->text2, 0, call->flags) >= 0;
}

gboolean
drv_block_commit(DrvDomain *domain,
                 const char *target,
                 const char *top,
                 const char *base,
                 gboolean relative,
                 GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "commit the disk", do_commit);

    call->text = g_strdup(target);
    call->text2 = g_strdup(top);
    call->text3 = g_strdup(base);
    call->flags = (top ? 0 : VIR_DOMAIN_BLOCK_COMMIT_ACTIVE) |
                  (relative ? VIR_DOMAIN_BLOCK_COMMIT_RELATIVE : 0);
    if (!run_job(domain, call, target, NULL, error))
        return FALSE;
    return top || end_job(domain, target, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT, error);
}

static gboolean
do_pull(DrvVirtCall *call)
{
    if (call->text2 == NULL)
        return virDomainBlockPull(call->domain, call->text, 0, 0) >= 0;
    return virDomainBlockRebase(call->domain, call->text, call->text2, 0, call->flags) >=
           0;
}

gboolean
drv_block_pull(DrvDomain *domain,
               const char *target,
               const char *base,
               gboolean relative,
               GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "pull the disk", do_pull);

    call->text = g_strdup(target);
    call->text2 = g_strdup(base);
    call->flags = relative ? VIR_DOMAIN_BLOCK_REBASE_RELATIVE : 0;
    return run_job(domain, call, target, NULL, error);
}

static gboolean
do_resize(DrvVirtCall *call)
{
    return virDomainBlockResize(
               call->domain, call->text, call->number, VIR_DOMAIN_BLOCK_RESIZE_BYTES) >=
           0;
}

gboolean
drv_block_resize(DrvDomain *domain, const char *target, guint64 size, GError **error)
{
    g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, "resize the disk", do_resize);

    call->text = g_strdup(target);
    call->number = size;
    return drv_virt_call_patiently(domain, NULL, call, error) ||
           drv_prefix(error, "disk '%s'", target);
}
