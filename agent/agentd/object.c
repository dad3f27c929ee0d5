/* SPDX-License-Identifier: Apache-2.0 */
/* object.c - VMs and devices: in memory, and in one file each. */
#include "agent/agentd/agentd.h"

#include "agent/common/vm-uuid.h"
#include "base/json.h"
#include "base/log.h"

Device *
device_new(Class class, const char *name, json_object *record)
{
    Device *device = g_new0(Device, 1);

    device->class = class;
    device->name = g_strdup(name);
    device->record = record;
    return device;
}

void
device_free(gpointer data)
{
    Device *device = data;

    json_object_put(device->record);
    g_free(device->name);
    g_free(device);
}

static void
vm_free(gpointer data)
{
    Vm *vm = data;

    if (vm->check_timer)
        g_source_remove(vm->check_timer);
    json_object_put(vm->record);
    json_object_put(vm->state);
    g_hash_table_unref(vm->devices);
    g_free(vm->unsurvivable);
    g_free(vm->last_error);
    g_free(vm->uuid);
    g_free(vm->id);
    g_free(vm);
}

Vm *
vm_new(Agent *agent, const char *id)
{
    Vm *vm = g_hash_table_lookup(agent->vms, id);

    if (vm != NULL)
        return vm;
    vm = g_new0(Vm, 1);
    vm->agent = agent;
    vm->id = g_strdup(id);
    vm->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, device_free);
    g_hash_table_insert(agent->vms, vm->id, vm);
    vm_index(agent, vm);
    return vm;
}

Vm *
vm_find(Agent *agent, const char *id)
{
    return *id ? g_hash_table_lookup(agent->vms, id) : agent->host;
}

void
vm_index(Agent *agent, Vm *vm)
{
    if (vm->uuid && g_hash_table_lookup(agent->by_uuid, vm->uuid) == vm)
        g_hash_table_remove(agent->by_uuid, vm->uuid);
    g_free(vm->uuid);
    vm->uuid = agent_uuid(drv_json_text(vm->record, "uuid", vm->id));
    g_hash_table_replace(agent->by_uuid, vm->uuid, vm);
}

void
vm_announce(Agent *agent, Vm *vm)
{
    vm_index(agent, vm);
    events_reconcile(agent, vm);
    updates_refresh(agent, vm);
}

gboolean
vm_store(Agent *agent, Vm *vm, GError **error)
{
    g_autofree char *name = store_name("vm", vm->id, NULL);
    json_object *object = json_object_new_object();
    gboolean ok;

    json_object_object_add(object, "record", json_object_get(vm->record));
    json_object_object_add(object, "state", json_object_get(vm->state));
    if (vm->unsurvivable)
        json_object_object_add(
            object, "unsurvivable", json_object_new_string(vm->unsurvivable));
    ok = store_put(agent, "objects", name, object, error);
    json_object_put(object);
    return ok;
}

static char *
device_file(const Vm *vm, const Device *device)
{
    return store_name(class_word(device->class), vm->id, device->name, NULL);
}

static char *
device_key(Class class, const char *name)
{
    return g_strdup_printf("%s,%s", class_word(class), name);
}

gboolean
device_store(Agent *agent, Vm *vm, Device *device, GError **error)
{
    g_autofree char *name = device_file(vm, device);

    if (!store_put(agent, "objects", name, device->record, error))
        return FALSE;
    if (vm_device(vm, device->class, device->name) != device)
        g_hash_table_replace(
            vm->devices, device_key(device->class, device->name), device);
    return TRUE;
}

void
device_remove(Agent *agent, Vm *vm, Device *device)
{
    g_autofree char *file = device_file(vm, device);
    g_autofree char *key = device_key(device->class, device->name);

    store_remove(agent, "objects", file);
    updates_removed(agent, device->class, vm->id, device->name);
    g_hash_table_remove(vm->devices, key);
}

void
vm_drop(Agent *agent, Vm *vm)
{
    if (g_hash_table_lookup(agent->by_uuid, vm->uuid) == vm)
        g_hash_table_remove(agent->by_uuid, vm->uuid);
    g_hash_table_remove(agent->unsaved_vms, vm);
    g_hash_table_remove(agent->vms, vm->id);
}

