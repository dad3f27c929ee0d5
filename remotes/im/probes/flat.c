/* SPDX-License-Identifier: Apache-2.0 */
/* Probes in the form of front-ends up to 5.10. */
#include <string.h>

#include "base/action.h"
#include "im/base/im.h"
#include "im/state/states.h"

#define G64 G_GUINT64_FORMAT

gboolean
im_flat_linux(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GString) usage = g_string_new(NULL);
    const char *rest;

    if (!im_linux_host(im, out, error) || !im_linux_usage(im, usage, error))
        return FALSE;
    /* HYPERVISOR is told already. */
    rest = strchr(usage->str, '\n');
    g_string_append(out, rest ? rest + 1 : "");
    return TRUE;
}

/* One of active, error; a domain that only is paused for a moment is active. */
static char
state_letter(const DrvStats *vm)
{
    const char *word = im_state_word(vm->state, vm->reason);

    if (!drv_release_at_least(drv_action_release(), 5, 6, 0))
        return vm->state == 6 ? 'e' : 'a';
    return g_str_equal(word, "FAILURE") || g_str_equal(word, "SUSPENDED") ? 'e' : 'a';
}

static void
add_usage(ImContext *im, const DrvStats *vm, GHashTable *swapped, GString *out)
{
    const guint64 *swap = g_hash_table_lookup(swapped, vm->uuid);
    double cpu = im_cpu_percent(im, vm);

    g_string_append_printf(out, "STATE=%c", state_letter(vm));
    if (cpu >= 0)
        g_string_append_printf(out, " CPU=%.1f", cpu);
    if (vm->has & DRV_STAT_MEMORY)
        g_string_append_printf(out, " MEMORY=%" G64, vm->rss_kib + (swap ? *swap : 0));
    if (vm->has & DRV_STAT_NET)
        g_string_append_printf(
            out, " NETRX=%" G64 " NETTX=%" G64, vm->net_rx, vm->net_tx);
    if (vm->has & DRV_STAT_BLOCK)
        g_string_append_printf(out,
                               " DISKRDBYTES=%" G64 " DISKWRBYTES=%" G64
                               " DISKRDIOPS=%" G64 " DISKWRIOPS=%" G64,
                               vm->read_bytes,
                               vm->write_bytes,
                               vm->read_requests,
                               vm->write_requests);
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

gboolean
im_flat_poll(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GPtrArray) all = im_sampled_stats(im, error);
    g_autoptr(GHashTable) swapped = all ? im_swapped(im) : NULL;
    g_autoptr(GString) wild = g_string_new(NULL);

    if (all == NULL || !im_wild_vm(im, wild, error))
        return FALSE;
    g_string_append(out, "VM_POLL=YES\n");
    for (guint i = 0; i < all->len; i++)
        add_vm(im, g_ptr_array_index(all, i), swapped, wild->str, out);
    return TRUE;
}
