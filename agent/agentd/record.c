/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - the fields of records, as tables. */
#include "agent/agentd/agentd.h"

typedef enum { NEEDED, OPTIONAL, DEFAULT } Need;

typedef struct {
    const char *name;
    json_type type; /* json_type_null: any */
    Need need;
    const char *json; /* of the default */
} Field;

/* What old clients leave out has a default here although the interface has none. */
static const Field vm_fields[] = {
    { "id", json_type_string, NEEDED, NULL },
    { "name", json_type_string, DEFAULT, "\"unnamed\"" },
    { "ssidref", json_type_int, DEFAULT, "0" },
    { "xsdata", json_type_object, DEFAULT, "{}" },
    { "platformdata", json_type_object, DEFAULT, "{}" },
    { "bios_strings", json_type_object, DEFAULT, "{}" },
    { "ty",
      json_type_null,
      DEFAULT,
      "[\"HVM\",{\"hap\":true,\"shadow_multiplier\":1.0,\"timeoffset\":\"\","
      "\"video_mib\":4,\"video\":\"Cirrus\",\"acpi\":true,\"pci_emulations\":[],"
      "\"pci_passthrough\":false,\"boot_order\":\"\",\"qemu_disk_cmdline\":false,"
      "\"qemu_stubdom\":false,\"firmware\":\"Bios\"}]" },
    { "suppress_spurious_page_faults", json_type_boolean, DEFAULT, "false" },
    { "machine_address_size", json_type_int, OPTIONAL, NULL },
    { "memory_static_max", json_type_int, DEFAULT, "134217728" },
    { "memory_dynamic_max", json_type_int, DEFAULT, "134217728" },
    { "memory_dynamic_min", json_type_int, DEFAULT, "134217728" },
    { "vcpu_max", json_type_int, DEFAULT, "1" },
    { "vcpus", json_type_int, DEFAULT, "1" },
    { "scheduler_params", json_type_object, DEFAULT, "{\"affinity\":[]}" },
    { "on_crash", json_type_array, DEFAULT, "[\"Shutdown\"]" },
    { "on_shutdown", json_type_array, DEFAULT, "[\"Shutdown\"]" },
    { "on_reboot", json_type_array, DEFAULT, "[\"Start\"]" },
    { "on_softreboot", json_type_array, DEFAULT, "[\"Softreboot\"]" },
    { "pci_msitranslate", json_type_boolean, DEFAULT, "true" },
    { "pci_power_mgmt", json_type_boolean, DEFAULT, "false" },
    { "has_vendor_device", json_type_boolean, DEFAULT, "false" },
    { "generation_id", json_type_string, OPTIONAL, NULL },
    /* ours */
    { "uuid", json_type_string, OPTIONAL, NULL },
    { "xml", json_type_string, OPTIONAL, NULL },
    { "persistent", json_type_boolean, OPTIONAL, NULL },
    { "ip", json_type_string, OPTIONAL, NULL },
};

static const Field vbd_fields[] = {
    { "id", json_type_array, NEEDED, NULL },
    { "position", json_type_null, OPTIONAL, NULL },
    { "mode", json_type_string, DEFAULT, "\"ReadWrite\"" },
    { "backend", json_type_null, OPTIONAL, NULL },
    { "ty", json_type_string, DEFAULT, "\"Disk\"" },
    { "unpluggable", json_type_boolean, DEFAULT, "true" },
    { "extra_backend_keys", json_type_object, DEFAULT, "{}" },
    { "extra_private_keys", json_type_object, DEFAULT, "{}" },
    { "qos", json_type_null, OPTIONAL, NULL },
    { "persistent", json_type_boolean, DEFAULT, "true" },
    { "can_attach_early", json_type_boolean, DEFAULT, "false" },
};

static const Field vif_fields[] = {
    { "id", json_type_array, NEEDED, NULL },
    { "position", json_type_int, DEFAULT, "0" },
    { "mac", json_type_string, DEFAULT, "\"fe:ff:ff:ff:ff:ff\"" },
    { "carrier", json_type_boolean, DEFAULT, "true" },
    { "mtu", json_type_int, DEFAULT, "1500" },
    { "rate", json_type_null, OPTIONAL, NULL },
    { "backend", json_type_null, DEFAULT, "[\"Local\",\"xenbr0\"]" },
    { "other_config", json_type_object, DEFAULT, "{}" },
    { "locking_mode", json_type_null, DEFAULT, "\"Unlocked\"" },
    { "extra_private_keys", json_type_object, DEFAULT, "{}" },
    { "ipv4_configuration", json_type_null, DEFAULT, "\"Unspecified4\"" },
    { "ipv6_configuration", json_type_null, DEFAULT, "\"Unspecified6\"" },
    { "pvs_proxy", json_type_null, OPTIONAL, NULL },
    { "vlan", json_type_int, OPTIONAL, NULL },
    { "trunks", json_type_array, DEFAULT, "[]" },
};

static const Field pci_fields[] = {
    { "id", json_type_array, NEEDED, NULL },
    { "position", json_type_int, DEFAULT, "0" },
    { "address", json_type_object, NEEDED, NULL },
    { "msitranslate", json_type_boolean, OPTIONAL, NULL },
    { "power_mgmt", json_type_boolean, OPTIONAL, NULL },
};

