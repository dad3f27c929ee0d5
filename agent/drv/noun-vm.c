/* SPDX-License-Identifier: Apache-2.0 */
/* drv vm ...: what the agent owns. */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "base/fd.h"

#define MAX_FILE (4 * 1024 * 1024)
#define SHUTDOWN_S 60.0 /* a guest has, unless said otherwise */

/* --- which VM
 * ---------------------------------------------------------------------------
 */

static const char *
id_of(json_object *entry)
{
    return drv_json_text(json_element(entry, 0), "id", "");
}

static const char *
name_of(json_object *entry)
{
    const char *name = drv_json_text(json_element(entry, 0), "name", "");

    return *name ? name : id_of(entry);
}

/* The entry of a list that is called so; an error when there are none or several. */
static json_object *
find_by_name(json_object *all, const char *name, GError **error)
{
    json_object *found = NULL;

    for (gsize i = 0; i < json_size(all); i++) {
        json_object *entry = json_element(all, i);

        if (strcmp(name_of(entry), name) != 0)
            continue;
        if (found) {
            (void)drv_throw(error,
                            DRV_ERROR_USAGE,
                            "several VMs are called '%s': %s and %s; say the id",
                            name,
                            id_of(found),
                            id_of(entry));
            return NULL;
        }
        found = entry;
    }
    if (found == NULL)
        (void)drv_throw(error, DRV_ERROR_NOT_FOUND, "there is no VM '%s'", name);
    return found;
}

/* [record, state] of the VM with this id, or else this name; the caller's. */
static json_object *
find_vm(Drv *drv, const char *word, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(json_object) all = NULL;
    json_object *entry = NULL;

    if (client_call(&drv->client, "VM.stat", client_args("id", word), 0, &entry, &why))
        return entry;
    if (!drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return NULL;
    }
    if (!client_call(&drv->client, "VM.list", client_args(NULL, NULL), 0, &all, error))
        return NULL;
    return json_object_get(find_by_name(all, word, error));
}

/* --- list, show
 * -------------------------------------------------------------------------
 */

/* What is not known for certain is said to be so. */
static char *
power_text(json_object *entry)
{
    json_object *state = json_element(entry, 1);
    const char *power = drv_json_text(state, "power_state", "Halted");
    g_autofree char *text = json_is_true(state, "unknown")
                                ? g_strdup_printf("unknown (was %s)", power)
                                : g_strdup(power);

    return g_strconcat(text, json_is_true(state, "foreign") ? ", foreign" : "", NULL);
}

static char *
memory_text(double bytes)
{
    return bytes > 0 ? g_format_size_full((guint64)bytes, G_FORMAT_SIZE_IEC_UNITS)
                     : g_strdup("-");
}

static gboolean
vm_list(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) all = NULL;
    g_auto(Table) table = TABLE_INIT;

    (void)words;
    if (!client_call(&drv->client, "VM.list", client_args(NULL, NULL), 0, &all, error))
        return FALSE;
    table_row(&table, "ID", "NAME", "STATE", "VCPUS", "MEMORY", "ADDRESS", NULL);
    for (gsize i = 0; i < json_size(all); i++) {
        json_object *entry = json_element(all, i), *record = json_element(entry, 0);
        g_autofree char *power = power_text(entry);
        g_autofree char *vcpus = g_strdup_printf("%.0f", json_real(record, "vcpus", 1));
        g_autofree char *memory = memory_text(json_real(record, "memory_dynamic_max", 0));

        if (drv->json)
            print_json(entry, FALSE);
        else
            table_row(&table,
                      id_of(entry),
                      name_of(entry),
                      power,
                      vcpus,
                      memory,
                      drv_json_text(record, "ip", "-"),
                      NULL);
    }
    if (!drv->json)
        table_print(&table);
    return TRUE;
}

static gboolean
add_devices(Drv *drv, json_object *shown, const char *id, GError **error)
{
    static const char *const lists[][2] = { { "VBD.list", "vbds" },
                                            { "VIF.list", "vifs" },
                                            { "PCI.list", "pcis" } };

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        json_object *all;

        if (!client_call(
                &drv->client, lists[i][0], client_args("id", id), 0, &all, error))
            return FALSE;
        json_with(shown, lists[i][1], all);
    }
    return TRUE;
}

