/* SPDX-License-Identifier: Apache-2.0 */
/* VM.*: what the agent owns, and what is done to it. */
#include "agent/agentd/methods.h"

#include "agent/common/json.h"
#include "base/json.h"

/* Ours besides the interface: a VM that runs keeps its definition. */
json_object *
vm_add(Call *call)
{
    g_autofree char *why = NULL;
    g_autoptr(GError) error = NULL;
    json_object *record = record_complete(CLASS_VM, arg(call, "vm"), &why), *old, *id;
    gboolean known;
    Vm *vm;

    if (record == NULL)
        return call_fail_argument(call, why);
    (void)json_object_object_get_ex(record, "id", &id);
    known = g_hash_table_contains(call->agent->vms, json_object_get_string(id));
    vm = vm_new(call->agent, json_object_get_string(id));
    if (known && (vm->record == NULL || strcmp(vm_power(vm), "Halted") != 0)) {
        json_object_put(record);
        return call_fail_pair(call, "Already_exists", "VM", vm->id);
    }
    old = vm->record;
    vm->record = record;
    if (!vm_store(call->agent, vm, &error)) {
        vm->record = old;
        json_object_put(record);
        if (!known)
            vm_drop(call->agent, vm);
        return call_fail_text(call, error->message);
    }
    json_object_put(old);
    vm_announce(call->agent, vm);
    return json_object_new_string(vm->id);
}

json_object *
vm_remove_call(Call *call)
{
    const char *id = arg_text(call, "id");
    Vm *vm = id ? g_hash_table_lookup(call->agent->vms, id) : NULL;
    const char *power;

    if (id == NULL)
        return NULL;
    if (vm == NULL)
        return call_fail_pair(call, "Does_not_exist", "VM", id);
    power = vm_power(vm);
    if (strcmp(power, "Halted") != 0 && strcmp(power, "Suspended") != 0)
        return call_fail_pair(call, "Bad_power_state", power, "Halted");
    if (vm->unknown_since > 0)
        return call_fail_text(call, "the state of the VM is unknown");
    if (vm->running || vm->waiting.head)
        return call_fail_text(call, "the VM has operations that are not done");
    vm_remove(call->agent, vm);
    return NULL;
}

static json_object *
vm_entry(const Vm *vm)
{
    json_object *entry = json_object_new_array();

    json_object_array_add(entry, json_object_get(vm->record));
    json_object_array_add(entry, vm_state_json(vm));
    return entry;
}

json_object *
vm_stat(Call *call)
{
    json_object *id = arg(call, "id");
    Vm *vm;

    if (json_object_is_type(id, json_type_string) &&
        foreign_is_known(call->agent, json_object_get_string(id)))
        return foreign_entry(
            g_hash_table_lookup(call->agent->domains, json_object_get_string(id)));
    vm = arg_vm(call, "id");
    return vm ? vm_entry(vm) : NULL;
}

json_object *
vm_exists(Call *call)
{
    const char *id = arg_text(call, "id");

    return id ? json_object_new_boolean(g_hash_table_contains(call->agent->vms, id))
              : NULL;
}

json_object *
vm_list(Call *call)
{
    json_object *all = json_object_new_array(), *facts;
    GHashTableIter iter;
    const char *uuid;
    Vm *vm;

    g_hash_table_iter_init(&iter, call->agent->vms);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm)) {
        if (vm->record)
            json_object_array_add(all, vm_entry(vm));
    }
    g_hash_table_iter_init(&iter, call->agent->domains);
    while (g_hash_table_iter_next(&iter, (gpointer *)&uuid, (gpointer *)&facts)) {
        if (!g_hash_table_contains(call->agent->by_uuid, uuid))
            json_object_array_add(all, foreign_entry(facts));
    }
    return all;
}

/* --- operations: a task each ----------------------------------------------------------
 */

json_object *
enqueue(Call *call, Vm *vm, const char *operation, json_object *options)
{
    Task *task = task_new(call->agent, call_debug_info(call), operation, vm->id);
    g_autoptr(GError) error = NULL;

    json_object_put(task->options);
    task->options = options;
    if (!task_store(call->agent, task, &error)) {
        task_forget(call->agent, task);
        return call_fail_text(call, error->message);
    }
    queue_add(call->agent, vm, task, FALSE);
    return json_object_new_string(task->id);
}

