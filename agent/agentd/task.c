/* SPDX-License-Identifier: Apache-2.0 */
/* task.c - tasks: a file each from the call on, so that a restart knows them all. */
#include "agent/agentd/agentd.h"
#include "base/log.h"

static double
now(void)
{
    return (double)g_get_real_time() / G_USEC_PER_SEC;
}

static void
task_free(gpointer data)
{
    Task *task = data;

    json_object_put(task->options);
    json_object_put(task->answer);
    g_free(task->id);
    g_free(task->dbg);
    g_free(task->operation);
    g_free(task->vm_id);
    g_free(task->phase);
    g_free(task->message);
    g_free(task->undone);
    g_free(task->found);
    if (task->steps)
        g_array_unref(task->steps);
    g_free(task);
}

Task *
task_new(Agent *agent, const char *dbg, const char *operation, const char *vm_id)
{
    Task *task = g_new0(Task, 1);

    task->id = g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT,
                               agent->instance,
                               ++agent->task_number);
    task->dbg = g_strdup(dbg ? dbg : "");
    task->operation = g_strdup(operation);
    task->vm_id = g_strdup(vm_id);
    task->options = json_object_new_object();
    task->ctime = now();
    task->cancellable = TRUE;
    g_hash_table_insert(agent->tasks, task->id, task);
    updates_changed(agent, CLASS_TASK, task->id, NULL);
    return task;
}

gboolean
task_is_look(const Task *task)
{
    return strcmp(task->operation, "VM.check_state") == 0;
}

static json_object *
task_state_json(const Task *task)
{
    json_object *value;

    if (task->state == TASK_FAILED)
        return variant("Failed", json_object_get(task->answer));
    if (task->state == TASK_PENDING)
        return variant("Pending", json_object_new_double(task->progress));
    value = json_object_new_object();
    json_object_object_add(value, "duration", json_object_new_double(task->duration));
    if (task->answer)
        json_object_object_add(value, "result", json_object_get(task->answer));
    return variant("Completed", value);
}

static void
put_text(json_object *object, const char *key, const char *text)
{
    if (text)
        json_object_object_add(object, key, json_object_new_string(text));
}

json_object *
task_json(const Task *task)
{
    json_object *object = json_object_new_object();
    json_object *debug = json_object_new_object();
    g_autofree char *points = g_strdup_printf("%u", task->points);

    put_text(object, "id", task->id);
    put_text(object, "dbg", task->dbg);
    json_object_object_add(object, "ctime", json_object_new_double(task->ctime));
    json_object_object_add(object, "state", task_state_json(task));
    json_object_object_add(object, "subtasks", subtasks_json(task));
    put_text(debug, "cancel_points_seen", points);
    json_object_object_add(object, "debug_info", debug);
    put_text(object, "backtrace", "()");
    json_object_object_add(
        object, "cancellable", json_object_new_boolean(task->cancellable));
    put_text(object, "operation", task->operation);
    put_text(object, "vm", task->vm_id);
    put_text(object, "phase", task->phase);
    put_text(object, "message", task->message);
    put_text(object, "undone", task->undone);
    put_text(object, "found", task->found);
    return object;
}

gboolean
task_store(Agent *agent, Task *task, GError **error)
{
    json_object *object = task_json(task);
    gboolean ok;

    json_object_object_add(object, "options", json_object_get(task->options));
    json_object_object_add(
        object, "destroy_on_finish", json_object_new_boolean(task->destroy_on_finish));
    if (task->pid) {
        json_object_object_add(object, "pid", json_object_new_int(task->pid));
        json_object_object_add(
            object, "pid_start", json_object_new_int64((gint64)task->pid_start));
    }
    ok = store_put(agent, "tasks", task->id, object, error);
    json_object_put(object);
    return ok;
}

void
task_forget(Agent *agent, Task *task)
{
    store_remove(agent, "tasks", task->id);
    g_queue_remove(&agent->final, task);
    g_hash_table_remove(agent->unsaved_tasks, task);
    updates_removed(agent, CLASS_TASK, task->id, NULL);
    g_hash_table_remove(agent->tasks, task->id);
}

void
task_finish(
    Agent *agent, Task *task, TaskState state, json_object *answer, const char *message)
{
    g_return_if_fail(task->state == TASK_PENDING);
    task->state = state;
    task->answer = answer;
    task->duration = MAX(now() - (task->began > 0 ? task->began : task->ctime), 1e-6);
    task->cancellable = FALSE;
    task->pid = 0;
    subtasks_end(task, state, now());
    g_free(task->message);
    task->message = g_strdup(message);
    metrics_count(task);
    journal_about(task->id, task->vm_id);
    drv_info("task %s: %s of VM '%s' %s%s%s",
             task->id,
             task->operation,
             task->vm_id,
             state == TASK_COMPLETED ? "completed" : "failed",
             message ? ": " : "",
             message ? message : "");
    if (task->destroy_on_finish) {
        task_forget(agent, task);
        return;
    }
    commit_task(agent, task);
    updates_changed(agent, CLASS_TASK, task->id, NULL);
    g_queue_push_tail(&agent->final, task);
    if (agent->final.length > AGENT_MAX_TASKS)
        task_forget(agent, agent->final.head->data);
}

