/* SPDX-License-Identifier: Apache-2.0 */
/* drv-agent-worker - operations of the host agent on VMs of this host, one by one.
 *
 *   drv-agent-worker < documents      lines of JSON on stdout, agent/worker/job.h
 *
 * A process of its own: whatever hangs in libvirt hangs here, and can be ended.
 */
#include "agent/worker/ops.h"
#include "base/action.h"
#include "base/cancel.h"
#include "base/help.h"
#include "base/log.h"

static const struct {
    const char *name;
    JobRun run;
    gboolean on_vm;
} operations[] = {
    { "VM.start", op_start, TRUE },
    { "VM.shutdown", op_shutdown, TRUE },
    { "VM.reboot", op_reboot, TRUE },
    { "VM.suspend", op_suspend, TRUE },
    { "VM.resume", op_resume, TRUE },
    { "VM.pause", op_pause, TRUE },
    { "VM.unpause", op_unpause, TRUE },
    { "VM.delete", op_delete, TRUE },
    { "VM.migrate", op_migrate, TRUE },
    { "VM.create", op_create, TRUE },
    { "VM.build", op_build, TRUE },
    { "VM.create_device_model", op_create_device_model, TRUE },
    { "VM.destroy", op_shutdown, TRUE },
    { "VM.set_vcpus", op_set_vcpus, TRUE },
    { "VM.set_memory", op_set_memory, TRUE },
    { "VM.set_affinity", op_set_affinity, TRUE },
    { "VM.stat", op_stat, TRUE },
    { "VM.check_state", op_check_state, TRUE },
    { "VM.list", op_list, FALSE },
    { "VBD.plug", op_plug, TRUE },
    { "VBD.unplug", op_unplug, TRUE },
    { "VBD.insert", op_change_drive, TRUE },
    { "VBD.eject", op_change_drive, TRUE },
    { "VIF.plug", op_plug, TRUE },
    { "VIF.unplug", op_unplug, TRUE },
    { "VIF.move", op_change_nic, TRUE },
    { "VIF.set_carrier", op_change_nic, TRUE },
    { "VIF.set_locking_mode", op_change_nic, TRUE },
    { "VIF.set_trunks", op_change_nic, TRUE },
    { "PCI.plug", op_plug, TRUE },
    { "PCI.unplug", op_unplug, TRUE },
    { "HOST.info", op_host_info, FALSE },
    { "HOST.statistics", op_host_statistics, FALSE },
    { "HOST.init_model", op_init_model, FALSE },
    { "HOST.peer", op_host_peer, FALSE },
    { "HOST.fetch", op_host_fetch, FALSE },
};

/* @virt: of the operation before, if that is still good. */
static gboolean
run(Job *job, DrvVirt **virt, GError **error)
{
    const char *uri = drv_json_text(job->document, "uri", NULL);

    if (*virt && drv_virt_is_lost(*virt))
        g_clear_pointer(virt, drv_virt_close);

    for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (strcmp(operations[i].name, job->operation) != 0)
            continue;
        if (operations[i].on_vm && job->uuid == NULL)
            return drv_throw(error, DRV_ERROR_USAGE, "the document has no vm with an id");
        job->virt = *virt ? g_steal_pointer(virt) : drv_virt_open(uri, error);
        return job->virt && operations[i].run(job, error);
    }
    return drv_throw(
        error, DRV_ERROR_UNSUPPORTED, "operation '%s' is not known", job->operation);
}

/* Answer one document; TRUE: it went well, and there may be another.  *virt stays open
 * for that: who sends them is one core, with one libvirt.
 */
static gboolean
serve(DrvVirt **virt, int *status)
{
    g_auto(Job) job = { .operation = "", .task = "", .id = "" };
    g_autoptr(GError) error = NULL;
    gboolean ok = job_read(&job, &error);

    /* Told to stop while it waits: the answer before was the last. */
    if (!ok && (error == NULL || drv_error_is(error, DRV_ERROR_CANCELLED)))
        return FALSE;
    ok = ok && run(&job, virt, &error);
    *virt = g_steal_pointer(&job.virt);
    *status = job_answer(&job, ok, error);
    return ok;
}

/* Settings are where the front-end synchronises them to: kvmrc's LIBVIRT_URI and
 * MIGRATE_OPTIONS hold for the agent, too.
 */
#define REMOTES "/var/tmp/one"

int
main(int argc, char **argv)
{
    g_autoptr(DrvVirt) virt = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (drv_help_answer(argc, argv))
        return drv_action_reply_text(drv_help_answer(argc, argv));
    drv_log_set_name("drv-agent-worker");
    drv_action_set_remotes_dir(REMOTES);
    if (!drv_cancel_init(&error)) {
        drv_error_log("%s", error->message);
        return 1;
    }
    while (serve(&virt, &status))
        continue;
    return status;
}
