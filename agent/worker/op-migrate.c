/* SPDX-License-Identifier: Apache-2.0 */
/* VM.migrate: to another host's libvirt.  options:
 *
 *     destination  its URI, as this host reaches it
 *     live         false: shut down here, proven off, started there (default true)
 *     tries        how often at most (3); only a VM that is intact here is tried again
 *     words        of `virsh migrate`, as in kvmrc's MIGRATE_OPTIONS, and --no-live: the
 *                  guest stands still while it is copied
 *     affinity     as of VM.set_affinity, before the guest runs at the destination
 *     file         on storage of both hosts: it is saved there and restored, not copied
 *     delay        as of VM.shutdown, for a migration that is not live
 *
 * The destination's URI is reported before anything is begun, as "migrating_to": whoever
 * comes after a kill asks both hosts (docs/migration.md has the rules of proof).  It has
 * arrived when it is active there and not here; what cannot be asked is unknown, which is
 * no success and is not tried again.
 */
#include <string.h>

#include "agent/worker/ops.h"
#include "base/cancel.h"
#include "base/log.h"
#include "vmm/kvm/migrate/migrate.h"
#include "vmm/ops/session.h"

#define DEFAULT_TRIES 3

/* --- what is known of where it is ------------------------------------------------------
 */

static void
report_target(const char *key, const char *uri)
{
    json_object *state = json_object_new_object();

    json_object_object_add(state, key, uri ? json_object_new_string(uri) : NULL);
    job_state(state);
}

void
migrate_report_gone(Job *job, const char *uri)
{
    json_object *state = json_object_new_object();

    json_object_object_add(state, "uuid", json_object_new_string(job->uuid));
    json_object_object_add(state, "power_state", json_object_new_string("Halted"));
    json_object_object_add(state, "domids", json_object_new_array());
    json_object_object_add(state, "migrating_to", NULL);
    json_object_object_add(state, "migrated_to", json_object_new_string(uri));
    job->result = json_object_get(state);
    job_state(state);
}

static DrvVirt *
open_destination(Job *job, const char *uri, GError **error)
{
    DrvVirt *virt = drv_virt_open(uri, error);

    if (virt == NULL && error)
        (void)job_fail(job,
                       NULL,
                       DRV_ERROR_VIRT,
                       "Failed_to_contact_remote_service",
                       json_object_new_string(uri),
                       "%s",
                       (*error)->message);
    return virt;
}

gboolean
migrate_resolve(Job *job, gboolean *elsewhere, GError **error)
{
    const char *uri = drv_json_text(job->vm, "migrating_to", "");
    g_autoptr(DrvVirt) destination = NULL;
    DrvMigrationEnd end = DRV_MIGRATION_UNKNOWN;

    *elsewhere = FALSE;
    if (*uri == '\0')
        return TRUE;
    destination = open_destination(job, uri, error);
    if (destination == NULL ||
        !drv_migration_prove(job->uuid, job->virt, destination, &end, error))
        return drv_prefix(error,
                          "a migration was begun, and where the VM is, is unknown");
    *elsewhere = end == DRV_MIGRATION_ARRIVED;
    if (end == DRV_MIGRATION_TWICE)
        return drv_throw(
            error, DRV_ERROR_VIRT, "the VM is active at both hosts, nothing is done");
    if (!*elsewhere)
        report_target("migrating_to", NULL);
    return TRUE;
}

/* What cannot be asked may run there; who knows better removes the VM and adds it. */
gboolean
migrate_may_start(Job *job, GError **error)
{
    const char *uri = drv_json_text(job->vm, "migrated_to", "");
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvVirt) there = *uri ? open_destination(job, uri, &why) : NULL;
    g_autoptr(DrvDomainFacts) facts =
        there ? drv_domains_look(there, job->uuid, &why) : NULL;

    if (*uri == '\0' || (there && drv_error_is(why, DRV_ERROR_NOT_FOUND)))
        return TRUE;
    if (facts == NULL)
        return drv_throw(error,
                         drv_error_code(why),
                         "it was moved to %s, which cannot be asked (%s)",
                         uri,
                         why->message);
    if (!drv_state_is_active(facts->state))
        return TRUE;
    return job_fail(job,
                    error,
                    DRV_ERROR_VIRT,
                    "Bad_power_state",
                    agent_json_pair("Running", "Halted"),
                    "it runs at %s, where it was moved",
                    uri);
}

