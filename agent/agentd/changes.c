/* SPDX-License-Identifier: Apache-2.0 */
/* changes.c - calls that change a device and its record: VBD.insert, VIF.move and so on.
 *
 * The new record is made, and checked, before the task; it goes to disk when the worker
 * has changed the device, also if the core that was asked is gone by then.
 */
#include "agent/agentd/methods.h"

#include "base/log.h"

static gboolean
is_disk(json_object *value)
{
    json_object *where = NULL;
    const char *name = agent_json_variant(value, &where);

    return (strcmp(name, "Local") == 0 || strcmp(name, "VDI") == 0) &&
           json_object_is_type(where, json_type_string);
}

static gboolean
is_network(json_object *value)
{
    json_object *where = NULL;
    const char *name = agent_json_variant(value, &where);

    return strcmp(name, "Remote") == 0 || strcmp(name, "Sriov") == 0 ||
           (strcmp(name, "Local") == 0 && json_object_is_type(where, json_type_string));
}

static gboolean
is_flag(json_object *value)
{
    return json_object_is_type(value, json_type_boolean);
}

static gboolean
is_locking(json_object *value)
{
    static const char *const families[] = { "ipv4", "ipv6" };
    json_object *addresses = NULL;
    const char *name = agent_json_variant(value, &addresses);

    if (strcmp(name, "Unlocked") == 0 || strcmp(name, "Disabled") == 0)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
        json_object *list = drv_json_member(addresses, families[i]);

        if (!json_object_is_type(list, json_type_array))
            return FALSE;
        for (gsize k = 0; k < json_object_array_length(list); k++) {
            const char *text = json_object_get_string(json_object_array_get_idx(list, k));

            if (text == NULL || !g_hostname_is_ip_address(text))
                return FALSE;
        }
    }
    return strcmp(name, "Locked") == 0;
}

static gboolean
is_trunks(json_object *value)
{
    if (!json_object_is_type(value, json_type_array))
        return FALSE;
    for (gsize i = 0; i < json_object_array_length(value); i++) {
        json_object *tag = json_object_array_get_idx(value, i);

        if (!json_object_is_type(tag, json_type_int) || json_object_get_int64(tag) < 0 ||
            json_object_get_int64(tag) > 4095)
            return FALSE;
    }
    return TRUE;
}

typedef struct {
    const char *operation;
    const char *option; /* NULL: the field goes */
    const char *field;
    gboolean (*is_valid)(json_object *value);
} Change;

static const Change changes[] = {
    { "VBD.insert", "disk", "backend", is_disk },
    { "VBD.eject", NULL, "backend", NULL },
    { "VIF.move", "network", "backend", is_network },
    { "VIF.set_carrier", "carrier", "carrier", is_flag },
    { "VIF.set_locking_mode", "locking_mode", "locking_mode", is_locking },
    { "VIF.set_trunks", "trunks", "trunks", is_trunks },
};

static const Change *
change_of(const char *operation)
{
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        if (strcmp(changes[i].operation, operation) == 0)
            return &changes[i];
    }
    return NULL;
}

json_object *
device_change(Call *call)
{
    const Change *change = change_of(call->operation);
    json_object *value = change->option ? arg(call, change->option) : NULL, *options;
    g_autofree char *why = NULL;
    Vm *vm;

    if (call_device(call, arg(call, "id"), &vm) == NULL)
        return NULL;
    if (change->option && (value == NULL || !change->is_valid(value))) {
        why = g_strdup_printf(
            "parameter '%s' is not a valid %s", change->option, change->field);
        return call_fail_argument(call, why);
    }
    options = json_object_new_object();
    json_object_object_add(options, "device", json_object_get(arg(call, "id")));
    drv_json_add_text(options, "field", change->field);
    if (value)
        json_object_object_add(options, "value", json_object_get(value));
    return enqueue(call, vm, call->operation, options);
}

/* Records are shared, and never changed in place. */
static json_object *
changed_record(json_object *record, const char *field, json_object *value)
{
    json_object *changed = json_object_new_object();

    json_object_object_foreach(record, key, old)
    {
        if (strcmp(key, field) != 0)
            json_object_object_add(changed, key, json_object_get(old));
    }
    if (value)
        json_object_object_add(changed, field, json_object_get(value));
    return changed;
}

void
changes_apply(Agent *agent, Vm *vm, const Task *task)
{
    const char *field = drv_json_text(task->options, "field", NULL);
    json_object *id = drv_json_member(task->options, "device"), *old;
    g_autoptr(GError) error = NULL;
    Device *device;

    if (change_of(task->operation) == NULL || field == NULL)
        return;
    device = vm_device(vm,
                       operation_class(task->operation),
                       json_object_get_string(json_object_array_get_idx(id, 1)));
    if (device == NULL)
        return; /* removed meanwhile */
    old = device->record;
    device->record = changed_record(old, field, drv_json_member(task->options, "value"));
    if (!device_store(agent, vm, device, &error))
        drv_warn("the change of %s '%s' is not on disk: %s",
                 class_name(device->class),
                 device->name,
                 error->message);
    json_object_put(old);
    updates_changed(agent, device->class, vm->id, device->name);
}
