/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/pci.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/json.h"
#include "base/error.h"
#include "request/xml.h"

#define GIVEN "pci-ids-" /* what devices are called that a task gave */

/* VMs that have devices although they do not run yet; the lock is held from the look at
 * what is free until it is taken.
 */
static GMutex lock;
static GHashTable *starting; /* ids */

/* --- addresses: "0000:3b:00.1", as the kernel writes them
 * --------------------------------
 */

static char *
address_of_record(json_object *record)
{
    json_object *address = drv_json_member(record, "address");

    return g_strdup_printf("%04x:%02x:%02x.%x",
                           (guint)drv_json_number(address, "domain", 0),
                           (guint)drv_json_number(address, "bus", 0),
                           (guint)drv_json_number(address, "dev", 0),
                           (guint)drv_json_number(address, "fn", 0));
}

static gboolean
read_address(const char *text, guint parts[4])
{
    char end;

    return sscanf(text,
                  "%8x:%2x:%2x.%1x%c",
                  &parts[0],
                  &parts[1],
                  &parts[2],
                  &parts[3],
                  &end) == 4;
}

static json_object *
address_record(const guint parts[4])
{
    static const char *const keys[] = { "domain", "bus", "dev", "fn" };
    json_object *address = json_object_new_object();

    for (guint i = 0; i < 4; i++)
        json_with(address, keys[i], json_object_new_int64(parts[i]));
    return address;
}

/* --- what VMs have ---------------------------------------------------------------------
 */

static json_object *
devices_of(Work *work, const char *id, GError **error)
{
    json_object *all = NULL;

    if (!rpc_call(&work->rpc, "PCI.list", rpc_id(id), &all, error))
        return NULL;
    return all ? all : json_object_new_array();
}

static const char *
name_of(json_object *device)
{
    return json_object_get_string(json_element(drv_json_member(device, "id"), 1));
}

static guint
part_of(DrvXml *xml, DrvNode *hostdev, const char *path)
{
    g_autofree char *text = drv_xml_text(xml, hostdev, path);

    return text ? (guint)g_ascii_strtoull(text, NULL, 0) : 0;
}

/* A VM's own document may name devices, too. */
static void
note_document(const char *text, const char *name, GHashTable *taken)
{
    g_autoptr(DrvXml) xml =
        text ? drv_xml_parse("a VM's document", text, -1, NULL) : NULL;
    g_autoptr(GPtrArray) all =
        xml ? drv_xml_all(xml, NULL, "/domain/devices/hostdev[@type='pci']") : NULL;

    for (guint i = 0; all && i < all->len; i++) {
        DrvNode *node = g_ptr_array_index(all, i);
        char *address = g_strdup_printf("%04x:%02x:%02x.%x",
                                        part_of(xml, node, "source/address/@domain"),
                                        part_of(xml, node, "source/address/@bus"),
                                        part_of(xml, node, "source/address/@slot"),
                                        part_of(xml, node, "source/address/@function"));

        g_hash_table_replace(taken, address, g_strdup(name));
    }
}

static gboolean
note_devices(Work *work, json_object *record, GHashTable *taken, GError **error)
{
    const char *id = drv_json_text(record, "id", "");
    const char *name = drv_json_text(record, "name", id);
    g_autoptr(json_object) all = devices_of(work, id, error);

    if (all == NULL)
        return FALSE;
    for (gsize i = 0; i < json_size(all); i++)
        g_hash_table_replace(taken,
                             address_of_record(json_element(json_element(all, i), 0)),
                             g_strdup(name));
    note_document(drv_json_text(record, "xml", NULL), name, taken);
    return TRUE;
}

/* Addresses, each with the name of the VM; what is off has nothing.  NULL: error. */
static GHashTable *
taken_by_others(Work *work, const Vm *vm, GError **error)
{
    g_autoptr(GHashTable) taken =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(json_object) all = NULL;

    if (!rpc_call(&work->rpc, "VM.list", json_object_new_object(), &all, error))
        return NULL;
    for (gsize i = 0; i < json_size(all); i++) {
        json_object *record = json_element(json_element(all, i), 0);
        json_object *state = json_element(json_element(all, i), 1);
        const char *id = drv_json_text(record, "id", "");

        if (strcmp(id, vm->id) == 0 ||
            (strcmp(drv_json_text(state, "power_state", ""), "Halted") == 0 &&
             !g_hash_table_contains(starting, id)))
            continue;
        if (!note_devices(work, record, taken, error))
            return NULL;
    }
    return g_steal_pointer(&taken);
}

/* --- what the host has -----------------------------------------------------------------
 */

static gboolean
has_number(const char *directory, const char *device, const char *file, gint64 wanted)
{
    g_autofree char *path = g_build_filename(directory, device, file, NULL);
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) &&
           g_ascii_strtoll(text, NULL, 16) == wanted;
}

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Addresses in their order, so that equal hosts give equal devices. */
static GPtrArray *
host_devices(const char *directory, const PciId *id, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, error);
    GPtrArray *all;
    const char *name;
    guint parts[4];

    if (dir == NULL)
        return NULL;
    all = g_ptr_array_new_with_free_func(g_free);
    while ((name = g_dir_read_name(dir))) {
        if (read_address(name, parts) &&
            has_number(directory, name, "vendor", id->vendor) &&
            has_number(directory, name, "device", id->device))
            g_ptr_array_add(all, g_strdup(name));
    }
    g_ptr_array_sort(all, compare_texts);
    return all;
}

