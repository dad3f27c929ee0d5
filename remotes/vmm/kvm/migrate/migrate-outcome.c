/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from where a domain is: after a migration, and before the next. */
#include <libvirt/libvirt.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "virt/watch.h"
#include "vmm/kvm/migrate/migrate.h"
#include "vmm/ops/job.h"
#include "vmm/ops/session.h"

#define RECONNECT_US (15 * G_USEC_PER_SEC)
#define RECONNECT_EVERY_MS 500

/* QEMU locks files, and nothing else, where two hosts see it. */
static gboolean
has_unlocked_disk(DrvDomain *domain)
{
    g_autoptr(GError) ignored = NULL;
    g_autoptr(DrvXml) xml = vmm_domain_xml(domain, &ignored);

    return xml && drv_xml_has(xml,
                              NULL,
                              "/domain/devices/disk[@type!='file' and not(readonly) and "
                              "(not(@device) or @device='disk' or @device='lun')]");
}

gboolean
kvm_arrives_paused(const KvmMigration *migration, DrvDomain *domain)
{
    const char *name = "MIGRATE_ARRIVE_PAUSED";
    const char *value = drv_config_get(migration->config, name, "auto");

    if (!migration->request->shared)
        return TRUE;
    if (g_ascii_strcasecmp(value, "auto") == 0)
        return has_unlocked_disk(domain);
    return vmm_config_bool(migration->config, name, TRUE);
}

/* FALSE: it is still the lost one. */
static gboolean
renew(DrvVirt **virt)
{
    gint64 end = g_get_monotonic_time() + RECONNECT_US;

    for (;;) {
        g_autoptr(GError) why = NULL;
        DrvVirt *fresh = drv_virt_open(drv_virt_uri(*virt), &why);

        if (fresh) {
            drv_virt_close(*virt);
            *virt = fresh;
            return TRUE;
        }
        if (g_get_monotonic_time() > end ||
            drv_poll(NULL, 0, RECONNECT_EVERY_MS, NULL) < 0)
            return FALSE;
    }
}

void
kvm_reconnect(KvmMigration *migration)
{
    if (drv_virt_is_lost(migration->source) && renew(&migration->source)) {
        DrvDomain *domain = drv_virt_find(migration->source, migration->uuid, NULL);

        if (domain) {
            drv_domain_free(migration->domain);
            migration->domain = domain;
        }
    }
    if (drv_virt_is_lost(migration->destination))
        (void)renew(&migration->destination);
}

void
kvm_wake_source(KvmMigration *migration)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) error = NULL;
    DrvDomainState state;

    if (drv_domain_state(migration->domain, &state, NULL, &error) &&
        (state != DRV_STATE_PAUSED || drv_domain_resume(migration->domain, &error)))
        return;
    drv_warn("the domain at the source may be paused: %s", error->message);
}

static const char *
state_at(DrvVirt *virt, const char *uuid)
{
    g_autoptr(GError) ignored = NULL;
    g_autoptr(DrvDomain) domain = drv_virt_find(virt, uuid, &ignored);
    DrvDomainState state = DRV_STATE_ABSENT;

    if (domain == NULL || !drv_domain_state(domain, &state, NULL, &ignored))
        drv_ignore(&ignored, "it was active a moment ago");
    return drv_state_name(state);
}

gboolean
kvm_throw_end(const KvmMigration *migration,
              DrvMigrationEnd end,
              const GError *why,
              GError **error)
{
    const char *said = why ? why->message : "it was so before this call began";

    if (end == DRV_MIGRATION_TWICE)
        return drv_throw(error,
                         DRV_ERROR_VIRT,
                         "active on both hosts: %s (%s at the source, %s at the "
                         "destination, and nothing was done about it)",
                         said,
                         state_at(migration->source, migration->uuid),
                         state_at(migration->destination, migration->uuid));
    if (end == DRV_MIGRATION_LOST)
        return drv_throw(error, DRV_ERROR_VIRT, "running on neither host: %s", said);
    return drv_throw(error,
                     why ? drv_error_code(why) : DRV_ERROR_VIRT,
                     "still runs on the source: %s",
                     said);
}

gboolean
kvm_clear_to_go(KvmMigration *migration, gboolean *running, GError **error)
{
    g_autoptr(DrvWatch) watch =
        drv_watch_new(migration->domain, DRV_EVENT_LIFECYCLE, error);
    DrvMigrationEnd end;
    DrvDomainState state;
    DrvPause pause = DRV_PAUSE_NONE;

    if (watch == NULL || !vmm_wait_for_job(migration->domain, watch, error) ||
        !drv_migration_prove(
            migration->uuid, migration->source, migration->destination, &end, error))
        return FALSE;
    if (end != DRV_MIGRATION_STAYED)
        return kvm_throw_end(migration, end, NULL, error);
    if (!drv_domain_state(migration->domain, &state, &pause, error))
        return FALSE;
    *running = state == DRV_STATE_RUNNING || pause == DRV_PAUSE_MIGRATION;
    if (pause == DRV_PAUSE_MIGRATION) {
        drv_info("an earlier migration left it paused");
        kvm_wake_source(migration);
    }
    return TRUE;
}
