/* SPDX-License-Identifier: Apache-2.0 */
/* metadata.c - a VM with all its devices as one JSON text: VM.export_metadata and back.
 *
 * The text is an object of the interface: vm, vbds, vifs, pcis, and vgpus and vusbs,
 * which are empty here.  An import is all or nothing.
 */
#include "agent/agentd/methods.h"

static const struct {
    Class class;
    const char *key;
} lists[] = {
    { CLASS_VBD, "vbds" },
    { CLASS_VIF, "vifs" },
    { CLASS_PCI, "pcis" },
};

json_object *
vm_export(Call *call)
{
    Vm *vm = arg_vm(call, "id");
    g_autoptr(json_object) metadata = NULL;
    json_object *all[G_N_ELEMENTS(lists)];
    GHashTableIter iter;
    Device *device;

    if (vm == NULL)
        return NULL;
    metadata = json_object_new_object();
    json_object_object_add(metadata, "vm", json_object_get(vm->record));
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        all[i] = json_object_new_array();
        json_object_object_add(metadata, lists[i].key, all[i]);
    }
    g_hash_table_iter_init(&iter, vm->devices);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&device)) {
        for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
            if (lists[i].class == device->class)
                json_object_array_add(all[i], json_object_get(device->record));
        }
    }
    json_object_object_add(metadata, "vgpus", json_object_new_array());
    json_object_object_add(metadata, "vusbs", json_object_new_array());
    return json_object_new_string(
        json_object_to_json_string_ext(metadata, JSON_C_TO_STRING_PLAIN));
}

/* Equal for VMs that are equal for a guest: a client compares two to know whether a
 * change of a record needs a new start.
 */
json_object *
vm_generate_state_string(Call *call)
{
    g_autofree char *why = NULL;
    g_autoptr(json_object) record = record_complete(CLASS_VM, arg(call, "vm"), &why);

    if (record == NULL)
        return call_fail_argument(call, why);
    json_object_object_del(record, "name");
    json_object_object_del(record, "ip");
    return json_object_new_string(
        json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN));
}

/* --- import ---------------------------------------------------------------------------
 */

typedef struct {
    json_object *vm;
    GPtrArray *devices; /* Device */
} Import;

static void
import_clear(Import *import)
{
    json_object_put(import->vm);
    g_clear_pointer(&import->devices, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Import, import_clear)

static Device *
device_of(Class class, json_object *given, const char *vm_id, char **why)
{
    json_object *record = device_record_new(class, given, why), *id;

    if (record == NULL)
        return NULL;
    id = drv_json_member(record, "id");
    if (strcmp(json_object_get_string(json_object_array_get_idx(id, 0)), vm_id) != 0) {
        *why = g_strdup("a device of the metadata is not the VM's");
        json_object_put(record);
        return NULL;
    }
    return device_new(
        class, json_object_get_string(json_object_array_get_idx(id, 1)), record);
}

/* All is checked before anything is written. */
static gboolean
read_metadata(json_object *metadata, Import *import, char **why)
{
    const char *vm_id;

    import->vm = record_complete(CLASS_VM, drv_json_member(metadata, "vm"), why);
    import->devices = g_ptr_array_new_with_free_func(device_free);
    if (import->vm == NULL)
        return FALSE;
    vm_id = drv_json_text(import->vm, "id", "");
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        json_object *list = drv_json_member(metadata, lists[i].key);

        for (gsize k = 0; json_object_is_type(list, json_type_array) &&
                          k < json_object_array_length(list);
             k++) {
            Device *device =
                device_of(lists[i].class, json_object_array_get_idx(list, k), vm_id, why);

            if (device == NULL)
                return FALSE;
            g_ptr_array_add(import->devices, device);
        }
    }
    return TRUE;
}

/* The VM's file is the last one: killed before it is there, the next agent removes what
 * has none.
 */
static gboolean
write_import(Agent *agent, Import *import, GError **error)
{
    Vm *vm = vm_new(agent, drv_json_text(import->vm, "id", ""));
    gboolean ok = TRUE;

    vm->record = json_object_get(import->vm);
    g_ptr_array_set_free_func(import->devices, NULL);
    for (guint i = 0; i < import->devices->len; i++) {
        Device *device = g_ptr_array_index(import->devices, i);

        ok = ok && device_store(agent, vm, device, error);
        if (!ok)
            device_free(device);
    }
    if (ok && vm_store(agent, vm, error)) {
        vm_announce(agent, vm);
        return TRUE;
    }
    vm_remove(agent, vm);
    return FALSE;
}

json_object *
vm_import(Call *call)
{
    const char *text = arg_text(call, "metadata"), *why, *id;
    g_autoptr(json_object) metadata = NULL;
    g_auto(Import) import = { 0 };
    g_autofree char *wrong = NULL;
    g_autoptr(GError) error = NULL;

    if (text == NULL)
        return NULL;
    metadata = agent_json_read(text, strlen(text), AGENT_MAX_DEPTH, &why);
    if (!json_object_is_type(metadata, json_type_object))
        return call_fail_argument(call, why ? why : "the metadata is not an object");
    if (!read_metadata(metadata, &import, &wrong))
        return call_fail_argument(call, wrong);
    id = drv_json_text(import.vm, "id", "");
    if (g_hash_table_contains(call->agent->vms, id))
        return call_fail_pair(call, "Already_exists", "VM", id);
    if (!write_import(call->agent, &import, &error))
        return call_fail_text(call, error->message);
    return json_object_new_string(id);
}

/* Nothing of it takes time: the task is final at once. */
json_object *
vm_import_async(Call *call)
{
    json_object *id = vm_import(call);
    g_autofree char *task_id = NULL;
    Task *task;

    if (id == NULL)
        return NULL;
    task = task_new(
        call->agent, call_debug_info(call), call->operation, json_object_get_string(id));
    task_id = g_strdup(task->id);
    task_finish(call->agent, task, TASK_COMPLETED, id, NULL);
    return json_object_new_string(task_id);
}
