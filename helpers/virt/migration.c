/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/migration.h"

#include <libvirt/libvirt-qemu.h>
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/status.h"
#include "virt/migration-private.h"

#define LOOK_EVERY_MS 1000
#define STALLED_S 60
#define SETTLE_MS 45000
#define DISMISS_MS 2000

/* --- giving up
 * ------------------------------------------------------------------------------- */

/* {"execute":"yank","arguments":{"instances":[{"type":"block-node","node-name":N}]}} */
static char *
yank_command(const char *target)
{
    g_autofree char *node = g_strdup_printf("migration-%s-storage", target);
    g_autoptr(json_object) command = json_object_new_object();
    json_object *arguments = json_object_new_object();
    json_object *instances = json_object_new_array();
    json_object *instance = json_object_new_object();

    drv_json_add_text(instance, "type", "block-node");
    drv_json_add_text(instance, "node-name", node);
    json_object_array_add(instances, instance);
    json_object_object_add(arguments, "instances", instances);
    drv_json_add_text(command, "execute", "yank");
    json_object_object_add(command, "arguments", arguments);
    return drv_json_print(command);
}

/* The connection by which a disk travels is closed.  QEMU would wait in the middle of an
 * abort, and the guest with it, for what a destination that is gone has not answered: for
 * a quarter of an hour.  The name is libvirt's, the command is in QEMU's QMP reference.
 */
static void
cut_off_disk(virDomainPtr domain, const char *target)
{
    g_autofree char *command = yank_command(target);
    char *answer = NULL;

    if (virDomainQemuMonitorCommand(domain, command, &answer, 0) < 0)
        drv_debug("cannot close the connection of disk %s", target);
    free(answer); /* libvirt's own allocation */
}

/* @call->text: targets of the disks that travel, with spaces between them. */
static gboolean
do_abort(DrvVirtCall *call)
{
    g_auto(GStrv) targets = g_strsplit(call->text, " ", -1);

    for (guint i = 0; targets[i]; i++)
        cut_off_disk(call->domain, targets[i]);
    return virDomainAbortJob(call->domain) >= 0;
}

/* --- the watcher: looks after a migration while libvirt is at it
 * ---------------------------
 */

typedef struct {
    GMutex lock;
    GCond changed;
    gboolean ended; /* the migration */
    gboolean gone;  /* the watcher */
    virDomainPtr domain;
    guint timeout_s;
    gboolean postcopy;
    guint64 moved; /* bytes, when they last changed */
    gint64 moved_at;
} Watcher;

static gboolean
destination_is_lost(const DrvVirtCall *call)
{
    struct pollfd fd = { .fd = call->other_fd, .events = POLLIN };

    return poll(&fd, 1, 0) > 0;
}

static guint64
bytes_moved(virDomainPtr domain)
{
    virDomainJobInfo info = { 0 };

    if (virDomainGetJobInfo(domain, &info) < 0)
        return 0;
    drv_status_progress(info.dataProcessed, info.dataTotal);
    return info.memProcessed + info.fileProcessed;
}

static gboolean
is_stalled(Watcher *watcher)
{
    guint64 moved = bytes_moved(watcher->domain);
    gint64 now = g_get_monotonic_time();

    if (moved != watcher->moved) {
        watcher->moved = moved;
        watcher->moved_at = now;
    }
    return now - watcher->moved_at > STALLED_S * G_USEC_PER_SEC;
}

/* The guest writes faster than can be sent: stop it, or let it go over as it is. */
static void
end_race(Watcher *watcher)
{
    if (watcher->postcopy)
        (void)virDomainMigrateStartPostCopy(watcher->domain, 0);
    else
        (void)virDomainSuspend(watcher->domain);
    watcher->timeout_s = 0;
}

typedef struct {
    DrvVirt *destination; /* a reference */
    Watcher watcher;
} Flight;

static void
flight_free(gpointer data)
{
    Flight *flight = data;

    drv_virt_close(flight->destination);
    g_mutex_clear(&flight->watcher.lock);
    g_cond_clear(&flight->watcher.changed);
    g_free(flight);
}

/* A thread that holds a reference to the call. */
static gpointer
watch_migration(gpointer data)
{
    DrvVirtCall *call = data;
    Watcher *watcher = &((Flight *)call->in)->watcher;
    gint64 start = g_get_monotonic_time();

    g_mutex_lock(&watcher->lock);
    while (!watcher->ended) {
        gint64 next = g_get_monotonic_time() + LOOK_EVERY_MS * 1000;

        g_cond_wait_until(&watcher->changed, &watcher->lock, next);
        if (watcher->ended || g_get_monotonic_time() < next)
            continue;
        g_mutex_unlock(&watcher->lock);
        if (destination_is_lost(call) || is_stalled(watcher))
            (void)do_abort(call);
        else if (watcher->timeout_s > 0 &&
                 next - start > watcher->timeout_s * G_USEC_PER_SEC)
            end_race(watcher);
        g_mutex_lock(&watcher->lock);
    }
    watcher->gone = TRUE;
    g_cond_signal(&watcher->changed);
    g_mutex_unlock(&watcher->lock);
    drv_virt_call_free(call);
    return NULL;
}

