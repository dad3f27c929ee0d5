/* SPDX-License-Identifier: Apache-2.0 */
/* drv vm ...: what the agent owns. */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "agent/drv/vm.h"

#define SHUTDOWN_S 60.0 /* a guest has, unless said otherwise */

/* --- power
 * ------------------------------------------------------------------------------
 */

static gboolean
operate(Drv *drv, json_object *entry, const char *verb, json_object *more, GError **error)
{
    g_autofree char *method = g_strconcat("VM.", verb, NULL);
    g_autofree char *what = g_strdup_printf("%s VM '%s'", verb, vm_name_of(entry));
    json_object *args = client_args("id", vm_id_of(entry));

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
    g_autoptr(json_object) entry = vm_find(drv, words[0], error);
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

    return stop_force ? json_with(more, "force", json_object_new_boolean(TRUE))
                      : json_with(more, "delay", json_object_new_double(stop_delay));
}

static gboolean
operate_named(
    Drv *drv, const char *name, const char *verb, json_object *more, GError **error)
{
    g_autoptr(json_object) given = more;
    g_autoptr(json_object) entry = vm_find(drv, name, error);

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
    return json_with(
        json_object_new_object(), "suspend_vdi", agent_json_pair("Local", path));
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
    g_autoptr(json_object) entry = vm_find(drv, words[0], error);
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
      vm_add_options,
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
    { "delete",
      "VM",
      "end it and forget it",
      1,
      1,
      WORD_VM,
      vm_delete_options,
      vm_delete },
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
