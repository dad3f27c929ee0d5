/* SPDX-License-Identifier: Apache-2.0 */
/* commit.c - records of what workers said, written together.
 *
 * A worker's lines are in a file, which stays until all that follows from them is on
 * disk: whenever the core is killed, the next one reads them again.  So these records
 * need not be written one by one.  They are at the end of the turn of the loop, before
 * anything is answered: answers are sent from the loop, with a lower priority.
 */
#include "agent/agentd/agentd.h"

#include "base/log.h"

static void
write_vms(Agent *agent)
{
    GHashTableIter iter;
    Vm *vm;

    g_hash_table_iter_init(&iter, agent->unsaved_vms);
    while (g_hash_table_iter_next(&iter, (gpointer *)&vm, NULL)) {
        g_autoptr(GError) error = NULL;

        g_hash_table_iter_remove(&iter);
        if (!vm_store(agent, vm, &error))
            drv_warn("VM '%s' is not on disk: %s", vm->id, error->message);
    }
}

static void
write_tasks(Agent *agent)
{
    GHashTableIter iter;
    Task *task;

    g_hash_table_iter_init(&iter, agent->unsaved_tasks);
    while (g_hash_table_iter_next(&iter, (gpointer *)&task, NULL)) {
        g_autoptr(GError) error = NULL;

        g_hash_table_iter_remove(&iter);
        if (task_store(agent, task, &error))
            continue;
        drv_warn("task %s is not on disk: %s", task->id, error->message);
        (void)g_hash_table_remove(agent->spent, task->id); /* it is the record, then */
    }
}

/* In this order: a task is not final before the VM is what it says. */
void
commit_now(Agent *agent)
{
    GHashTableIter iter;
    const char *id;

    write_vms(agent);
    write_tasks(agent);
    g_hash_table_iter_init(&iter, agent->spent);
    while (g_hash_table_iter_next(&iter, (gpointer *)&id, NULL))
        store_remove(agent, "output", id);
    g_hash_table_remove_all(agent->spent);
}

static gboolean
run(gpointer data)
{
    Agent *agent = data;

    agent->commit = 0;
    commit_now(agent);
    return G_SOURCE_REMOVE;
}

static void
later(Agent *agent)
{
    if (agent->commit == 0)
        agent->commit = g_idle_add_full(G_PRIORITY_HIGH - 10, run, agent, NULL);
}

void
commit_vm(Agent *agent, Vm *vm)
{
    g_hash_table_add(agent->unsaved_vms, vm);
    later(agent);
}

void
commit_task(Agent *agent, Task *task)
{
    g_hash_table_add(agent->unsaved_tasks, task);
    later(agent);
}

void
commit_output(Agent *agent, const char *task_id)
{
    g_hash_table_add(agent->spent, g_strdup(task_id));
    later(agent);
}

void
commit_open(Agent *agent)
{
    agent->unsaved_vms = g_hash_table_new(NULL, NULL);
    agent->unsaved_tasks = g_hash_table_new(NULL, NULL);
    agent->spent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}
