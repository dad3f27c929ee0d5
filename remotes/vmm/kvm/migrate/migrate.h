/* SPDX-License-Identifier: Apache-2.0 */
/* migrate.h - the parts of a migration. */
#pragma once

#include "base/config.h"
#include "request/xml.h"
#include "virt/disk.h"
#include "virt/migration.h"
#include "virt/virt.h"
#include "vmm/vmm.h"

typedef struct {
    const VmmMigrate *request;
    DrvConfig *config;
    DrvXml *document;
    DrvVirt *source;
    DrvVirt *destination;
    DrvDomain *domain; /* at the source */
    char *uuid;
    char *directory; /* of the VM at the source; may be NULL */
    char **copied;   /* targets of disks that travel with the domain; may be NULL */
    gboolean paused; /* ask for a domain that waits at the destination */
} KvmMigration;
void kvm_migration_clear(KvmMigration *migration);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KvmMigration, kvm_migration_clear)

/* Before anything is sent: wait for what an earlier migration, which was killed, had
 * begun.  FALSE when the domain is at the destination, too: neither it nor its files may
 * be touched.  *running: it is to run when it has arrived.
 */
gboolean kvm_clear_to_go(KvmMigration *migration,
                         gboolean *running,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when it is to wait at the destination for the proof: with disks of its own there,
 * or where no lock keeps two from writing to one disk.
 */
gboolean kvm_arrives_paused(const KvmMigration *migration, DrvDomain *domain);

/* A domain that a failed migration left waiting goes on where it is. */
void kvm_wake_source(KvmMigration *migration);

/* A libvirtd that was lost on the way may be there again, or soon: wait for it, a while.
 * The domain at the source is looked up again, if it is still there.
 */
void kvm_reconnect(KvmMigration *migration);

/* Say that it has not arrived, where it is, and @why (NULL: found so beforehand); FALSE.
 */
gboolean kvm_throw_end(const KvmMigration *migration,
                       DrvMigrationEnd end,
                       const GError *why,
                       GError **error);

/* Call, prove, and call again where that may help.  TRUE: it has arrived.  *end says
 * where it is, as far as that is known (STAYED from the caller).
 */
gboolean kvm_migrate_run(KvmMigration *migration,
                         gboolean was_running,
                         DrvMigrationEnd *end,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Snapshots while a domain is on its way: libvirt moves none that has any. */
typedef struct {
    GPtrArray *xml; /* parents first */
    char *current;  /* name; may be NULL */
} KvmSnapshots;
void kvm_snapshots_clear(KvmSnapshots *snapshots);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KvmSnapshots, kvm_snapshots_clear)

/* Take them out of libvirt; on failure they are back. */
gboolean kvm_snapshots_take(KvmSnapshots *snapshots,
                            DrvDomain *domain,
                            const char *directory,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Tell libvirt of them again, wherever the domain is; failures are logged. */
void kvm_snapshots_put(const KvmSnapshots *snapshots, DrvVirt *virt, const char *uuid);

/* The file of a command that runs in the guest. */
typedef struct {
    int dir_fd, fd; /* of its directory, and its own; -1: there is none */
    char *name, *aside;
} KvmExec;
#define KVM_EXEC_INIT                                                                    \
    {                                                                                    \
        .dir_fd = -1, .fd = -1                                                           \
    }
void kvm_exec_clear(KvmExec *exec);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KvmExec, kvm_exec_clear)
/* Set it aside, if there is one. */
void kvm_exec_take(KvmExec *exec, DrvDomain *domain);
/* Send it to @host, where the guest is now; NULL: it stays, for the probe here. */
void kvm_exec_put(const KvmExec *exec, const char *host);

/* Storage that is not shared: make the directory, files and placeholders at @host ("":
 * here); the targets of the disks to copy while the guest runs are then in
 * migration->copied.
 */
gboolean kvm_storage_send(KvmMigration *migration,
                          const char *host,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Remove the directory at @host: the domain is known not to be there. */
void kvm_storage_discard(KvmMigration *migration, const char *host);

/* For kvm_storage_send(): one name of the directory. */
typedef struct {
    KvmMigration *migration;
    const char *host;
    GPtrArray *disks;  /* DrvDisk of the domain */
    GPtrArray *copied; /* targets */
} KvmSender;
gboolean kvm_send_file(const KvmSender *sender,
                       const char *path,
                       const char *name,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean kvm_send_link(const KvmSender *sender,
                       const char *text,
                       const char *name,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* An empty image of the shape of @disk, which is at @path. */
gboolean kvm_send_image(const KvmSender *sender,
                        const DrvDisk *disk,
                        const char *path,
                        const char *name,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean kvm_send_discard(const KvmSender *sender,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE when the domain has something in its directory that cannot follow while it runs.
 */
gboolean kvm_only_disks_there(const KvmMigration *migration,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Its metadata name the new directory from now on. */
gboolean kvm_move_metadata(KvmMigration *migration,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Move a running domain's disks to another datastore of this host. */
gboolean kvm_move_datastore(KvmMigration *migration,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
