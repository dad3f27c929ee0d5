/* SPDX-License-Identifier: Apache-2.0 */
/* For people who look in: answered from memory, however many workers hang. */
#include "agent/agentd/agentd.h"

static json_object *
queues_json(Agent *agent)
{
    json_object *queues = json_object_new_array();
    GHashTableIter iter;
    Vm *vm;

    g_hash_table_iter_init(&iter, agent->vms);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm)) {
        json_object *queue, *items;

        if (!vm->running && !vm->waiting.head && !vm->last_error &&
            vm->unknown_since == 0)
            continue;
        queue = json_object_new_object();
        items = json_object_new_array();
        for (GList *l = vm->waiting.head; l; l = l->next)
            json_object_array_add(items, task_json(l->data));
        json_object_object_add(queue, "tag", json_object_new_string(vm->id));
        json_object_object_add(queue, "works", items);
        if (vm->running)
            json_object_object_add(
                queue, "running", json_object_new_string(vm->running->id));
        if (vm->last_error)
            json_object_object_add(
                queue, "last_error", json_object_new_string(vm->last_error));
        if (vm->unknown_since > 0)
            json_object_object_add(
                queue, "unknown_since", json_object_new_double(vm->unknown_since));
        json_object_array_add(queues, queue);
    }
    return queues;
}

char *
diagnostics_text(Agent *agent)
{
    json_object *object = json_object_new_object();
    json_object *workers = json_object_new_array(), *damaged = json_object_new_array();
    GHashTableIter iter;
    Worker *worker;
    char *text;

    g_hash_table_iter_init(&iter, agent->workers);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&worker))
        json_object_array_add(workers, worker_json(worker));
    for (guint i = 0; i < agent->damaged->len; i++)
        json_object_array_add(
            damaged, json_object_new_string(g_ptr_array_index(agent->damaged, i)));
    json_object_object_add(object, "queues", queues_json(agent));
    json_object_object_add(object, "workers", workers);
    json_object_object_add(object, "events", events_state());
    json_object_object_add(object, "pool", json_object_new_int((int)agent->pool));
    json_object_object_add(object, "damaged", damaged);
    json_object_object_add(
        object, "tasks", json_object_new_int((int)g_hash_table_size(agent->tasks)));
    json_object_object_add(
        object, "clients", json_object_new_int((int)g_hash_table_size(agent->conns)));
    text = g_strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
    json_object_put(object);
    return text;
}
