/* SPDX-License-Identifier: Apache-2.0 */
/* What VMs use: one question to libvirt for all of them. */
#include <string.h>

#include "drv-error.h"
#include "im.h"

#define G64 G_GUINT64_FORMAT

static char *
sample_name(const DrvVirtUsage *vm)
{
    return g_strconcat("vm.", vm->uuid, NULL);
}

double
im_cpu_percent(ImContext *im, const DrvVirtUsage *vm)
{
    g_autofree char *name = sample_name(vm);
    guint64 then;
    gint64 us;

    if (!(vm->has & DRV_STAT_CPU) || !im_since(im, name, vm->cpu_ns, &then, &us))
        return -1;
    /* ns/us is thousandths; percent is hundredths */
    return (double)(vm->cpu_ns - then) / (double)us / 10.0;
}

/* Those without an earlier value get one now. */
static gboolean
note_new(ImContext *im, const GPtrArray *all)
{
    gboolean any = FALSE;

    for (guint i = 0; i < all->len; i++) {
        const DrvVirtUsage *vm = g_ptr_array_index(all, i);
        g_autofree char *name = sample_name(vm);

        if ((vm->has & DRV_STAT_CPU) && !im_knows(im, name)) {
            (void)im_cpu_percent(im, vm);
            any = TRUE;
        }
    }
    return any;
}

static GPtrArray *
ask(ImContext *im, GError **error)
{
    DrvVirt *virt = im_virt(im, error);
    GPtrArray *all = virt ? drv_virt_all(virt, TRUE, error) : NULL;

    if (all == NULL)
        im_virt_drop(im);
    return all;
}

GPtrArray *
im_sampled_stats(ImContext *im, GError **error)
{
    g_autoptr(GPtrArray) all = ask(im, error);

    /* The client has looked at most of them before; a new one's usage can wait. */
    if (all == NULL || !note_new(im, all) || im->lasting)
        return g_steal_pointer(&all);
    if (!im_pause(IM_SAMPLE_MS, error))
        return NULL;
    return ask(im, error);
}

static void
add_memory(const DrvVirtUsage *vm, GHashTable *swapped, GString *text)
{
    const guint64 *swap = g_hash_table_lookup(swapped, vm->uuid);

    if (vm->has & DRV_STAT_MEMORY)
        im_addf(text, "MEMORY", "%" G64, vm->rss_kib + (swap ? *swap : 0));
}

static char *
describe(ImContext *im, const DrvVirtUsage *vm, GHashTable *swapped)
{
    GString *text = g_string_new(NULL);
    double cpu = im_cpu_percent(im, vm);

    if (cpu >= 0)
        im_addf(text, "CPU", "%.1f", cpu);
    add_memory(vm, swapped, text);
    if (vm->has & DRV_STAT_NET) {
        im_addf(text, "NETRX", "%" G64, vm->net_rx);
        im_addf(text, "NETTX", "%" G64, vm->net_tx);
    }
    if (vm->has & DRV_STAT_BLOCK) {
        im_addf(text, "DISKRDBYTES", "%" G64, vm->read_bytes);
        im_addf(text, "DISKWRBYTES", "%" G64, vm->write_bytes);
        im_addf(text, "DISKRDIOPS", "%" G64, vm->read_requests);
        im_addf(text, "DISKWRIOPS", "%" G64, vm->write_requests);
    }
    return g_string_free(text, FALSE);
}

gboolean
im_vm_poll(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GPtrArray) all = im_sampled_stats(im, error);
    g_autoptr(GHashTable) swapped = all ? im_swapped(im) : NULL;

    if (all == NULL)
        return FALSE;
    for (guint i = 0; i < all->len; i++) {
        const DrvVirtUsage *vm = g_ptr_array_index(all, i);
        gint64 id = im_vm_id(vm->name);
        g_autofree char *text = NULL;

        if (id < 0 && !im_has_imported())
            continue;
        text = describe(im, vm, swapped);
        if (*text)
            im_add_vm(out, id, vm->uuid, text);
    }
    im_samples_save(im);
    return TRUE;
}
