/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "vmm/kvm/devices/disk-xml.h"

static guint64
setting_number(const KvmDiskFacts *facts, const char *name)
{
    g_autofree char *text = kvm_disk_setting(facts, name);
    guint64 n;

    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &n, NULL) ? n : 0;
}

static void
add_number(DrvNode *tune, const char *name, guint64 n)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, n);

    (void)drv_xml_node_add(tune, lower, text);
}

/* One limit with its burst: the burst counts only above the limit, its length only with
 * the burst.  TRUE when there is a limit.
 */
static gboolean
add_limit(const KvmDiskFacts *facts, DrvNode *tune, const char *what, const char *unit)
{
    g_autofree char *name = g_strdup_printf("%s_%s_SEC", what, unit);
    g_autofree char *max_name = g_strconcat(name, "_MAX", NULL);
    g_autofree char *length_name = g_strconcat(max_name, "_LENGTH", NULL);
    guint64 base = setting_number(facts, name);
    guint64 max = setting_number(facts, max_name);
    guint64 length = setting_number(facts, length_name);

    if (base > 0)
        add_number(tune, name, base);
    if (max > base) {
        add_number(tune, max_name, max);
        if (length > 0)
            add_number(tune, length_name, length);
    }
    return base > 0 || max > base;
}

/* A limit of both directions together excludes those of one. */
static gboolean
add_unit(const KvmDiskFacts *facts, DrvNode *tune, const char *unit)
{
    gboolean reads, writes;

    if (add_limit(facts, tune, "TOTAL", unit))
        return TRUE;
    reads = add_limit(facts, tune, "READ", unit);
    writes = add_limit(facts, tune, "WRITE", unit);
    return reads || writes;
}

void
kvm_disk_iotune(const KvmDiskFacts *facts, DrvNode *device)
{
    DrvNode *tune = drv_xml_node_add(device, "iotune", NULL);
    gboolean bytes = add_unit(facts, tune, "BYTES");
    gboolean iops = add_unit(facts, tune, "IOPS");
    guint64 size = setting_number(facts, "SIZE_IOPS_SEC");

    if (iops && size > 0)
        add_number(tune, "SIZE_IOPS_SEC", size);
    if (!bytes && !iops)
        drv_xml_node_remove(tune);
}
