/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/transfer.h"

#include <string.h>

#include "agent/mqttd/pci.h"
#include "agent/mqttd/pscom.h"
#include "base/error.h"
#include "base/log.h"

char *
transfer_uri(const Config *config, const char *transport, const char *host)
{
    return g_strdup_printf("%s+%s://%s/system",
                           config->driver,
                           transport ? transport : config->transport,
                           host);
}

char *
transfer_rdma_uri(const Config *config, const char *host)
{
    return g_strdup_printf("rdma://%s%s", host, config->rdma_suffix);
}

/* Any name will do that two VMs cannot share and that is no path. */
char *
transfer_file(const Config *config, const char *name, GError **error)
{
    g_autofree char *plain = g_uri_escape_string(name, NULL, FALSE);
    g_autofree char *file = g_strdup_printf("%s.%s.save", config->hostname, plain);

    if (config->swap_directory)
        return g_build_filename(config->swap_directory, file, NULL);
    (void)drv_throw(error,
                    DRV_ERROR_CONFIG,
                    "'hypervisor.swap-directory', which both hosts see, is not set");
    return NULL;
}

static json_object *
transfer_options(const Config *config, const Transfer *transfer, gboolean rdma)
{
    json_object *options = json_object_new_object();
    g_autofree char *uri = transfer_rdma_uri(config, transfer->destination);
    g_autoptr(GString) words = g_string_new(NULL);

    if (transfer->type == MIGRATE_WARM)
        g_string_append(words, "--no-live ");
    if (rdma)
        g_string_append_printf(words, "--migrateuri %s", uri);
    json_with_text(options, "words", words->str);
    json_with(options, "tries", json_object_new_int64(transfer->retries + 1));
    if (transfer->cpus)
        json_with(options, "affinity", json_object_get(transfer->cpus));
    return options;
}

static void
take_retries(json_object *result, gint64 *retries)
{
    *retries += drv_json_number(result, "retries", 0);
}

static gboolean
call(Work *work,
     const Transfer *transfer,
     const char *id,
     gboolean rdma,
     gint64 *retries,
     GError **error)
{
    g_autofree char *uri =
        transfer_uri(work->config, transfer->transport, transfer->destination);
    g_autofree char *step = g_strdup_printf("%s %s to %s",
                                            rdma ? "migrate by RDMA" : "migrate",
                                            transfer->name,
                                            transfer->destination);
    json_object *options = transfer_options(work->config, transfer, rdma);
    g_autoptr(json_object) result = NULL;
    g_autofree char *file = NULL;

    json_with_text(json_with_text(options, "id", id), "destination", uri);
    if (transfer->type == MIGRATE_OFFLINE) {
        file = transfer_file(work->config, transfer->name, error);
        if (file == NULL) {
            json_object_put(options);
            return FALSE;
        }
        json_with_text(options, "file", file);
    }
    if (!rpc_run(&work->rpc, step, "VM.migrate", options, &result, error))
        return FALSE;
    take_retries(result, retries);
    return TRUE;
}

/* One that is intact here is tried without RDMA. */
static gboolean
move_by_rdma(Work *work,
             const Transfer *transfer,
             const char *id,
             gint64 *retries,
             char **note,
             GError **error)
{
    g_autoptr(GError) why = NULL;
    g_auto(Vm) vm = { 0 };

    if (call(work, transfer, id, TRUE, retries, &why))
        return TRUE;
    if (drv_error_is(why, DRV_ERROR_CANCELLED) ||
        !vm_find(work, transfer->name, &vm, NULL) || strcmp(vm.power, "Running") != 0) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    drv_warn("'%s' cannot migrate by RDMA: %s", transfer->name, why->message);
    *note = g_strdup_printf("migrated without RDMA, which failed: %s", why->message);
    return call(work, transfer, id, FALSE, retries, error);
}

/* A record that stays could be started here while the VM runs there. */
static void
forget_record(Work *work, const char *id)
{
    g_autoptr(GError) error = NULL;

    if (!rpc_call(&work->rpc, "VM.remove", rpc_id(id), NULL, &error) &&
        !drv_error_is(error, DRV_ERROR_NOT_FOUND))
        drv_warn("the record of '%s' stays here: %s", id, error->message);
}

gboolean
transfer_move(
    Work *work, const Transfer *transfer, gint64 *retries, char **note, GError **error)
{
    gint64 began = g_get_monotonic_time();
    g_auto(Vm) vm = { 0 };
    gboolean ok;

    if (!vm_own_again(work, transfer->name, &vm, error) ||
        !pci_may_leave(work, vm.id, error))
        return FALSE;
    ok = transfer->rdma && transfer->type != MIGRATE_OFFLINE
             ? move_by_rdma(work, transfer, vm.id, retries, note, error)
             : call(work, transfer, vm.id, FALSE, retries, error);
    work_time(work, "migrate", transfer->tagged ? transfer->name : NULL, began);
    if (ok)
        forget_record(work, vm.id);
    return ok;
}

gboolean
transfer_run(
    Work *work, const Transfer *transfer, gint64 *retries, char **note, GError **error)
{
    gboolean ok;

    if (!pscom_suspend(work, transfer->name, transfer->procs, error))
        return FALSE;
    ok = transfer_move(work, transfer, retries, note, error);
    if (transfer->procs != 0 && !work->stopped)
        pscom_resume(work, transfer->name);
    return ok;
}

gboolean
transfer_fetch(Work *work, const Transfer *transfer, gint64 *retries, GError **error)
{
    json_object *options = transfer_options(work->config, transfer, FALSE);
    g_autofree char *uri =
        transfer_uri(work->config, transfer->transport, transfer->destination);
    g_autofree char *step = g_strdup_printf("fetch %s", transfer->name);
    g_autoptr(json_object) result = NULL;
    gint64 began = g_get_monotonic_time();
    gboolean ok;

    json_with_text(json_with_text(options, "uri", uri), "name", transfer->name);
    ok = rpc_run(&work->rpc, step, "HOST.fetch", options, &result, error);
    work_time(work, "migrate", transfer->name, began);
    take_retries(result, retries);
    return ok;
}
