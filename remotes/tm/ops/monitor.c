/* SPDX-License-Identifier: Apache-2.0 */
/* monitor: how full a system datastore is, and what each VM's disks take of it. */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/chain.h"
#include "image/df.h"
#include "image/snapshots.h"
#include "stage/deleted.h"
#include "tm/tm.h"

static gboolean
parse_number(const char *text, guint64 *number)
{
    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, number, NULL);
}

typedef struct {
    const char *root; /* the directory that holds the datastores */
    char *path;       /* of a VM's directory */
    int fd;
    GString *line;
} Vm;

/* Also a disk that is an image is looked at, but nothing outside of the datastores. */
static guint64
disk_mb(const Vm *vm, const char *disk)
{
    g_autofree char *link = drv_path_read_link(vm->fd, disk);
    g_autofree char *path = g_build_filename(vm->path, disk, NULL);
    gboolean is_image = link && *link == '/';
    g_auto(DrvFd) fd = drv_chain_open(vm->root, is_image ? link : path, O_PATH, NULL);

    return fd < 0 ? 0 : drv_df_fd_mb(fd);
}

static void
add_snapshots(const Vm *vm, const char *disk, guint64 disk_id)
{
    g_autofree char *directory = g_strconcat(disk, ".snap", NULL);
    g_auto(DrvFd) fd =
        drv_path_open_beneath(vm->fd, vm->path, directory, O_PATH | O_DIRECTORY, 0, NULL);
    g_autoptr(GArray) numbers = drv_snapshots_numbers(vm->fd, vm->path, directory);

    for (guint i = 0; fd >= 0 && i < numbers->len; i++) {
        guint64 id = g_array_index(numbers, guint64, i);
        g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT, id);

        g_string_append_printf(vm->line,
                               "SNAPSHOT_SIZE=[ID=%" G_GUINT64_FORMAT
                               ",DISK_ID=%" G_GUINT64_FORMAT ",SIZE=%" G_GUINT64_FORMAT
                               "] ",
                               id,
                               disk_id,
                               drv_df_file_mb(fd, name));
    }
}

static void
add_vm(int ds_fd, const char *ds_path, const char *name, GString *out)
{
    g_autofree char *root = g_path_get_dirname(ds_path);
    g_autofree char *path = g_build_filename(ds_path, name, NULL);
    g_auto(DrvFd) fd =
        drv_path_open_beneath(ds_fd, ds_path, name, O_RDONLY | O_DIRECTORY, 0, NULL);
    g_autoptr(GString) line = g_string_new(NULL);
    Vm vm = { .root = root, .path = path, .fd = fd, .line = line };
    g_auto(GStrv) names = fd < 0 ? NULL : drv_path_list(fd, path, NULL);

    for (guint i = 0; names && names[i]; i++) {
        guint64 id;

        if (!g_str_has_prefix(names[i], "disk.") ||
            !parse_number(names[i] + strlen("disk."), &id))
            continue;
        g_string_append_printf(line,
                               "DISK_SIZE=[ID=%" G_GUINT64_FORMAT
                               ",SIZE=%" G_GUINT64_FORMAT "] ",
                               id,
                               disk_mb(&vm, names[i]));
        add_snapshots(&vm, names[i], id);
    }
    if (line->len > 0)
        g_string_append_printf(out, "%s %s\n", name, g_strchomp(line->str));
}

char *
tm_monitor_vms(const char *path, GError **error)
{
    g_auto(DrvFd) fd = drv_path_open_dir(path, error);
    g_auto(GStrv) names = fd < 0 ? NULL : drv_path_list(fd, path, error);
    GString *out;

    if (names == NULL)
        return NULL;
    drv_deleted_trim(fd, path);
    out = g_string_new(NULL);
    for (guint i = 0; names[i]; i++) {
        guint64 id;

        if (parse_number(names[i], &id))
            add_vm(fd, path, names[i], out);
    }
    return g_string_free(out, FALSE);
}

static gboolean
measure_disks(gconstpointer data, DrvSource *in, char **result, GError **error)
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

const DrvOp tm_monitor_op = { .name = "tm.monitor",
                              .request = &tm_monitor,
                              .run = measure_disks };
DRV_OP_REGISTER(tm_monitor_op);
