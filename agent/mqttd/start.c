/* SPDX-License-Identifier: Apache-2.0 */
/* start vm: described, added, started, and reached. */
#include <string.h>

#include "agent/common/vm-uuid.h"
#include "agent/mqttd/pci.h"
#include "agent/mqttd/peer.h"
#include "agent/mqttd/probe.h"
#include "agent/mqttd/vm-xml.h"
#include "agent/mqttd/work.h"
#include "base/error.h"

/* A document's VM: its id is its UUID, or made of its name, so that the next start of the
 * same VM is of the same one.
 */
static json_object *
record_of_xml(const Item *item, char **name, GError **error)
{
    g_autofree char *uuid = NULL;
    g_autofree char *xml = vm_xml_edit(
        item->xml, item->memory_kib, item->vcpus, item->cpus, name, &uuid, error);
    g_autofree char *id = xml ? agent_uuid(uuid ? uuid : *name) : NULL;
    json_object *record;

    if (xml == NULL)
        return NULL;
    record = json_object_new_object();
    json_with_text(record, "id", id);
    json_with_text(record, "uuid", id);
    json_with_text(record, "name", *name);
    json_with_text(record, "xml", xml);
    return json_with(record, "persistent", json_object_new_boolean(!item->transient));
}

/* The VM's own description with other sizes. */
static gboolean
resize(Work *work, const Vm *vm, json_object **record, GError **error)
{
    const Item *item = work->item;
    const char *xml = drv_json_text(vm->record, "xml", NULL);
    g_autofree char *name = NULL;
    g_autofree char *uuid = NULL;
    g_autofree char *edited = NULL;

    (void)json_object_deep_copy(vm->record, record, NULL);
    if (item->cpus)
        json_with(
            *record,
            "scheduler_params",
            json_with(json_object_new_object(), "affinity", json_object_get(item->cpus)));
    for (const char *const *key =
             (const char *const[]){
                 "memory_static_max", "memory_dynamic_max", "memory_dynamic_min", NULL };
         item->memory_kib && *key;
         key++)
        json_with(*record, *key, json_object_new_int64(item->memory_kib * 1024));
    if (item->vcpus) {
        json_with(*record, "vcpus", json_object_new_int64(item->vcpus));
        json_with(*record, "vcpu_max", json_object_new_int64(item->vcpus));
    }
    if (xml == NULL)
        return TRUE;
    edited =
        vm_xml_edit(xml, item->memory_kib, item->vcpus, item->cpus, &name, &uuid, error);
    if (edited)
        json_with_text(*record, "xml", edited);
    return edited != NULL;
}

/* Known to the agent, with the sizes that were asked for. */
static gboolean
prepare_named(Work *work, Vm *vm, GError **error)
{
    const Item *item = work->item;
    json_object *record = NULL;

    if (!vm_own(work, item->name, vm, error))
        return FALSE;
    if (strcmp(vm->power, "Halted") != 0 ||
        (item->memory_kib == 0 && item->vcpus == 0 && item->cpus == NULL))
        return TRUE;
    if (!resize(work, vm, &record, error)) {
        json_object_put(record);
        return FALSE;
    }
    return rpc_call(&work->rpc,
                    "VM.add",
                    json_with(json_object_new_object(), "vm", record),
                    NULL,
                    error);
}

/* One that is there and does not run is described again; in a second process, one that
 * runs may have been started by this very task.
 */
static gboolean
prepare_xml(Work *work, char **name, Vm *vm, GError **error)
{
    json_object *record = record_of_xml(work->item, name, error);
    g_autoptr(GError) why = NULL;

    if (record == NULL)
        return FALSE;
    vm->id = g_strdup(drv_json_text(record, "id", ""));
    vm->power = g_strdup("Halted");
    if (rpc_call(&work->rpc,
                 "VM.add",
                 json_with(json_object_new_object(), "vm", record),
                 NULL,
                 &why) ||
        (work->rpc.again && drv_error_is(why, DRV_ERROR_EXISTS)))
        return TRUE;
    if (drv_error_is(why, DRV_ERROR_EXISTS))
        return drv_throw(error, DRV_ERROR_EXISTS, "the VM '%s' runs already", *name);
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

/* Of the hosts that the configuration lists, none may run one of that name. */
static gboolean
is_nowhere_else(Work *work, const char *name, GError **error)
{
    for (guint i = 0; work->config->nodes && work->config->nodes[i]; i++) {
        const char *node = work->config->nodes[i];
        g_autofree char *step = g_strdup_printf("look at %s", node);
        g_auto(Peer) peer = { 0 };

        if (strcmp(node, work->config->hostname) == 0)
            continue;
        if (!peer_look(work, step, node, NULL, &peer, error))
            return FALSE;
        if (peer_memory_of(&peer, name) > 0)
            return drv_throw(
                error, DRV_ERROR_EXISTS, "the VM '%s' runs at '%s'", name, node);
    }
    return TRUE;
}

static gboolean
probe(Work *work, const char *name, GError **error)
{
    const Item *item = work->item;

    if (!item->probe)
        return TRUE;
    return probe_ssh(item->probe_hostname ? item->probe_hostname : name,
                     (int)work->config->probe_port,
                     (int)work->config->start_timeout_s,
                     error) ||
           drv_enclose(error,
                       "Timeout while trying to reach domain with SSH.  The VM runs");
}

/* One that runs has its devices, or the start is refused. */
static gboolean
give_devices(Work *work, const Vm *vm, const char *name, GError **error)
{
    return strcmp(vm->power, "Halted") != 0 || pci_give(work, vm, name, error);
}

static gboolean
start(Work *work, char **name, GError **error)
{
    g_auto(Vm) vm = { 0 };
    gboolean ok;

    if (work->item->xml ? !prepare_xml(work, name, &vm, error)
                        : !prepare_named(work, &vm, error))
        return FALSE;
    ok = is_nowhere_else(work, *name, error) && give_devices(work, &vm, *name, error) &&
         vm_run(work, &vm, "start", "VM.start", NULL, error) &&
         vm_run(work, &vm, "unpause", "VM.unpause", NULL, error);
    pci_start_is_over(&vm);
    return ok && probe(work, *name, error);
}

void
start_run(Work *work)
{
    gint64 began = g_get_monotonic_time();
    g_autofree char *name = g_strdup(work->item->name);
    GError *error = NULL;
    gboolean ok = start(work, &name, &error);
    Outcome *outcome = work_end(work, name, began, error);

    if (ok)
        outcome->pid = vm_pid(name);
}
