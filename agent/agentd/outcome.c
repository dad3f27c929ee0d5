/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c - what the end of a worker means for its task and its VM. */
#include "agent/agentd/agentd.h"

#include "base/log.h"

gboolean
outcome_builds_domain(const Task *task)
{
    static const char *const names[] = { "VM.start", "VM.resume" };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(task->operation, names[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

/* What a start promises; NULL: it is all there.  Caller frees. */
static char *
missing_after_start(Vm *vm, const Task *task)
{
    GString *missing = g_string_new(NULL);
    json_object *value = NULL;
    GHashTableIter iter;
    Device *device;

    if (strcmp(vm_power(vm), "Paused") != 0 && strcmp(vm_power(vm), "Running") != 0)
        g_string_append_printf(missing, " it is %s;", vm_power(vm));
    if (!json_object_object_get_ex(vm->state, "domids", &value) ||
        json_object_array_length(value) != 1)
        g_string_append(missing, " it has not exactly one domain;");
    if (!json_object_object_get_ex(vm->state, "last_start_time", &value) ||
        json_object_get_double(value) < task->ctime - 1)
        g_string_append(missing, " its start time is too early;");
    if (!json_object_object_get_ex(vm->state, "consoles", &value) ||
        json_object_array_length(value) == 0)
        g_string_append(missing, " it has no console;");
    if (!json_object_object_get_ex(vm->state, "vcpu_target", &value) ||
        json_object_get_int(value) < 1)
        g_string_append(missing, " it has no VCPUs;");
    if (!json_object_object_get_ex(vm->state, "memory_target", &value) ||
        json_object_get_int64(value) <= 0)
        g_string_append(missing, " it has no memory;");
    g_hash_table_iter_init(&iter, vm->devices);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&device)) {
        if (!device->plugged)
            g_string_append_printf(missing,
                                   " %s '%s' is not plugged;",
                                   class_name(device->class),
                                   device->name);
    }
    return g_string_free(missing, missing->len == 0);
}

static void
set_error(Vm *vm, const char *message)
{
    g_free(vm->last_error);
    vm->last_error = g_strdup(message);
}

static void
clear_marker(Agent *agent, Vm *vm)
{
    if (vm->unsurvivable == NULL)
        return;
    g_clear_pointer(&vm->unsurvivable, g_free);
    commit_vm(agent, vm);
}

static gboolean
check_again(gpointer data)
{
    Vm *vm = data;

    vm->check_timer = 0;
    queue_check(vm->agent, vm, "the last look was not certain", TRUE);
    return G_SOURCE_REMOVE;
}

void
outcome_look_later(Vm *vm)
{
    vm->check_after_s = CLAMP(vm->check_after_s * 2, 1, 60);
    if (vm->check_timer == 0)
        vm->check_timer = g_timeout_add_seconds(vm->check_after_s, check_again, vm);
}

/* --- failure --------------------------------------------------------------------------
 *
 * A failed operation is followed by a look at the VM, which is the one rollback.  The
 * task is final after that: it says what was found, and who acts on it finds the VM as it
 * says.
 */

static double
now(void)
{
    return (double)g_get_real_time() / G_USEC_PER_SEC;
}

/* What failed, and how the VM was found; one that has left is off at this host only. */
static char *
failure_text(const Task *task, const char *found)
{
    gboolean left = strcmp(task->operation, "VM.migrate") == 0;

    if (strcmp(agent_json_variant(task->answer, NULL), "Bad_power_state") == 0)
        return g_strdup(task->message); /* it says so itself */
    return g_strdup_printf(
        "%s; %sthe VM is %s", task->message, left ? "at this host " : "", found);
}

/* The look is over, or does not come. */
static void
settle(Agent *agent, Vm *vm)
{
    const char *found = vm->unknown_since > 0 ? "unknown" : vm_power(vm);
    Task *task = vm->failed;
    g_autofree char *message = NULL;

    if (task == NULL)
        return;
    vm->failed = NULL;
    if (task->timer)
        g_source_remove(task->timer);
    task->timer = 0;
    message = failure_text(task, found);
    task->found = g_strdup(found);
    commit_output(agent, task->id);
    subtasks_end(task, vm->unknown_since > 0 ? TASK_FAILED : TASK_COMPLETED, now());
    task_finish(agent, task, TASK_FAILED, g_steal_pointer(&task->answer), message);
}

static gboolean
look_is_late(gpointer data)
{
    Vm *vm = data;

    vm->failed->timer = 0;
    vm_set_unknown(vm->agent, vm, "the look at what a failure left takes long");
    settle(vm->agent, vm);
    return G_SOURCE_REMOVE;
}

static void
finish_badly(Agent *agent, Vm *vm, Task *task, json_object *answer, const char *message)
{
    gboolean check = task_is_look(task);

    if (vm != agent->host)
        set_error(vm, message);
    if (check || vm->record == NULL)
        vm_set_unknown(agent, vm, message);
    if (check || vm->record == NULL || vm == agent->host) {
        commit_output(agent, task->id);
        task_finish(agent, task, TASK_FAILED, answer, message);
        if (check)
            outcome_look_later(vm);
        return;
    }
    subtasks_end(task, TASK_FAILED, now());
    task->answer = answer;
    task->message = g_strdup(message);
    task->cancellable = FALSE;
    task_progress(agent, task, task->progress, "look");
    vm->failed = task;
    task->timer = g_timeout_add_seconds(agent->grace_s, look_is_late, vm);
    queue_check(agent, vm, task->id, TRUE);
}

static void
finish_well(Agent *agent, Vm *vm, Task *task, json_object *result)
{
    g_autofree char *missing =
        strcmp(task->operation, "VM.start") == 0 ? missing_after_start(vm, task) : NULL;

    clear_marker(agent, vm);
    if (missing) {
        g_autofree char *message =
            g_strconcat("the VM is not as started:", missing, NULL);

        finish_badly(agent,
                     vm,
                     task,
                     variant("Internal_error", json_object_new_string(message)),
                     message);
        return;
    }
    if (task_is_look(task))
        vm->check_after_s = 0;
    changes_apply(agent, vm, task);
    commit_output(agent, task->id);
    task_finish(agent, task, TASK_COMPLETED, json_object_get(result), NULL);
}

static const char *
text_of(json_object *object, const char *key)
{
    json_object *value = NULL;

    (void)json_object_object_get_ex(object, key, &value);
    return json_object_get_string(value);
}

/* A variant without argument is a text in the interface. */
static json_object *
error_of(json_object *end)
{
    json_object *error = NULL;

    (void)json_object_object_get_ex(end, "error", &error);
    if (json_object_is_type(error, json_type_array) &&
        json_object_array_length(error) == 1)
        error = json_object_array_get_idx(error, 0);
    return json_object_get(error);
}

static void
finish_lost(Agent *agent, Vm *vm, Task *task)
{
    static const char message[] =
        "the worker ended without an answer; the VM is unknown until looked at";
    json_object *answer =
        task->cancelled
            ? variant("Cancelled", json_object_new_string(task->id))
            : variant("Internal_error", json_object_new_string("the worker was killed"));

    if (vm != agent->host)
        vm_set_unknown(agent, vm, message);
    finish_badly(agent, vm, task, answer, message);
}

void
outcome_interrupted(Agent *agent, Vm *vm, Task *task)
{
    if (vm != agent->host)
        vm_set_unknown(agent, vm, "the worker ended while the agent was down");
    finish_badly(agent,
                 vm,
                 task,
                 variant("Internal_error", json_object_new_string("interrupted")),
                 "the agent and the worker ended in between");
}

void
outcome_take(Agent *agent, Vm *vm, Task *task, json_object *end)
{
    gboolean gone = FALSE, look = task_is_look(task);
    json_object *result = NULL;

    if (end == NULL) {
        finish_lost(agent, vm, task);
    } else if (json_object_object_get_ex(end, "result", &result)) {
        gone = strcmp(task->operation, "VM.delete") == 0;
        if (strcmp(task->operation, "HOST.init_model") == 0 &&
            json_object_is_type(result, json_type_array))
            result = adopt_rows(agent, task->options, result);
        finish_well(agent, vm, task, result);
    } else {
        task->undone = g_strdup(text_of(end, "undone"));
        clear_marker(agent, vm);
        finish_badly(agent, vm, task, error_of(end), text_of(end, "message"));
    }
    if (look)
        settle(agent, vm);
    if (gone && vm->waiting.head == NULL) {
        commit_now(agent); /* a task whose VM is not there could not be resumed */
        vm_remove(agent, vm);
    }
}
