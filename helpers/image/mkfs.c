/* SPDX-License-Identifier: Apache-2.0 */
#include "image/mkfs.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "image/qemu-img.h"

#define DEFAULT_SUPPORTED_FS "ext2,ext3,ext4,xfs"

gboolean
drv_mkfs_read_config(const char *fs,
                     char ***supported_fs,
                     char ***fs_options,
                     GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("datastore/datastore.conf", error);
    g_autofree char *key = g_strconcat("FS_OPTS_", fs, NULL);

    if (config == NULL)
        return FALSE;
    g_strfreev(*supported_fs);
    *supported_fs = g_strsplit_set(
        drv_config_get(config, "SUPPORTED_FS", DEFAULT_SUPPORTED_FS), ", ", -1);
    g_strfreev(*fs_options);
    *fs_options = g_strsplit_set(drv_config_get(config, key, ""), " \t", -1);
    return TRUE;
}

static gboolean
make_sparse(int dir_fd, const char *name, guint64 size, GError **error)
{
    g_auto(DrvFd) fd =
        drv_path_open_beneath(dir_fd, "", name, O_RDWR | O_CREAT | O_EXCL, 0666, error);

    if (fd < 0)
        return FALSE;
    if (ftruncate(fd, (off_t)size) < 0)
        return drv_throw_errno(
            error, "cannot create a file of %" G_GUINT64_FORMAT " bytes", size);
    return TRUE;
}

static gboolean
run_in(int dir_fd, DrvCmd *cmd, GError **error)
{
    drv_cmd_cwd(cmd, dir_fd);
    return drv_cmd_run(cmd, error);
}

/* mkfs.xfs overwrites with -f, the others with -F. */
static gboolean
make_fs(int dir_fd, const char *name, const DrvMkfs *want, const char *fs, GError **error)
{
    g_autofree char *tool = g_strconcat("mkfs.", fs, NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new(tool, g_str_equal(fs, "xfs") ? "-f" : "-F", NULL);

    for (guint i = 0; want->fs_options && want->fs_options[i]; i++) {
        if (*want->fs_options[i])
            drv_cmd_arg(cmd, want->fs_options[i]);
    }
    drv_cmd_argf(cmd, "./%s", name);
    return run_in(dir_fd, cmd, error);
}

static gboolean
make_swap(int dir_fd, const char *name, GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new("mkswap", "-L", "swap", NULL);

    drv_cmd_argf(cmd, "./%s", name);
    return run_in(dir_fd, cmd, error);
}

static gboolean
make_raw(
    int dir_fd, const char *name, const DrvMkfs *want, const char *fs, GError **error)
{
    return make_sparse(dir_fd, name, want->size, error) &&
           (*fs == '\0' || make_fs(dir_fd, name, want, fs, error));
}

static gboolean
make_qcow2(
    int dir_fd, const char *name, const DrvMkfs *want, const char *fs, GError **error)
{
    g_autofree char *raw = g_strconcat(name, ".raw", NULL);
    g_autoptr(DrvCmd) create = drv_qemu_img_create(name, "qcow2", want->size, NULL);
    g_autoptr(DrvCmd) convert = drv_qemu_img_convert(raw, "raw", name, "qcow2", TRUE);

    if (*fs == '\0')
        return run_in(dir_fd, create, error);
    drv_cmd_timeout(convert, drv_qemu_img_convert_timeout(want->size));
    return make_raw(dir_fd, raw, want, fs, error) && run_in(dir_fd, convert, error) &&
           drv_path_remove_tree(dir_fd, "", raw, error);
}

gboolean
drv_mkfs(int dir_fd, const char *name, const DrvMkfs *want, GError **error)
{
    gboolean is_format =
        g_str_equal(want->format, "raw") || g_str_equal(want->format, "qcow2");
    const char *fs = is_format ? (want->fs ? want->fs : "") : want->format;

    if (want->size == 0)
        return drv_throw(error, DRV_ERROR_USAGE, "the size is 0");
    if (g_str_equal(fs, "swap"))
        return make_sparse(dir_fd, name, want->size, error) &&
               make_swap(dir_fd, name, error);
    if (*fs && !g_strv_contains(want->supported_fs, fs))
        return drv_throw(
            error, DRV_ERROR_UNSUPPORTED, "unsupported file system type '%s'", fs);
    if (is_format && g_str_equal(want->format, "qcow2"))
        return make_qcow2(dir_fd, name, want, fs, error);
    return make_raw(dir_fd, name, want, fs, error);
}
