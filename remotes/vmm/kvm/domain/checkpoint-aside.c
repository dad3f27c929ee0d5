/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints that nobody restored before the next was made: CHECKPOINT.TIME. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "vmm/kvm/domain/checkpoint.h"

gboolean
kvm_checkpoint_put_aside(const char *file, char **aside, GError **error)
{
    *aside =
        g_strdup_printf("%s.%" G_GINT64_FORMAT, file, g_get_real_time() / G_USEC_PER_SEC);
    if (g_rename(file, *aside) == 0)
        return TRUE;
    if (errno != ENOENT)
        return drv_throw_errno(error, "cannot set '%s' aside", file);
    g_clear_pointer(aside, g_free);
    return TRUE;
}

void
kvm_checkpoint_put_back(const char *file, const char *aside)
{
    if (g_rename(aside, file) < 0)
        drv_warn("'%s' is kept as '%s': %s", file, aside, g_strerror(errno));
}

/* "<base>.<digits>" */
static gboolean
is_aside(const char *name, const char *base)
{
    const char *time;

    if (!g_str_has_prefix(name, base) || name[strlen(base)] != '.')
        return FALSE;
    time = name + strlen(base) + 1;
    return *time && time[strspn(time, "0123456789")] == '\0';
}

void
kvm_checkpoint_drop_aside(const char *file)
{
    g_autofree char *directory = g_path_get_dirname(file);
    g_autofree char *base = g_path_get_basename(file);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(directory, name, NULL);

        if (is_aside(name, base) && g_unlink(path) < 0)
            drv_warn("'%s' is left: %s", path, g_strerror(errno));
    }
}
