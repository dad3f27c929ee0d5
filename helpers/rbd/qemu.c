/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/qemu.h"

#include <string.h>

#include "image/qemu-img.h"

#define CHILD_FD 3

static void
append_escaped(GString *text, const char *value)
{
    for (; *value; value++) {
        if (strchr(":@=\\", *value))
            g_string_append_c(text, '\\');
        g_string_append_c(text, *value);
    }
}

static void
append_option(GString *text, const char *name, const char *value)
{
    if (*value == '\0')
        return;
    g_string_append_printf(text, ":%s=", name);
    append_escaped(text, value);
}

static char *
qemu_name_of(const DrvRbdSite *site, const char *pool, const char *image)
{
    GString *text = g_string_new("rbd:");

    append_escaped(text, pool);
    g_string_append_c(text, '/');
    append_escaped(text, image);
    append_option(text, "id", site->user);
    append_option(text, "keyfile", site->key);
    append_option(text, "conf", site->conf);
    return g_string_free(text, FALSE);
}

gboolean
drv_rbd_qemu_convert(DrvRbdPool *pool,
                     int fd,
                     const char *format,
                     const char *name,
                     guint64 size,
                     GError **error)
{
    g_autofree char *target = qemu_name_of(pool->site, pool->name, name);
    g_autofree char *from = g_strdup_printf("/proc/self/fd/%d", CHILD_FD);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("qemu-img", "convert", "-n", "-W", NULL);

    drv_cmd_option(cmd, "-f", format);
    drv_cmd_option(cmd, "-O", "raw");
    drv_cmd_arg(cmd, from);
    drv_cmd_arg(cmd, target);
    drv_cmd_fd(cmd, CHILD_FD, fd);
    drv_cmd_timeout(cmd, drv_qemu_img_convert_timeout(size));
    return drv_cmd_run(cmd, error);
}
