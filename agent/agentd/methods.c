/* SPDX-License-Identifier: Apache-2.0 */
/* methods.c - what can be called. */
#include "agent/agentd/methods.h"

#include "base/log.h"

json_object *
variant(const char *name, json_object *argument)
{
    json_object *array = json_object_new_array();

    json_object_array_add(array, json_object_new_string(name));
    json_object_array_add(array, argument);
    return array;
}

json_object *
call_fail(Call *call, const char *name, json_object *argument)
{
    json_object_put(call->error);
    call->error = argument ? variant(name, argument) : json_object_new_string(name);
    return NULL;
}

json_object *
call_fail_pair(Call *call, const char *name, const char *a, const char *b)
{
    return call_fail(call, name, agent_json_pair(a, b));
}

json_object *
call_fail_text(Call *call, const char *text)
{
    return call_fail(call, "Internal_error", json_object_new_string(text));
}

json_object *
call_fail_argument(Call *call, const char *text)
{
    call->code = -32602;
    return call_fail(call, "Internal_error", json_object_new_string(text));
}

json_object *
arg(Call *call, const char *key)
{
    json_object *value = NULL;

    (void)json_object_object_get_ex(call->args, key, &value);
    return value;
}

const char *
arg_text(Call *call, const char *key)
{
    json_object *value = arg(call, key);
    g_autofree char *why = NULL;

    if (json_object_is_type(value, json_type_string))
        return json_object_get_string(value);
    why = g_strdup_printf("parameter '%s' has to be a string", key);
    (void)call_fail_argument(call, why);
    return NULL;
}

gboolean
arg_number(Call *call, const char *key, gint64 *number)
{
    json_object *value = arg(call, key);
    g_autofree char *why = NULL;

    if (json_object_is_type(value, json_type_int)) {
        *number = json_object_get_int64(value);
        return TRUE;
    }
    if (json_object_is_type(value, json_type_string) &&
        g_ascii_string_to_signed(
            json_object_get_string(value), 10, G_MININT64, G_MAXINT64, number, NULL))
        return TRUE;
    why = g_strdup_printf("parameter '%s' has to be an integer", key);
    (void)call_fail_argument(call, why);
    return FALSE;
}

const char *
call_debug_info(Call *call)
{
    const char *text = json_object_get_string(arg(call, "debug_info"));

    return text ? text : "";
}

Vm *
arg_vm(Call *call, const char *key)
{
    const char *id = arg_text(call, key);
    Vm *vm = id ? g_hash_table_lookup(call->agent->vms, id) : NULL;

    if (id && vm == NULL && foreign_is_known(call->agent, id))
        (void)call_fail_text(call, "the VM is foreign; adopt it first");
    else if (id && vm == NULL)
        (void)call_fail_pair(call, "Does_not_exist", "VM", id);
    if (vm && vm->record == NULL) {
        (void)call_fail(call,
                        "Internal_error",
                        json_object_new_string("the record of the VM is damaged"));
        return NULL;
    }
    return vm;
}

typedef struct {
    const char *name;
    json_object *(*run)(Call *call);
    const char *operation; /* of the worker; NULL: @name */
} Method;

