/* SPDX-License-Identifier: Apache-2.0 */
/* query, HOST.*, and what the agent says of itself. */
#include "agent/agentd/methods.h"
#include "agent/agentd/run.h"

json_object *
query(Call *call)
{
    static const char *const features[] = { "token-text", "task-records", "tombstones" };
    json_object *object = json_object_new_object(), *list = json_object_new_array();
    g_autofree char *instance =
        g_strdup_printf("%" G_GUINT64_FORMAT, call->agent->instance);

    for (guint i = 0; i < G_N_ELEMENTS(features); i++)
        json_object_array_add(list, json_object_new_string(features[i]));
    json_object_object_add(object, "name", json_object_new_string("drv-agentd"));
    json_object_object_add(object, "vendor", json_object_new_string("one-native"));
    json_object_object_add(object, "version", json_object_new_string("0.1"));
    json_object_object_add(object, "features", list);
    json_object_object_add(object, "instance_id", json_object_new_string(instance));
    json_object_object_add(
        object, "backend", json_object_new_string(call->agent->backend));
    return object;
}

json_object *
get_diagnostics(Call *call)
{
    g_autofree char *text = diagnostics_text(call->agent);

    return json_object_new_string(text);
}

json_object *
get_metrics(Call *call)
{
    g_autofree char *text = metrics_text(call->agent);

    return json_object_new_string(text);
}

json_object *
set_worker_pool_size(Call *call)
{
    gint64 size;

    if (!arg_number(call, "pool_size", &size))
        return NULL;
    if (size < 1 || size > 256)
        return call_fail_argument(call, "parameter 'pool_size' has to be from 1 to 256");
    call->agent->pool = (guint)size;
    queue_wake(call->agent);
    return NULL;
}

json_object *
host_operation(Call *call)
{
    return enqueue(call, call->agent->host, call->operation, options_of(call));
}

json_object *
vm_adopt(Call *call)
{
    const char *id = arg_text(call, "id");
    json_object *options;

    if (id == NULL)
        return NULL;
    if (!foreign_is_known(call->agent, id))
        return call_fail_pair(call, "Does_not_exist", "VM", id);
    options = json_object_new_object();
    json_object_object_add(options, "adopt", json_object_new_string(id));
    return enqueue(call, call->agent->host, "HOST.init_model", options);
}

/* --- for tests ------------------------------------------------------------------------
 */

/* (dbg, n) cancels the task with that debug_info at its nth point. */
static json_object *
set_cancel_trigger(Call *call, json_object *args)
{
    const char *dbg = json_object_get_string(json_object_array_get_idx(args, 0));
    const char *point = json_object_get_string(json_object_array_get_idx(args, 1));
    guint64 n;

    if (json_object_array_length(args) != 2 || dbg == NULL || point == NULL ||
        !g_ascii_string_to_unsigned(point, 10, 1, G_MAXINT, &n, NULL))
        return call_fail_argument(call, "parameter 'args' has to be [dbg, n]");
    g_free(call->agent->trigger_dbg);
    call->agent->trigger_dbg = g_strdup(dbg);
    call->agent->trigger_point = (guint)n;
    return NULL;
}

/* What a simulated guest does by itself; a guest of libvirt's does it, or not. */
static json_object *
end_guest(Call *call, json_object *args, gboolean reboot)
{
    const char *id = json_object_get_string(json_object_array_get_idx(args, 0));
    Vm *vm = id ? g_hash_table_lookup(call->agent->vms, id) : NULL;
    g_autoptr(json_object) facts = NULL;

    if (vm == NULL || vm->record == NULL)
        return call_fail_pair(call, "Does_not_exist", "VM", id ? id : "");
    if (strcmp(vm_power(vm), "Running") != 0)
        return call_fail_pair(call, "Bad_power_state", vm_power(vm), "Running");
    facts = json_tokener_parse(
        "{\"power_state\":\"Halted\",\"domids\":[],\"consoles\":[],\"devices\":{}}");
    vm_learn(call->agent, vm, facts);
    ended_by_itself(call->agent, vm, reboot ? "reboot" : "shutdown");
    return NULL;
}

json_object *
debug_trigger(Call *call)
{
    const char *cmd = arg_text(call, "cmd");
    json_object *args = arg(call, "args");
    gboolean simulated = strcmp(call->agent->backend, "simulator") == 0;

    if (cmd == NULL)
        return NULL;
    if (!json_object_is_type(args, json_type_array))
        return call_fail_argument(call, "parameter 'args' has to be an array");
    if (strcmp(cmd, "set-cancel-trigger") == 0)
        return set_cancel_trigger(call, args);
    if (simulated && (strcmp(cmd, "reboot") == 0 || strcmp(cmd, "halt") == 0))
        return end_guest(call, args, *cmd == 'r');
    return call_fail(call, "Unimplemented", json_object_new_string(cmd));
}

static gboolean
end(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

/* As SIGTERM does, once the answer is on its way. */
json_object *
debug_shutdown(Call *call)
{
    g_idle_add_full(G_PRIORITY_LOW, end, call->agent->loop, NULL);
    return NULL;
}
