/* SPDX-License-Identifier: Apache-2.0 */
/* What the host uses: processors, memory, network. */
#include <string.h>

#include "drv-error.h"
#include "im.h"

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
    for (guint i = 1, n = 0; words[i] && n < 8; i++) {
        guint64 ticks;

        if (!g_ascii_string_to_unsigned(words[i], 10, 0, G_MAXUINT64, &ticks, NULL))
            continue;
        *all += ticks;
        *idle += n == 3 || n == 4 ? ticks : 0;
        n++;
    }
    return *all > 0;
}

/* Over the time since the last run; without one, over a moment. */
static gboolean
add_cpu(ImContext *im, GString *out, GError **error)
{
    guint64 all, idle, all_then, idle_then, used = 0;
    gboolean known = FALSE;
    gint64 us;
    guint cpus = 0;

    for (guint i = 0; i < 2 && !known; i++) {
        if (i > 0 && !im_pause(IM_SAMPLE_MS, error))
            return FALSE;
        if (!read_ticks(im, &all, &idle, &cpus))
            return drv_throw(error, DRV_ERROR_FAILED, "cannot read /proc/stat");
        known = im_since(im, "cpu.all", all, &all_then, &us);
        known = im_since(im, "cpu.idle", idle, &idle_then, &us) && known;
    }
    if (known && all > all_then) {
        guint64 passed = all - all_then;
        guint64 busy = passed - MIN(idle - idle_then, passed);

        used = (busy * cpus * 100 + passed / 2) / passed;
    }
    im_add_number(out, "FREECPU", (guint64)cpus * 100 - used);
    im_add_number(out, "USEDCPU", used);
    return TRUE;
}

static gboolean
add_memory(const ImContext *im, GString *out, GError **error)
{
    g_autofree char *text = im_read(im, "/proc/meminfo");
    guint64 total, free_kib, buffers, cached, unused;

    if (text == NULL || !im_field(text, "MemTotal", &total) ||
        !im_field(text, "MemFree", &free_kib) || !im_field(text, "Buffers", &buffers) ||
        !im_field(text, "Cached", &cached))
        return drv_throw(error, DRV_ERROR_FAILED, "cannot read /proc/meminfo");
    unused = MIN(free_kib + buffers + cached, total);
    im_add_number(out, "USEDMEMORY", total - unused);
    im_add_number(out, "FREEMEMORY", unused);
    return TRUE;
}

/* Physical interfaces are those with a device behind them: no bridges, VLANs or taps,
 * whose bytes would count twice.
 */
static void
add_net(const ImContext *im, GString *out)
{
    g_autoptr(GPtrArray) names = im_list(im, "/sys/class/net", "");
    guint64 rx = 0, tx = 0;

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *device =
            g_strdup_printf("%s/sys/class/net/%s/device", im->root, name);
        guint64 bytes;

        if (!g_file_test(device, G_FILE_TEST_EXISTS))
            continue;
        if (im_read_number(im, &bytes, "/sys/class/net/%s/statistics/rx_bytes", name))
            rx += bytes;
        if (im_read_number(im, &bytes, "/sys/class/net/%s/statistics/tx_bytes", name))
            tx += bytes;
    }
    im_add_number(out, "NETRX", rx);
    im_add_number(out, "NETTX", tx);
}

gboolean
im_linux_usage(ImContext *im, GString *out, GError **error)
{
    g_string_append_printf(out, "HYPERVISOR=%s\n", im->hypervisor);
    if (!add_memory(im, out, error) || !add_cpu(im, out, error))
        return FALSE;
    add_net(im, out);
    return TRUE;
}
