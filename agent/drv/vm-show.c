/* SPDX-License-Identifier: Apache-2.0 */
/* drv vm list, drv vm show: for people what they look for, with --json all there is. */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "agent/drv/vm.h"

static char *
memory_text(double bytes)
{
    g_autofree char *text =
        g_format_size_full((guint64)MAX(bytes, 0), G_FORMAT_SIZE_IEC_UNITS);
    g_auto(GStrv) words = g_strsplit(text, "\u00a0", -1); /* for awk, as for people */

    return bytes > 0 ? g_strjoinv(" ", words) : g_strdup("-");
}

/* --- list ------------------------------------------------------------------------------
 */

/* Of a foreign VM the agent knows what libvirt lists, and nothing of its hardware. */
static void
add_row(Table *table, json_object *entry)
{
    json_object *record = json_element(entry, 0);
    gboolean foreign = json_is_true(json_element(entry, 1), "foreign");
    double bytes = foreign ? 0 : json_real(record, "memory_dynamic_max", 0);
    g_autofree char *power = vm_power_text(entry);
    g_autofree char *memory = memory_text(bytes);
    g_autofree char *vcpus =
        foreign ? g_strdup("-") : g_strdup_printf("%.0f", json_real(record, "vcpus", 1));

    table_row(table,
              vm_id_of(entry),
              vm_name_of(entry),
              power,
              vcpus,
              memory,
              drv_json_text(record, "ip", "-"),
              NULL);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    json_object *first = *(json_object *const *)a, *second = *(json_object *const *)b;
    int order = strcmp(vm_name_of(first), vm_name_of(second));

    return order ? order : strcmp(vm_id_of(first), vm_id_of(second));
}

gboolean
vm_list(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) all = NULL;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_auto(Table) table = TABLE_INIT;

    (void)words;
    if (!client_call(&drv->client, "VM.list", client_args(NULL, NULL), 0, &all, error))
        return FALSE;
    for (gsize i = 0; i < json_size(all); i++)
        g_ptr_array_add(sorted, json_element(all, i));
    g_ptr_array_sort(sorted, by_name);
    table_row(&table, "ID", "NAME", "STATE", "VCPUS", "MEMORY", "ADDRESS", NULL);
    for (guint i = 0; i < sorted->len; i++) {
        if (drv->json)
            print_json(g_ptr_array_index(sorted, i), FALSE);
        else
            add_row(&table, g_ptr_array_index(sorted, i));
    }
    if (!drv->json)
        table_print(&table);
    return TRUE;
}

/* --- show ------------------------------------------------------------------------------
 */

static void
put(const char *key, const char *text)
{
    if (text && *text)
        print_line("%-10s %s", key, text);
}

static void
put_state(json_object *entry)
{
    json_object *state = json_element(entry, 1);
    double since = json_real(state, "unknown_since", 0);
    double started = json_real(state, "last_start_time", 0);
    const char *power = drv_json_text(state, "power_state", "");
    gboolean active = strcmp(power, "Running") == 0 || strcmp(power, "Paused") == 0;
    g_autofree char *text = vm_power_text(entry);
    g_autofree char *when = since > 0               ? print_time(since)
                            : active && started > 0 ? print_time(started)
                                                    : NULL;
    g_autofree char *line =
        when ? g_strdup_printf(since > 0 ? "%s, since %s" : "%s, started %s", text, when)
             : g_strdup(text);

    put("state", line);
    put("memory in", drv_json_text(state, "suspend_file", NULL));
}

static void
put_domain(json_object *record, json_object *state)
{
    gint64 number =
        json_size(drv_json_member(state, "domids"))
            ? json_object_get_int64(json_element(drv_json_member(state, "domids"), 0))
            : -1;
    gboolean defined =
        json_is_true(record, "persistent") || json_is_true(state, "persistent");
    const char *uuid = drv_json_text(state, "uuid", drv_json_text(record, "uuid", "-"));
    g_autofree char *id =
        number >= 0 ? g_strdup_printf(", libvirt's id %" G_GINT64_FORMAT, number)
                    : g_strdup("");
    g_autofree char *line =
        g_strdup_printf("%s, %s%s", uuid, defined ? "defined" : "transient", id);

    put("domain", line);
}

static void
put_consoles(json_object *consoles)
{
    for (gsize i = 0; i < json_size(consoles); i++) {
        json_object *console = json_element(consoles, i);
        gint64 port = drv_json_number(console, "port", 0);
        g_autofree char *text = port > 0
                                    ? g_strdup_printf("VNC, port %" G_GINT64_FORMAT, port)
                                    : g_strdup(drv_json_text(console, "path", ""));

        put("console", text);
    }
}

static void
put_size(json_object *record)
{
    gint64 most = drv_json_number(record, "vcpu_max", 1);
    gint64 vcpus = drv_json_number(record, "vcpus", 1);
    g_autofree char *memory = memory_text(json_real(record, "memory_dynamic_max", 0));
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, vcpus);
    g_autofree char *line = most > vcpus
                                ? g_strdup_printf("%s of %" G_GINT64_FORMAT, text, most)
                                : g_strdup(text);

    put("VCPUs", line);
    put("memory", memory);
    put("address", drv_json_text(record, "ip", NULL));
}