/* --- live ------------------------------------------------------------------------------
 */

/* kvmrc's words, the caller's, and those that keep a definition with its domain. */
static DrvConfig *
migration_config(Job *job, gboolean persistent, GError **error)
{
    g_autoptr(DrvConfig) kvmrc = vmm_config(error);
    g_autofree char *words = NULL;
    g_autofree char *quoted = NULL;
    g_autofree char *text = NULL;

    if (kvmrc == NULL)
        return NULL;
    words = g_strjoin(" ",
                      drv_config_get(kvmrc, "MIGRATE_OPTIONS", ""),
                      drv_json_text(job->options, "words", ""),
                      persistent ? "--persistent --undefinesource" : "",
                      NULL);
    quoted = g_shell_quote(words);
    text =
        g_strdup_printf("MIGRATE_OPTIONS=%s\nVIRSH_TRIES=1\nMIGRATE_ARRIVE_PAUSED=%s\n",
                        quoted,
                        drv_config_get(kvmrc, "MIGRATE_ARRIVE_PAUSED", "auto"));
    return drv_config_parse("the options of the migration", text, error);
}

typedef struct {
    KvmMigration *migration;
    gboolean running;
    DrvMigrationEnd end;
} Attempt;

static gboolean
attempt(DrvDomain *domain, gpointer data, GError **error)
{
    Attempt *attempt = data;

    (void)domain;
    return kvm_migrate_run(attempt->migration, attempt->running, &attempt->end, error);
}

/* *tried counts.  Only what is intact at the source is tried again. */
static gboolean
try_often(
    Job *job, KvmMigration *migration, gboolean running, gint64 *tried, GError **error)
{
    gint64 tries = MAX(drv_json_number(job->options, "tries", DEFAULT_TRIES), 1);

    for (*tried = 1;; ++*tried) {
        Attempt once = { migration, running, DRV_MIGRATION_STAYED };
        g_autoptr(GError) why = NULL;

        if (run_followed(
                job, migration->domain, "migrate", 0.1, 0.9, attempt, &once, &why))
            return TRUE;
        if (once.end == DRV_MIGRATION_STAYED)
            report_target("migrating_to", NULL);
        if (once.end != DRV_MIGRATION_STAYED || *tried >= tries ||
            drv_error_is(why, DRV_ERROR_CANCELLED)) {
            if (once.end == DRV_MIGRATION_STAYED)
                job->undone = g_strdup("the VM goes on at the source");
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        drv_info("try %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ": %s",
                 *tried,
                 tries,
                 why->message);
        report_target("migrating_to", drv_virt_uri(migration->destination));
    }
}

/* It has arrived: put it on its CPUs, and let it run if it waits for that.  One that
 * cannot be pinned is not held back for it.
 */
static gboolean
wake(Job *job, KvmMigration *migration, gboolean run, GError **error)
{
    json_object *affinity = drv_json_member(job->options, "affinity");
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvDomain) there =
        drv_virt_find(migration->destination, migration->uuid, error);
    gboolean pinned = there && pin_all(there, affinity, &why);

    if (there == NULL || (run && !drv_domain_resume(there, error)))
        return drv_prefix(error, "it has arrived and waits to be resumed");
    return pinned || drv_throw(error,
                               DRV_ERROR_VIRT,
                               "it has arrived, without vcpu-map: %s",
                               why->message);
}

/* A connection of its own: one that is lost on the way is replaced. */
static gboolean
migration_open(Job *job, KvmMigration *migration, gboolean persistent, GError **error)
{
    migration->config = migration_config(job, persistent, error);
    migration->source =
        migration->config ? drv_virt_open(drv_virt_uri(job->virt), error) : NULL;
    migration->domain =
        migration->source ? drv_virt_find(migration->source, job->uuid, error) : NULL;
    migration->document = drv_xml_new("VMM_DRIVER_ACTION_DATA");
    migration->uuid = g_strdup(job->uuid);
    return migration->domain != NULL;
}

