/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete of a disk whose domain runs, by the hypervisor.
 *
 * The snapshot's file is right below the active one: its data are pulled up.  It is
 * deeper: the file above it is written down into it, which leaves that one's content
 * under the snapshot's name, and "<id>.current" says so from then on.  It is in no chain
 * that the domain uses: as without a domain.
 *
 * Written down first, the note does no harm if we die: the file above keeps its content
 * until it is removed, and counts as long as it is there.
 */
#include <string.h>

#include "common/tm-image.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-path.h"
#include "drv-virt-block.h"
#include "qcow2/live.h"
#include "qcow2/snapshot.h"

/* The file of the running chain that stands on @file; NULL when the chain lacks @file. */
static gboolean
find_above(const TmSnapDisk *snap, const char *file, char **above, GError **error)
{
    g_autofree char *at = g_strdup(snap->disk.file);

    *above = NULL;
    while (!g_str_equal(at, file)) {
        g_autofree char *parent = NULL;
        g_autofree char *number = NULL;

        if (!tm_snap_parent(snap, at, &parent, error))
            return FALSE;
        number = g_path_get_basename(parent);
        g_free(*above);
        *above = g_steal_pointer(&at);
        if (*parent == '\0' ||
            !g_ascii_string_to_unsigned(number, 10, 0, G_MAXUINT32, NULL, NULL)) {
            g_clear_pointer(above, g_free);
            return TRUE;
        }
        at = g_build_filename(snap->disk.snap_dir, number, NULL);
    }
    return TRUE;
}

static char *
full_path(const TmSnapDisk *snap, const char *file)
{
    return g_build_filename(snap->disk.base, file, NULL);
}

static gboolean
pull_up(const TmSnapDisk *snap,
        TmLive *live,
        const char *target,
        const char *file,
        GError **error)
{
    g_autofree char *parent = NULL;
    g_autofree char *base = NULL;

    if (!tm_snap_parent(snap, file, &parent, error))
        return FALSE;
    if (*parent == '/')
        base = drv_path_collapse(parent);
    else if (*parent)
        base = full_path(snap, parent);
    return drv_virt_pull(live->domain, target, base, error);
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
    drv_stage_put(stage, "note", note);
    return drv_stage_commit(stage, error);
}

static gboolean
drop_note(TmSnapDisk *snap, const char *id, GError **error)
{
    g_autofree char *note = g_strdup_printf("%s/%s.current", snap->disk.snap_dir, id);

    drv_stage_take(tm_snap_data_stage(snap), note);
    return drv_stage_commit(tm_snap_data_stage(snap), error);
}

/* Which snapshot's content the file holds: its number, unless a note says otherwise. */
static char *
snapshot_of(const TmSnapDisk *snap, const char *file)
{
    g_autofree char *folder = full_path(snap, snap->disk.snap_dir);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *id = NULL;
        g_autofree char *held = NULL;

        if (!g_str_has_suffix(name, ".current"))
            continue;
        id = g_strndup(name, strlen(name) - strlen(".current"));
        held = tm_disk_snapshot_file(&snap->disk, g_ascii_strtoull(id, NULL, 10));
        if (g_str_equal(held, file))
            return g_steal_pointer(&id);
    }
    return g_path_get_basename(file);
}

static gboolean
write_down(TmSnapDisk *snap,
           TmLive *live,
           const char *target,
           const char *above,
           const char *file,
           GError **error)
{
    g_autofree char *id = snapshot_of(snap, above);
    g_autofree char *top = full_path(snap, above);
    g_autofree char *base = full_path(snap, file);
    g_autoptr(GError) why = NULL;

    if (!write_note(snap, id, file, error))
        return FALSE;
    if (drv_virt_commit(live->domain, target, top, base, error))
        return TRUE;
    if (!drop_note(snap, id, &why))
        drv_ignore(&why, "the file above counts as long as it is there");
    return FALSE;
}

/* Earlier tries may have been cut short after the hypervisor's part: the file above is
 * out of the chain then, but still there, and a note names @file as the new home.
 */
static gboolean
finish_earlier(TmSnapDisk *snap, const char *file, gboolean *finished, GError **error)
{
    g_auto(GStrv) children = tm_snap_children(snap, file, error);

    *finished = FALSE;
    for (guint i = 0; children && children[i]; i++) {
        g_autofree char *id = g_path_get_basename(children[i]);
        g_autofree char *note = g_strdup_printf("%s/%s.current", snap->disk.snap_dir, id);
        g_autofree char *above = NULL;

        if (!drv_path_exists(snap->disk.base_fd, note) ||
            g_str_equal(children[i], snap->disk.file))
            continue;
        if (!find_above(snap, children[i], &above, error))
            return FALSE;
        if (above)
            continue; /* in use: the job was not done */
        drv_stage_take(tm_snap_data_stage(snap), children[i]);
        *finished = TRUE;
        return drv_stage_commit(tm_snap_data_stage(snap), error);
    }
    return children != NULL;
}

static gboolean
delete_live(TmSnapDisk *snap,
            TmLive *live,
            const TmSnapshot *request,
            const char *file,
            GError **error)
{
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, request->snapshot_id);
    g_autofree char *note = g_strdup_printf("%s/%s.current", snap->disk.snap_dir, id);
    DrvStage *stage = tm_snap_data_stage(snap);
    g_autofree char *above = NULL;
    const char *gone = file;
    gboolean finished;

    if (!finish_earlier(snap, file, &finished, error) || finished)
        return finished;
    if (!find_above(snap, file, &above, error) ||
        !tm_snap_free_children(snap, file, above, error))
        return FALSE;
    if (above && g_str_equal(above, snap->disk.file)) {
        if (!pull_up(snap, live, request->dev_target, file, error))
            return FALSE;
    } else if (above) {
        if (!write_down(snap, live, request->dev_target, above, file, error))
            return FALSE;
        gone = above;
    }
    if (drv_path_exists(snap->disk.base_fd, note))
        drv_stage_take(stage, note);
    drv_stage_take(stage, gone);
    return drv_stage_commit(stage, error);
}

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmSnapshot *request = data;
    g_auto(TmSnapDisk) snap = TM_SNAP_DISK_INIT;
    g_auto(TmLive) live = TM_LIVE_INIT;
    g_autofree char *file = NULL;

    (void)in, (void)result;
    if (!tm_snap_disk_open(&snap, request, error))
        return FALSE;
    file = tm_disk_snapshot_file(&snap.disk, request->snapshot_id);
    if (!drv_path_exists(snap.disk.base_fd, file))
        return TRUE;
    if (g_str_equal(file, snap.disk.file))
        return drv_throw(error, DRV_ERROR_FAILED, "'%s' is the active file", file);
    return tm_live_open(
               &live, request->deploy_id, request->vm_id, request->vm_mad, error) &&
           delete_live(&snap, &live, request, file, error);
}

const DrvOp qcow2_snap_delete_live_op = {
    .name = "qcow2.snap_delete_live",
    .request = &tm_snapshot,
    .run = run,
};
DRV_OP_REGISTER(qcow2_snap_delete_live_op);
