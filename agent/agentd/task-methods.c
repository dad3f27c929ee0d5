/* SPDX-License-Identifier: Apache-2.0 */
/* Task.* */
#include "agent/agentd/methods.h"

static Task *
task_of(Call *call)
{
    const char *id = arg_text(call, "id");
    Task *task = id ? g_hash_table_lookup(call->agent->tasks, id) : NULL;

    if (id && task == NULL)
        (void)call_fail_pair(call, "Does_not_exist", "task", id);
    return task;
}

json_object *
task_stat(Call *call)
{
    Task *task = task_of(call);

    return task ? task_json(task) : NULL;
}

json_object *
task_cancel(Call *call)
{
    Task *task = task_of(call);

    if (task)
        queue_cancel(call->agent, task);
    return NULL;
}

/* One that is not final goes when it is: it is never out of sight while it works. */
json_object *
task_destroy(Call *call)
{
    Task *task = task_of(call);
    g_autoptr(GError) error = NULL;

    if (task == NULL)
        return NULL;
    if (task->state != TASK_PENDING) {
        task_forget(call->agent, task);
        return NULL;
    }
    task->destroy_on_finish = TRUE;
    if (!task_store(call->agent, task, &error))
        return call_fail(call, "Internal_error", json_object_new_string(error->message));
    return NULL;
}

json_object *
task_list(Call *call)
{
    json_object *all = json_object_new_array();
    GHashTableIter iter;
    Task *task;

    g_hash_table_iter_init(&iter, call->agent->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task))
        json_object_array_add(all, task_json(task));
    return all;
}