/* --- the call
 * ---------------------------------------------------------------------------- */

/* Its own calls may never come back, if the source's libvirtd hangs: it is left alone. */
static void
dismiss(Watcher *watcher)
{
    gint64 end = g_get_monotonic_time() + DISMISS_MS * 1000;

    g_mutex_lock(&watcher->lock);
    watcher->ended = TRUE;
    g_cond_signal(&watcher->changed);
    while (!watcher->gone && g_cond_wait_until(&watcher->changed, &watcher->lock, end))
        continue;
    g_mutex_unlock(&watcher->lock);
}

static gboolean
do_migrate(DrvVirtCall *call)
{
    Flight *flight = call->in;
    Watcher *watcher = &flight->watcher;
    virDomainPtr there;

    watcher->domain = call->domain;
    watcher->moved_at = g_get_monotonic_time();
    watcher->ended = watcher->gone = FALSE;
    g_thread_unref(
        g_thread_new("virt-migration", watch_migration, drv_virt_call_ref(call)));
    there = virDomainMigrate3(call->domain,
                              flight->destination->conn,
                              call->params,
                              (unsigned)call->n_params,
                              call->flags);
    if (there == NULL)
        drv_virt_call_note(call);
    dismiss(watcher);
    if (there)
        virDomainFree(there);
    return there != NULL;
}

/* For call->text.  A name of a target that would need quotes in JSON is refused. */
static char *
travelling_disks(const DrvMigration *migration)
{
    g_autoptr(GString) targets = g_string_new(NULL);

    for (int i = 0; i < migration->n_params; i++) {
        const virTypedParameter *param = &migration->params[i];

        if (g_str_equal(param->field, VIR_MIGRATE_PARAM_MIGRATE_DISKS) &&
            !strpbrk(param->value.s, " \"\\"))
            g_string_append_printf(
                targets, "%s%s", targets->len ? " " : "", param->value.s);
    }
    return g_string_free(g_steal_pointer(&targets), FALSE);
}

gboolean
drv_migration_run(DrvMigration *migration,
                  DrvDomain *domain,
                  DrvVirt *destination,
                  GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_on(domain, "migrate the domain", do_migrate);
    Flight *flight = g_new0(Flight, 1);

    flight->destination = drv_virt_ref(destination);
    g_mutex_init(&flight->watcher.lock);
    g_cond_init(&flight->watcher.changed);
    flight->watcher.timeout_s = migration->timeout_s;
    flight->watcher.postcopy = migration->timeout_postcopy;
    call->in = flight;
    call->in_free = flight_free;
    call->abort = do_abort;
    call->text = travelling_disks(migration);
    call->other_fd = destination->life->closed_fd; /* the flight keeps it */
    call->timeout_ms = DRV_VIRT_NO_DEADLINE;
    call->flags = migration->flags;
    call->params = g_steal_pointer(&migration->params);
    call->n_params = migration->n_params;
    drv_status_step("migrating", 0);
    return drv_virt_call_patiently(domain, NULL, call, error);
}

/* --- proof
 * ------------------------------------------------------------------------------- */

/* Whether the domain is active there; *waiting: it is, but for a migration to come in. */
static gboolean
look(DrvVirt *virt, const char *uuid, gboolean *active, gboolean *waiting, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvDomain) domain = drv_virt_find(virt, uuid, &why);
    DrvDomainState state = DRV_STATE_ABSENT;
    DrvPause pause = DRV_PAUSE_NONE;

    *active = *waiting = FALSE;
    if (domain == NULL) {
        if (drv_error_is(why, DRV_ERROR_NOT_FOUND))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (!drv_domain_state(domain, &state, &pause, error))
        return FALSE;
    *active = drv_state_is_active(state);
    *waiting = pause == DRV_PAUSE_MIGRATION || pause == DRV_PAUSE_STARTING;
    return TRUE;
}

gboolean
drv_migration_prove(const char *uuid,
                    DrvVirt *source,
                    DrvVirt *destination,
                    DrvMigrationEnd *end,
                    GError **error)
{
    static const DrvMigrationEnd ends[2][2] = {
        { DRV_MIGRATION_LOST, DRV_MIGRATION_ARRIVED },
        { DRV_MIGRATION_STAYED, DRV_MIGRATION_TWICE },
    };
    gint64 until = g_get_monotonic_time() + SETTLE_MS * 1000;
    gboolean here, there, waiting, ignored;

    *end = DRV_MIGRATION_UNKNOWN;
    for (;;) {
        if (!look(source, uuid, &here, &ignored, error))
            return drv_prefix(error, "source");
        if (!look(destination, uuid, &there, &waiting, error))
            return drv_prefix(error,
                              here ? "active on the source; destination"
                                   : "gone from the source; destination");
        /* Libvirt clears up what it had begun; while it does, this looks like two, or
         * like one that has arrived.
         */
        if (!waiting || g_get_monotonic_time() > until) {
            *end = ends[here][there && (here || !waiting)];
            return TRUE;
        }
        if (drv_poll(NULL, 0, LOOK_EVERY_MS / 4, error) < 0)
            return FALSE;
    }
}
