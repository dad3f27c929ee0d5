/* SPDX-License-Identifier: Apache-2.0 */
/* VBD.*, VIF.*, PCI.*: one code, the class is in the name of the call. */
#include "agent/agentd/agentd.h"

static Class
class_of_call(const Call *call)
{
    Class class = CLASS_VM;
    char prefix[4] = "";

    memcpy(prefix, call->operation, 3);
    (void)class_of(prefix, &class);
    return class;
}

/* @pair is [VM, name].  NULL: not known, and the call has the error. */
static Device *
device_of(Call *call, json_object *pair, Vm **vm)
{
    const char *id, *name;
    Device *device;

    if (!json_object_is_type(pair, json_type_array) ||
        json_object_array_length(pair) != 2) {
        (void)call_fail_argument(call, "parameter 'id' has to be [VM, device]");
        return NULL;
    }
    id = json_object_get_string(json_object_array_get_idx(pair, 0));
    name = json_object_get_string(json_object_array_get_idx(pair, 1));
    *vm = id ? g_hash_table_lookup(call->agent->vms, id) : NULL;
    device = *vm && name ? vm_device(*vm, class_of_call(call), name) : NULL;
    if (device == NULL)
        (void)call_fail(call,
                        "Does_not_exist",
                        variant(class_name(class_of_call(call)), json_object_get(pair)));
    return device;
}

json_object *
device_add(Call *call)
{
    Class class = class_of_call(call);
    g_autofree char *why = NULL;
    g_autoptr(GError) error = NULL;
    json_object *record = record_complete(class, arg(call, class_word(class)), &why), *id;
    const char *vm_id, *name;
    Device *device;
    Vm *vm;

    if (record == NULL)
        return call_fail_argument(call, why);
    (void)json_object_object_get_ex(record, "id", &id);
    vm_id = json_object_get_string(json_object_array_get_idx(id, 0));
    name = json_object_get_string(json_object_array_get_idx(id, 1));
    vm = g_hash_table_lookup(call->agent->vms, vm_id);
    if (vm == NULL || vm->record == NULL) {
        (void)call_fail_pair(call, "Does_not_exist", "VM", vm_id);
        json_object_put(record);
        return NULL;
    }
    device = vm_device(vm, class, name);
    if (device && device->plugged) {
        json_object_put(record);
        return call_fail(call, "Device_is_connected", NULL);
    }
    device = device_new(class, name, record);
    if (!device_store(call->agent, vm, device, &error)) {
        device_free(device);
        return call_fail_text(call, error->message);
    }
    updates_changed(call->agent, class, vm->id, name);
    return json_object_get(id);
}

json_object *
device_remove_call(Call *call)
{
    Vm *vm;
    Device *device = device_of(call, arg(call, "id"), &vm);

    if (device == NULL)
        return NULL;
    if (device->plugged)
        return call_fail(call, "Device_is_connected", NULL);
    device_remove(call->agent, vm, device);
    return NULL;
}

static json_object *
device_entry(const Vm *vm, const Device *device)
{
    json_object *entry = json_object_new_array();

    json_object_array_add(entry, json_object_get(device->record));
    json_object_array_add(entry, device_state_json(vm, device));
    return entry;
}

json_object *
device_stat(Call *call)
{
    Vm *vm;
    Device *device = device_of(call, arg(call, "id"), &vm);

    return device ? device_entry(vm, device) : NULL;
}

json_object *
device_list(Call *call)
{
    const char *id = arg_text(call, "id");
    Vm *vm = id ? g_hash_table_lookup(call->agent->vms, id) : NULL;
    json_object *all;
    GHashTableIter iter;
    Device *device;

    if (id == NULL)
        return NULL;
    all = json_object_new_array();
    if (vm == NULL)
        return all;
    g_hash_table_iter_init(&iter, vm->devices);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&device)) {
        if (device->class == class_of_call(call))
            json_object_array_add(all, device_entry(vm, device));
    }
    return all;
}

json_object *
device_operation(Call *call)
{
    Vm *vm;
    json_object *id = arg(call, "id"), *options;

    if (device_of(call, id, &vm) == NULL)
        return NULL;
    options = options_of(call);
    json_object_object_add(options, "device", json_object_get(id));
    return enqueue(call, vm, call->operation, options);
}
