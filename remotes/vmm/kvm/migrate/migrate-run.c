/* SPDX-License-Identifier: Apache-2.0 */
/* The call, its proof, and what follows from it. */
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "vmm/kvm/domain/checkpoint.h"
#include "vmm/kvm/migrate/migrate.h"
#include "vmm/ops/session.h"

#define DEFAULT_TRIES 3

/* Where the VM's directory has another name at the destination, its disks have, too. */
static gboolean
add_xml(const KvmMigration *migration, DrvMigration *options, GError **error)
{
    const char *directory = migration->request->directory;
    g_autofree char *text = NULL;
    g_autofree char *file = g_build_filename(directory, "checkpoint", NULL);
    g_autofree char *edited = NULL;
    g_autoptr(DrvXml) xml = NULL;

    if (*directory != '/' || migration->directory == NULL ||
        drv_path_is_below(directory, migration->directory))
        return TRUE;
    text = drv_domain_migratable_xml(migration->domain, error);
    xml = text ? drv_xml_parse("the domain's XML", text, -1, error) : NULL;
    if (xml == NULL)
        return FALSE;
    kvm_checkpoint_move_paths(xml, file);
    edited = drv_xml_to_text(xml);
    drv_migration_xml(options, edited);
    return TRUE;
}

/* The words of kvmrc and of the VM's template, and what we need. */
static DrvMigration *
make_options(KvmMigration *migration, GError **error)
{
    const char *text = drv_config_get(migration->config, "MIGRATE_OPTIONS", "");
    g_autoptr(DrvMigration) options = drv_migration_new(text, error);
    g_autofree char *converge = drv_xml_get(
        migration->document, NULL, "VM/TEMPLATE/FEATURES/MIGRATE_AUTO_CONVERGE");
    g_autofree char *compressed = drv_xml_text(
        migration->document, NULL, "VM/TEMPLATE/FEATURES/MIGRATE_COMPRESSED");
    const char *compress_words[] = { "--compressed", NULL };

    if (options == NULL)
        return NULL;
    if (g_ascii_strcasecmp(compressed, "YES") == 0 &&
        !drv_migration_add(options, compress_words, error))
        return NULL;
    if (converge) {
        g_auto(GStrv) numbers = g_strsplit(converge, ",", 2);
        const char *words[] = {
            "--auto-converge", "--auto-converge-initial",
            numbers[0],        numbers[1] ? "--auto-converge-increment" : NULL,
            numbers[1],        NULL
        };

        if (!drv_migration_add(options, words, error))
            return NULL;
    }
    if (migration->paused)
        migration->paused = drv_migration_pause(options);
    for (guint i = 0; migration->copied && migration->copied[i]; i++)
        drv_migration_copy_disk(options, migration->copied[i]);
    return add_xml(migration, options, error) ? g_steal_pointer(&options) : NULL;
}

/* One migration and its proof.  @why gets what libvirt said, if it has not arrived. */
static gboolean
run_once(KvmMigration *migration, DrvMigrationEnd *end, GError **why, GError **error)
{
    g_autoptr(DrvMigration) options = make_options(migration, error);
    g_autoptr(GError) unknown = NULL;
    gboolean called;

    if (options == NULL)
        return FALSE;
    called = drv_migration_run(options, migration->domain, migration->destination, why);
    DRV_CANCEL_SHIELD(); /* where it is must be known, whoever wants us to stop */
    kvm_reconnect(migration);
    if (!drv_migration_prove(
            migration->uuid, migration->source, migration->destination, end, &unknown))
        return drv_throw(error,
                         drv_error_code(unknown),
                         "%s (%s)",
                         unknown->message,
                         called ? "libvirt reported success" : (*why)->message);
    if (called && *end != DRV_MIGRATION_ARRIVED)
        (void)drv_throw(why, DRV_ERROR_VIRT, "libvirt reported success");
    if (!called && *end == DRV_MIGRATION_ARRIVED)
        drv_info("it has arrived, although libvirt reported: %s", (*why)->message);
    return TRUE;
}

/* Try until it has arrived; only a domain that is intact at the source is tried again. */
gboolean
kvm_migrate_run(KvmMigration *migration,
                gboolean was_running,
                DrvMigrationEnd *end,
                GError **error)
{
    guint tries = vmm_config_uint(migration->config, "VIRSH_TRIES", DEFAULT_TRIES);

    for (guint i = 1;; i++) {
        g_autoptr(GError) why = NULL;

        if (!run_once(migration, end, &why, error))
            return FALSE;
        if (*end == DRV_MIGRATION_ARRIVED)
            return TRUE;
        if (*end == DRV_MIGRATION_STAYED && was_running)
            kvm_wake_source(migration);
        if (*end != DRV_MIGRATION_STAYED || i >= MAX(tries, 1) ||
            !drv_error_is(why, DRV_ERROR_BUSY))
            return kvm_throw_end(migration, *end, why, error);
        drv_info("try %u of %u: %s", i, tries, why->message);
    }
}