/* The VM goes last: killed in between, what is left is still of a VM that is known. */
void
vm_remove(Agent *agent, Vm *vm)
{
    g_autofree char *file = store_name("vm", vm->id, NULL);
    g_autoptr(GList) devices = g_hash_table_get_values(vm->devices);

    for (GList *l = devices; l; l = l->next)
        device_remove(agent, vm, l->data);
    store_remove(agent, "objects", file);
    store_remove(agent, "damaged", file);
    updates_removed(agent, CLASS_VM, vm->id, NULL);
    vm_drop(agent, vm);
}

Device *
vm_device(const Vm *vm, Class class, const char *name)
{
    g_autofree char *key = device_key(class, name);

    return g_hash_table_lookup(vm->devices, key);
}

/* --- state ----------------------------------------------------------------------------
 */

const char *
vm_power(const Vm *vm)
{
    json_object *power = NULL;

    if (vm->state && json_object_object_get_ex(vm->state, "power_state", &power))
        return json_object_get_string(power);
    return "Halted";
}

/* Facts of one device; NULL: none are known. */
static json_object *
device_facts(const Vm *vm, const Device *device)
{
    json_object *classes = drv_json_member(vm->state, "devices");

    return drv_json_member(drv_json_member(classes, class_word(device->class)),
                           device->name);
}

static void
learn_devices(Agent *agent, Vm *vm)
{
    gboolean active =
        strcmp(vm_power(vm), "Running") == 0 || strcmp(vm_power(vm), "Paused") == 0;
    GHashTableIter iter;
    Device *device;

    g_hash_table_iter_init(&iter, vm->devices);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&device)) {
        gboolean plugged =
            active && drv_json_flag(device_facts(vm, device), "plugged", FALSE);

        if (plugged == device->plugged)
            continue;
        device->plugged = plugged;
        updates_changed(agent, device->class, vm->id, device->name);
    }
}

void
vm_set_unknown(Agent *agent, Vm *vm, const char *why)
{
    if (vm->unknown_since > 0)
        return;
    vm->unknown_since = (double)g_get_real_time() / G_USEC_PER_SEC;
    journal_about(NULL, vm->id);
    drv_info("VM '%s' is unknown: %s", vm->id, why);
    updates_changed(agent, CLASS_VM, vm->id, NULL);
}

void
vm_learn(Agent *agent, Vm *vm, json_object *facts)
{
    if (!json_object_is_type(facts, json_type_object))
        return;
    if (vm->state == NULL)
        vm->state = json_object_new_object();
    json_object_object_foreach(facts, key, value)
    {
        json_object_object_add(vm->state, key, json_object_get(value));
    }
    vm->unknown_since = 0;
    learn_devices(agent, vm);
    updates_changed(agent, CLASS_VM, vm->id, NULL);
    commit_vm(agent, vm);
}

/* Clients of the interface refuse a state that lacks a key, so all are there. */
json_object *
vm_state_json(const Vm *vm)
{
    static struct {
        const char *key, *json;
        json_object *value; /* parsed once: nobody changes what is in a state */
    } defaults[] = {
        { "power_state", "\"Halted\"", NULL },
        { "domids", "[]", NULL },
        { "consoles", "[]", NULL },
        { "memory_target", "0", NULL },
        { "memory_actual", "0", NULL },
        { "memory_limit", "0", NULL },
        { "vcpu_target", "0", NULL },
        { "shadow_multiplier_target", "1.0", NULL },
        { "rtc_timeoffset", "\"\"", NULL },
        { "uncooperative_balloon_driver", "false", NULL },
        { "guest_agent", "{}", NULL },
        { "xsdata_state", "{}", NULL },
        { "pv_drivers_detected", "false", NULL },
        { "last_start_time", "0.0", NULL },
        { "hvm", "true", NULL },
        { "nomigrate", "false", NULL },
        { "nested_virt", "false", NULL },
        { "domain_type", "\"Domain_HVM\"", NULL },
        { "featureset", "\"\"", NULL },
        { "numa_optimised", "false", NULL },
        { "numa_nodes", "0", NULL },
        { "numa_node_memory", "[]", NULL },
    };
    json_object *state = NULL;

    if (vm->state)
        (void)json_object_deep_copy(vm->state, &state, NULL);
    if (state == NULL)
        state = json_object_new_object();
    for (guint i = 0; i < G_N_ELEMENTS(defaults); i++) {
        if (json_object_object_get_ex(state, defaults[i].key, NULL))
            continue;
        if (defaults[i].value == NULL)
            defaults[i].value = json_tokener_parse(defaults[i].json);
        json_object_object_add(
            state, defaults[i].key, json_object_get(defaults[i].value));
    }
    json_object_object_add(
        state, "unknown", json_object_new_boolean(vm->unknown_since > 0));
    if (vm->unknown_since > 0)
        json_object_object_add(
            state, "unknown_since", json_object_new_double(vm->unknown_since));
    return state;
}

