/* SPDX-License-Identifier: Apache-2.0 */
/* adopt.c - domains of others are listed and watched, never touched; adopted ones are VMs
 * like all, with libvirt's document for a definition.
 */
#include "agent/agentd/agentd.h"

#include "base/json.h"
#include "base/log.h"

gboolean
foreign_is_known(Agent *agent, const char *uuid)
{
    return g_hash_table_contains(agent->domains, uuid) &&
           !g_hash_table_contains(agent->by_uuid, uuid);
}

static void
copy(json_object *to, const char *to_key, json_object *from, const char *key)
{
    json_object *value = drv_json_member(from, key);

    if (value)
        json_object_object_add(to, to_key, json_object_get(value));
}

json_object *
foreign_entry(json_object *facts)
{
    g_autoptr(json_object) given = json_object_new_object();
    g_autofree char *why = NULL;
    json_object *entry = json_object_new_array(), *state, *domids;
    Vm nobody = { .id = NULL };
    gint64 domid = drv_json_number(facts, "domid", -1);

    copy(given, "id", facts, "uuid");
    copy(given, "uuid", facts, "uuid");
    copy(given, "name", facts, "name");
    state = vm_state_json(&nobody);
    copy(state, "power_state", facts, "state");
    copy(state, "persistent", facts, "persistent");
    domids = json_object_new_array();
    if (domid >= 0)
        json_object_array_add(domids, json_object_new_int64(domid));
    json_object_object_add(state, "domids", domids);
    json_object_object_add(state, "foreign", json_object_new_boolean(TRUE));
    json_object_array_add(entry, record_complete(CLASS_VM, given, &why));
    json_object_array_add(entry, state);
    return entry;
}

static gboolean
is_wanted(Agent *agent, json_object *options, json_object *row)
{
    const char *uuid = drv_json_text(row, "uuid", "");
    const char *only = drv_json_text(options, "adopt", NULL);

    if (g_hash_table_contains(agent->by_uuid, uuid) || !drv_json_member(row, "xml"))
        return FALSE;
    return only ? strcmp(only, uuid) == 0
                : strcmp(drv_json_text(row, "power_state", ""), "Halted") != 0;
}

static json_object *
record_of(json_object *row)
{
    static const char *const keys[] = { "uuid", "name", "xml", "persistent", "vcpus" };
    g_autoptr(json_object) given = json_object_new_object();
    g_autofree char *why = NULL;
    gint64 bytes = drv_json_number(row, "memory_kib", 0) * 1024;
    json_object *record;

    copy(given, "id", row, "uuid");
    if (drv_json_member(row, "vm_id"))
        copy(given, "id", row, "vm_id");
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        copy(given, keys[i], row, keys[i]);
    copy(given, "vcpu_max", row, "vcpu_max");
    json_object_object_add(given, "memory_static_max", json_object_new_int64(bytes));
    json_object_object_add(given, "memory_dynamic_max", json_object_new_int64(bytes));
    record = record_complete(CLASS_VM, given, &why);
    if (record == NULL)
        drv_warn("domain '%s' is not adopted: %s", drv_json_text(row, "uuid", ""), why);
    return record;
}

static gboolean
adopt(Agent *agent, json_object *row)
{
    static const char *const facts[] = { "macs", "power_state", "domids", "persistent" };
    json_object *record = record_of(row);
    g_autoptr(GError) error = NULL;
    Vm *vm;

    if (record == NULL)
        return FALSE;
    if (g_hash_table_contains(agent->vms, drv_json_text(record, "id", ""))) {
        json_object_put(record); /* a marker that was copied with its document */
        return FALSE;
    }
    vm = vm_new(agent, drv_json_text(record, "id", ""));
    vm->record = record;
    vm->state = json_object_new_object();
    for (guint i = 0; i < G_N_ELEMENTS(facts); i++)
        copy(vm->state, facts[i], row, facts[i]);
    vm_index(agent, vm);
    if (!vm_store(agent, vm, &error)) {
        drv_warn("%s", error->message);
        vm_remove(agent, vm);
        return FALSE;
    }
    drv_info("domain '%s' is adopted", vm->id);
    queue_check(agent, vm, "it was adopted", TRUE);
    return TRUE;
}

json_object *
adopt_rows(Agent *agent, json_object *options, json_object *rows)
{
    for (gsize i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        gboolean adopted = is_wanted(agent, options, row) && adopt(agent, row);

        json_object_object_del(row, "xml"); /* it has passwords */
        json_object_object_add(row, "adopted", json_object_new_boolean(adopted));
    }
    return rows;
}
