/* SPDX-License-Identifier: Apache-2.0 */
#include "image/qemu-img.h"

/* A name relative to the command's directory, in a form that is only ever a file's name.
 */
static void
add_name(DrvCmd *cmd, const char *name)
{
    if (*name == '/')
        drv_cmd_arg(cmd, name);
    else
        drv_cmd_argf(cmd, "./%s", name);
}

static void
add_options(DrvCmd *cmd, const char *options)
{
    g_auto(GStrv) words = g_strsplit_set(options ? options : "", " \t", -1);

    for (guint i = 0; words[i]; i++) {
        if (*words[i])
            drv_cmd_arg(cmd, words[i]);
    }
}

DrvCmd *
drv_qemu_img_create(const char *name,
                    const char *format,
                    guint64 size,
                    const char *options)
{
    DrvCmd *cmd = drv_cmd_new("qemu-img", "create", "-q", "-f", format, NULL);

    add_options(cmd, options);
    add_name(cmd, name);
    drv_cmd_argf(cmd, "%" G_GUINT64_FORMAT, size);
    return cmd;
}

DrvCmd *
drv_qemu_img_overlay(const char *name,
                     guint64 size,
                     const char *backing,
                     const char *backing_format,
                     const char *options)
{
    DrvCmd *cmd = drv_cmd_new("qemu-img", "create", "-q", "-u", "-f", "qcow2", NULL);

    drv_cmd_option(cmd, "-b", backing);
    drv_cmd_option(cmd, "-F", backing_format);
    add_options(cmd, options);
    add_name(cmd, name);
    drv_cmd_argf(cmd, "%" G_GUINT64_FORMAT, size);
    return cmd;
}

DrvCmd *
drv_qemu_img_convert(const char *from,
                     const char *from_format,
                     const char *to,
                     const char *to_format,
                     gboolean sparse)
{
    DrvCmd *cmd = drv_cmd_new("qemu-img", "convert", "-q", "-U", "-W", "-m", "16", NULL);

    drv_cmd_option(cmd, "-f", from_format);
    drv_cmd_option(cmd, "-O", to_format);
    if (!sparse)
        drv_cmd_option(cmd, "-S", "0");
    drv_cmd_show_reading(cmd, "converting", 0);
    add_name(cmd, from);
    add_name(cmd, to);
    return cmd;
}

guint
drv_qemu_img_convert_timeout(guint64 size)
{
    const guint64 slow_disk = 16 * 1024 * 1024; /* bytes a second */

    return (guint)MIN(600 + size / slow_disk, G_MAXINT / 1000) * 1000;
}

DrvCmd *
drv_qemu_img_resize(const char *name, const char *format, guint64 size, gboolean full)
{
    DrvCmd *cmd = drv_cmd_new("qemu-img", "resize", "-q", "-f", format, NULL);

    if (full)
        drv_cmd_arg(cmd, "--preallocation=falloc");
    add_name(cmd, name);
    drv_cmd_argf(cmd, "%" G_GUINT64_FORMAT, size);
    return cmd;
}

/* Written through, because qemu-img changes the header before it has written its cache of
 * tables: killed between the two, it would have lost the data it has just copied.
 */
DrvCmd *
drv_qemu_img_rebase(const char *name, const char *backing, const char *backing_format)
{
    DrvCmd *cmd = drv_cmd_new("qemu-img",
                              "rebase",
                              "-q",
                              "-t",
                              "writethrough",
                              "-f",
                              "qcow2",
                              "-b",
                              backing,
                              NULL);

    if (*backing)
        drv_cmd_option(cmd, "-F", backing_format);
    add_name(cmd, name);
    return cmd;
}

DrvCmd *
drv_qemu_img_rename_backing(const char *name,
                            const char *backing,
                            const char *backing_format)
{
    DrvCmd *cmd =
        drv_cmd_new("qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-b", backing, NULL);

    drv_cmd_option(cmd, "-F", backing_format);
    add_name(cmd, name);
    return cmd;
}

DrvCmd *
drv_qemu_img_repair(const char *name)
{
    DrvCmd *cmd =
        drv_cmd_new("qemu-img", "check", "-q", "-f", "qcow2", "-r", "leaks", NULL);

    add_name(cmd, name);
    return cmd;
}
