/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of a running domain to another datastore of its host: all of them, or none. */
#include <fcntl.h>
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "image/inspect.h"
#include "virt/block.h"
#include "virt/disk.h"
#include "vmm/kvm/migrate/migrate.h"
#include "vmm/ops/session.h"

typedef struct {
    DrvDisk *disk;    /* as it was */
    char *file;       /* where it goes */
    gboolean shallow; /* what it is backed by is there already */
    enum { NOT_BEGUN, COPIED, MOVED } how;
} Move;

static void
move_free(gpointer data)
{
    Move *move = data;

    drv_disk_free(move->disk);
    g_free(move->file);
    g_free(move);
}

/* The name in the new directory of a path in the old one. */
static char *
new_path(const KvmMigration *migration, const char *path)
{
    g_autofree char *clean = drv_path_collapse(path);
    g_autofree char *directory = drv_path_collapse(migration->directory);

    if (!drv_path_is_below(clean, directory))
        return NULL;
    return g_strconcat(migration->request->directory, clean + strlen(directory), NULL);
}

/* As the file was made there: see take_backing() in migrate-send.c. */
static gboolean
look(Move *move, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };

    if (strcmp(move->disk->format, "qcow2") != 0)
        return TRUE;
    if (!drv_inspect_file(AT_FDCWD, move->file, DRV_INSPECT_NOFOLLOW, &info, error))
        return FALSE;
    move->shallow = info.backing_file != NULL;
    return TRUE;
}

static GPtrArray *
plan(KvmMigration *migration, GError **error)
{
    GPtrArray *moves = g_ptr_array_new_with_free_func(move_free);

    for (guint i = 0; migration->copied[i]; i++) {
        Move *move = g_new0(Move, 1);

        g_ptr_array_add(moves, move);
        move->disk = drv_disk_find(migration->domain, migration->copied[i], error);
        move->file = move->disk ? new_path(migration, move->disk->source) : NULL;
        if (move->file && look(move, error))
            continue;
        if (move->disk && move->file == NULL)
            (void)drv_throw(error,
                            DRV_ERROR_FAILED,
                            "'%s' is not in '%s'",
                            move->disk->source,
                            migration->directory);
        g_ptr_array_unref(moves);
        return NULL;
    }
    return moves;
}

static DrvBlockCopy
copy_of(const Move *move, const char *file)
{
    return (DrvBlockCopy){ .target = move->disk->target,
                           .file = file,
                           .format = move->disk->format,
                           .reuse = TRUE,
                           .shallow = move->shallow,
                           .pivot = TRUE };
}

/* Back to where it was, the newest data included. */
static void
undo(KvmMigration *migration, GPtrArray *moves)
{
    DRV_CANCEL_SHIELD();

    for (guint i = 0; i < moves->len; i++) {
        Move *move = g_ptr_array_index(moves, i);
        DrvBlockCopy there = copy_of(move, move->file);
        DrvBlockCopy back = copy_of(move, move->disk->source);
        g_autoptr(GError) error = NULL;

        if (move->how == COPIED)
            drv_block_copy_abort(migration->domain, &there);
        else if (move->how == MOVED && !drv_block_copy(migration->domain, &back, &error))
            drv_error_log("disk '%s' stays at '%s': %s",
                          move->disk->target,
                          move->file,
                          error->message);
    }
}

static gboolean
copy_all(KvmMigration *migration, GPtrArray *moves, GError **error)
{
    for (guint i = 0; i < moves->len; i++) {
        Move *move = g_ptr_array_index(moves, i);
        DrvBlockCopy copy = copy_of(move, move->file);

        if (!drv_block_copy_begin(migration->domain, &copy, error))
            return FALSE;
        move->how = COPIED;
    }
    for (guint i = 0; i < moves->len; i++) {
        Move *move = g_ptr_array_index(moves, i);
        DrvBlockCopy copy = copy_of(move, move->file);

        if (!drv_block_copy_end(migration->domain, &copy, error))
            return FALSE;
        move->how = MOVED;
    }
    return TRUE;
}

/* CDs are changed, read-only as they are. */
static gboolean
move_cds(KvmMigration *migration, GError **error)
{
    g_autoptr(DrvXml) live = vmm_domain_xml(migration->domain, error);
    g_autoptr(GPtrArray) drives =
        live ? drv_xml_all(live, NULL, "/domain/devices/disk[@device='cdrom']") : NULL;

    for (guint i = 0; drives && i < drives->len; i++) {
        DrvNode *drive = g_ptr_array_index(drives, i);
        DrvNode *source = drv_xml_first(live, drive, "source");
        g_autofree char *file = drv_xml_text(live, drive, "source/@file");
        g_autofree char *moved = new_path(migration, file);
        g_autofree char *xml = NULL;

        if (moved == NULL)
            continue;
        drv_xml_node_set(source, "file", moved);
        xml = drv_xml_node_to_text(drive);
        if (!drv_domain_update(migration->domain, xml, TRUE, error))
            return drv_prefix(error, "CD '%s'", file);
    }
    return drives != NULL;
}

gboolean
kvm_move_datastore(KvmMigration *migration, GError **error)
{
    g_autoptr(GPtrArray) moves = NULL;

    if (migration->directory && *migration->request->directory &&
        drv_path_is_below(migration->request->directory, migration->directory)) {
        drv_info("it already exists");
        return TRUE;
    }
    if (!kvm_only_disks_there(migration, error))
        return FALSE;
    if (!kvm_storage_send(migration, "", error) || !(moves = plan(migration, error))) {
        kvm_storage_discard(migration, "");
        return FALSE;
    }
    if (copy_all(migration, moves, error) && move_cds(migration, error) &&
        kvm_move_metadata(migration, error))
        return TRUE;
    undo(migration, moves);
    return FALSE;
}
