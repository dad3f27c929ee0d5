/* SPDX-License-Identifier: Apache-2.0 */
/* A file written down into the one below leaves a note where its snapshot is now. */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "tm/ops/tm-image.h"
#include "tm/overlay/chain-live.h"
#include "virt/block.h"
#include "virt/disk.h"

static char *
full_path(const TmSnapDisk *snap, const char *file)
{
    return g_build_filename(snap->disk.base, file, NULL);
}

/* The note that snapshot @id is in @file now; or that note's removal. */
static gboolean
write_note(TmSnapDisk *snap, const char *id, const char *file, GError **error)
{
    g_autofree char *note = g_strdup_printf("%s/%s.current", snap->disk.snap_dir, id);
    g_autofree char *path = full_path(snap, file);
    g_autofree char *text = g_strconcat(path, "\n", NULL);
    DrvStage *stage = tm_snap_data_stage(snap);
    g_auto(DrvFd) fd = drv_stage_create(stage, "note", error);

    if (fd < 0 || !drv_fd_write_all(fd, text, strlen(text), note, error))
        return FALSE;
    drv_stage_publish(stage, "note", note);
    return drv_stage_commit(stage, error);
}

static gboolean
drop_note(TmSnapDisk *snap, const char *id, GError **error)
{
    g_autofree char *note = g_strdup_printf("%s/%s.current", snap->disk.snap_dir, id);

    drv_stage_remove(tm_snap_data_stage(snap), note);
    return drv_stage_commit(tm_snap_data_stage(snap), error);
}

/* Which snapshot's content the file holds: its number, unless a note says otherwise. */
static char *
snapshot_of(const TmSnapDisk *snap, const char *file)
{
    const TmDisk *disk = &snap->disk;
    g_auto(DrvFd) fd = drv_path_open_beneath(
        disk->base_fd, disk->base, disk->snap_dir, O_RDONLY | O_DIRECTORY, 0, NULL);
    g_auto(GStrv) names = fd < 0 ? NULL : drv_path_list(fd, disk->snap_dir, NULL);

    for (guint i = 0; names && names[i]; i++) {
        const char *name = names[i];
        g_autofree char *id = NULL;
        g_autofree char *held = NULL;

        if (!g_str_has_suffix(name, ".current"))
            continue;
        id = g_strndup(name, strlen(name) - strlen(".current"));
        held = tm_disk_snapshot_file(disk, g_ascii_strtoull(id, NULL, 10));
        if (g_str_equal(held, file))
            return g_steal_pointer(&id);
    }
    return g_path_get_basename(file);
}

gboolean
tm_chain_write_down(TmSnapDisk *snap,
                    TmLive *live,
                    const char *target,
                    const char *above,
                    const char *file,
                    guint depth,
                    GError **error)
{
    g_autofree char *id = snapshot_of(snap, above);
    g_autofree char *parent = NULL;
    g_autofree char *top = NULL;
    g_autofree char *base = NULL;
    g_autoptr(GError) why = NULL;

    if (!tm_snap_parent(snap, above, &parent, error))
        return FALSE;
    top = drv_disk_chain_name(live->domain, target, depth - 1, NULL, error);
    base = top ? drv_disk_chain_name(live->domain, target, depth, NULL, error) : NULL;
    if (base == NULL || !write_note(snap, id, file, error))
        return FALSE;
    if (drv_block_commit(live->domain, target, top, base, *parent != '/', error))
        return TRUE;
    if (!drop_note(snap, id, &why))
        drv_ignore(&why, "the file above counts as long as it is there");
    return FALSE;
}
