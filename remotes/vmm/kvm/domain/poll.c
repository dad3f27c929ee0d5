/* SPDX-License-Identifier: Apache-2.0 */
/* poll: what front-ends up to 5.10 learn of domains (virtual machine protocol, 3.7). */
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "monitor/poll-text.h"
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

#define SAMPLE_MS 500

/* @before may be NULL: then there is no CPU usage to tell. */
static void
append_stats(GString *out, const DrvStats *stats, const DrvStats *before)
{
    gint64 tenths = -1;

    if (before && (before->has & stats->has & DRV_STAT_CPU) &&
        stats->cpu_ns >= before->cpu_ns)
        tenths = (gint64)((stats->cpu_ns - before->cpu_ns) / (SAMPLE_MS * 1000));
    drv_poll_text_append(out, stats, tenths, 0);
}

static gboolean
poll_one(DrvVirt *virt, const VmmHead *request, char **result, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvDomain) domain = vmm_find(virt, request, &why);
    g_autoptr(DrvStats) before = domain ? drv_stats_one(domain, &why) : NULL;
    g_autoptr(DrvStats) now = NULL;
    g_autoptr(GString) out = g_string_new(NULL);

    if (before && drv_poll(NULL, 0, SAMPLE_MS, &why) == 0)
        now = drv_stats_one(domain, &why);
    if (now == NULL && !drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (now)
        append_stats(out, now, before);
    else
        g_string_append(out, "STATE=-");
    *result = g_strdup(out->str);
    return TRUE;
}

static const DrvStats *
find_stats(GPtrArray *all, const char *uuid)
{
    for (guint i = 0; i < all->len; i++) {
        const DrvStats *stats = g_ptr_array_index(all, i);

        if (g_str_equal(stats->uuid, uuid))
            return stats;
    }
    return NULL;
}

/* "one-42" is 42; what is not ours is -1 and named by its UUID. */
static gint64
vm_number(const char *name)
{
    gint64 id;

    if (g_str_has_prefix(name, "one-") &&
        g_ascii_string_to_signed(name + 4, 10, 0, G_MAXINT64, &id, NULL))
        return id;
    return -1;
}

static void
append_vm(GString *out, const DrvStats *stats, const DrvStats *before)
{
    gint64 id = vm_number(stats->name);

    g_string_append_printf(out,
                           "\nVM=[\n  ID=%" G_GINT64_FORMAT ",\n  DEPLOY_ID=%s,\n",
                           id,
                           id < 0 ? stats->uuid : stats->name);
    g_string_append(out, "  POLL=\"");
    append_stats(out, stats, before);
    g_string_append(out, "\" ]");
}

static gboolean
poll_all(DrvVirt *virt, char **result, GError **error)
{
    g_autoptr(GPtrArray) before = drv_stats_all(virt, TRUE, error);
    g_autoptr(GPtrArray) now = NULL;
    g_autoptr(GString) out = g_string_new("VM_POLL=YES");

    if (before == NULL)
        return FALSE;
    if (before->len > 0 && drv_poll(NULL, 0, SAMPLE_MS, error) < 0)
        return FALSE;
    now = drv_stats_all(virt, TRUE, error);
    if (now == NULL)
        return FALSE;
    for (guint i = 0; i < now->len; i++) {
        const DrvStats *stats = g_ptr_array_index(now, i);

        append_vm(out, stats, find_stats(before, stats->uuid));
    }
    *result = g_strdup(out->str);
    return TRUE;
}

static gboolean
run_poll(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmHead *request = data;
    g_autoptr(DrvConfig) config = vmm_config(error);
    g_autoptr(DrvVirt) virt = config ? vmm_open(config, error) : NULL;

    (void)in;
    if (virt == NULL)
        return FALSE;
    if (*request->deploy_id == '\0' || strcmp(request->deploy_id, "-t") == 0)
        return poll_all(virt, result, error);
    return poll_one(virt, request, result, error);
}

const DrvOp kvm_poll = { .name = "kvm.poll", .request = &vmm_poll, .run = run_poll };
