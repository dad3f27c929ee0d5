/* SPDX-License-Identifier: Apache-2.0 */
/* VBD.insert, VBD.eject; VIF.move, VIF.set_carrier, VIF.set_locking_mode, VIF.set_trunks.
 * options:
 *
 *     device   the record's id, [VM, name]; it is in the document's devices
 *     field    of the record: "backend", "carrier", ...
 *     value    what the field is to be; absent: nothing, an empty drive
 *
 * The core changes the record when this has succeeded.  A second run, after a kill, finds
 * the device changed and has nothing to do.
 */
#include <string.h>

#include "agent/worker/ops.h"

/* A copy of the device with the change in its record; caller owns. */
static json_object *
changed_device(Job *job, json_object *device)
{
    json_object *changed = NULL, *record, *value = drv_json_member(job->options, "value");
    const char *field = drv_json_text(job->options, "field", "");

    (void)json_object_deep_copy(device, &changed, NULL);
    record = device_record(changed);
    json_object_object_del(record, field);
    if (value)
        json_object_object_add(record, field, json_object_get(value));
    return changed;
}

/* The device's element as the changed record has it, in a document of its own. */
static DrvXml *
changed_xml(Job *job, json_object *device, GError **error)
{
    g_autoptr(DrvXml) xml = drv_xml_new("devices");
    g_autoptr(json_object) changed = changed_device(job, device);

    return device_xml_add(job, drv_xml_root(xml), changed, 0, error)
               ? g_steal_pointer(&xml)
               : NULL;
}

static void
replace(DrvXml *xml, DrvNode *node, const char *name, DrvNode *with)
{
    DrvNode *old = drv_xml_first(xml, node, name);

    if (old)
        drv_xml_node_remove(old);
    if (with)
        (void)drv_xml_node_add_copy(node, with);
}

static gboolean
update(Job *job, Facts *facts, DrvNode *node, gboolean force, GError **error)
{
    g_autofree char *text = drv_xml_node_to_text(node);

    return job_step(job, 0.3, "change", TRUE, error) &&
           drv_domain_update(facts->domain, text, force, error) &&
           report_state(job, error);
}

/* --- drives ----------------------------------------------------------------------------
 */

static gboolean
is_ejectable(json_object *device)
{
    return strcmp(agent_json_variant(drv_json_member(device_record(device), "ty"), NULL),
                  "Disk") != 0;
}

/* What is in the drive is compared with what is wanted: done already, or in the way. */
static gboolean
may_change(
    Job *job, json_object *device, const char *found, const char *wanted, GError **error)
{
    gboolean empty = drv_json_member(device_record(device), "backend") == NULL;

    if (*wanted && *found && (!empty || strcmp(found, wanted) != 0))
        return job_fail(job,
                        error,
                        DRV_ERROR_EXISTS,
                        "Media_present",
                        NULL,
                        "drive %s is not empty",
                        device_name(device));
    if (*wanted == '\0' && *found == '\0' && empty)
        return job_fail(job,
                        error,
                        DRV_ERROR_NOT_FOUND,
                        "Media_not_present",
                        NULL,
                        "drive %s is empty",
                        device_name(device));
    return TRUE;
}

/* The live element, but for what is in it: libvirt takes no other change of a drive. */
static gboolean
change_drive(Job *job, Facts *facts, json_object *device, DrvNode *node, GError **error)
{
    g_autoptr(DrvXml) xml = changed_xml(job, device, error);
    DrvNode *fresh = xml ? drv_xml_first(xml, NULL, "/devices/disk") : NULL;
    g_autofree char *found = drv_xml_text(facts->xml, node, "source/@file | source/@dev");
    g_autofree char *wanted =
        fresh ? drv_xml_text(xml, fresh, "source/@file | source/@dev") : NULL;
    g_autofree char *type = fresh ? drv_xml_text(xml, fresh, "@type") : NULL;

    if (fresh == NULL || !may_change(job, device, found, wanted, error))
        return FALSE;
    if (strcmp(found, wanted) == 0)
        return report_state(job, error);
    drv_xml_node_set(node, "type", type);
    replace(facts->xml, node, "backingStore", NULL);
    replace(facts->xml, node, "source", drv_xml_first(xml, fresh, "source"));
    return update(job, facts, node, FALSE, error);
}

static gboolean
not_connected(Job *job, json_object *device, GError **error)
{
    return job_fail(job,
                    error,
                    DRV_ERROR_NOT_FOUND,
                    "Device_not_connected",
                    NULL,
                    "%s %s is not plugged",
                    device_class(device),
                    device_name(device));
}

gboolean
op_change_drive(Job *job, GError **error)
{
    json_object *device = find_device(job, error);
    g_auto(Facts) facts = { 0 };
    DrvNode *node;

    if (device == NULL)
        return FALSE;
    if (!is_ejectable(device))
        return job_fail(job,
                        error,
                        DRV_ERROR_UNSUPPORTED,
                        "Media_not_ejectable",
                        NULL,
                        "%s is a disk, not a drive",
                        device_name(device));
    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (!facts_is_active(&facts))
        return job_bad_power(job, facts_power(job, &facts), "Running", error);
    node = device_xml_find(facts.xml, device);
    return node ? change_drive(job, &facts, device, node, error)
                : not_connected(job, device, error);
}

/* --- NICs ------------------------------------------------------------------------------
 */

/* What may change in a NIC that is plugged; all else is as it is there. */
static gboolean
change_nic(Job *job, Facts *facts, json_object *device, DrvNode *node, GError **error)
{
    static const char *const parts[] = { "source", "link", "filterref", "vlan" };
    g_autoptr(DrvXml) xml = changed_xml(job, device, error);
    DrvNode *fresh = xml ? drv_xml_first(xml, NULL, "/devices/interface") : NULL;
    g_autofree char *type = fresh ? drv_xml_text(xml, fresh, "@type") : NULL;

    if (fresh == NULL)
        return FALSE;
    drv_xml_node_set(node, "type", type);
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        replace(facts->xml, node, parts[i], drv_xml_first(xml, fresh, parts[i]));
    return update(job, facts, node, FALSE, error);
}

/* A NIC that is not plugged has its record changed only. */
gboolean
op_change_nic(Job *job, GError **error)
{
    json_object *device = find_device(job, error);
    g_autoptr(DrvXml) checked = device ? changed_xml(job, device, error) : NULL;
    g_auto(Facts) facts = { 0 };
    DrvNode *node;

    if (checked == NULL || !job_step(job, 0, "look", TRUE, error) ||
        !facts_read(job, &facts, error))
        return FALSE;
    node = facts_is_active(&facts) ? device_xml_find(facts.xml, device) : NULL;
    return node ? change_nic(job, &facts, device, node, error) : report_state(job, error);
}
