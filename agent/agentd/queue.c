/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c - who is next: one running operation per VM, VMs in turn, a bound for all.
 *
 * agent->ready holds each VM that has something waiting and nothing running, once; the
 * next to run is the first one's first task.  Everything is O(1), however long queues
 * are.
 */
#include "agent/agentd/agentd.h"
#include "base/log.h"

static void dispatch(Agent *agent);

static json_object *
cancelled(const Task *task)
{
    return variant("Cancelled", json_object_new_string(task->id));
}

/* What a task waits for that has failed takes the place in the pool that this left. */
static void
make_ready(Agent *agent, Vm *vm)
{
    if (vm->ready || vm->running || vm->waiting.head == NULL)
        return;
    vm->ready = TRUE;
    if (vm->failed)
        g_queue_push_head(&agent->ready, vm);
    else
        g_queue_push_tail(&agent->ready, vm);
}

static gboolean
is_forced(const Task *task)
{
    json_object *force = NULL;

    return (strcmp(task->operation, "VM.shutdown") == 0 ||
            strcmp(task->operation, "VM.delete") == 0) &&
           json_object_object_get_ex(task->options, "force", &force) &&
           json_object_get_boolean(force);
}

/* Behind a look: that is part of what comes to its end before. */
static void
overtake(Agent *agent, Vm *vm, Task *task)
{
    GList *head = vm->waiting.head;

    if (head && task_is_look(head->data))
        g_queue_insert_after(&vm->waiting, head, task);
    else
        g_queue_push_head(&vm->waiting, task);
    if (vm->running && !task_is_look(vm->running))
        queue_cancel(agent, vm->running);
}

static gboolean
dispatch_later(gpointer data)
{
    Agent *agent = data;

    agent->dispatch = 0;
    dispatch(agent);
    return G_SOURCE_REMOVE;
}

void
queue_wake(Agent *agent)
{
    if (agent->dispatch == 0)
        agent->dispatch =
            g_idle_add_full(G_PRIORITY_DEFAULT, dispatch_later, agent, NULL);
}

void
queue_add(Agent *agent, Vm *vm, Task *task, gboolean first)
{
    if (is_forced(task))
        overtake(agent, vm, task);
    else if (first)
        g_queue_push_head(&vm->waiting, task);
    else
        g_queue_push_tail(&vm->waiting, task);
    make_ready(agent, vm);
    queue_wake(agent);
}

/* One that runs has perhaps looked before what happened, so it does not count. */
void
queue_check(Agent *agent, Vm *vm, const char *why, gboolean first)
{
    Task *task;

    for (GList *l = vm->waiting.head; l; l = l->next) {
        if (!task_is_look(l->data))
            continue;
        if (first) {
            g_queue_unlink(&vm->waiting, l);
            g_queue_push_head_link(&vm->waiting, l);
        }
        return;
    }
    task = task_new(agent, why, "VM.check_state", vm->id);
    task->destroy_on_finish = TRUE;
    queue_add(agent, vm, task, first);
}

static gboolean
delay_is_over(gpointer data)
{
    Task *task = data;
    Agent *agent = task->agent;
    Vm *vm = vm_find(agent, task->vm_id);

    task->timer = 0;
    task_finish(agent, task, TASK_COMPLETED, NULL, NULL);
    queue_done(agent, vm);
    return G_SOURCE_REMOVE;
}

/* A delay holds back its VM's queue, not a worker. */
static void
start_delay(Agent *agent, Vm *vm, Task *task)
{
    json_object *delay = NULL;

    (void)json_object_object_get_ex(task->options, "delay", &delay);
    task->agent = agent;
    vm->running = task;
    task->timer =
        g_timeout_add((guint)(CLAMP(json_object_get_double(delay), 0, 86400) * 1000),
                      delay_is_over,
                      task);
}

/* Before the marker is set: a VM that is up must never bear one, or the look that follows
 * the failure would end it.
 */
static gboolean
may_begin(const Vm *vm, const Task *task, const char **expected)
{
    const char *power = vm_power(vm);

    *expected = strcmp(task->operation, "VM.resume") == 0 ? "Suspended" : "Halted";
    if (strcmp(task->operation, "VM.start") == 0)
        return strcmp(power, "Halted") == 0;
    if (strcmp(task->operation, "VM.resume") == 0)
        return strcmp(power, "Suspended") == 0 || strcmp(power, "Halted") == 0;
    return TRUE;
}

static void
refuse(Agent *agent, Vm *vm, Task *task, const char *expected)
{
    json_object *pair = agent_json_pair(vm_power(vm), expected);
    g_autofree char *message =
        g_strdup_printf("the VM is %s, not %s", vm_power(vm), expected);

    task_finish(agent, task, TASK_FAILED, variant("Bad_power_state", pair), message);
    make_ready(agent, vm);
}

/* A guest that was asked to power off may do so when the task has failed, too. */
static void
note_end(Vm *vm, const Task *task)
{
    if (strcmp(task->operation, "VM.shutdown") == 0 ||
        strcmp(task->operation, "VM.delete") == 0)
        vm->told_to_end = TRUE;
    else if (strcmp(task->operation, "VM.start") == 0 ||
             strcmp(task->operation, "VM.resume") == 0)
        vm->told_to_end = FALSE;
}

static void
start(Agent *agent, Vm *vm, Task *task)
{
    const char *expected;
    g_autoptr(GError) error = NULL;

    task->began = (double)g_get_real_time() / G_USEC_PER_SEC;
    if (strcmp(task->operation, "VM.delay") == 0) {
        start_delay(agent, vm, task);
        return;
    }
    if (!may_begin(vm, task, &expected)) {
        refuse(agent, vm, task, expected);
        return;
    }
    note_end(vm, task);
    vm->running = task;
    agent->busy++;
    if (worker_start(agent, vm, task, &error))
        return;
    agent->busy--;
    vm->running = NULL;
    task_finish(agent,
                task,
                TASK_FAILED,
                variant("Internal_error", json_object_new_string(error->message)),
                error->message);
    make_ready(agent, vm);
}

static void
dispatch(Agent *agent)
{
    while (agent->busy < agent->pool && agent->ready.head &&
           g_hash_table_size(agent->workers) < agent->pool * AGENT_MAX_STUCK) {
        Vm *vm = g_queue_pop_head(&agent->ready);
        Task *task = g_queue_pop_head(&vm->waiting);

        vm->ready = FALSE;
        if (task != NULL)
            start(agent, vm, task);
    }
}

void
queue_done(Agent *agent, Vm *vm)
{
    vm->running = NULL;
    make_ready(agent, vm);
    queue_wake(agent);
}

void
queue_cancel(Agent *agent, Task *task)
{
    Vm *vm = vm_find(agent, task->vm_id);

    if (task->state != TASK_PENDING || !task->cancellable)
        return;
    task->cancelled = TRUE;
    if (task->worker) {
        worker_cancel(task->worker);
        return;
    }
    if (task->timer) {
        g_source_remove(task->timer);
        task->timer = 0;
        task_finish(
            agent, task, TASK_FAILED, cancelled(task), "cancelled while it waited");
        queue_done(agent, vm);
        return;
    }
    if (vm == NULL || !g_queue_remove(&vm->waiting, task))
        return;
    if (vm->ready && vm->waiting.head == NULL) {
        vm->ready = FALSE;
        g_queue_remove(&agent->ready, vm);
    }
    task_finish(agent, task, TASK_FAILED, cancelled(task), "cancelled before it began");
}
