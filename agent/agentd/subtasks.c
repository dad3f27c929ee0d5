/* SPDX-License-Identifier: Apache-2.0 */
/* subtasks.c - the steps of a task's operation: the phases that its worker reported.
 *
 * A step's weight is its share of the operation, known when the next one begins.
 */
#include "agent/agentd/agentd.h"

#include "base/json.h"

#define MAX_STEPS 64 /* the last one goes on, then */

typedef struct {
    char *name; /* unique in its task: it is a key */
    double began, duration, from, weight;
    TaskState state;
} Step;

static void
step_clear(gpointer data)
{
    g_free(((Step *)data)->name);
}

static Step *
last_step(const Task *task)
{
    return task->steps && task->steps->len > 0
               ? &g_array_index(task->steps, Step, task->steps->len - 1)
               : NULL;
}

static void
end_step(Step *step, TaskState state, double now, double progress)
{
    step->state = state;
    step->duration = MAX(now - step->began, 0);
    step->weight = CLAMP(progress - step->from, 0, 1);
}

/* "look", and "look 2" when it comes to it again. */
static char *
unique_name(const Task *task, const char *phase)
{
    guint times = 1;

    for (guint i = 0; i < task->steps->len; i++) {
        const char *name = g_array_index(task->steps, Step, i).name;
        gsize size = strlen(phase);

        if (strncmp(name, phase, size) == 0 && (name[size] == '\0' || name[size] == ' '))
            times++;
    }
    return times == 1 ? g_strdup(phase) : g_strdup_printf("%s %u", phase, times);
}

void
subtasks_begin(Task *task, const char *phase, double now)
{
    Step *step = last_step(task), next = { .began = now, .from = task->progress };

    if (step && task->steps->len >= MAX_STEPS)
        return;
    if (task->steps == NULL) {
        task->steps = g_array_new(FALSE, FALSE, sizeof(Step));
        g_array_set_clear_func(task->steps, step_clear);
    }
    if (step && step->state == TASK_PENDING)
        end_step(step, TASK_COMPLETED, now, task->progress);
    next.name = unique_name(task, phase);
    g_array_append_val(task->steps, next);
}

/* One that failed is followed by the look, which has not. */
void
subtasks_end(Task *task, TaskState state, double now)
{
    Step *step = last_step(task);

    if (step && step->state == TASK_PENDING)
        end_step(step, state, now, state == TASK_COMPLETED ? 1 : task->progress);
}

static json_object *
state_json(const Task *task, const Step *step)
{
    json_object *value;

    if (step->state == TASK_PENDING)
        return variant("Pending", json_object_new_double(0));
    if (step->state == TASK_FAILED)
        return variant("Failed", json_object_get(task->answer));
    value = json_object_new_object();
    json_object_object_add(value, "duration", json_object_new_double(step->duration));
    json_object_object_add(value, "weight", json_object_new_double(step->weight));
    return variant("Completed", value);
}

json_object *
subtasks_json(const Task *task)
{
    json_object *all = json_object_new_object();

    for (guint i = 0; task->steps && i < task->steps->len; i++) {
        const Step *step = &g_array_index(task->steps, Step, i);

        json_object_object_add(all, step->name, state_json(task, step));
    }
    return all;
}

void
subtasks_load(Task *task, json_object *all, double now)
{
    json_object_object_foreach(all, name, state)
    {
        const char *word = json_object_get_string(json_object_array_get_idx(state, 0));
        json_object *value = json_object_array_get_idx(state, 1);
        Step *step;

        subtasks_begin(task, name, now);
        step = last_step(task);
        step->state = g_strcmp0(word, "Completed") == 0 ? TASK_COMPLETED
                      : g_strcmp0(word, "Failed") == 0  ? TASK_FAILED
                                                        : TASK_PENDING;
        step->duration = json_object_get_double(drv_json_member(value, "duration"));
        step->weight = json_object_get_double(drv_json_member(value, "weight"));
    }
}