static void
put_retries(Job *job, gint64 tried)
{
    json_object_object_add(job->result, "retries", json_object_new_int64(tried - 1));
}

static gboolean
move(Job *job, KvmMigration *migration, GError **error)
{
    /* A connection that is lost on the way is replaced. */
    g_autofree char *uri = g_strdup(drv_virt_uri(migration->destination));
    gboolean running, pin = json_size(drv_json_member(job->options, "affinity")) > 0;
    gint64 tried = 0;

    if (!kvm_clear_to_go(migration, &running, error))
        return FALSE;
    migration->paused = pin || kvm_arrives_paused(migration, migration->domain);
    report_target("migrating_to", uri);
    if (!try_often(job, migration, running, &tried, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    migrate_report_gone(job, uri);
    put_retries(job, tried);
    return !(pin || (migration->paused && running)) ||
           wake(job, migration, migration->paused && running, error);
}

static gboolean
migrate_live(Job *job, Facts *facts, const char *uri, GError **error)
{
    char empty[] = "";
    VmmMigrate request = {
        .destination = empty, .source = empty, .directory = empty, .shared = TRUE
    };
    g_auto(KvmMigration) migration = { .request = &request };

    migration.destination = open_destination(job, uri, error);
    return migration.destination &&
           migration_open(job, &migration, facts->look->persistent, error) &&
           job_step(job, 0.05, "prepare", TRUE, error) && move(job, &migration, error);
}

/* --- not live --------------------------------------------------------------------------
 */

static gboolean
is_off_here(Job *job, GError **error)
{
    g_auto(Facts) facts = { 0 };

    if (!facts_read(job, &facts, error))
        return FALSE;
    if (facts_is_active(&facts))
        return drv_throw(error, DRV_ERROR_BUSY, "it is still active at the source");
    return !facts.exists || drv_domain_undefine(facts.domain, error);
}

/* A start that fails leaves the VM off, and its record where it was. */
static gboolean
migrate_cold(Job *job, Facts *facts, const char *uri, GError **error)
{
    json_object *delay = drv_json_member(job->options, "delay");
    g_autoptr(DrvVirt) destination = open_destination(job, uri, error);
    double seconds = delay ? json_object_get_double(delay) : 60;

    if (destination == NULL || !job_step(job, 0.1, "shut down", TRUE, error) ||
        !stop_softly(job, facts->domain, seconds, error) || !is_off_here(job, error) ||
        !report_state(job, error))
        return FALSE;
    json_object_put(g_steal_pointer(&job->result));
    report_target("migrating_to", uri);
    json_object_object_add(job->options, "unpause", json_object_new_boolean(TRUE));
    if (!start_domain(job, destination, 0.5, error)) {
        report_target("migrating_to", NULL);
        return drv_prefix(error, "it is off here and did not start there");
    }
    json_object_put(g_steal_pointer(&job->result));
    migrate_report_gone(job, uri);
    put_retries(job, 1);
    return TRUE;
}

/* --- the operation ---------------------------------------------------------------------
 */

gboolean
op_migrate(Job *job, GError **error)
{
    const char *uri = drv_json_text(job->options, "destination", "");
    g_auto(Facts) facts = { 0 };
    gboolean elsewhere;

    if (*uri == '\0')
        return drv_throw(error, DRV_ERROR_USAGE, "no destination was given");
    if (!job_step(job, 0, "look", TRUE, error) ||
        !migrate_resolve(job, &elsewhere, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (elsewhere && strcmp(uri, drv_json_text(job->vm, "migrating_to", "")) == 0) {
        migrate_report_gone(job, uri);
        return TRUE;
    }
    if (*drv_json_text(job->options, "file", "") &&
        (facts_is_active(&facts) || facts_is_saved(job)))
        return migrate_by_file(job, &facts, uri, error);
    if (!facts_is_active(&facts))
        return job_bad_power(job, facts_power(job, &facts), "Running", error);
    if (facts.unsurvivable)
        return drv_throw(
            error, DRV_ERROR_BUSY, "task '%s' has not completed it", facts.unsurvivable);
    return drv_json_flag(job->options, "live", TRUE)
               ? migrate_live(job, &facts, uri, error)
               : migrate_cold(job, &facts, uri, error);
}
