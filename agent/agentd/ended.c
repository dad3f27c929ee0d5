/* SPDX-License-Identifier: Apache-2.0 */
/* ended.c - a guest has ended by itself: its record says whether it is started again.
 *
 * on_shutdown is for one that powered off, on_crash for one that crashed, or whose
 * process did.  One that crashed soon after its start is not started again: it would go
 * on so.  (What a reboot from inside is, on_reboot, libvirt is told with the domain; only
 * a simulated guest ends by one.)
 */
#include "agent/agentd/agentd.h"

#include "base/json.h"
#include "base/log.h"

#define CRASHED_SOON_S 120
#define PAUSE_S 15 /* before the start of one that did not run longer than that */

/* What the record lists for an event of STOPPED with this detail; NULL: nothing. */
static json_object *
actions_for(const Vm *vm, const char *detail, gboolean *crashed)
{
    *crashed = strcmp(detail, "crashed") == 0 || strcmp(detail, "failed") == 0;
    if (*crashed)
        return drv_json_member(vm->record, "on_crash");
    return drv_json_member(vm->record,
                           strcmp(detail, "shutdown") == 0 ? "on_shutdown"
                           : strcmp(detail, "reboot") == 0 ? "on_reboot"
                                                           : "");
}

static gboolean
has_start(json_object *actions)
{
    for (gsize i = 0; json_object_is_type(actions, json_type_array) &&
                      i < json_object_array_length(actions);
         i++) {
        const char *action =
            json_object_get_string(json_object_array_get_idx(actions, i));

        if (g_strcmp0(action, "Start") == 0)
            return TRUE;
    }
    return FALSE;
}

/* Takes @value. */
static void
add_task(Agent *agent, Vm *vm, const char *operation, const char *key, json_object *value)
{
    Task *task = task_new(agent, "the guest has ended by itself", operation, vm->id);
    g_autoptr(GError) error = NULL;

    json_object_object_add(task->options, key, value);
    if (!task_store(agent, task, &error))
        drv_warn("task %s is not on disk: %s", task->id, error->message);
    queue_add(agent, vm, task, FALSE);
}

/* Something works on it, or is about to; a look may be faster than the event. */
static gboolean
is_busy(const Vm *vm)
{
    if (vm->failed || (vm->running && !task_is_look(vm->running)))
        return TRUE;
    for (const GList *l = vm->waiting.head; l; l = l->next) {
        if (!task_is_look(l->data))
            return TRUE;
    }
    return FALSE;
}

void
ended_by_itself(Agent *agent, Vm *vm, const char *detail)
{
    double started =
        json_object_get_double(drv_json_member(vm->state, "last_start_time"));
    double ran_s = (double)g_get_real_time() / G_USEC_PER_SEC - started;
    gboolean crashed, soon = ran_s < CRASHED_SOON_S;

    if (vm->record == NULL || vm->told_to_end || vm->unknown_since > 0 || is_busy(vm) ||
        !has_start(actions_for(vm, detail, &crashed)))
        return;
    journal_about(NULL, vm->id);
    if (crashed && soon) {
        drv_warn("VM '%s' has crashed %.0f s after its start; it is not started again",
                 vm->id,
                 ran_s);
        return;
    }
    drv_info("VM '%s' has ended by itself (%s); it is started again", vm->id, detail);
    if (soon && strcmp(detail, "reboot") != 0)
        add_task(agent, vm, "VM.delay", "delay", json_object_new_int(PAUSE_S));
    add_task(agent, vm, "VM.start", "unpause", json_object_new_boolean(TRUE));
}
