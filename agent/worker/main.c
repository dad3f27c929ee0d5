/* SPDX-License-Identifier: Apache-2.0 */
/* drv-agent-worker - one operation of the host agent on a VM of this host.
 *
 *   drv-agent-worker < document       lines of JSON on stdout, agent/worker/job.h
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
    { "VM.set_vcpus", op_set_vcpus, TRUE },
    { "VM.set_memory", op_set_memory, TRUE },
    { "VM.stat", op_stat, TRUE },
    { "VM.check_state", op_check_state, TRUE },
    { "VM.list", op_list, FALSE },
    { "VBD.plug", op_plug, TRUE },
    { "VBD.unplug", op_unplug, TRUE },
    { "VIF.plug", op_plug, TRUE },
    { "VIF.unplug", op_unplug, TRUE },
    { "PCI.plug", op_plug, TRUE },
    { "PCI.unplug", op_unplug, TRUE },
    { "HOST.info", op_host_info, FALSE },
    { "HOST.statistics", op_host_statistics, FALSE },
    { "HOST.init_model", op_init_model, FALSE },
};

static gboolean
run(Job *job, GError **error)
{
    const char *uri = drv_json_text(job->document, "uri", NULL);

    for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (strcmp(operations[i].name, job->operation) != 0)
            continue;
        if (operations[i].on_vm && job->uuid == NULL)
            return drv_throw(error, DRV_ERROR_USAGE, "the document has no vm with an id");
        job->virt = drv_virt_open(uri, error);
        return job->virt && operations[i].run(job, error);
    }
    return drv_throw(
        error, DRV_ERROR_UNSUPPORTED, "operation '%s' is not known", job->operation);
}

/* Settings are where the front-end synchronises them to: kvmrc's LIBVIRT_URI and
 * MIGRATE_OPTIONS hold for the agent, too.
 */
#define REMOTES "/var/tmp/one"

int
main(int argc, char **argv)
{
    g_auto(Job) job = { .operation = "", .task = "", .id = "" };
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if (drv_help_answer(argc, argv))
        return drv_action_reply_text(drv_help_answer(argc, argv));
    drv_log_set_name("drv-agent-worker");
    drv_action_set_remotes_dir(REMOTES);
    ok = drv_cancel_init(&error) && job_read(&job, &error) && run(&job, &error);
    return job_answer(&job, ok, error);
}
