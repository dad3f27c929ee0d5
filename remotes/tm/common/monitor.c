/* SPDX-License-Identifier: Apache-2.0 */
/* monitor: how full a system datastore is, and what each VM's disks take of it. */
#include <fcntl.h>
#include <string.h>

#include "drv-df.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-path.h"
#include "tm.h"

static gboolean
parse_number(const char *text, guint64 *number)
{
    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, number, NULL);
}

/* Snapshots of one disk: the numbered files in its folder. */
static void
add_snapshots(
    int vm_fd, const char *vm_path, const char *disk, guint64 disk_id, GString *out)
{
    g_autofree char *folder = g_strconcat(disk, ".snap", NULL);
    g_autofree char *path = g_build_filename(vm_path, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(folder, name, NULL);
        guint64 id;

        if (parse_number(name, &id))
            g_string_append_printf(out,
                                   "SNAPSHOT_SIZE=[ID=%" G_GUINT64_FORMAT
                                   ",DISK_ID=%" G_GUINT64_FORMAT
                                   ",SIZE=%" G_GUINT64_FORMAT "] ",
                                   id,
                                   disk_id,
                                   drv_df_file_mb(vm_fd, file));
    }
}

static void
add_vm(int ds_fd, const char *ds_path, const char *vm, GString *out)
{
    g_autofree char *path = g_build_filename(ds_path, vm, NULL);
    g_auto(DrvFd) fd =
        drv_path_open_beneath(ds_fd, ds_path, vm, O_RDONLY | O_DIRECTORY, 0, NULL);
    g_autoptr(GDir) dir = fd < 0 ? NULL : g_dir_open(path, 0, NULL);
    g_autoptr(GString) line = g_string_new(NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        guint64 id;

        if (!g_str_has_prefix(name, "disk.") ||
            !parse_number(name + strlen("disk."), &id))
            continue;
        g_string_append_printf(line,
                               "DISK_SIZE=[ID=%" G_GUINT64_FORMAT
                               ",SIZE=%" G_GUINT64_FORMAT "] ",
                               id,
                               drv_df_file_mb(fd, name));
        add_snapshots(fd, path, name, id, line);
    }
    if (line->len > 0)
        g_string_append_printf(out, "%s %s\n", vm, g_strchomp(line->str));
}

char *
tm_monitor_vms(const char *path, GError **error)
{
    g_auto(DrvFd) fd = drv_path_open_dir(path, error);
    g_autoptr(GDir) dir = fd < 0 ? NULL : g_dir_open(path, 0, error);
    GString *out;
    const char *name;

    if (dir == NULL)
        return NULL;
    out = g_string_new(NULL);
    while ((name = g_dir_read_name(dir))) {
        guint64 id;

        if (parse_number(name, &id))
            add_vm(fd, path, name, out);
    }
    return g_string_free(out, FALSE);
}

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmMonitor *request = data;
    g_autofree char *text = NULL;
    g_autofree char *vms = NULL;
    DrvDf df;

    (void)in;
    if (!drv_df(request->target, &df, error))
        return FALSE;
    vms = request->vms ? tm_monitor_vms(request->target, error) : g_strdup("");
    if (vms == NULL)
        return FALSE;
    text = drv_df_text(&df);
    *result = g_strconcat(text, "\n", vms, NULL);
    return TRUE;
}

const DrvOp tm_common_monitor = { .name = "tm.monitor",
                                  .request = &tm_monitor,
                                  .run = run };
DRV_OP_REGISTER(tm_common_monitor);
