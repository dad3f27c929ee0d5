/* SPDX-License-Identifier: Apache-2.0 */
/* What VMs use: one question to libvirt for all of them. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "im/state/forecast.h"

#define G64 G_GUINT64_FORMAT

static char *
sample_name(const DrvStats *vm)
{
    return g_strconcat("vm.", vm->uuid, NULL);
}

double
im_cpu_percent(ImContext *im, const DrvStats *vm)
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
        const DrvStats *vm = g_ptr_array_index(all, i);
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
    GPtrArray *all = virt ? drv_stats_all(virt, TRUE, error) : NULL;

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

typedef struct {
    ImContext *im;
    ImForecast *forecast;
    GHashTable *swapped; /* see im_swapped() */
    GString *text;
} Report;

static void
add_cpu(const Report *report, const DrvStats *vm)
{
    double cpu = im_cpu_percent(report->im, vm);

    if (cpu < 0)
        return;
    im_addf(report->text, "CPU", "%.1f", cpu);
    im_forecast_add(report->forecast, vm->uuid, "CPU", cpu, HUGE_VAL, report->text);
}

static void
add_memory(const Report *report, const DrvStats *vm)
{
    const guint64 *swap = g_hash_table_lookup(report->swapped, vm->uuid);
    guint64 kib = vm->rss_kib + (swap ? *swap : 0);

    if (!(vm->has & DRV_STAT_MEMORY))
        return;
    im_addf(report->text, "MEMORY", "%" G64, kib);
    im_forecast_add(
        report->forecast, vm->uuid, "MEMORY", (double)kib, HUGE_VAL, report->text);
}

static void
add_counters(const Report *report, const DrvStats *vm)
{
    const struct {
        const char *key;
        DrvStat of;
        guint64 value;
    } counters[] = {
        { "NETRX", DRV_STAT_NET, vm->net_rx },
        { "NETTX", DRV_STAT_NET, vm->net_tx },
        { "DISKRDBYTES", DRV_STAT_BLOCK, vm->read_bytes },
        { "DISKWRBYTES", DRV_STAT_BLOCK, vm->write_bytes },
        { "DISKRDIOPS", DRV_STAT_BLOCK, vm->read_requests },
        { "DISKWRIOPS", DRV_STAT_BLOCK, vm->write_requests },
    };

    for (guint i = 0; i < G_N_ELEMENTS(counters); i++) {
        if (!(vm->has & counters[i].of))
            continue;
        im_addf(report->text, counters[i].key, "%" G64, counters[i].value);
        im_forecast_add_rate(report->im,
                             report->forecast,
                             vm->uuid,
                             counters[i].key,
                             counters[i].value,
                             report->text);
    }
}

static gboolean
report_vm_poll(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GPtrArray) all = im_sampled_stats(im, error);
    g_autoptr(GHashTable) swapped = all ? im_swapped(im) : NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    Report report = { im, im_forecast(im, "virtualmachine"), swapped, text };

    if (all == NULL)
        return FALSE;
    for (guint i = 0; i < all->len; i++) {
        const DrvStats *vm = g_ptr_array_index(all, i);
        gint64 id = im_vm_id(vm->name);

        if (id < 0 && !im_has_imported())
            continue;
        g_string_truncate(text, 0);
        add_cpu(&report, vm);
        add_memory(&report, vm);
        add_counters(&report, vm);
        if (text->len > 0)
            im_add_vm(out, id, vm->uuid, text->str);
    }
    im_samples_save(im);
    im_forecast_save(im, report.forecast);
    return TRUE;
}

IM_PROBE_REGISTER(im_vm_poll, report_vm_poll);
