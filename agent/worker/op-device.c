/* SPDX-License-Identifier: Apache-2.0 */
/* VBD, VIF, PCI: plug and unplug.  options:
 *
 *     device   the record's id, [VM, name], or its name; it is in the document's devices
 *     force    (unplug) not used: a guest that keeps a device still uses it
 */
#include <string.h>

#include "agent/worker/ops.h"
#include "base/cancel.h"
#include "vmm/ops/unplug.h"

json_object *
find_device(Job *job, GError **error)
{
    json_object *id = drv_json_member(job->options, "device");
    json_object *name =
        json_object_is_type(id, json_type_array) ? json_object_array_get_idx(id, 1) : id;
    const char *wanted =
        json_object_is_type(name, json_type_string) ? json_object_get_string(name) : "";
    g_auto(GStrv) words = g_strsplit(job->operation, ".", 2);

    for (size_t i = 0; i < json_object_array_length(job->devices); i++) {
        json_object *device = json_object_array_get_idx(job->devices, i);

        if (strcmp(device_class(device), words[0]) == 0 &&
            strcmp(device_name(device), wanted) == 0)
            return device;
    }
    (void)job_fail(job,
                   error,
                   DRV_ERROR_NOT_FOUND,
                   "Does_not_exist",
                   agent_json_pair(words[0], wanted),
                   "the VM has no %s '%s'",
                   words[0],
                   wanted);
    return NULL;
}

static gboolean
begin(Job *job, Facts *facts, json_object **device, GError **error)
{
    *device = find_device(job, error);
    if (*device == NULL || !job_step(job, 0, "look", TRUE, error) ||
        !facts_read(job, facts, error))
        return FALSE;
    if (facts_is_active(facts))
        return TRUE;
    return job_bad_power(job, facts_power(job, facts), "Running", error);
}

/* As an element of a document of its own. */
static char *
device_text(Job *job, json_object *device, guint n, GError **error)
{
    g_autoptr(DrvXml) xml = drv_xml_new("devices");

    if (!device_xml_add(job, drv_xml_root(xml), device, n, error))
        return NULL;
    return drv_xml_node_to_text(drv_xml_first(xml, NULL, "/devices/*"));
}

/* Plugged already is done; whether it was is looked up, not told by an error. */
gboolean
op_plug(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };
    g_autoptr(GPtrArray) disks = NULL;
    g_autofree char *text = NULL;
    json_object *device;

    if (!begin(job, &facts, &device, error))
        return FALSE;
    if (device_xml_find(facts.xml, device))
        return report_state(job, error);
    disks = drv_xml_all(facts.xml, NULL, "/domain/devices/disk");
    text = device_text(job, device, disks->len, error);
    if (text == NULL || !job_step(job, 0.3, "attach", TRUE, error) ||
        !drv_domain_attach(facts.domain, text, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (!facts_is_active(&facts) || device_xml_find(facts.xml, device) == NULL)
        return drv_throw(error, DRV_ERROR_VIRT, "it is not in the running domain");
    return report_state(job, error);
}

static DrvNode *
find_in(DrvXml *domain, gconstpointer data)
{
    return device_xml_find(domain, (json_object *)data);
}

gboolean
op_unplug(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };
    json_object *device;
    g_autoptr(GError) why = NULL;

    if (!begin(job, &facts, &device, error))
        return FALSE;
    if (device_xml_find(facts.xml, device) == NULL)
        return job_fail(job,
                        error,
                        DRV_ERROR_NOT_FOUND,
                        "Device_not_connected",
                        NULL,
                        "%s %s is not plugged",
                        device_class(device),
                        device_name(device));
    if (!job_step(job, 0.3, "detach", TRUE, error))
        return FALSE;
    if (vmm_unplug(facts.domain, find_in, device, &why))
        return report_state(job, error);
    if (drv_error_is(why, DRV_ERROR_BUSY)) {
        json_object *argument =
            agent_json_pair(device_class(device), device_name(device));

        json_object_array_add(argument, json_object_new_string(why->message));
        return job_fail(job,
                        error,
                        DRV_ERROR_BUSY,
                        "Device_detach_rejected",
                        argument,
                        "%s %s: %s",
                        device_class(device),
                        device_name(device),
                        why->message);
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}
