/* SPDX-License-Identifier: Apache-2.0 */
/* HOST.info and HOST.statistics: libvirt's numbers of the host, and the kernel's of its
 * CPUs and memory (proc(5): /proc/stat, /proc/meminfo, /proc/loadavg).  The kernel's
 * files are the same in every locale.
 */
#include <string.h>
#include <sys/utsname.h>

#include "agent/worker/ops.h"
#include "base/error.h"

static char *
version_text(gulong version)
{
    return g_strdup_printf(
        "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
}

static void
put_number(json_object *object, const char *key, guint64 number)
{
    json_object_object_add(object, key, json_object_new_int64((gint64)number));
}

static void
put_facts(json_object *info, const DrvHostFacts *facts)
{
    g_autofree char *version = version_text(facts->version);
    g_autofree char *library = version_text(facts->library);
    struct utsname host;

    json_object_object_add(info, "cpu_model", json_object_new_string(facts->model));
    put_number(info, "cpu_count", facts->cpus);
    put_number(info, "cpu_mhz", facts->mhz);
    put_number(info, "nr_nodes", facts->nodes);
    put_number(info, "socket_count", facts->sockets);
    put_number(info, "cores_per_socket", facts->cores);
    put_number(info, "threads_per_core", facts->threads);
    put_number(info, "memory_kib", facts->memory_kib);
    json_object_object_add(
        info, "hypervisor", json_object_new_string(facts->type ? facts->type : ""));
    json_object_object_add(info, "hypervisor_version", json_object_new_string(version));
    json_object_object_add(info, "libvirt_version", json_object_new_string(library));
    if (uname(&host) == 0) {
        json_object_object_add(info, "hostname", json_object_new_string(host.nodename));
        json_object_object_add(info, "kernel", json_object_new_string(host.release));
        json_object_object_add(info, "arch", json_object_new_string(host.machine));
    }
}

gboolean
op_host_info(Job *job, GError **error)
{
    g_auto(DrvHostFacts) facts = { 0 };

    if (!drv_host_facts(job->virt, &facts, error))
        return FALSE;
    job->result = json_object_new_object();
    put_facts(job->result, &facts);
    return TRUE;
}

/* --- statistics ------------------------------------------------------------------------
 */

/* "cpu  100 0 50 ..." in ticks since the boot, in the order of proc(5). */
static void
put_cpu(json_object *statistics, const char *text)
{
    static const char *const names[] = { "us", "ni", "sy", "id", "wa", "hi", "si", "st" };
    json_object *cpu = json_object_new_object();
    g_auto(GStrv) lines = g_strsplit(text, "\n", 2);
    g_auto(GStrv) words = g_strsplit(lines[0] ? lines[0] : "", " ", -1);
    guint n = 0;

    for (guint i = 1; words[0] && words[i] && n < G_N_ELEMENTS(names); i++) {
        guint64 ticks;

        if (g_ascii_string_to_unsigned(words[i], 10, 0, G_MAXUINT64, &ticks, NULL))
            put_number(cpu, names[n++], ticks);
    }
    json_object_object_add(statistics, "cpu_ticks", cpu);
}

/* "MemTotal:  1234 kB" */
static void
put_memory(json_object *statistics, const char *text)
{
    static const char *const wanted[][2] = {
        { "MemTotal", "memory_kib" },        { "MemFree", "memory_free_kib" },
        { "MemAvailable", "available_kib" }, { "Buffers", "buffers_kib" },
        { "Cached", "cached_kib" },          { "SwapTotal", "swap_kib" },
        { "SwapFree", "swap_free_kib" },     { "SwapCached", "swap_cached_kib" },
    };
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit_set(lines[i], ": ", -1);

        for (guint k = 0; words[0] && k < G_N_ELEMENTS(wanted); k++) {
            guint64 kib = 0;

            if (strcmp(words[0], wanted[k][0]) != 0)
                continue;
            for (guint w = 1; words[w] && kib == 0; w++)
                (void)g_ascii_string_to_unsigned(words[w], 10, 0, G_MAXINT64, &kib, NULL);
            put_number(statistics, wanted[k][1], kib);
        }
    }
}

static gboolean
read_file(const char *path, char **text, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (g_file_get_contents(path, text, NULL, &why))
        return TRUE;
    return drv_throw(error, DRV_ERROR_FAILED, "cannot read '%s': %s", path, why->message);
}

static void
put_domains(json_object *statistics, GPtrArray *list)
{
    guint running = 0, paused = 0;

    for (guint i = 0; i < list->len; i++) {
        DrvDomainState state = ((DrvDomainFacts *)g_ptr_array_index(list, i))->state;

        running += state == DRV_STATE_RUNNING;
        paused += drv_state_is_active(state) && state != DRV_STATE_RUNNING;
    }
    put_number(statistics, "vms_running", running);
    put_number(statistics, "vms_paused", paused);
    put_number(statistics, "vms_off", list->len - running - paused);
}

gboolean
op_host_statistics(Job *job, GError **error)
{
    g_autofree char *cpu = NULL;
    g_autofree char *memory = NULL;
    g_autofree char *load = NULL;
    g_autoptr(GPtrArray) list = NULL;
    g_auto(GStrv) loads = NULL;

    if (!read_file("/proc/stat", &cpu, error) ||
        !read_file("/proc/meminfo", &memory, error) ||
        !read_file("/proc/loadavg", &load, error))
        return FALSE;
    list = drv_domains_list(job->virt, error);
    if (list == NULL)
        return FALSE;
    job->result = json_object_new_object();
    put_cpu(job->result, cpu);
    put_memory(job->result, memory);
    put_domains(job->result, list);
    loads = g_strsplit(load, " ", 4);
    json_object_object_add(
        job->result, "load1", json_object_new_double(g_ascii_strtod(loads[0], NULL)));
    return TRUE;
}
