/* SPDX-License-Identifier: Apache-2.0 */
/* VMs as the agent has them. */
#include <string.h>

#include "agent/mqttd/work.h"
#include "base/error.h"

void
vm_clear(Vm *vm)
{
    g_clear_pointer(&vm->id, g_free);
    g_clear_pointer(&vm->power, g_free);
    g_clear_pointer(&vm->record, json_object_put);
    g_clear_pointer(&vm->state, json_object_put);
}

static const char *
name_of(json_object *entry)
{
    json_object *record = json_element(entry, 0);
    const char *name = drv_json_text(record, "name", "");

    return *name ? name : drv_json_text(record, "id", "");
}

static void
take(Vm *vm, json_object *entry)
{
    json_object *record = json_element(entry, 0), *state = json_element(entry, 1);

    vm_clear(vm);
    vm->record = json_object_get(record);
    vm->state = json_object_get(state);
    vm->id = g_strdup(drv_json_text(record, "id", ""));
    vm->power = g_strdup(drv_json_text(state, "power_state", "Halted"));
    vm->foreign = drv_json_flag(state, "foreign", FALSE);
    vm->unknown = drv_json_flag(state, "unknown", FALSE);
    vm->persistent = drv_json_flag(record, "persistent", FALSE);
}

static gboolean
is_active(json_object *state)
{
    const char *power = drv_json_text(state, "power_state", "");

    return strcmp(power, "Running") == 0 || strcmp(power, "Paused") == 0;
}

/* --- by name ---------------------------------------------------------------------------
 */

/* Names and ids that were found, so that a list of all VMs is not read for each of 500.
 */
#define MAX_KNOWN 10000
static GMutex known_lock;
static GHashTable *known;

static char *
known_id(const char *name)
{
    char *id;

    g_mutex_lock(&known_lock);
    id = g_strdup(known ? g_hash_table_lookup(known, name) : NULL);
    g_mutex_unlock(&known_lock);
    return id;
}

static void
know(const char *name, const char *id)
{
    g_mutex_lock(&known_lock);
    if (known == NULL)
        known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (g_hash_table_size(known) >= MAX_KNOWN)
        g_hash_table_remove_all(known);
    g_hash_table_replace(known, g_strdup(name), g_strdup(id));
    g_mutex_unlock(&known_lock);
}

/* The VM with this @id, if it is called @name; NOT_FOUND if not. */
static gboolean
find_by_id(Work *work, const char *id, const char *name, Vm *vm, GError **error)
{
    g_autoptr(json_object) entry = NULL;

    if (!rpc_call(&work->rpc, "VM.stat", rpc_id(id), &entry, error))
        return FALSE;
    if (strcmp(id, name) != 0 && strcmp(name_of(entry), name) != 0)
        return drv_throw(error, DRV_ERROR_NOT_FOUND, "there is no VM '%s'", name);
    take(vm, entry);
    return TRUE;
}

static gboolean
find_in_list(Work *work, const char *name, Vm *vm, GError **error)
{
    g_autoptr(json_object) all = NULL;
    json_object *found = NULL;

    if (!rpc_call(&work->rpc, "VM.list", json_object_new_object(), &all, error))
        return FALSE;
    for (gsize i = 0; i < json_size(all); i++) {
        json_object *entry = json_element(all, i);

        if (strcmp(name_of(entry), name) != 0)
            continue;
        /* A record that is left of one that was called so says less than a domain. */
        if (found && is_active(json_element(found, 1)) &&
            is_active(json_element(entry, 1)))
            return drv_throw(
                error, DRV_ERROR_EXISTS, "several VMs are called '%s'", name);
        if (found == NULL || is_active(json_element(entry, 1)))
            found = entry;
    }
    if (found == NULL)
        return drv_throw(error, DRV_ERROR_NOT_FOUND, "there is no VM '%s'", name);
    take(vm, found);
    know(name, vm->id);
    return TRUE;
}

gboolean
vm_find(Work *work, const char *name, Vm *vm, GError **error)
{
    g_autofree char *id = known_id(name);
    g_autoptr(GError) why = NULL;

    if (find_by_id(work, id ? id : name, name, vm, &why))
        return TRUE;
    if (drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return find_in_list(work, name, vm, error);
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

gboolean
vm_own(Work *work, const char *name, Vm *vm, GError **error)
{
    g_autofree char *step = g_strdup_printf("adopt %s", name);

    if (!vm_find(work, name, vm, error))
        return FALSE;
    if (!vm->foreign)
        return TRUE;
    if (!rpc_run(&work->rpc, step, "VM.adopt", rpc_id(vm->id), NULL, error))
        return drv_prefix(error, "cannot adopt '%s'", name);
    vm_clear(vm);
    return find_in_list(work, name, vm, error);
}

gboolean
vm_own_again(Work *work, const char *name, Vm *vm, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (vm_own(work, name, vm, &why))
        return TRUE;
    if (work->rpc.again && drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        vm->id = g_strdup(name);
        vm->power = g_strdup("Halted");
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

GPtrArray *
vm_active(Work *work, GError **error)
{
    g_autoptr(json_object) all = NULL;
    GPtrArray *names;

    if (!rpc_call(&work->rpc, "VM.list", json_object_new_object(), &all, error))
        return NULL;
    names = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < json_size(all); i++) {
        json_object *entry = json_element(all, i);

        if (is_active(json_element(entry, 1)))
            g_ptr_array_add(names, g_strdup(name_of(entry)));
    }
    return names;
}

gboolean
vm_run(Work *work,
       const Vm *vm,
       const char *step,
       const char *method,
       json_object *options,
       GError **error)
{
    json_object *args = options ? options : json_object_new_object();

    return rpc_run(
        &work->rpc, step, method, json_with_text(args, "id", vm->id), NULL, error);
}

/* libvirt's driver for QEMU writes it; a name that could be a path is not looked up. */
gint64
vm_pid(const char *name)
{
    g_autofree char *path = g_strdup_printf("/run/libvirt/qemu/%s.pid", name);
    g_autofree char *text = NULL;
    gint64 pid = 0;

    if (strchr(name, '/') || !g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    return g_ascii_string_to_signed(g_strchomp(text), 10, 1, G_MAXINT, &pid, NULL) ? pid
                                                                                   : 0;
}