static char *
choose(Work *work, const PciId *id, GHashTable *taken, GError **error)
{
    g_autoptr(GPtrArray) all = host_devices(work->config->pci_devices, id, error);
    const char *owner = NULL;

    for (guint i = 0; all && i < all->len; i++) {
        owner = g_hash_table_lookup(taken, g_ptr_array_index(all, i));
        if (owner == NULL)
            return g_strdup(g_ptr_array_index(all, i));
    }
    if (all == NULL)
        (void)drv_prefix(error, "cannot list this host's PCI devices");
    else if (all->len == 0)
        (void)drv_throw(error,
                        DRV_ERROR_NOT_FOUND,
                        "this host has no PCI device %04x:%04x",
                        (guint)id->vendor,
                        (guint)id->device);
    else
        (void)drv_throw(error,
                        DRV_ERROR_BUSY,
                        "no PCI device %04x:%04x is free: '%s' has the last of %u",
                        (guint)id->vendor,
                        (guint)id->device,
                        owner,
                        all->len);
    return NULL;
}

/* --- given and taken back --------------------------------------------------------------
 */

static gboolean
is_given(json_object *device)
{
    const char *name = name_of(device);

    return name && g_str_has_prefix(name, GIVEN);
}

gboolean
pci_take_back(Work *work, const Vm *vm, GError **error)
{
    g_autoptr(json_object) all = devices_of(work, vm->id, error);

    for (gsize i = 0; i < json_size(all); i++) {
        json_object *device = json_element(json_element(all, i), 0);
        json_object *args = json_object_new_object();

        json_with(args, "id", json_object_get(drv_json_member(device, "id")));
        if (!is_given(device))
            json_object_put(args);
        else if (!rpc_call(&work->rpc, "PCI.remove", args, NULL, error))
            return FALSE;
    }
    return all != NULL;
}

static gboolean
give_one(Work *work,
         const Vm *vm,
         const char *name,
         guint n,
         GHashTable *taken,
         GError **error)
{
    const PciId *id = &g_array_index(work->item->pci_ids, PciId, n);
    g_autofree char *address = choose(work, id, taken, error);
    g_autofree char *key = g_strdup_printf(GIVEN "%u", n);
    json_object *record;
    guint parts[4];

    if (address == NULL || !read_address(address, parts))
        return FALSE;
    record = json_object_new_object();
    json_with(record, "id", agent_json_pair(vm->id, key));
    json_with(record, "position", json_object_new_int64(n));
    json_with(record, "address", address_record(parts));
    g_hash_table_replace(taken, g_steal_pointer(&address), g_strdup(name));
    return rpc_call(&work->rpc,
                    "PCI.add",
                    json_with(json_object_new_object(), "pci", record),
                    NULL,
                    error);
}

/* An earlier process has given all, and its start may be running. */
static gboolean
is_done(Work *work, const Vm *vm, GHashTable *taken, gboolean *done, GError **error)
{
    g_autoptr(json_object) all = devices_of(work, vm->id, error);
    guint given = 0;

    for (gsize i = 0; i < json_size(all); i++) {
        json_object *device = json_element(json_element(all, i), 0);
        g_autofree char *address = address_of_record(device);

        given += is_given(device) && !g_hash_table_contains(taken, address);
    }
    *done = given == work->item->pci_ids->len;
    return all != NULL;
}

static gboolean
give_all(Work *work, const Vm *vm, const char *name, GError **error)
{
    g_autoptr(GHashTable) taken = taken_by_others(work, vm, error);
    g_autoptr(GError) undo = NULL;
    gboolean done = FALSE;

    if (taken == NULL || (work->rpc.again && !is_done(work, vm, taken, &done, error)))
        return FALSE;
    if (done)
        return TRUE;
    if (!pci_take_back(work, vm, error))
        return FALSE;
    for (guint n = 0; n < work->item->pci_ids->len; n++) {
        if (give_one(work, vm, name, n, taken, error))
            continue;
        if (!pci_take_back(work, vm, &undo))
            drv_ignore(&undo, "the next start of the VM takes them back");
        return FALSE;
    }
    return TRUE;
}

gboolean
pci_give(Work *work, const Vm *vm, const char *name, GError **error)
{
    gboolean ok;

    if (work->item->pci_ids == NULL || work->item->pci_ids->len == 0)
        return work->rpc.again || pci_take_back(work, vm, error);
    g_mutex_lock(&lock);
    if (starting == NULL)
        starting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ok = give_all(work, vm, name, error);
    if (ok)
        g_hash_table_add(starting, g_strdup(vm->id));
    g_mutex_unlock(&lock);
    return ok;
}

void
pci_start_is_over(const Vm *vm)
{
    g_mutex_lock(&lock);
    if (starting)
        g_hash_table_remove(starting, vm->id);
    g_mutex_unlock(&lock);
}

gboolean
pci_may_leave(Work *work, const char *id, GError **error)
{
    g_autoptr(json_object) all = devices_of(work, id, error);
    g_autofree char *address = NULL;

    if (all == NULL || json_size(all) == 0)
        return all != NULL;
    address = address_of_record(json_element(json_element(all, 0), 0));
    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "it has the PCI device %s of this host, and cannot leave with it",
                     address);
}