static const Method methods[] = {
    { "query", query, NULL },
    { "get_diagnostics", get_diagnostics, NULL },
    { "get_metrics", get_metrics, NULL },
    { "HOST.set_worker_pool_size", set_worker_pool_size, NULL },
    { "HOST.stat", host_stat, NULL },
    { "HOST.get_total_memory_mib", host_total_memory, NULL },
    { "HOST.combine_cpu_policies", host_combine_policies, NULL },
    { "HOST.is_compatible", host_is_compatible, NULL },
    { "HOST.info", host_operation, NULL },
    { "HOST.statistics", host_operation, NULL },
    { "HOST.init_model", host_operation, NULL },
    { "HOST.peer", host_operation, NULL },
    { "HOST.fetch", host_operation, NULL },
    { "EVENTS.list", events_list, NULL },
    { "EVENTS.subscribe", events_subscribe, NULL },
    { "EVENTS.capabilities", events_capabilities, NULL },
    { "VM.adopt", vm_adopt, NULL },
    { "VM.set_ip", vm_set_ip, NULL },
    { "DEBUG.trigger", debug_trigger, NULL },
    { "DEBUG.shutdown", debug_shutdown, NULL },
    { "Task.stat", task_stat, NULL },
    { "Task.cancel", task_cancel, NULL },
    { "Task.destroy", task_destroy, NULL },
    { "Task.destroy_on_finish", task_destroy, NULL },
    { "Task.list", task_list, NULL },
    { "VM.add", vm_add, NULL },
    { "VM.remove", vm_remove_call, NULL },
    { "VM.stat", vm_stat, NULL },
    { "VM.exists", vm_exists, NULL },
    { "VM.list", vm_list, NULL },
    { "VM.check_state", vm_check_state, NULL },
    { "VM.export_metadata", vm_export, NULL },
    { "VM.import_metadata", vm_import, NULL },
    { "VM.import_metadata_async", vm_import_async, NULL },
    { "VM.generate_state_string", vm_generate_state_string, NULL },
    { "VM.create", vm_operation, NULL },
    { "VM.build", vm_operation, NULL },
    { "VM.create_device_model", vm_operation, NULL },
    { "VM.destroy", vm_operation, NULL },
    { "VM.start", vm_operation, NULL },
    { "VM.shutdown", vm_operation, NULL },
    { "VM.reboot", vm_operation, NULL },
    { "VM.suspend", vm_operation, NULL },
    { "VM.resume", vm_operation, NULL },
    { "VM.pause", vm_operation, NULL },
    { "VM.unpause", vm_operation, NULL },
    { "VM.delete", vm_operation, NULL },
    { "VM.delay", vm_operation, NULL },
    { "VM.migrate", vm_migrate, NULL },
    { "VM.set_vcpus", vm_operation, NULL },
    { "VM.set_affinity", vm_operation, NULL },
    { "VM.set_memory_dynamic_range", vm_operation, "VM.set_memory" },
    { "VBD.add", device_add, NULL },
    { "VBD.remove", device_remove_call, NULL },
    { "VBD.stat", device_stat, NULL },
    { "VBD.list", device_list, NULL },
    { "VBD.plug", device_operation, NULL },
    { "VBD.unplug", device_operation, NULL },
    { "VBD.insert", device_change, NULL },
    { "VBD.eject", device_change, NULL },
    { "VIF.add", device_add, NULL },
    { "VIF.remove", device_remove_call, NULL },
    { "VIF.stat", device_stat, NULL },
    { "VIF.list", device_list, NULL },
    { "VIF.plug", device_operation, NULL },
    { "VIF.unplug", device_operation, NULL },
    { "VIF.move", device_change, NULL },
    { "VIF.set_carrier", device_change, NULL },
    { "VIF.set_locking_mode", device_change, NULL },
    { "VIF.set_trunks", device_change, NULL },
    { "PCI.add", device_add, NULL },
    { "PCI.remove", device_remove_call, NULL },
    { "PCI.stat", device_stat, NULL },
    { "PCI.list", device_list, NULL },
    { "PCI.dequarantine", pci_dequarantine, NULL },
    { "VUSB.list", no_devices, NULL },
    { "VGPU.list", no_devices, NULL },
    { "UPDATES.get", updates_get, NULL },
    { "UPDATES.last_id", updates_last_id, NULL },
    { "UPDATES.inject_barrier", updates_inject_barrier, NULL },
    { "UPDATES.remove_barrier", updates_remove_barrier, NULL },
    { "UPDATES.refresh_vm", updates_refresh_vm, NULL },
};

/* TASK.stat is what Task.stat was called before 2018. */
static const Method *
method_of(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(methods); i++) {
        if (strcmp(methods[i].name, name) == 0 ||
            (g_str_has_prefix(name, "TASK.") &&
             g_ascii_strcasecmp(methods[i].name, name) == 0))
            return &methods[i];
    }
    return NULL;
}

/* Before 2018 parameters had places; two calls are sent so to this day. */
static void
name_parameters(Call *call, const Method *method)
{
    static const char *const seconds[][2] = { { "query", "unit" },
                                              { "VM.import_metadata", "metadata" } };
    json_object *array = call->args, *object;

    for (guint i = 0; method && json_object_is_type(array, json_type_array) &&
                      i < G_N_ELEMENTS(seconds);
         i++) {
        if (strcmp(method->name, seconds[i][0]) != 0)
            continue;
        object = json_object_new_object();
        json_object_object_add(
            object, "debug_info", json_object_get(json_object_array_get_idx(array, 0)));
        json_object_object_add(
            object, seconds[i][1], json_object_get(json_object_array_get_idx(array, 1)));
        json_object_put(array);
        call->args = object;
        return;
    }
}

static void
fail_absent(Call *call, const char *name)
{
    const char *why = absent_reason(name);
    g_autofree char *text = why ? g_strdup_printf("%s: %s", name, why) : g_strdup(name);

    if (why == NULL)
        call->code = -32601;
    (void)call_fail(call, "Unimplemented", json_object_new_string(text));
}

void
methods_run(Call *call, const char *name)
{
    const Method *method = method_of(name);
    json_object *result = NULL;

    name_parameters(call, method);
    if (method == NULL) {
        fail_absent(call, name);
    } else if (!json_object_is_type(call->args, json_type_object)) {
        (void)call_fail_argument(call, "parameters have to be named, in one object");
    } else {
        call->operation = method->operation ? method->operation : method->name;
        result = method->run(call);
    }
    if (!call->later)
        call_answer(call, result);
}
