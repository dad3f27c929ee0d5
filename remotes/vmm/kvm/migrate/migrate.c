/* SPDX-License-Identifier: Apache-2.0 */
/* migrate and migrate_local.  Success is what both hosts say of the domain afterwards,
 * not what the call returned: docs/migration.md.
 */
#include "vmm/kvm/migrate/migrate.h"

#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "virt/agent.h"
#include "vmm/ops/directory.h"
#include "vmm/ops/host.h"
#include "vmm/ops/session.h"

void
kvm_migration_clear(KvmMigration *migration)
{
    g_clear_pointer(&migration->domain, drv_domain_free);
    g_clear_pointer(&migration->destination, drv_virt_close);
    g_clear_pointer(&migration->source, drv_virt_close);
    g_clear_pointer(&migration->document, drv_xml_free);
    g_clear_pointer(&migration->config, drv_config_free);
    g_clear_pointer(&migration->uuid, g_free);
    g_clear_pointer(&migration->directory, g_free);
    g_clear_pointer(&migration->copied, g_strfreev);
}

static DrvVirt *
open_host(const DrvConfig *config, const char *host, GError **error)
{
    const char *protocol = drv_config_get(config, "QEMU_PROTOCOL", "qemu+ssh");
    gboolean ssh = g_str_has_suffix(protocol, "+ssh");
    g_autofree char *uri = NULL;
    DrvVirt *virt;

    if (!drv_request_check_host("host", host, error))
        return NULL;
    uri = g_strdup_printf("%s://%s/system%s", protocol, host, ssh ? "?no_tty=1" : "");
    virt = drv_virt_open(uri, error);
    if (virt == NULL)
        (void)drv_prefix(error, "%s", host);
    return virt;
}

/* It is at the destination now, by this action or by one before that did not live to say
 * so.
 */
static gboolean
settle(KvmMigration *migration, gboolean resume, GError **error)
{
    g_autoptr(DrvDomain) there =
        drv_virt_find(migration->destination, migration->uuid, error);

    if (there == NULL)
        return FALSE;
    if (resume && !drv_domain_resume(there, error))
        return drv_prefix(error, "it has arrived but is not running");
    if (vmm_config_bool(migration->config, "SYNC_TIME", FALSE))
        drv_agent_sync_time_later(there);
    vmm_compact_memory(migration->config, TRUE);
    return TRUE;
}

static gboolean
go(KvmMigration *migration, GError **error)
{
    g_auto(KvmSnapshots) snapshots = { 0 };
    g_auto(KvmExec) exec = KVM_EXEC_INIT;
    DrvMigrationEnd end = DRV_MIGRATION_STAYED;
    gboolean running, ok;

    if (!kvm_clear_to_go(migration, &running, error))
        return FALSE;
    migration->paused = kvm_arrives_paused(migration, migration->domain);
    if (!migration->request->shared &&
        !kvm_storage_send(migration, migration->request->destination, error)) {
        kvm_storage_discard(migration, migration->request->destination);
        return FALSE;
    }
    kvm_exec_take(&exec, migration->domain);
    ok = kvm_snapshots_take(&snapshots, migration->domain, migration->directory, error) &&
         kvm_migrate_run(migration, running, &end, error);
    DRV_CANCEL_SHIELD();
    if (end == DRV_MIGRATION_ARRIVED)
        kvm_snapshots_put(&snapshots, migration->destination, migration->uuid);
    else if (end == DRV_MIGRATION_STAYED || end == DRV_MIGRATION_UNKNOWN)
        kvm_snapshots_put(&snapshots, migration->source, migration->uuid);
    kvm_exec_put(&exec,
                 end == DRV_MIGRATION_ARRIVED ? migration->request->destination : NULL);
    /* Unknown: the files at the destination may be those of a running domain. */
    if (!ok && end == DRV_MIGRATION_STAYED && !migration->request->shared)
        kvm_storage_discard(migration, migration->request->destination);
    return ok && settle(migration, migration->paused && running, error);
}

/* --- who and where
 * ------------------------------------------------------------------------
 */

/* It is not at the source.  Is it at the destination? */
static gboolean
has_arrived(KvmMigration *migration, GError **error)
{
    const VmmMigrate *request = migration->request;
    g_auto(KvmExec) exec = KVM_EXEC_INIT;
    g_autoptr(DrvDomain) there = vmm_find(migration->destination, request, error);
    DrvMigrationEnd end;
    DrvDomainState state;

    if (there == NULL)
        return drv_prefix(error, "it is not on the source");
    migration->uuid = g_strdup(drv_domain_uuid(there));
    if (!drv_migration_prove(
            migration->uuid, migration->source, migration->destination, &end, error))
        return FALSE;
    if (end != DRV_MIGRATION_ARRIVED)
        return kvm_throw_end(migration, end, NULL, error);
    drv_info("it has already arrived");
    kvm_exec_take(&exec, there);
    kvm_exec_put(&exec, migration->request->destination);
    if (!drv_domain_state(there, &state, NULL, error))
        return FALSE;
    return settle(migration,
                  state == DRV_STATE_PAUSED && kvm_arrives_paused(migration, there),
                  error);
}

static gboolean
start(KvmMigration *migration, GError **error)
{
    const VmmMigrate *request = migration->request;
    gboolean same = strcmp(request->destination, request->source) == 0;
    DrvDomainState state = DRV_STATE_ABSENT;
    g_autoptr(GError) why = NULL;

    migration->domain = vmm_find(migration->source, request, &why);
    if (migration->domain == NULL && !drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (migration->domain && !drv_domain_state(migration->domain, &state, NULL, error))
        return FALSE;
    if (!same)
        migration->destination =
            open_host(migration->config, request->destination, error);
    if (!same && migration->destination == NULL)
        return FALSE;
    if (!drv_state_is_active(state))
        return same ? drv_throw(error, DRV_ERROR_NOT_FOUND, "it is not active")
                    : has_arrived(migration, error);
    migration->uuid = g_strdup(drv_domain_uuid(migration->domain));
    if (!vmm_dir(migration->domain, migration->config, &migration->directory, error))
        return FALSE;
    return same ? kvm_move_datastore(migration, error) : go(migration, error);
}

static gboolean
migrate_from(const VmmMigrate *request, gboolean local, GError **error)
{
    g_auto(KvmMigration) migration = { .request = request };

    migration.document = vmm_document(request, error);
    migration.config = migration.document ? vmm_config(error) : NULL;
    if (migration.config == NULL)
        return FALSE;
    migration.source = local ? vmm_open(migration.config, error)
                             : open_host(migration.config, request->source, error);
    return migration.source && start(&migration, error);
}

static gboolean
migrate(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in;
    (void)result;
    return migrate_from(data, TRUE, error);
}

static gboolean
migrate_local(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in;
    (void)result;
    return migrate_from(data, FALSE, error);
}

const DrvOp kvm_migrate = { .name = "kvm.migrate",
                            .request = &vmm_migrate,
                            .run = migrate };
const DrvOp kvm_migrate_local = { .name = "kvm.migrate_local",
                                  .request = &vmm_migrate,
                                  .run = migrate_local };
