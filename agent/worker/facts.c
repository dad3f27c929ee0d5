/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/worker/facts.h"

#include <string.h>

#include "agent/common/power.h"
#include "base/error.h"

void
facts_clear(Facts *facts)
{
    g_clear_pointer(&facts->look, drv_domain_facts_free);
    g_clear_pointer(&facts->domain, drv_domain_free);
    g_clear_pointer(&facts->xml, drv_xml_free);
    g_clear_pointer(&facts->owner, g_free);
    g_clear_pointer(&facts->unsurvivable, g_free);
    facts->exists = FALSE;
}

static void
read_marker(Facts *facts)
{
    static const char marker[] = "/domain/metadata/*[namespace-uri()=$uri]";
    DrvNode *node;

    drv_xml_variable(facts->xml, "uri", AGENT_METADATA_URI);
    node = drv_xml_first(facts->xml, NULL, marker);
    if (node == NULL)
        return;
    facts->owner = drv_xml_get(facts->xml, node, "@id");
    facts->unsurvivable = drv_xml_get(facts->xml, node, "@unsurvivable");
}

/* "No such domain" at any of the steps is an answer. */
static gboolean
read_all(Job *job, Facts *facts, GError **error)
{
    g_autofree char *text = NULL;

    facts->look = drv_domains_look(job->virt, job->uuid, error);
    facts->domain = facts->look ? drv_virt_find(job->virt, job->uuid, error) : NULL;
    text = facts->domain ? drv_domain_xml(facts->domain, FALSE, error) : NULL;
    facts->xml = text ? drv_xml_parse("the domain's XML", text, -1, error) : NULL;
    return facts->xml != NULL;
}

gboolean
facts_read(Job *job, Facts *facts, GError **error)
{
    g_autoptr(GError) why = NULL;

    facts_clear(facts);
    if (read_all(job, facts, &why)) {
        facts->exists = TRUE;
        read_marker(facts);
        return TRUE;
    }
    facts_clear(facts);
    if (drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

gboolean
facts_is_active(const Facts *facts)
{
    return facts->exists && drv_state_is_active(facts->look->state);
}

/* The header of a file is written last: libvirt reads nothing of one that is not
 * complete.
 */
gboolean
facts_is_saved(Job *job)
{
    const char *file = drv_json_text(job->vm, "suspend_file", "");
    g_autoptr(GError) ignored = NULL;
    g_autofree char *xml = NULL;

    if (*file == '\0')
        return FALSE;
    xml = drv_virt_saved_xml(job->virt, file, &ignored);
    drv_ignore(&ignored, "a file that is not complete is none");
    return xml != NULL;
}

const char *
facts_power(Job *job, const Facts *facts)
{
    if (!facts_is_active(facts) && facts_is_saved(job))
        return "Suspended";
    return agent_power_of(facts->exists ? facts->look->state : DRV_STATE_ABSENT);
}

/* --- as JSON ---------------------------------------------------------------------------
 */

static void
add_console(json_object *list, const char *protocol, gint64 port, const char *path)
{
    json_object *console = json_object_new_object();

    json_object_object_add(console, "protocol", json_object_new_string(protocol));
    json_object_object_add(console, "port", json_object_new_int64(port));
    json_object_object_add(console, "path", json_object_new_string(path));
    json_object_array_add(list, console);
}

static json_object *
facts_consoles(const Facts *facts)
{
    json_object *list = json_object_new_array();
    g_autoptr(GPtrArray) screens =
        drv_xml_all(facts->xml, NULL, "/domain/devices/graphics[@type='vnc']");
    g_autoptr(GPtrArray) consoles =
        drv_xml_all(facts->xml, NULL, "/domain/devices/console");

    for (guint i = 0; i < screens->len; i++) {
        DrvNode *screen = g_ptr_array_index(screens, i);
        g_autofree char *port = drv_xml_text(facts->xml, screen, "@port");
        g_autofree char *socket = drv_xml_text(facts->xml, screen, "@socket");
        gint64 number = 0;

        (void)g_ascii_string_to_signed(port, 10, 0, 65535, &number, NULL);
        add_console(list, "Rfb", number, socket);
    }
    for (guint i = 0; i < consoles->len; i++) {
        g_autofree char *path =
            drv_xml_text(facts->xml, g_ptr_array_index(consoles, i), "source/@path");

        add_console(list, "Vt100", 0, path);
    }
    return list;
}

json_object *
facts_macs(DrvXml *xml)
{
    json_object *list = json_object_new_array();
    g_autoptr(GPtrArray) nics = drv_xml_all(xml, NULL, "/domain/devices/interface/mac");

    for (guint i = 0; i < nics->len; i++) {
        g_autofree char *mac = drv_xml_text(xml, g_ptr_array_index(nics, i), "@address");

        json_object_array_add(list, json_object_new_string(mac));
    }
    return list;
}

static void
add_text(
    json_object *entry, const char *key, DrvXml *xml, DrvNode *node, const char *path)
{
    g_autofree char *text = drv_xml_text(xml, node, path);

    if (*text)
        json_object_object_add(entry, key, json_object_new_string(text));
}

/* What is in a drive, and whose other end a NIC is. */
static json_object *
device_json(const Facts *facts, json_object *device)
{
    json_object *entry = json_object_new_object();
    const char *class = device_class(device);
    DrvNode *node = facts_is_active(facts) ? device_xml_find(facts->xml, device) : NULL;

    json_object_object_add(entry, "plugged", json_object_new_boolean(node != NULL));
    if (node && strcmp(class, "VBD") == 0)
        add_text(entry, "path", facts->xml, node, "source/@file | source/@dev");
    if (node && strcmp(class, "VIF") == 0) {
        add_text(entry, "device", facts->xml, node, "target/@dev");
        json_object_object_add(entry,
                               "up",
                               json_object_new_boolean(!drv_xml_has(
                                   facts->xml, node, "link[@state='down']")));
    }
    return entry;
}

static json_object *
devices_json(Job *job, const Facts *facts)
{
    json_object *all = json_object_new_object();
    static const char *const classes[] = { "VBD", "VIF", "PCI" };

    for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
        json_object *class = json_object_new_object();
        g_autofree char *key = g_ascii_strdown(classes[i], -1);

        for (size_t k = 0; k < json_object_array_length(job->devices); k++) {
            json_object *device = json_object_array_get_idx(job->devices, k);

            if (strcmp(device_class(device), classes[i]) == 0)
                json_object_object_add(
                    class, device_name(device), device_json(facts, device));
        }
        json_object_object_add(all, key, class);
    }
    return all;
}

static void
add_bytes(json_object *state, const char *key, DrvXml *xml, const char *path)
{
    g_autofree char *text = drv_xml_text(xml, NULL, path);
    guint64 kib = 0;

    (void)g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64 / 1024, &kib, NULL);
    json_object_object_add(state, key, json_object_new_int64((gint64)kib * 1024));
}

