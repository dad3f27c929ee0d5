/* SPDX-License-Identifier: Apache-2.0 */
/* stop vm, suspend vm, resume vm, repin vm. */
#include <string.h>

#include "agent/mqttd/pci.h"
#include "agent/mqttd/work.h"
#include "base/error.h"
#include "base/log.h"

/* --- stop ------------------------------------------------------------------------------
 */

/* Only a guest that runs can hear that it is asked to go. */
static gboolean
shut_down(Work *work, const Vm *vm, GError **error)
{
    json_object *options = json_object_new_object();

    if (!work->item->force) {
        if (strcmp(vm->power, "Paused") == 0 &&
            !vm_run(work, vm, "unpause", "VM.unpause", NULL, error)) {
            json_object_put(options);
            return FALSE;
        }
        json_with(options,
                  "delay",
                  json_object_new_double((double)work->config->stop_timeout_s));
    }
    return vm_run(work, vm, "shutdown", "VM.shutdown", options, error);
}

/* What is transient is unknown to libvirt now; so it is to the agent. */
static gboolean
forget(Work *work, const Vm *vm, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (work->item->undefine && !vm_run(work, vm, "delete", "VM.delete", NULL, error))
        return FALSE;
    if (vm->persistent && !work->item->undefine)
        return pci_take_back(work, vm, error) || drv_prefix(error, "it is off, but");
    if (rpc_call(&work->rpc, "VM.remove", rpc_id(vm->id), NULL, &why) ||
        drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return drv_prefix(error, "it is off, but");
}

static gboolean
stop(Work *work, const char *name, GError **error)
{
    g_auto(Vm) vm = { 0 };

    if (!vm_own_again(work, name, &vm, error))
        return FALSE;
    /* In a second process what stopped it may have been this very task. */
    if (strcmp(vm.power, "Halted") == 0 && !work->rpc.again && !work->item->undefine)
        return drv_throw(error, DRV_ERROR_FAILED, "the VM is Halted, not Running");
    return shut_down(work, &vm, error) && forget(work, &vm, error);
}

static void
stop_one(Work *work, const char *name)
{
    gint64 began = g_get_monotonic_time();
    GError *error = NULL;

    (void)stop(work, name, &error);
    (void)work_end(work, name, began, error);
}

/* Active ones, and those that an earlier process has stopped already. */
static GPtrArray *
candidates(Work *work, GError **error)
{
    g_autoptr(GPtrArray) begun = rpc_begun(&work->rpc, error);
    GPtrArray *names = begun ? vm_active(work, error) : NULL;

    for (guint i = 0; names && i < begun->len; i++) {
        g_auto(GStrv) parts = g_strsplit(g_ptr_array_index(begun, i), "/", 2);

        if (!g_ptr_array_find_with_equal_func(names, parts[0], g_str_equal, NULL))
            g_ptr_array_add(names, g_strdup(parts[0]));
    }
    return names;
}

/* One outcome per VM that matches as a whole; each has its own label. */
static void
stop_matching(Work *work)
{
    g_autofree char *whole = g_strdup_printf("^(?:%s)$", work->item->regex);
    gint64 began = g_get_monotonic_time();
    GError *error = NULL;
    g_autoptr(GRegex) regex =
        g_regex_new(whole, G_REGEX_RAW | G_REGEX_DOLLAR_ENDONLY, 0, &error);
    g_autoptr(GPtrArray) names = regex ? candidates(work, &error) : NULL;
    g_autofree char *label = g_strdup(work->rpc.label);

    if (names == NULL) {
        (void)work_end(work, work->item->regex, began, error);
        return;
    }
    for (guint i = 0; i < names->len && !work->stopped; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (!g_regex_match(regex, name, 0, NULL))
            continue;
        g_free(work->rpc.label);
        work->rpc.label = g_strdup_printf("%s/%s", label, name);
        stop_one(work, name);
    }
}

void
stop_run(Work *work)
{
    if (work->item->regex)
        stop_matching(work);
    else
        stop_one(work, work->item->name);
}

/* --- suspend, resume, repin ------------------------------------------------------------
 */

static void
change(Work *work, const char *step, const char *method, json_object *options)
{
    gint64 began = g_get_monotonic_time();
    const char *name = work->item->name;
    g_auto(Vm) vm = { 0 };
    GError *error = NULL;

    if (!vm_own(work, name, &vm, &error) ||
        !vm_run(work, &vm, step, method, json_object_get(options), &error))
        drv_debug("%s %s: %s", step, name, error->message);
    json_object_put(options);
    (void)work_end(work, name, began, error);
}

void
suspend_run(Work *work)
{
    change(work, "pause", "VM.pause", NULL);
}

void
resume_run(Work *work)
{
    change(work, "unpause", "VM.unpause", NULL);
}

void
repin_run(Work *work)
{
    change(work,
           "pin",
           "VM.set_affinity",
           json_with(
               json_object_new_object(), "affinity", json_object_get(work->item->cpus)));
}
