/* SPDX-License-Identifier: Apache-2.0 */
/* What the host uses: processors, memory, network. */
#include <string.h>

#include "base/error.h"
#include "im/base/im.h"

/* Ticks of all processors since boot, and of these those with nothing to do. */
static gboolean
read_ticks(const ImContext *im, guint64 *all, guint64 *idle, guint *cpus)
{
    g_autofree char *text = im_read(im, "/proc/stat");
    g_auto(GStrv) words = NULL;

    if (text == NULL)
        return FALSE;
    *cpus = 0;
    for (const char *at = text; (at = strstr(at, "\ncpu")); at++)
        ++*cpus;
    *strchrnul(text, '\n') = '\0';
    words = g_strsplit_set(text, " ", -1);
    *all = *idle = 0;
    /* user nice system idle iowait irq softirq steal; guest times are within user's */
    for (guint i = words[0] ? 1 : 0, n = 0; words[i] && n < 8; i++) {
        guint64 ticks;

        if (!g_ascii_string_to_unsigned(words[i], 10, 0, G_MAXUINT64, &ticks, NULL))
            continue;
        *all += ticks;
        *idle += n == 3 || n == 4 ? ticks : 0;
        n++;
    }
    return *all > 0;
}

/* Over the time since @who last asked; without that, over a moment. */
static gboolean
measure_cpu(ImContext *im, const char *who, ImHostUsage *usage, GError **error)
{
    g_autofree char *all_name = g_strconcat(who, ".all", NULL);
    g_autofree char *idle_name = g_strconcat(who, ".idle", NULL);
    guint64 all, idle, all_then, idle_then, used = 0;
    gboolean known = FALSE;
    gint64 us;
    guint cpus = 0;

    for (guint i = 0; i < 2 && !known; i++) {
        if (i > 0 && !im_pause(IM_SAMPLE_MS, error))
            return FALSE;
        if (!read_ticks(im, &all, &idle, &cpus))
            return drv_throw(error, DRV_ERROR_FAILED, "cannot read /proc/stat");
        known = im_since(im, all_name, all, &all_then, &us);
        known = im_since(im, idle_name, idle, &idle_then, &us) && known;
    }
    if (known && all > all_then) {
        guint64 passed = all - all_then;
        guint64 busy = passed - MIN(idle - idle_then, passed);

        used = (busy * cpus * 100 + passed / 2) / passed;
    }
    usage->free_cpu = (guint64)cpus * 100 - used;
    usage->used_cpu = used;
    return TRUE;
}

static gboolean
measure_memory(const ImContext *im, ImHostUsage *usage, GError **error)
{
    g_autofree char *text = im_read(im, "/proc/meminfo");
    guint64 total, free_kib, buffers, cached;

    if (text == NULL || !im_field(text, "MemTotal", &total) ||
        !im_field(text, "MemFree", &free_kib) || !im_field(text, "Buffers", &buffers) ||
        !im_field(text, "Cached", &cached))
        return drv_throw(error, DRV_ERROR_FAILED, "cannot read /proc/meminfo");
    usage->free_memory = MIN(free_kib + buffers + cached, total);
    usage->used_memory = total - usage->free_memory;
    return TRUE;
}

/* Physical interfaces are those with a device behind them: no bridges, VLANs or taps,
 * whose bytes would count twice.
 */
static void
measure_net(const ImContext *im, ImHostUsage *usage)
{
    g_autoptr(GPtrArray) names = im_list(im, "/sys/class/net", "");

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *device =
            g_strdup_printf("%s/sys/class/net/%s/device", im->root, name);
        guint64 bytes;

        if (!g_file_test(device, G_FILE_TEST_EXISTS))
            continue;
        if (im_read_number(im, &bytes, "/sys/class/net/%s/statistics/rx_bytes", name))
            usage->net_rx += bytes;
        if (im_read_number(im, &bytes, "/sys/class/net/%s/statistics/tx_bytes", name))
            usage->net_tx += bytes;
    }
}

gboolean
im_host_usage(ImContext *im, const char *who, ImHostUsage *usage, GError **error)
{
    *usage = (ImHostUsage){ 0 };
    if (!measure_memory(im, usage, error) || !measure_cpu(im, who, usage, error))
        return FALSE;
    measure_net(im, usage);
    return TRUE;
}

static gboolean
report_linux_usage(ImContext *im, GString *out, GError **error)
{
    ImHostUsage usage;

    if (!im_host_usage(im, "cpu", &usage, error))
        return FALSE;
    g_string_append_printf(out, "HYPERVISOR=%s\n", im->hypervisor);
    im_add_number(out, "USEDMEMORY", usage.used_memory);
    im_add_number(out, "FREEMEMORY", usage.free_memory);
    im_add_number(out, "FREECPU", usage.free_cpu);
    im_add_number(out, "USEDCPU", usage.used_cpu);
    im_add_number(out, "NETRX", usage.net_rx);
    im_add_number(out, "NETTX", usage.net_tx);
    return TRUE;
}

IM_PROBE_REGISTER(im_linux_usage, report_linux_usage);
