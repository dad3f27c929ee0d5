/* SPDX-License-Identifier: Apache-2.0 */
/* drv vm add, delete, adopt, set-ip: what the agent owns becomes more, or less. */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "agent/drv/vm.h"
#include "base/fd.h"

#define MAX_FILE (4 * 1024 * 1024)

static char *add_name, *add_memory;
static int add_vcpus;
static char **add_disks, **add_nics;
static gboolean add_persistent;

const GOptionEntry vm_add_options[] = {
    { "name", 0, 0, G_OPTION_ARG_STRING, &add_name, "Name of the VM", "NAME" },
    { "memory", 0, 0, G_OPTION_ARG_STRING, &add_memory, "512M, 2G; 512M", "SIZE" },
    { "vcpus", 0, 0, G_OPTION_ARG_INT, &add_vcpus, "Virtual CPUs; 1", "N" },
    { "disk",
      0,
      0,
      G_OPTION_ARG_FILENAME_ARRAY,
      &add_disks,
      "A disk: an image file; again for more",
      "PATH[:FORMAT]" },
    { "nic",
      0,
      0,
      G_OPTION_ARG_STRING_ARRAY,
      &add_nics,
      "A network interface; again for more",
      "BRIDGE" },
    { "persistent",
      0,
      0,
      G_OPTION_ARG_NONE,
      &add_persistent,
      "libvirt keeps a definition",
      NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static void
put_words(json_object *brief, const char *key, char **words)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; words && words[i]; i++)
        json_object_array_add(list, json_object_new_string(words[i]));
    json_with(brief, key, list);
}

static json_object *
describe_by_options(GError **error)
{
    g_autoptr(json_object) brief = json_object_new_object();

    if (add_name == NULL) {
        (void)drv_throw(
            error, DRV_ERROR_USAGE, "say a FILE, or --name and what the VM has");
        return NULL;
    }
    json_with_text(brief, "name", add_name);
    if (add_memory)
        json_with_text(brief, "memory", add_memory);
    if (add_vcpus)
        json_with(brief, "vcpus", json_object_new_int(add_vcpus));
    put_words(brief, "disks", add_disks);
    put_words(brief, "nics", add_nics);
    json_with(brief, "persistent", json_object_new_boolean(add_persistent));
    return description_complete(brief, error);
}

static json_object *
describe_by_file(const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) why = NULL;
    g_autofree char *all = NULL;
    gsize size;

    if (add_name || add_memory || add_vcpus || add_disks || add_nics) {
        (void)drv_throw(
            error, DRV_ERROR_USAGE, "say a FILE or options, not both; but --persistent");
        return NULL;
    }
    if (strcmp(path, "-") == 0) {
        if (!drv_fd_read_all(STDIN_FILENO, text, MAX_FILE, "stdin", error))
            return NULL;
        return description_read("stdin", text->str, error);
    }
    if (!g_file_get_contents(path, &all, &size, &why) || size > MAX_FILE) {
        (void)drv_throw(error,
                        DRV_ERROR_USAGE,
                        "cannot read '%s': %s",
                        path,
                        why ? why->message : "more than 4 MiB");
        return NULL;
    }
    return description_read(path, all, error);
}

/* In one call: the VM is there with all of its devices, or not at all. */
static gboolean
add_all(Drv *drv, json_object *all, GError **error)
{
    g_autoptr(json_object) id = NULL;
    const char *text = json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN);

    return client_call(
        &drv->client, "VM.import_metadata", client_args("metadata", text), 0, &id, error);
}

gboolean
vm_add(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) all =
        words[0] ? describe_by_file(words[0], error) : describe_by_options(error);
    json_object *vm = drv_json_member(all, "vm");
    g_autoptr(json_object) old = NULL;
    g_autoptr(GError) why = NULL;
    const char *id = drv_json_text(vm, "id", ""), *name = drv_json_text(vm, "name", id);

    if (all && add_persistent)
        json_with(vm, "persistent", json_object_new_boolean(TRUE));
    if (all == NULL)
        return FALSE;
    /* Also one of others that the agent would take for this one. */
    if (client_call(&drv->client, "VM.stat", client_args("id", id), 0, &old, &why))
        return drv_throw(
            error, DRV_ERROR_EXISTS, "cannot add VM '%s': it exists (%s)", name, id);
    if (!drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (!add_all(drv, all, error))
        return drv_prefix(error, "cannot add VM '%s'", name);
    if (drv->json) {
        g_autoptr(json_object) line = json_with_text(json_object_new_object(), "id", id);

        print_json(line, FALSE);
    } else if (!drv->quiet) {
        print_line("%s", id);
    }
    return TRUE;
}

static gboolean delete_force;

const GOptionEntry vm_delete_options[] = {
    { "force", 'f', 0, G_OPTION_ARG_NONE, &delete_force, "Also one that runs", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* An agent whose VM.delete keeps the record is asked to remove that as well. */
static gboolean
forget(Drv *drv, const char *id, GError **error)
{
    g_autoptr(json_object) nothing = NULL;
    g_autoptr(GError) why = NULL;

    if (client_call(
            &drv->client, "VM.remove", client_args("id", id), 0, &nothing, &why) ||
        drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return drv_prefix(error, "it is ended, but cannot be forgotten");
}

gboolean
vm_delete(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = vm_find(drv, words[0], error);
    g_autofree char *what = NULL;
    g_autofree char *power = NULL;

    if (entry == NULL)
        return FALSE;
    power = vm_power_text(entry);
    if (!delete_force && (strcmp(drv_json_text(json_element(entry, 1), "power_state", ""),
                                 "Halted") != 0 ||
                          json_is_true(json_element(entry, 1), "unknown")))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "cannot delete VM '%s': it is %s; --force ends and deletes it",
                         words[0],
                         power);
    what = g_strdup_printf("delete VM '%s'", vm_name_of(entry));
    return follow_call(
               drv, "VM.delete", client_args("id", vm_id_of(entry)), what, error) &&
           (drv->no_wait || forget(drv, vm_id_of(entry), error));
}

gboolean
vm_adopt(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = NULL;
    g_autofree char *what = words[0] ? g_strdup_printf("adopt VM '%s'", words[0])
                                     : g_strdup("adopt what runs");

    if (words[0] == NULL)
        return follow_call(drv, "HOST.init_model", client_args(NULL, NULL), what, error);
    entry = vm_find(drv, words[0], error);
    if (entry == NULL)
        return FALSE;
    if (!json_is_true(json_element(entry, 1), "foreign"))
        return drv_throw(
            error, DRV_ERROR_EXISTS, "cannot %s: the agent owns it already", what);
    return follow_call(drv, "VM.adopt", client_args("id", vm_id_of(entry)), what, error);
}

gboolean
vm_set_ip(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = vm_find(drv, words[0], error);
    g_autofree char *what = g_strdup_printf("set the address of VM '%s'", words[0]);

    if (entry == NULL)
        return FALSE;
    if (words[1] == NULL || !g_hostname_is_ip_address(words[1]))
        return drv_throw(
            error, DRV_ERROR_USAGE, "'%s' is not a valid IP address", words[1]);
    return follow_call(drv,
                       "VM.set_ip",
                       json_with_text(client_args("id", vm_id_of(entry)), "ip", words[1]),
                       what,
                       error);
}