static void
add_vcpus(json_object *state, DrvXml *xml)
{
    g_autofree char *now = drv_xml_text(xml, NULL, "/domain/vcpu/@current");
    g_autofree char *most = drv_xml_text(xml, NULL, "/domain/vcpu");
    guint64 n = 0;

    (void)g_ascii_string_to_unsigned(*now ? now : most, 10, 0, G_MAXINT, &n, NULL);
    json_object_object_add(state, "vcpu_target", json_object_new_int64((gint64)n));
}

static void
add_domain(json_object *state, const Facts *facts)
{
    json_object *domids = json_object_new_array();

    if (facts->look->number >= 0)
        json_object_array_add(domids, json_object_new_int(facts->look->number));
    json_object_object_add(state, "domids", domids);
    json_object_object_add(state, "name", json_object_new_string(facts->look->name));
    json_object_object_add(
        state, "persistent", json_object_new_boolean(facts->look->persistent));
    if (facts->owner)
        json_object_object_add(state, "vm_id", json_object_new_string(facts->owner));
    json_object_object_add(state, "consoles", facts_consoles(facts));
    json_object_object_add(state, "macs", facts_macs(facts->xml));
    add_bytes(state, "memory_target", facts->xml, "/domain/currentMemory");
    add_bytes(state, "memory_actual", facts->xml, "/domain/currentMemory");
    add_bytes(state, "memory_limit", facts->xml, "/domain/memory");
    add_vcpus(state, facts->xml);
}

json_object *
facts_json(Job *job, const Facts *facts)
{
    json_object *state = json_object_new_object();
    const char *power = facts_power(job, facts);

    json_object_object_add(state, "uuid", json_object_new_string(job->uuid));
    json_object_object_add(state, "power_state", json_object_new_string(power));
    json_object_object_add(state, "exists", json_object_new_boolean(facts->exists));
    json_object_object_add(state, "devices", devices_json(job, facts));
    json_object_object_add(
        state,
        "unsurvivable",
        facts->unsurvivable ? json_object_new_string(facts->unsurvivable) : NULL);
    if (facts_is_active(facts) && drv_json_member(job->vm, "migrated_to"))
        json_object_object_add(state, "migrated_to", NULL); /* it is here again */
    if (facts->exists) {
        add_domain(state, facts);
    } else {
        json_object_object_add(state, "domids", json_object_new_array());
        json_object_object_add(state, "consoles", json_object_new_array());
        json_object_object_add(state, "persistent", json_object_new_boolean(FALSE));
    }
    if (strcmp(power, "Suspended") == 0)
        json_object_object_add(
            state,
            "suspend_file",
            json_object_new_string(drv_json_text(job->vm, "suspend_file", "")));
    else
        json_object_object_add(state, "suspend_file", NULL);
    return state;
}
