/* SPDX-License-Identifier: Apache-2.0 */
/* Probes in the form of front-ends up to 5.10. */
#include <string.h>

#include "im/base/im.h"
#include "monitor/poll-text.h"

extern const ImProbe im_linux_host;
extern const ImProbe im_wild_vm;
extern const ImProbe im_linux_usage;

static gboolean
report_flat_linux(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GString) usage = g_string_new(NULL);
    const char *rest;

    if (!im_linux_host.run(im, out, error) || !im_linux_usage.run(im, usage, error))
        return FALSE;
    /* HYPERVISOR is reported already. */
    rest = strchr(usage->str, '\n');
    g_string_append(out, rest ? rest + 1 : "");
    return TRUE;
}

IM_PROBE_REGISTER(im_flat_linux, report_flat_linux);

static void
add_usage(ImContext *im, const DrvStats *vm, GHashTable *swapped, GString *out)
{
    const guint64 *swap = g_hash_table_lookup(swapped, vm->uuid);
    double cpu = im_cpu_percent(im, vm);

    drv_poll_text_append(
        out, vm, cpu < 0 ? -1 : (gint64)(cpu * 10 + 0.5), swap ? *swap : 0);
}

/* Name and template of wild VMs, by UUID, as the other probe has them. */
static char *
import_words(const char *wild, const char *uuid)
{
    g_autofree char *key = g_strdup_printf("DEPLOY_ID=\"%s\", ", uuid);
    const char *at = strstr(wild, key);
    const char *end = at ? strstr(at, " ]\n") : NULL;

    return end ? g_strndup(at + strlen(key), (gsize)(end - at) - strlen(key)) : NULL;
}

static void
add_vm(ImContext *im,
       const DrvStats *vm,
       GHashTable *swapped,
       const char *wild,
       GString *out)
{
    gint64 id = im_vm_id(vm->name);
    g_autofree char *words = id < 0 ? import_words(wild, vm->uuid) : NULL;

    g_string_append_printf(out, "VM=[\n  ID=%" G_GINT64_FORMAT ",\n  DEPLOY_ID=", id);
    im_quote(out, id < 0 ? vm->uuid : vm->name);
    g_string_append(out, ",\n");
    if (words)
        g_string_append_printf(out, "  %s,\n", words);
    g_string_append(out, "  POLL=\"");
    add_usage(im, vm, swapped, out);
    g_string_append(out, "\" ]\n");
}

static gboolean
report_flat_poll(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GPtrArray) all = im_sampled_stats(im, error);
    g_autoptr(GHashTable) swapped = all ? im_swapped(im) : NULL;
    g_autoptr(GString) wild = g_string_new(NULL);

    if (all == NULL || !im_wild_vm.run(im, wild, error))
        return FALSE;
    g_string_append(out, "VM_POLL=YES\n");
    for (guint i = 0; i < all->len; i++)
        add_vm(im, g_ptr_array_index(all, i), swapped, wild->str, out);
    return TRUE;
}

IM_PROBE_REGISTER(im_flat_poll, report_flat_poll);