static const struct {
    const char *name, *word, *prefix;
    const Field *fields;
    guint n;
} classes[CLASS_LAST] = {
    [CLASS_VM] = { "Vm", "vm", "VM", vm_fields, G_N_ELEMENTS(vm_fields) },
    [CLASS_VBD] = { "Vbd", "vbd", "VBD", vbd_fields, G_N_ELEMENTS(vbd_fields) },
    [CLASS_VIF] = { "Vif", "vif", "VIF", vif_fields, G_N_ELEMENTS(vif_fields) },
    [CLASS_PCI] = { "Pci", "pci", "PCI", pci_fields, G_N_ELEMENTS(pci_fields) },
    [CLASS_TASK] = { "Task", "task", "Task", NULL, 0 },
};

const char *
class_name(Class class)
{
    return classes[class].name;
}

const char *
class_word(Class class)
{
    return classes[class].word;
}

gboolean
class_of(const char *prefix, Class *class)
{
    for (guint i = 0; i < CLASS_TASK; i++) {
        if (g_ascii_strcasecmp(prefix, classes[i].prefix) == 0) {
            *class = (Class)i;
            return TRUE;
        }
    }
    return FALSE;
}

/* Keys are matched without regard to case. */
static json_object *
member(json_object *object, const char *name)
{
    json_object *exact;

    if (json_object_object_get_ex(object, name, &exact))
        return exact;
    json_object_object_foreach(object, key, value)
    {
        if (g_ascii_strcasecmp(key, name) == 0)
            return value;
    }
    return NULL;
}

/* A reference to @value as @type, or NULL. */
static json_object *
as_type(json_object *value, json_type type)
{
    gint64 number;

    if (type == json_type_null || json_object_is_type(value, type))
        return json_object_get(value);
    if (type == json_type_int && json_object_is_type(value, json_type_string) &&
        g_ascii_string_to_signed(
            json_object_get_string(value), 10, G_MININT64, G_MAXINT64, &number, NULL))
        return json_object_new_int64(number);
    return NULL;
}

/* Ids become file names, so their size is limited. */
static gboolean
id_is_valid(Class class, json_object *id)
{
    if (class == CLASS_VM) {
        int size = json_object_get_string_len(id);

        return size > 0 && size <= AGENT_MAX_ID &&
               strlen(json_object_get_string(id)) == (gsize)size;
    }
    if (json_object_array_length(id) != 2)
        return FALSE;
    for (gsize i = 0; i < 2; i++) {
        json_object *part = json_object_array_get_idx(id, i);

        if (!json_object_is_type(part, json_type_string) || !id_is_valid(CLASS_VM, part))
            return FALSE;
    }
    return TRUE;
}

/* Parsed once: nobody changes in place what is inside of a record, so all share it, and
 * ten thousand VMs have one empty object, not fifty thousand.
 */
static json_object *
default_of(const Field *field)
{
    static GHashTable *parsed;
    json_object *value;

    if (parsed == NULL)
        parsed = g_hash_table_new(NULL, NULL);
    value = g_hash_table_lookup(parsed, field);
    if (value == NULL) {
        value = json_tokener_parse(field->json);
        g_hash_table_insert(parsed, (gpointer)field, value);
    }
    return value;
}

/* Takes @value. */
static void
put_field(json_object *record, const Field *field, json_object *value)
{
    if (field->need == DEFAULT && json_object_equal(value, default_of(field))) {
        json_object_put(value);
        value = json_object_get(default_of(field));
    }
    json_object_object_add_ex(record, field->name, value, JSON_C_OBJECT_KEY_IS_CONSTANT);
}

static gboolean
complete_field(json_object *record, const Field *field, json_object *value, char **why)
{
    json_object *typed;

    if (value != NULL) {
        typed = as_type(value, field->type);
        if (typed == NULL) {
            *why = g_strdup_printf("'%s' is not %s %s",
                                   field->name,
                                   field->type == json_type_int ? "an" : "a",
                                   json_type_to_name(field->type));
            return FALSE;
        }
        put_field(record, field, typed);
    } else if (field->need == DEFAULT) {
        put_field(record, field, json_object_get(default_of(field)));
    } else if (field->need == NEEDED) {
        *why = g_strdup_printf("'%s' is missing", field->name);
        return FALSE;
    }
    return TRUE;
}

json_object *
record_complete(Class class, json_object *given, char **why)
{
    json_object *record;

    if (!json_object_is_type(given, json_type_object)) {
        *why = g_strdup("the record is not an object");
        return NULL;
    }
    record = json_object_new_object();
    for (guint i = 0; i < classes[class].n; i++) {
        const Field *field = &classes[class].fields[i];

        if (!complete_field(record, field, member(given, field->name), why)) {
            json_object_put(record);
            return NULL;
        }
    }
    if (!id_is_valid(class, member(record, "id"))) {
        *why = g_strdup_printf("'id' has to be of 1 to %d characters", AGENT_MAX_ID);
        json_object_put(record);
        return NULL;
    }
    return record;
}

json_object *
record_share(Class class, json_object *record)
{
    g_autofree char *why = NULL;
    json_object *shared = record_complete(class, record, &why);

    if (shared == NULL)
        return record;
    json_object_put(record);
    return shared;
}