json_object *
options_of(Call *call)
{
    json_object *options = json_object_new_object();

    json_object_object_foreach(call->args, key, value)
    {
        if (strcmp(key, "debug_info") != 0 && strcmp(key, "id") != 0)
            json_object_object_add(options, key, json_object_get(value));
    }
    return options;
}

json_object *
vm_operation(Call *call)
{
    Vm *vm = arg_vm(call, "id");

    return vm ? enqueue(call, vm, call->operation, options_of(call)) : NULL;
}

/* TRUE when the device is at @place now, which is written in full or as its path only. */
static gboolean
is_at(const Device *device, json_object *place)
{
    const char *key = device->class == CLASS_PCI ? "address" : "backend";
    json_object *now = drv_json_member(device->record, key), *path = NULL;

    (void)agent_json_variant(now, &path);
    return json_object_equal(now, place) || (path && json_object_equal(path, place));
}

/* A map says where devices are at the destination: where they are here, each of them. */
static gboolean
stays(Call *call, const Vm *vm, Class class, const char *key, json_object *map)
{
    json_object_object_foreach(map, name, place)
    {
        Device *device = vm_device(vm, class, name);
        g_autofree char *text = NULL;

        if (device && is_at(device, place))
            continue;
        text =
            g_strdup_printf("VM.migrate with %s of '%s' to %s: devices stay as they are",
                            key,
                            name,
                            json_object_to_json_string(place));
        if (device)
            (void)call_fail(call, "Unimplemented", json_object_new_string(text));
        else
            (void)call_fail_pair(call, "Does_not_exist", class_name(class), name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
all_stay(Call *call, const Vm *vm)
{
    static const struct {
        Class class;
        const char *key;
    } maps[] = { { CLASS_VBD, "vdi_map" },
                 { CLASS_VIF, "vif_map" },
                 { CLASS_PCI, "pci_map" } };

    for (guint i = 0; i < G_N_ELEMENTS(maps); i++) {
        const char *key = maps[i].key;
        json_object *map = arg(call, key);

        if (map == NULL)
            continue;
        if (!json_object_is_type(map, json_type_object)) {
            g_autofree char *text =
                g_strdup_printf("parameter '%s' has to be a map", key);

            (void)call_fail_argument(call, text);
            return FALSE;
        }
        if (!stays(call, vm, maps[i].class, key, map))
            return FALSE;
    }
    return TRUE;
}

/* xenops_url is what the interface calls the destination; another xenopsd is none. */
json_object *
vm_migrate(Call *call)
{
    static const char http[] = "VM.migrate to a URL of HTTP: give the URI of a libvirt";
    Vm *vm = arg_vm(call, "id");
    const char *key = arg(call, "destination") ? "destination" : "xenops_url";
    const char *uri = vm ? arg_text(call, key) : NULL;
    json_object *options;

    if (uri == NULL || !all_stay(call, vm))
        return NULL;
    if (g_ascii_strncasecmp(uri, "http:", 5) == 0 ||
        g_ascii_strncasecmp(uri, "https:", 6) == 0)
        return call_fail(call, "Unimplemented", json_object_new_string(http));
    options = options_of(call);
    json_object_object_add(options, "destination", json_object_new_string(uri));
    return enqueue(call, vm, call->operation, options);
}

json_object *
vm_check_state(Call *call)
{
    Vm *vm = arg_vm(call, "id");

    if (vm)
        queue_check(call->agent, vm, "asked for", FALSE);
    return NULL;
}

/* What is known of the guest only by who gave it the address. */
json_object *
vm_set_ip(Call *call)
{
    Vm *vm = arg_vm(call, "id");
    const char *ip = vm ? arg_text(call, "ip") : NULL;
    g_autoptr(GError) error = NULL;

    if (ip == NULL)
        return NULL;
    if (!g_hostname_is_ip_address(ip))
        return call_fail_argument(call, "parameter 'ip' has to be an address");
    json_object_object_add(vm->record, "ip", json_object_new_string(ip));
    if (!vm_store(call->agent, vm, &error))
        return call_fail_text(call, error->message);
    updates_changed(call->agent, CLASS_VM, vm->id, NULL);
    return NULL;
}
