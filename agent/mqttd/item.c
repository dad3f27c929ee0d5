/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/item.h"

#include <string.h>

#include "agent/common/json.h"
#include "base/error.h"
#include "base/log.h"

void
item_free(Item *item)
{
    if (item == NULL)
        return;
    g_free(item->name);
    g_free(item->regex);
    g_free(item->xml);
    g_free(item->probe_hostname);
    g_free(item->destination);
    g_free(item->transport);
    g_strfreev(item->destinations);
    json_object_put(item->cpus);
    g_clear_pointer(&item->pci_ids, g_array_unref);
    item_free(item->swap);
    g_free(item);
}

Item *
item_new(void)
{
    Item *item = g_new0(Item, 1);

    item->probe = item->overbooking = item->concurrent = TRUE;
    return item;
}

/* --- values of their own ---------------------------------------------------------------
 */

static gboolean
read_name(const Node *node, gpointer into, GError **error)
{
    Item *item = into;

    if (node->kind != NODE_TEXT || strlen(node->text) > ITEM_MAX_NAME)
        return field_refuse(node, "has to be a name", error);
    g_free(item->name);
    item->name = g_strdup(node->text);
    return TRUE;
}

/* It becomes part of a URI of libvirt, in which a "?" could name a command to run. */
static gboolean
is_host(const char *text)
{
    static const char allowed[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS ".-_:[]";

    return *text && *text != '-' && strlen(text) < 256 &&
           strspn(text, allowed) == strlen(text);
}

static gboolean
read_destination(const Node *node, gpointer into, GError **error)
{
    Item *item = into;

    if (node->kind != NODE_TEXT || !is_host(node->text))
        return field_refuse(node, "has to be a host's name or address", error);
    g_free(item->destination);
    item->destination = g_strdup(node->text);
    return TRUE;
}

static gboolean
read_transport(const Node *node, gpointer into, GError **error)
{
    static const char *const known[] = { "ssh", "tcp", "tls", "libssh", "libssh2", NULL };
    Item *item = into;

    if (node->kind != NODE_TEXT || !g_strv_contains(known, node->text))
        return field_refuse(
            node, "has to be one of ssh, tcp, tls, libssh, libssh2", error);
    g_free(item->transport);
    item->transport = g_strdup(node->text);
    return TRUE;
}

static gboolean
read_procs(const Node *node, gpointer into, GError **error)
{
    Item *item = into;

    if (node->kind == NODE_TEXT && strcmp(node->text, "auto") == 0) {
        item->procs = PROCS_AUTO;
        return TRUE;
    }
    return field_number(node, 0, 100000, &item->procs, error);
}

/* Scripts from before there was a migration-type. */
static gboolean
read_live(const Node *node, gpointer into, GError **error)
{
    Item *item = into;
    gboolean value = FALSE;

    if (node->kind == NODE_TEXT && g_ascii_strcasecmp(node->text, "true") == 0)
        value = TRUE;
    else if (node->kind != NODE_TEXT || g_ascii_strcasecmp(node->text, "false") != 0)
        return field_refuse(node, "has to be true or false", error);
    item->type = value ? MIGRATE_LIVE : MIGRATE_WARM;
    return TRUE;
}

static gboolean
read_cpu(const Node *node, json_object *list, GError **error)
{
    gint64 cpu;

    if (!field_number(node, 0, ITEM_MAX_CPU, &cpu, error))
        return FALSE;
    json_object_array_add(list, json_object_new_int64(cpu));
    return TRUE;
}

/* CPUs of one VCPU: a list, or one number. */
static gboolean
read_cpu_list(const Node *node, json_object *map, GError **error)
{
    json_object *list = json_object_new_array();

    json_object_array_add(map, list);
    if (node->kind == NODE_TEXT)
        return read_cpu(node, list, error);
    if (node->kind == NODE_MAP || node->items->len == 0)
        return field_refuse(node, "has to be a list of CPUs", error);
    for (guint i = 0; i < node->items->len; i++) {
        if (!read_cpu(g_ptr_array_index(node->items, i), list, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_cpus(const Node *node, gpointer into, GError **error)
{
    Item *item = into;

    json_object_put(item->cpus);
    item->cpus = json_object_new_array();
    if (node->kind != NODE_LIST || node->items->len == 0)
        return field_refuse(node, "has to be a list with the CPUs of each VCPU", error);
    for (guint i = 0; i < node->items->len; i++) {
        if (!read_cpu_list(g_ptr_array_index(node->items, i), item->cpus, error))
            return FALSE;
    }
    return TRUE;
}

/* As the original reads them and lspci writes them: hexadecimal, with or without 0x. */
static gboolean
read_pci_number(const Node *node, gpointer number, GError **error)
{
    const char *text = node->kind == NODE_TEXT ? node->text : "";

    if (g_ascii_strncasecmp(text, "0x", 2) == 0)
        text += 2;
    return g_ascii_string_to_signed(text, 16, 0, G_MAXUINT16, number, NULL) ||
           field_refuse(node, "has to be a hexadecimal number, such as 0x15b3", error);
}

static gboolean
read_pci_id(const Node *node, GArray *ids, GError **error)
{
    const Node *vendor = node_find(node, "vendor"), *device = node_find(node, "device");
    PciId id;

    if (vendor == NULL || device == NULL)
        return field_refuse(node, "has to have a vendor and a device", error);
    if (!read_pci_number(vendor, &id.vendor, error) ||
        !read_pci_number(device, &id.device, error))
        return FALSE;
    g_array_append_val(ids, id);
    return TRUE;
}

static gboolean
read_pci_ids(const Node *node, gpointer into, GError **error)
{
    Item *item = into;

    g_clear_pointer(&item->pci_ids, g_array_unref);
    item->pci_ids = g_array_new(FALSE, TRUE, sizeof(PciId));
    if (node->kind != NODE_LIST || node->items->len > ITEM_MAX_PCI)
        return field_refuse(
            node, "has to be a list of at most 32 vendors and devices", error);
    for (guint i = 0; i < node->items->len; i++) {
        if (!read_pci_id(g_ptr_array_index(node->items, i), item->pci_ids, error))
            return FALSE;
    }
    return TRUE;
}

/* Clients write down what they do not ask for: an empty list, an empty text. */
static gboolean
refuse_unsupported(const Node *node, gpointer into, GError **error)
{
    (void)into;
    if (node->kind == NODE_TEXT ? *node->text == '\0' : node->items->len == 0)
        return TRUE;
    return field_refuse(node, "is not supported", error);
}

static gboolean read_swap(const Node *node, gpointer into, GError **error);

/* --- tables ----------------------------------------------------------------------------
 */

static const char *const types[] = { "warm", "live", "offline", NULL };
static const char *const modes[] = { "auto", "compact", "scatter", NULL };

#define AT(member) offsetof(Item, member)
#define TEXT(name, member)                                                               \
    {                                                                                    \
        name, FIELD_TEXT, AT(member), NULL, 0, 0, NULL, NULL                             \
    }
#define FLAG(name, member)                                                               \
    {                                                                                    \
        name, FIELD_BOOL, AT(member), NULL, 0, 0, NULL, NULL                             \
    }
#define NUMBER(name, member, least, most)                                                \
    {                                                                                    \
        name, FIELD_NUMBER, AT(member), NULL, least, most, NULL, NULL                    \
    }
#define WORD(name, member, words)                                                        \
    {                                                                                    \
        name, FIELD_WORD, AT(member), NULL, 0, 0, words, NULL                            \
    }
#define CUSTOM(name, read)                                                               \
    {                                                                                    \
        name, FIELD_CUSTOM, 0, NULL, 0, 0, NULL, read                                    \
    }
#define VM_NAME                                                                          \
    {                                                                                    \
        "vm-name", FIELD_CUSTOM, 0, "name", 0, 0, NULL, read_name                        \
    }
#define END                                                                              \
    {                                                                                    \
        NULL, 0, 0, NULL, 0, 0, NULL, NULL                                               \
    }

static const Field common[] = {
    FLAG("time-measurement", measure),
    FLAG("concurrent-execution", concurrent),
    END,
};

static const Field start_fields[] = {
    VM_NAME,
    TEXT("xml", xml),
    NUMBER("memory", memory_kib, 1, G_GINT64_CONSTANT(1) << 50),
    NUMBER("vcpus", vcpus, 1, 65535),
    CUSTOM("pci-ids", read_pci_ids),
    FLAG("transient", transient),
    FLAG("probe-with-ssh", probe),
    TEXT("probe-hostname", probe_hostname),
    CUSTOM("vcpu-map", read_cpus),
    CUSTOM("ivshmem", refuse_unsupported),
    CUSTOM("devs", refuse_unsupported),
    CUSTOM("memnode-map", refuse_unsupported),
    CUSTOM("base-name", refuse_unsupported),
    END,
};

static const Field stop_fields[] = {
    VM_NAME, TEXT("regex", regex), FLAG("force", force), FLAG("undefine", undefine), END,
};

static const Field name_fields[] = { VM_NAME, END };

static const Field repin_fields[] = { VM_NAME, CUSTOM("vcpu-map", read_cpus), END };

static const Field swap_fields[] = {
    VM_NAME,
    CUSTOM("pscom-hook-procs", read_procs),
    CUSTOM("vcpu-map", read_cpus),
    END,
};

/* Those of "parameter"; older documents have them beside it. */
#define TRANSFER                                                                         \
    NUMBER("retry-counter", retries, 0, 1000), WORD("migration-type", type, types),      \
        FLAG("rdma-migration", rdma), CUSTOM("pscom-hook-procs", read_procs),            \
        CUSTOM("live-migration", read_live), CUSTOM("transport", read_transport)

static const Field migrate_fields[] = {
    VM_NAME,
    CUSTOM("destination", read_destination),
    TRANSFER,
    CUSTOM("vcpu-map", read_cpus),
    CUSTOM("swap-with", read_swap),
    END,
};

static const Field evacuate_fields[] = {
    { "destinations", FIELD_TEXTS, AT(destinations), "destination", 0, 0, NULL, NULL },
    TRANSFER,
    WORD("mode", mode, modes),
    FLAG("overbooking", overbooking),
    END,
};

/* --- what an item needs ----------------------------------------------------------------
 */

static gboolean
lacks(const Node *node, const char *what, GError **error)
{
    g_autofree char *path = node_path(node);

    return drv_throw(error,
                     DRV_ERROR_USAGE,
                     "%s%s%s is missing (line %d)",
                     path,
                     *path ? "." : "",
                     what,
                     node->line);
}

static gboolean
check_named(const Node *node, const Item *item, GError **error)
{
    return (item->name && *item->name) || lacks(node, "vm-name", error);
}

static gboolean
check_start(const Node *node, const Item *item, GError **error)
{
    if (item->name == NULL && item->xml == NULL)
        return lacks(node, "vm-name or xml", error);
    if (item->transient && item->xml == NULL)
        return lacks(node, "xml, which 'transient' needs,", error);
    return item->xml || check_named(node, item, error);
}

static gboolean
check_stop(const Node *node, const Item *item, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GRegex) regex = NULL;

    if (item->regex == NULL)
        return check_named(node, item, error);
    regex = g_regex_new(item->regex, G_REGEX_RAW, 0, &why);
    if (regex)
        return TRUE;
    return field_refuse(
        node_find(node, "regex") ? node_find(node, "regex") : node, why->message, error);
}

static gboolean
check_migrate(const Node *node, const Item *item, GError **error)
{
    if (item->destination == NULL || *item->destination == '\0')
        return lacks(node, "destination", error);
    return check_named(node, item, error);
}

static gboolean
check_evacuate(const Node *node, const Item *item, GError **error)
{
    if (item->destinations == NULL || item->destinations[0] == NULL)
        return lacks(node, "destinations", error);
    for (guint i = 0; item->destinations[i]; i++) {
        if (!is_host(item->destinations[i]))
            return field_refuse(
                node, "has to have names of hosts as destinations", error);
    }
    return TRUE;
}

static gboolean
check_repin(const Node *node, const Item *item, GError **error)
{
    if (item->cpus == NULL)
        return lacks(node, "vcpu-map", error);
    return check_named(node, item, error);
}

static gboolean
read_swap(const Node *node, gpointer into, GError **error)
{
    Item *item = into;

    item_free(item->swap);
    item->swap = item_new();
    if (node->kind == NODE_TEXT)
        return read_name(node, item->swap, error);
    return field_read(swap_fields, node, item->swap, error) &&
           check_named(node, item->swap, error);
}

const ItemKind item_start = { start_fields, check_start };
const ItemKind item_stop = { stop_fields, check_stop };
const ItemKind item_named = { name_fields, check_named };
const ItemKind item_migrate = { migrate_fields, check_migrate };
const ItemKind item_evacuate = { evacuate_fields, check_evacuate };
const ItemKind item_repin = { repin_fields, check_repin };

/* --- the whole -------------------------------------------------------------------------
 */

gboolean
item_read_concurrent(const Node *root, gboolean *concurrent, GError **error)
{
    Item whole = { .concurrent = TRUE };

    if (!field_read(common, root, &whole, error))
        return FALSE;
    *concurrent = whole.concurrent;
    return TRUE;
}

/* A key that nobody knows is no error: the original ignores it, too. */
static void
warn_of_unknown(const ItemKind *kind, const Node *map)
{
    static const Field top[] = {
        TEXT("task", name),   TEXT("id", name),        TEXT("host", name),
        TEXT("driver", name), TEXT("parameter", name), END,
    };
    static const Field lists[] = { TEXT("list", name),
                                   TEXT("vm-configurations", name),
                                   TEXT("vm-configuration", name),
                                   TEXT("parameters", name),
                                   END };
    const Field *const known[] = { kind->fields, common, top, lists, NULL };
    const Node *unknown = field_unknown(known, map);
    g_autofree char *path = unknown ? node_path(unknown) : NULL;

    if (unknown)
        drv_info("the key '%s' of a task is not known and ignored (line %d)",
                 path,
                 unknown->line);
}

gboolean
item_read(const ItemKind *kind, const Node *node, Item *item, GError **error)
{
    const Node *parameter = node_find(node, "parameter");

    if (parameter == NULL)
        parameter = node_find(node, "parameters");
    if (!field_read(common, node, item, error) ||
        !field_read(kind->fields, node, item, error))
        return FALSE;
    warn_of_unknown(kind, node);
    if (!node_is_null(parameter)) {
        if (!field_read(kind->fields, parameter, item, error))
            return FALSE;
        warn_of_unknown(kind, parameter);
    }
    return kind->check(node, item, error);
}
