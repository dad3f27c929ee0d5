/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of VMs that is not in memory: libvirt does not count it. */
#include <string.h>

#include "im/base/im.h"

/* Nothing is swapped out when the host's swap is all free, as it mostly is; then no
 * process needs to be looked at.
 */
static gboolean
is_swap_used(const ImContext *im)
{
    g_autofree char *text = im_read(im, "/proc/meminfo");
    guint64 total, unused;

    return text && im_field(text, "SwapTotal", &total) &&
           im_field(text, "SwapFree", &unused) && unused < total;
}

/* The word behind "-uuid" among a process's arguments, or NULL. */
static const char *
uuid_of(const char *args, gsize size)
{
    const char *end = args + size;
    gboolean next = FALSE;

    for (const char *at = args; at < end; at += strlen(at) + 1) {
        if (next)
            return at;
        next = g_str_equal(at, "-uuid");
    }
    return NULL;
}

static void
look_at(const ImContext *im, const char *pid, GHashTable *swapped)
{
    g_autofree char *path = g_strdup_printf("%s/proc/%s/cmdline", im->root, pid);
    g_autofree char *args = NULL;
    g_autofree char *status = NULL;
    const char *uuid;
    guint64 kib;
    gsize size;

    if (!g_file_get_contents(path, &args, &size, NULL) ||
        (uuid = uuid_of(args, size)) == NULL)
        return;
    status = im_read(im, "/proc/%s/status", pid);
    if (status && im_field(status, "VmSwap", &kib))
        g_hash_table_replace(swapped, g_strdup(uuid), g_memdup2(&kib, sizeof kib));
}

GHashTable *
im_swapped(const ImContext *im)
{
    GHashTable *swapped = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *path = g_strconcat(im->root, "/proc", NULL);
    g_autoptr(GDir) dir = is_swap_used(im) ? g_dir_open(path, 0, NULL) : NULL;
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *program =
            g_ascii_isdigit(*name) ? im_read(im, "/proc/%s/comm", name) : NULL;

        if (program &&
            (g_str_has_prefix(program, "qemu") || g_str_has_prefix(program, "kvm") ||
             g_str_has_prefix(program, "CPU")))
            look_at(im, name, swapped);
    }
    return swapped;
}
