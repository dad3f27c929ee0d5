/* SPDX-License-Identifier: Apache-2.0 */
/* host-stat.c - the host as its kernel describes it: proc(5), sysfs.  Files of the kernel
 * are read at once, so the core does it itself.
 *
 * A CPU policy is a text of words, the flags of /proc/cpuinfo.  Two hosts can both run
 * what has the words that they share.
 */
#include "agent/agentd/methods.h"

#include <unistd.h>

/* --- /proc/cpuinfo --------------------------------------------------------------------
 */

/* "model name\t: AMD EPYC".  NULL: the line has another key. */
static const char *
value_of(const char *line, const char *key)
{
    gsize size = strlen(key);

    if (strncmp(line, key, size) != 0)
        return NULL;
    line += size + strspn(line + size, " \t");
    return *line == ':' ? line + 1 + strspn(line + 1, " ") : NULL;
}

/* The first one's: CPUs of a host are alike. */
static const char *
first_of(char **lines, const char *key)
{
    for (guint i = 0; lines[i]; i++) {
        const char *value = value_of(lines[i], key);

        if (value)
            return value;
    }
    return "";
}

static gint64
number_of(const char *text, gint64 fallback)
{
    gint64 number;

    return g_ascii_string_to_signed(text, 10, 1, G_MAXINT, &number, NULL) ? number
                                                                          : fallback;
}

static void
count(char **lines, guint *cpus, guint *sockets)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);

    *cpus = 0;
    for (guint i = 0; lines[i]; i++) {
        const char *id = value_of(lines[i], "physical id");

        *cpus += value_of(lines[i], "processor") != NULL;
        if (id)
            g_hash_table_add(ids, (gpointer)id);
    }
    *sockets = MAX(g_hash_table_size(ids), 1);
}

json_object *
cpu_info_of(const char *cpuinfo, guint nodes)
{
    static const char *const texts[][2] = {
        { "vendor", "vendor_id" },   { "speed", "cpu MHz" },
        { "family", "cpu family" },  { "modelname", "model name" },
        { "model", "model" },        { "stepping", "stepping" },
        { "flags", "flags" },        { "features", "flags" },
        { "features_hvm", "flags" }, { "features_hvm_host", "flags" },
        { "features_pv", "" },       { "features_pv_host", "" },
    };
    g_auto(GStrv) lines = g_strsplit(cpuinfo, "\n", -1);
    json_object *info = json_object_new_object();
    gint64 siblings = number_of(first_of(lines, "siblings"), 1);
    gint64 cores = number_of(first_of(lines, "cpu cores"), siblings);
    guint cpus, sockets;

    count(lines, &cpus, &sockets);
    json_object_object_add(info, "cpu_count", json_object_new_int((int)cpus));
    json_object_object_add(info, "socket_count", json_object_new_int((int)sockets));
    json_object_object_add(
        info, "threads_per_core", json_object_new_int64(MAX(siblings / cores, 1)));
    json_object_object_add(info, "nr_nodes", json_object_new_int((int)nodes));
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        drv_json_add_text(
            info, texts[i][0], *texts[i][1] ? first_of(lines, texts[i][1]) : "");
    return info;
}

/* --- sysfs ----------------------------------------------------------------------------
 */

/* Entries whose name is @prefix and a number, or any. */
static guint
count_entries(const char *path, const char *prefix)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint n = 0;

    while (dir && (name = g_dir_read_name(dir)) != NULL)
        n += g_str_has_prefix(name, prefix) &&
             (*prefix == '\0' || g_ascii_isdigit(name[strlen(prefix)]));
    return n;
}

static json_object *
chipset(void)
{
    json_object *info = json_object_new_object();

    json_object_object_add(
        info,
        "iommu",
        json_object_new_boolean(count_entries("/sys/class/iommu", "") > 0));
    json_object_object_add(
        info, "hvm", json_object_new_boolean(access("/dev/kvm", F_OK) == 0));
    return info;
}

/* --- methods --------------------------------------------------------------------------
 */

json_object *
host_stat(Call *call)
{
    g_autofree char *cpuinfo = NULL;
    json_object *stat = json_object_new_object(), *hypervisor = json_object_new_object();

    (void)g_file_get_contents("/proc/cpuinfo", &cpuinfo, NULL, NULL);
    drv_json_add_text(hypervisor, "version", events_hypervisor());
    drv_json_add_text(hypervisor, "capabilities", call->agent->backend);
    json_object_object_add(
        stat,
        "cpu_info",
        cpu_info_of(cpuinfo ? cpuinfo : "",
                    MAX(count_entries("/sys/devices/system/node", "node"), 1)));
    json_object_object_add(stat, "hypervisor", hypervisor);
    json_object_object_add(stat, "chipset_info", chipset());
    return stat;
}

json_object *
host_total_memory(Call *call)
{
    gint64 pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    if (pages < 1 || size < 1)
        return call_fail_text(call, "the kernel does not say how much memory there is");
    return json_object_new_int64(pages / 1024 * size / 1024);
}

static GHashTable *
words_of(char **words)
{
    GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; words[i]; i++) {
        if (*words[i])
            g_hash_table_add(set, words[i]);
    }
    return set;
}

json_object *
host_combine_policies(Call *call)
{
    const char *one = arg_text(call, "policy1");
    const char *other = one ? arg_text(call, "policy2") : NULL;
    g_auto(GStrv) ones = other ? g_strsplit(one, " ", -1) : NULL;
    g_auto(GStrv) others = other ? g_strsplit(other, " ", -1) : NULL;
    g_autoptr(GHashTable) has = others ? words_of(others) : NULL;
    g_autoptr(GString) both = g_string_new(NULL);

    if (other == NULL)
        return NULL;
    for (guint i = 0; ones[i]; i++) {
        if (g_hash_table_remove(has, ones[i]))
            g_string_append_printf(both, "%s%s", both->len ? " " : "", ones[i]);
    }
    return json_object_new_string(both->str);
}

json_object *
host_is_compatible(Call *call)
{
    const char *vm = arg_text(call, "vm_policy");
    const char *host = vm ? arg_text(call, "host_policy") : NULL;
    g_auto(GStrv) needs = host ? g_strsplit(vm, " ", -1) : NULL;
    g_auto(GStrv) offers = host ? g_strsplit(host, " ", -1) : NULL;
    g_autoptr(GHashTable) has = offers ? words_of(offers) : NULL;

    if (host == NULL)
        return NULL;
    for (guint i = 0; needs[i]; i++) {
        if (*needs[i] && !g_hash_table_contains(has, needs[i]))
            return json_object_new_boolean(FALSE);
    }
    return json_object_new_boolean(TRUE);
}
