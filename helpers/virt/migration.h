/* SPDX-License-Identifier: Apache-2.0 */
/* virt/migration.h - moving a running domain to another host.
 *
 * The migration is managed by this process, which is connected to both libvirtds: no
 * daemon needs rights on the other host.  docs/migration.md has the rules of proof.
 */
#pragma once

#include <glib.h>

#include "virt/virt.h"

typedef struct DrvMigration DrvMigration;

/* Words of `virsh migrate` as admins have them in MIGRATE_OPTIONS, and more by
 * drv_migration_add().  NULL with DRV_ERROR_CONFIG for a word that is not known.
 */
DrvMigration *drv_migration_new(const char *options, GError **error);
void drv_migration_free(DrvMigration *migration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvMigration, drv_migration_free)

/* More such words, NULL-terminated. */
gboolean drv_migration_add(DrvMigration *migration,
                           const char *const *words,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Let the domain wait at the destination until it is resumed.  FALSE with --postcopy:
 * then libvirt refuses that, and the source has no way back, so that nothing has to wait.
 */
gboolean drv_migration_pause(DrvMigration *migration);

/* Copy this disk, too; its file is there already, of the right size. */
void drv_migration_copy_disk(DrvMigration *migration, const char *target);

/* XML of the domain as it shall be at the destination (host-side changes only). */
void drv_migration_xml(DrvMigration *migration, const char *xml);

/* Move @domain.  Aborted on cancellation, when the destination's libvirtd is
 * lost, and when nothing moves for a minute.
 *
 * @migration is used up.  Neither TRUE nor FALSE says where the domain is: ask
 * drv_migration_prove().
 */
gboolean drv_migration_run(DrvMigration *migration,
                           DrvDomain *domain,
                           DrvVirt *destination,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef enum {
    DRV_MIGRATION_ARRIVED, /* not active at the source, active at the destination */
    DRV_MIGRATION_STAYED,  /* active at the source, not at the destination */
    DRV_MIGRATION_TWICE,   /* active at both: neither may be touched */
    DRV_MIGRATION_LOST,    /* active at neither */
    DRV_MIGRATION_UNKNOWN, /* one of the two cannot be asked */
} DrvMigrationEnd;

/* Where the domain with this UUID is, asked on both connections.  A destination that
 * still waits for a migration that has ended is given 45 s to give up, for so long its
 * libvirtd may believe in a host that lost its power; one that waits even then has
 * nothing that could be called arrived.  FALSE with DRV_MIGRATION_UNKNOWN when one of the
 * two cannot be asked.
 */
gboolean drv_migration_prove(const char *uuid,
                             DrvVirt *source,
                             DrvVirt *destination,
                             DrvMigrationEnd *end,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