json_object *
device_state_json(const Vm *vm, const Device *device)
{
    json_object *state = json_object_new_object(), *facts = device_facts(vm, device);
    const char *path = drv_json_text(facts, "path", NULL);
    const char *tap = drv_json_text(facts, "device", NULL);

    json_object_object_add(state, "plugged", json_object_new_boolean(device->plugged));
    if (device->class == CLASS_PCI)
        return state;
    json_object_object_add(state, "active", json_object_new_boolean(device->plugged));
    if (device->class == CLASS_VBD && device->plugged && path)
        json_object_object_add(state, "backend_present", agent_json_pair("Local", path));
    if (device->class == CLASS_VIF) {
        json_object_object_add(state, "kthread_pid", json_object_new_int(0));
        json_object_object_add(
            state,
            "media_present",
            json_object_new_boolean(device->plugged && drv_json_flag(facts, "up", TRUE)));
        json_object_object_add(state, "pvs_rules_active", json_object_new_boolean(FALSE));
        if (device->plugged && tap)
            drv_json_add_text(state, "device", tap);
    }
    return state;
}

/* --- after a restart ------------------------------------------------------------------
 */

static void
load_device(Agent *agent, char **parts, Class class, json_object *object)
{
    g_autofree char *name = g_uri_unescape_string(parts[2], NULL);
    Vm *vm = vm_new(agent, parts[1]);
    Device *device;

    if (object == NULL || name == NULL)
        return;
    device = device_new(class, name, record_share(class, object));
    g_hash_table_replace(vm->devices, device_key(class, device->name), device);
}

static void
load_vm(Agent *agent, const char *id, json_object *object)
{
    Vm *vm = vm_new(agent, id);
    json_object *value = NULL;

    if (object == NULL || vm->record != NULL)
        return;
    if (json_object_object_get_ex(object, "record", &value))
        vm->record = record_share(CLASS_VM, json_object_get(value));
    if (json_object_object_get_ex(object, "state", &value))
        vm->state = json_object_get(value);
    if (json_object_object_get_ex(object, "unsurvivable", &value))
        vm->unsurvivable = g_strdup(json_object_get_string(value));
    json_object_put(object);
    vm_index(agent, vm);
}

static void
load_object(Agent *agent, const char *name, json_object *object)
{
    g_auto(GStrv) parts = g_strsplit(name, ",", 0);
    guint n = g_strv_length(parts);
    Class class;
    char *id = n > 1 ? g_uri_unescape_string(parts[1], NULL) : NULL;

    if (id == NULL || !class_of(parts[0], &class) || n != (class == CLASS_VM ? 2 : 3)) {
        drv_warn("the record '%s' has a name that is not of this program", name);
        json_object_put(object);
        g_free(id);
        return;
    }
    g_free(parts[1]);
    parts[1] = id;
    if (class == CLASS_VM)
        load_vm(agent, id, object);
    else
        load_device(agent, parts, class, object);
}

/* Devices whose VM has no file are of a removal that was not finished. */
static void
drop_orphans(Agent *agent)
{
    g_autoptr(GList) vms = g_hash_table_get_values(agent->vms);

    for (GList *l = vms; l; l = l->next) {
        Vm *vm = l->data;
        g_autofree char *file = store_name("vm", vm->id, NULL);
        g_autofree char *aside =
            g_build_filename(agent->directory, "damaged", file, NULL);

        if (vm->record == NULL && !g_file_test(aside, G_FILE_TEST_EXISTS))
            vm_remove(agent, vm);
        else if (vm->state != NULL)
            learn_devices(agent, vm);
    }
}

/* What cannot be read is not absent: without all of them the agent does not start. */
gboolean
objects_load(Agent *agent, GError **error)
{
    agent->vms = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, vm_free);
    agent->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
    agent->host = g_new0(Vm, 1);
    agent->host->agent = agent;
    agent->host->id = g_strdup("");
    agent->host->uuid = g_strdup("");
    agent->host->record = json_object_new_object();
    agent->host->devices = g_hash_table_new(g_str_hash, g_str_equal);
    if (!store_load(agent, "objects", load_object, error))
        return drv_prefix(error, "cannot read the records");
    drop_orphans(agent);
    return TRUE;
}