static gboolean
vm_show(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = find_vm(drv, words[0], error);
    g_autoptr(json_object) shown = json_object_new_object();

    if (entry == NULL)
        return FALSE;
    json_with(shown, "vm", json_object_get(json_element(entry, 0)));
    json_with(shown, "state", json_object_get(json_element(entry, 1)));
    if (!json_is_true(json_element(entry, 1), "foreign") &&
        !add_devices(drv, shown, id_of(entry), error))
        return FALSE;
    if (drv->json)
        print_json(shown, FALSE);
    else
        print_tree(shown);
    return TRUE;
}

/* --- add, delete, adopt
 * -----------------------------------------------------------------
 */

static char *add_name, *add_memory;
static int add_vcpus;
static char **add_disks, **add_nics;
static gboolean add_persistent;

static const GOptionEntry add_options[] = {
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

    if (add_name || add_memory || add_vcpus || add_disks || add_nics || add_persistent) {
        (void)drv_throw(error, DRV_ERROR_USAGE, "say a FILE or options, not both");
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

static gboolean
add_one(
    Drv *drv, const char *method, const char *key, json_object *record, GError **error)
{
    g_autoptr(json_object) id = NULL;

    return client_call(&drv->client,
                       method,
                       json_with(client_args(NULL, NULL), key, json_object_get(record)),
                       0,
                       &id,
                       error);
}

/* All or nothing: a VM that lacks a disk is taken back. */
static gboolean
add_all(Drv *drv, json_object *all, GError **error)
{
    static const char *const lists[][3] = { { "vbds", "VBD.add", "vbd" },
                                            { "vifs", "VIF.add", "vif" },
                                            { "pcis", "PCI.add", "pci" } };
    json_object *vm = drv_json_member(all, "vm"), *nothing = NULL;
    g_autoptr(GError) ignored = NULL;
    g_autoptr(GError) why = NULL;
    gboolean ok = TRUE;

    if (!add_one(drv, "VM.add", "vm", vm, error))
        return FALSE;
    for (guint i = 0; ok && i < G_N_ELEMENTS(lists); i++) {
        json_object *list = drv_json_member(all, lists[i][0]);

        for (gsize j = 0; ok && j < json_size(list); j++)
            ok = add_one(drv, lists[i][1], lists[i][2], json_element(list, j), &why);
    }
    if (ok)
        return TRUE;
    if (client_call(&drv->client,
                    "VM.remove",
                    client_args("id", drv_json_text(vm, "id", "")),
                    0,
                    &nothing,
                    &ignored))
        return drv_throw(
            error, drv_error_code(why), "%s (no VM was added)", why->message);
    return drv_throw(error,
                     drv_error_code(why),
                     "%s (the VM is there without it, as it cannot be removed: %s)",
                     why->message,
                     ignored->message);
}

static gboolean
vm_add(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) all =
        words[0] ? describe_by_file(words[0], error) : describe_by_options(error);
    json_object *vm = drv_json_member(all, "vm");
    g_autoptr(json_object) old = NULL;
    g_autoptr(GError) why = NULL;
    const char *id = drv_json_text(vm, "id", ""), *name = drv_json_text(vm, "name", id);

    if (all == NULL)
        return FALSE;
    /* The interface would overwrite a VM that is off. */
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

static const GOptionEntry delete_options[] = {
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

static gboolean
vm_delete(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = find_vm(drv, words[0], error);
    g_autofree char *what = NULL;
    g_autofree char *power = NULL;

    if (entry == NULL)
        return FALSE;
    power = power_text(entry);
    if (strcmp(power, "Halted") != 0 && !delete_force)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "cannot delete VM '%s': it is %s; --force ends and deletes it",
                         words[0],
                         power);
    what = g_strdup_printf("delete VM '%s'", name_of(entry));
    return follow_call(drv, "VM.delete", client_args("id", id_of(entry)), what, error) &&
           (drv->no_wait || forget(drv, id_of(entry), error));
}

static gboolean
vm_adopt(Drv *drv, char **words, GError **error)
{
    g_autofree char *what = words[0] ? g_strdup_printf("adopt VM '%s'", words[0])
                                     : g_strdup("adopt what runs");

    if (words[0] == NULL)
        return follow_call(drv, "HOST.init_model", client_args(NULL, NULL), what, error);
    return follow_call(drv, "VM.adopt", client_args("id", words[0]), what, error);
}

static gboolean
vm_set_ip(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = find_vm(drv, words[0], error);
    g_autofree char *what = g_strdup_printf("set the address of VM '%s'", words[0]);

    if (entry == NULL)
        return FALSE;
    if (words[1] == NULL || !g_hostname_is_ip_address(words[1]))
        return drv_throw(
            error, DRV_ERROR_USAGE, "'%s' is not a valid IP address", words[1]);
    return follow_call(drv,
                       "VM.set_ip",
                       json_with_text(client_args("id", id_of(entry)), "ip", words[1]),
                       what,
                       error);
}

/* --- power
 * ------------------------------------------------------------------------------
 */

static gboolean
operate(Drv *drv, json_object *entry, const char *verb, json_object *more, GError **error)
{
    g_autofree char *method = g_strconcat("VM.", verb, NULL);
    g_autofree char *what = g_strdup_printf("%s VM '%s'", verb, name_of(entry));
    json_object *args = client_args("id", id_of(entry));

    if (more) {
        json_object_object_foreach(more, key, value)
            json_with(args, key, json_object_get(value));
        json_object_put(more);
    }
    return follow_call(drv, method, args, what, error);
}

static gboolean start_paused;

static const GOptionEntry start_options[] = {
    { "paused", 0, 0, G_OPTION_ARG_NONE, &start_paused, "Leave it paused", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* The agent leaves what it starts paused: only a guest that is complete may run. */
static gboolean
run_after(
    Drv *drv, json_object *entry, const char *verb, json_object *more, GError **error)
{
    if (!operate(drv, entry, verb, more, error))
        return FALSE;
    if (start_paused || drv->no_wait)
        return TRUE;
    drv->quiet = TRUE;
    return operate(drv, entry, "unpause", NULL, error);
}

static gboolean
vm_start(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = find_vm(drv, words[0], error);
    json_object *more;

    if (entry == NULL)
        return FALSE;
    if (drv->no_wait && !start_paused)
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "without waiting a VM stays paused: say --paused too");
    more = json_with(json_object_new_object(), "paused", json_object_new_boolean(FALSE));
    return run_after(drv, entry, "start", more, error);
}

static double stop_delay = SHUTDOWN_S;
static gboolean stop_force;

static const GOptionEntry stop_options[] = {
    { "delay",
      0,
      0,
      G_OPTION_ARG_DOUBLE,
      &stop_delay,
      "How long the guest has to shut down; 60",
      "SECONDS" },
    { "force", 'f', 0, G_OPTION_ARG_NONE, &stop_force, "Do not ask the guest", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static json_object *
stop_arguments(void)
{
    json_object *more = json_object_new_object();

    return stop_force ? more
                      : json_with(more, "delay", json_object_new_double(stop_delay));
}

static gboolean
operate_named(
    Drv *drv, const char *name, const char *verb, json_object *more, GError **error)
{
    g_autoptr(json_object) given = more;
    g_autoptr(json_object) entry = find_vm(drv, name, error);

    return entry && operate(drv, entry, verb, g_steal_pointer(&given), error);
}

static gboolean
vm_shutdown(Drv *drv, char **words, GError **error)
{
    return operate_named(drv, words[0], "shutdown", stop_arguments(), error);
}

static gboolean
vm_reboot(Drv *drv, char **words, GError **error)
{
    return operate_named(drv, words[0], "reboot", stop_arguments(), error);
}

static gboolean
vm_pause(Drv *drv, char **words, GError **error)
{
    return operate_named(drv, words[0], "pause", NULL, error);
}

static gboolean
vm_unpause(Drv *drv, char **words, GError **error)
{
    return operate_named(drv, words[0], "unpause", NULL, error);
}

static json_object *
file_argument(const char *path)
{
    return json_with(json_object_new_object(), "suspend_vdi", json_pair("Local", path));
}

static gboolean
check_path(const char *path, GError **error)
{
    return g_path_is_absolute(path) ||
           drv_throw(error,
                     DRV_ERROR_USAGE,
                     "FILE has to be an absolute path, as the agent sees it: '%s'",
                     path);
}

static gboolean
vm_suspend(Drv *drv, char **words, GError **error)
{
    return check_path(words[1], error) &&
           operate_named(drv, words[0], "suspend", file_argument(words[1]), error);
}

/* The agent knows where it suspended a VM to. */
static gboolean
vm_resume(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) entry = find_vm(drv, words[0], error);
    const char *known = drv_json_text(json_element(entry, 1), "suspend_file", NULL);
    const char *path = words[1] ? words[1] : known;

    if (entry == NULL || (path && !check_path(path, error)))
        return FALSE;
    return run_after(drv, entry, "resume", path ? file_argument(path) : NULL, error);
}

/* --- migrate
 * ----------------------------------------------------------------------------
 */

static gboolean migrate_offline;
static int migrate_tries = 3;

static const GOptionEntry migrate_options[] = {
    { "offline",
      0,
      0,
      G_OPTION_ARG_NONE,
      &migrate_offline,
      "Shut it down here, start it there",
      NULL },
    { "tries", 0, 0, G_OPTION_ARG_INT, &migrate_tries, "At most; 3", "N" },
    { "delay",
      0,
      0,
      G_OPTION_ARG_DOUBLE,
      &stop_delay,
      "With --offline: how long the guest has to shut down; 60",
      "SECONDS" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static gboolean
vm_migrate(Drv *drv, char **words, GError **error)
{
    g_autofree char *uri = NULL;
    json_object *more;

    if (strstr(words[1], "://"))
        uri = g_strdup(words[1]);
    else if (*words[1] &&
             strspn(words[1], G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._:[]") ==
                 strlen(words[1]))
        uri = g_strdup_printf("qemu+ssh://%s/system", words[1]);
    else
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "'%s' is not a host or libvirt's URI of one",
                         words[1]);
    if (migrate_tries < 1 || migrate_tries > 100)
        return drv_throw(error, DRV_ERROR_USAGE, "--tries is from 1 to 100");
    more = json_with_text(json_object_new_object(), "destination", uri);
    json_with(more, "live", json_object_new_boolean(!migrate_offline));
    json_with(more, "tries", json_object_new_int(migrate_tries));
    if (migrate_offline)
        json_with(more, "delay", json_object_new_double(stop_delay));
    return operate_named(drv, words[0], "migrate", more, error);
}

static const Verb verbs[] = {
    { "list", "", "all VMs", 0, 0, WORD_ANY, NULL, vm_list },
    { "show", "VM", "all that is known of one", 1, 1, WORD_VM, NULL, vm_show },
    { "add",
      "[FILE]",
      "add what FILE describes, or options",
      0,
      1,
      WORD_FILE,
      add_options,
      vm_add },
    { "start",
      "VM",
      "start, and let the guest run",
      1,
      1,
      WORD_VM,
      start_options,
      vm_start },
    { "shutdown",
      "VM",
      "have the guest shut down",
      1,
      1,
      WORD_VM,
      stop_options,
      vm_shutdown },
    { "reboot",
      "VM",
      "off, and on again as described",
      1,
      1,
      WORD_VM,
      stop_options,
      vm_reboot },
    { "suspend", "VM FILE", "memory to FILE, and off", 2, 2, WORD_VM, NULL, vm_suspend },
    { "resume", "VM [FILE]", "go on from FILE", 1, 2, WORD_VM, start_options, vm_resume },
    { "pause", "VM", "stop its CPUs", 1, 1, WORD_VM, NULL, vm_pause },
    { "unpause", "VM", "let them go on", 1, 1, WORD_VM, NULL, vm_unpause },
    { "delete", "VM", "end it and forget it", 1, 1, WORD_VM, delete_options, vm_delete },
    { "migrate",
      "VM HOST",
      "to another host, with proof",
      2,
      2,
      WORD_VM,
      migrate_options,
      vm_migrate },
    { "set-ip", "VM ADDRESS", "note its address", 2, 2, WORD_VM, NULL, vm_set_ip },
    { "adopt",
      "[VM]",
      "own a VM that somebody else started, or all",
      0,
      1,
      WORD_VM,
      NULL,
      vm_adopt },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_vm = { "vm", "virtual machines", verbs };
