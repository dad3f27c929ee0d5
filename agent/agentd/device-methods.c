/* SPDX-License-Identifier: Apache-2.0 */
/* VBD.*, VIF.*, PCI.*: one code, the class is in the name of the call. */
#include "agent/agentd/methods.h"

Class
operation_class(const char *operation)
{
    Class class = CLASS_VM;
    char prefix[4] = "";

    memcpy(prefix, operation, 3);
    (void)class_of(prefix, &class);
    return class;
}

static Class
class_of_call(const Call *call)
{
    return operation_class(call->operation);
}

Device *
call_device(Call *call, json_object *pair, Vm **vm)
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

/* --- MACs -----------------------------------------------------------------------------
 */

static gboolean
is_mac(const char *text)
{
    for (guint i = 0; i < 17; i++) {
        if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
            return FALSE;
    }
    return text[17] == '\0';
}

/* Of a station, not of a group, and given by nobody. */
static json_object *
local_mac(const guint8 bytes[6])
{
    g_autofree char *text = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x",
                                            (bytes[0] & 0xfcU) | 2U,
                                            bytes[1],
                                            bytes[2],
                                            bytes[3],
                                            bytes[4],
                                            bytes[5]);

    return json_object_new_string(text);
}

/* The same each time, for the same NIC of the same VM. */
static json_object *
derived_mac(json_object *record)
{
    g_autofree char *of =
        g_strdup_printf("%s/%" G_GINT64_FORMAT,
                        json_object_get_string(
                            json_object_array_get_idx(drv_json_member(record, "id"), 0)),
                        drv_json_number(record, "position", 0));
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize size = sizeof digest;

    g_checksum_update(sum, (const guchar *)of, -1);
    g_checksum_get_digest(sum, digest, &size);
    return local_mac(digest);
}

static json_object *
random_mac(void)
{
    guint32 words[2] = { g_random_int(), g_random_int() };

    return local_mac((const guint8 *)words);
}

/* As the interface has it: "random", "" (derived), or a MAC. */
static gboolean
set_mac(json_object *record, char **why)
{
    const char *mac = drv_json_text(record, "mac", "");

    if (*mac == '\0')
        json_object_object_add(record, "mac", derived_mac(record));
    else if (strcmp(mac, "random") == 0)
        json_object_object_add(record, "mac", random_mac());
    else if (!is_mac(mac)) {
        *why = g_strdup("'mac' is not six bytes, such as 52:54:00:12:34:56");
        return FALSE;
    }
    return TRUE;
}

json_object *
device_record_new(Class class, json_object *given, char **why)
{
    json_object *record = record_complete(class, given, why);

    if (record && class == CLASS_VIF && !set_mac(record, why)) {
        json_object_put(record);
        return NULL;
    }
    return record;
}

/* --- methods --------------------------------------------------------------------------
 */

json_object *
device_add(Call *call)
{
    Class class = class_of_call(call);
    g_autofree char *why = NULL;
    g_autoptr(GError) error = NULL;
    json_object *record = device_record_new(class, arg(call, class_word(class)), &why),
                *id;
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
    Device *device = call_device(call, arg(call, "id"), &vm);

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
    Device *device = call_device(call, arg(call, "id"), &vm);

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

    if (call_device(call, id, &vm) == NULL)
        return NULL;
    options = options_of(call);
    json_object_object_add(options, "device", json_object_get(id));
    return enqueue(call, vm, call->operation, options);
}

/* KVM holds back no device of the host, so none has to be let out. */
json_object *
pci_dequarantine(Call *call)
{
    if (arg(call, "pci_addr") == NULL)
        return call_fail_argument(call, "parameter 'pci_addr' is missing");
    return NULL;
}

/* Of a class that no VM here has. */
json_object *
no_devices(Call *call)
{
    return arg_text(call, "id") ? json_object_new_array() : NULL;
}
