/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/simulator/simulator.h"

/* Devices are plugged by name, so the others stay as they are. */
gboolean
devices_plug(gboolean plugged)
{
    json_object *id = drv_json_member(drv_json_member(document, "options"), "device"),
                *facts, *entry, *class;
    g_autofree char *word = g_ascii_strdown(text(document, "operation"), 3);
    json_object *devices = NULL;

    if (!is_active())
        return fail("Domain_not_built", NULL, "the VM is not active");
    if (drv_json_member(state, "devices"))
        (void)json_object_deep_copy(drv_json_member(state, "devices"), &devices, NULL);
    devices = devices ? devices : json_object_new_object();
    class = drv_json_member(devices, word);
    if (class == NULL) {
        class = json_object_new_object();
        json_object_object_add(devices, word, class);
    }
    entry = json_object_new_object();
    json_object_object_add(entry, "plugged", json_object_new_boolean(plugged));
    json_object_object_add(
        class, json_object_get_string(json_object_array_get_idx(id, 1)), entry);
    facts = json_object_new_object();
    json_object_object_add(facts, "devices", devices);
    print("state", facts, NULL, NULL);
    return TRUE;
}

/* The core has the record; what is in a drive is all that is known here. */
gboolean
devices_change_drive(void)
{
    json_object *record = NULL, *all = drv_json_member(document, "devices");
    json_object *wanted = drv_json_member(drv_json_member(document, "options"), "device");
    gboolean insert = strcmp(text(document, "operation"), "VBD.insert") == 0;

    for (gsize i = 0; i < json_object_array_length(all) && record == NULL; i++) {
        json_object *device = json_object_array_get_idx(all, i);

        if (strcmp(text(device, "class"), "VBD") == 0 &&
            json_object_equal(drv_json_member(drv_json_member(device, "record"), "id"),
                              wanted))
            record = drv_json_member(device, "record");
    }
    if (strcmp(text(record, "ty"), "Disk") == 0)
        return fail("Media_not_ejectable", NULL, "it is a disk, not a drive");
    if (!is_active())
        return bad_power("Running");
    if (insert == (drv_json_member(record, "backend") != NULL))
        return fail(insert ? "Media_present" : "Media_not_present", NULL, "not so");
    return step(0.0, "change");
}
