/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/drv/vm.h"

#include <string.h>

const char *
vm_id_of(json_object *entry)
{
    return drv_json_text(json_element(entry, 0), "id", "");
}

const char *
vm_name_of(json_object *entry)
{
    const char *name = drv_json_text(json_element(entry, 0), "name", "");

    return *name ? name : vm_id_of(entry);
}

/* The entry of a list that is called so; an error when there are none or several. */
static json_object *
find_by_name(json_object *all, const char *name, GError **error)
{
    json_object *found = NULL;

    for (gsize i = 0; i < json_size(all); i++) {
        json_object *entry = json_element(all, i);

        if (strcmp(vm_name_of(entry), name) != 0)
            continue;
        if (found) {
            (void)drv_throw(error,
                            DRV_ERROR_USAGE,
                            "several VMs are called '%s': %s and %s; say the id",
                            name,
                            vm_id_of(found),
                            vm_id_of(entry));
            return NULL;
        }
        found = entry;
    }
    if (found == NULL)
        (void)drv_throw(error, DRV_ERROR_NOT_FOUND, "there is no VM '%s'", name);
    return found;
}

/* [record, state] of the VM with this id, or else this name; the caller's. */
json_object *
vm_find(Drv *drv, const char *word, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(json_object) all = NULL;
    json_object *entry = NULL;

    if (client_call(&drv->client, "VM.stat", client_args("id", word), 0, &entry, &why))
        return entry;
    if (!drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return NULL;
    }
    if (!client_call(&drv->client, "VM.list", client_args(NULL, NULL), 0, &all, error))
        return NULL;
    return json_object_get(find_by_name(all, word, error));
}

/* What is not known for certain is said to be so. */
char *
vm_power_text(json_object *entry)
{
    json_object *state = json_element(entry, 1);
    const char *power = drv_json_text(state, "power_state", "Halted");
    const char *away = drv_json_text(state, "migrated_to", NULL);
    g_autofree char *text =
        json_is_true(state, "unknown") ? g_strdup_printf("unknown (was %s)", power)
        : away && strcmp(power, "Halted") == 0 ? g_strdup_printf("moved to %s", away)
                                               : g_strdup(power);

    return g_strconcat(text, json_is_true(state, "foreign") ? ", foreign" : "", NULL);
}