/* Never backwards, whatever a worker says. */
void
task_progress(Agent *agent, Task *task, double progress, const char *phase)
{
    task->progress = CLAMP(MAX(progress, task->progress), 0, 1);
    if (phase && g_strcmp0(phase, task->phase) != 0) {
        g_free(task->phase);
        task->phase = g_strdup(phase);
        subtasks_begin(task, phase, now());
    }
    updates_changed(agent, CLASS_TASK, task->id, NULL);
}

/* --- after a restart ------------------------------------------------------------------
 */

static const char *
text_of(json_object *object, const char *key)
{
    json_object *value = NULL;

    return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value)
                                                          : NULL;
}

static double
number_of(json_object *object, const char *key)
{
    json_object *value = NULL;

    (void)json_object_object_get_ex(object, key, &value);
    return json_object_get_double(value);
}

static void
load_state(Task *task, json_object *object)
{
    json_object *state = NULL, *name, *value, *result = NULL;

    (void)json_object_object_get_ex(object, "state", &state);
    name = json_object_array_get_idx(state, 0);
    value = json_object_array_get_idx(state, 1);
    if (g_strcmp0(json_object_get_string(name), "Failed") == 0) {
        task->state = TASK_FAILED;
        task->answer = json_object_get(value);
    } else if (g_strcmp0(json_object_get_string(name), "Completed") == 0) {
        task->state = TASK_COMPLETED;
        task->duration = number_of(value, "duration");
        (void)json_object_object_get_ex(value, "result", &result);
        task->answer = json_object_get(result);
    } else {
        task->progress = json_object_get_double(value);
    }
}

static void
load_task(Agent *agent, const char *name, json_object *object)
{
    json_object *options = NULL, *steps = NULL;
    Task *task;

    if (object == NULL) /* set aside, and listed in diagnostics */
        return;
    task = g_new0(Task, 1);
    task->id = g_strdup(name);
    task->dbg = g_strdup(text_of(object, "dbg"));
    task->operation = g_strdup(text_of(object, "operation"));
    task->vm_id = g_strdup(text_of(object, "vm"));
    task->message = g_strdup(text_of(object, "message"));
    task->undone = g_strdup(text_of(object, "undone"));
    task->found = g_strdup(text_of(object, "found"));
    task->ctime = number_of(object, "ctime");
    task->pid = (int)number_of(object, "pid");
    task->pid_start = (guint64)number_of(object, "pid_start");
    task->cancellable = number_of(object, "cancellable") > 0;
    task->destroy_on_finish = number_of(object, "destroy_on_finish") > 0;
    (void)json_object_object_get_ex(object, "options", &options);
    task->options = json_object_get(options);
    load_state(task, object);
    g_hash_table_insert(agent->tasks, task->id, task);
    if (task->state != TASK_PENDING) { /* for others, the worker's lines say it again */
        task->phase = g_strdup(text_of(object, "phase"));
        (void)json_object_object_get_ex(object, "subtasks", &steps);
        if (steps)
            subtasks_load(task, steps, task->ctime);
        g_queue_push_tail(&agent->final, task);
    }
    json_object_put(object);
}

/* One that had not begun goes on waiting, but not beyond a boot of the host: whoever
 * asked for it cannot want that now.  What the VM is may be news: that comes first.
 */
static void
resume_task(Agent *agent, Task *task)
{
    Vm *vm = task->vm_id ? vm_find(agent, task->vm_id) : NULL;

    if (vm && task->pid &&
        (worker_adopt(agent, vm, task) || worker_read_end(agent, vm, task)))
        return;
    if (vm && task->pid) {
        outcome_interrupted(agent, vm, task);
    } else if (vm && vm->record && agent->same_boot) {
        queue_add(agent, vm, task, FALSE);
        if (vm != agent->host)
            queue_check(agent, vm, "the agent was started", TRUE);
    } else {
        task_finish(agent,
                    task,
                    TASK_FAILED,
                    variant("Internal_error", json_object_new_string("interrupted")),
                    agent->same_boot
                        ? "its VM is not known any more"
                        : "the host was started again before it began; nothing was done");
    }
}

/* In the order in which they were called. */
static int
by_id(gconstpointer a, gconstpointer b)
{
    char *first, *second;
    guint64 one = g_ascii_strtoull(((const Task *)a)->id, &first, 10);
    guint64 other = g_ascii_strtoull(((const Task *)b)->id, &second, 10);

    if (one == other) { /* the instance; behind it is "-NUMBER" */
        one = *first ? g_ascii_strtoull(first + 1, NULL, 10) : 0;
        other = *second ? g_ascii_strtoull(second + 1, NULL, 10) : 0;
    }
    return one < other ? -1 : one > other;
}

gboolean
tasks_load(Agent *agent, GError **error)
{
    g_autoptr(GList) tasks = NULL;

    agent->tasks = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, task_free);
    if (!store_load(agent, "tasks", load_task, error))
        return drv_prefix(error, "cannot read the tasks");
    tasks = g_list_sort(g_hash_table_get_values(agent->tasks), by_id);
    for (GList *l = tasks; l; l = l->next) {
        if (((Task *)l->data)->state == TASK_PENDING)
            resume_task(agent, l->data);
    }
    return TRUE;
}