/* Of a VM by libvirt's document no devices are on record, but those of its NICs. */
static void
put_macs(json_object *state, json_object *shown)
{
    json_object *macs = drv_json_member(state, "macs");

    for (gsize i = 0;
         json_size(drv_json_member(shown, "vifs")) == 0 && i < json_size(macs);
         i++)
        put("MAC", json_object_get_string(json_element(macs, i)));
}

/* --- its devices -----------------------------------------------------------------------
 */

/* "a" of ["Local","a"]. */
static const char *
where_of(json_object *record)
{
    json_object *where = NULL;

    (void)agent_json_variant(drv_json_member(record, "backend"), &where);
    return json_object_is_type(where, json_type_string) ? json_object_get_string(where)
                                                        : "-";
}

static const char *
name_of(json_object *record)
{
    json_object *name = json_element(drv_json_member(record, "id"), 1);

    return json_object_is_type(name, json_type_string) ? json_object_get_string(name)
                                                       : "?";
}

static void
add_disk(Table *table, json_object *record, json_object *state)
{
    const char *kind = agent_json_variant(drv_json_member(record, "ty"), NULL);
    const char *mode = agent_json_variant(drv_json_member(record, "mode"), NULL);
    json_object *extra = drv_json_member(record, "extra_backend_keys");

    table_row(table,
              name_of(record),
              json_is_true(state, "plugged") ? "plugged" : "unplugged",
              strcmp(kind, "Disk") != 0       ? kind
              : strcmp(mode, "ReadOnly") == 0 ? "read-only"
                                              : "read-write",
              drv_json_text(extra, "format", "raw"),
              where_of(record),
              NULL);
}

static void
add_nic(Table *table, json_object *record, json_object *state)
{
    table_row(table,
              name_of(record),
              !json_is_true(state, "plugged")        ? "unplugged"
              : json_is_true(state, "media_present") ? "up"
                                                     : "down",
              drv_json_text(record, "mac", "-"),
              drv_json_text(state, "device", "-"),
              where_of(record),
              NULL);
}

static void
add_pci(Table *table, json_object *record, json_object *state)
{
    json_object *at = drv_json_member(record, "address");
    g_autofree char *address = g_strdup_printf("%04x:%02x:%02x.%x",
                                               (guint)drv_json_number(at, "domain", 0),
                                               (guint)drv_json_number(at, "bus", 0),
                                               (guint)drv_json_number(at, "dev", 0),
                                               (guint)drv_json_number(at, "fn", 0));

    table_row(table,
              name_of(record),
              json_is_true(state, "plugged") ? "plugged" : "unplugged",
              address,
              "-",
              "-",
              NULL);
}

static const struct {
    const char *method, *key;
    const char *head[5];
    void (*add)(Table *table, json_object *record, json_object *state);
} classes[] = {
    { "VBD.list", "vbds", { "DISK", "STATE", "MODE", "FORMAT", "FILE" }, add_disk },
    { "VIF.list", "vifs", { "NIC", "STATE", "MAC", "DEVICE", "SWITCH" }, add_nic },
    { "PCI.list", "pcis", { "PCI", "STATE", "ADDRESS", "", "" }, add_pci },
};

static void
put_devices(json_object *shown)
{
    for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
        json_object *all = drv_json_member(shown, classes[i].key);
        const char *const *head = classes[i].head;
        g_auto(Table) table = TABLE_INIT;

        if (json_size(all) == 0)
            continue;
        table_row(&table, head[0], head[1], head[2], head[3], head[4], NULL);
        for (gsize k = 0; k < json_size(all); k++)
            classes[i].add(&table,
                           json_element(json_element(all, k), 0),
                           json_element(json_element(all, k), 1));
        table_print(&table);
    }
}

static gboolean
get_devices(Drv *drv, json_object *shown, const char *id, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
        json_object *all;

        if (!client_call(
                &drv->client, classes[i].method, client_args("id", id), 0, &all, error))
            return FALSE;
        json_with(shown, classes[i].key, all);
    }
    return TRUE;
}

static void
put_all(json_object *entry, json_object *shown)
{
    json_object *record = json_element(entry, 0), *state = json_element(entry, 1);

    put("id", vm_id_of(entry));
    put("name", vm_name_of(entry));
    put_state(entry);
    put_domain(record, state);
    if (json_is_true(state, "foreign"))
        return;
    put_size(record);
    put_consoles(drv_json_member(state, "consoles"));
    put_macs(state, shown);
    put_devices(shown);
}

gboolean
vm_show(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = vm_find(drv, words[0], error);
    g_autoptr(json_object) shown = json_object_new_object();

    if (entry == NULL)
        return FALSE;
    json_with(shown, "vm", json_object_get(json_element(entry, 0)));
    json_with(shown, "state", json_object_get(json_element(entry, 1)));
    if (!json_is_true(json_element(entry, 1), "foreign") &&
        !get_devices(drv, shown, vm_id_of(entry), error))
        return FALSE;
    if (drv->json)
        print_json(shown, FALSE);
    else
        put_all(entry, shown);
    return TRUE;
}
