/* SPDX-License-Identifier: Apache-2.0 */
/* What the host is: its processor, memory, name and release. */
#include <string.h>
#include <sys/utsname.h>

#include "base/action.h"
#include "base/error.h"
#include "im/base/im.h"

static gboolean
report_date(ImContext *im, GString *out, GError **error)
{
    (void)im;
    (void)error;
    g_string_append_printf(
        out, "%" G_GINT64_FORMAT "\n", g_get_real_time() / G_USEC_PER_SEC);
    return TRUE;
}

IM_PROBE_REGISTER(im_date, report_date);

static gboolean
ask_kernel(struct utsname *names, GError **error)
{
    return uname(names) == 0 || drv_throw_errno(error, "uname");
}

static gboolean
report_architecture(ImContext *im, GString *out, GError **error)
{
    struct utsname names;

    (void)im;
    if (!ask_kernel(&names, error))
        return FALSE;
    g_string_append_printf(out, "ARCH=%s\n", names.machine);
    return TRUE;
}

IM_PROBE_REGISTER(im_architecture, report_architecture);

static gboolean
report_name(ImContext *im, GString *out, GError **error)
{
    struct utsname names;

    (void)im;
    if (!ask_kernel(&names, error))
        return FALSE;
    im_add(out, "HOSTNAME", names.nodename);
    return TRUE;
}

IM_PROBE_REGISTER(im_name, report_name);

/* "key<spaces>: value" of /proc/cpuinfo, the first; caller frees. */
static char *
cpu_info(const ImContext *im, const char *key)
{
    g_autofree char *text = im_read(im, "/proc/cpuinfo");
    gsize length = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        const char *colon;

        line += *line == '\n';
        if (strncmp(line, key, length) != 0)
            continue;
        colon = line + length + strspn(line + length, " \t");
        if (*colon == ':')
            return g_strstrip(g_strndup(colon + 1, strcspn(colon + 1, "\n")));
    }
    return NULL;
}

static gboolean
report_cpu(ImContext *im, GString *out, GError **error)
{
    static const char *const keys[] = { "model name", "Model", "cpu", "Processor" };
    g_autofree char *model = NULL;

    (void)error;
    for (guint i = 0; i < G_N_ELEMENTS(keys) && model == NULL; i++)
        model = cpu_info(im, keys[i]);
    im_add(out, "MODELNAME", model ? model : "unknown");
    return TRUE;
}

IM_PROBE_REGISTER(im_cpu, report_cpu);

static gboolean
report_version(ImContext *im, GString *out, GError **error)
{
    g_autofree char *path = g_build_filename(drv_action_remotes_dir(), "VERSION", NULL);
    g_autofree char *text = NULL;

    (void)im;
    (void)error;
    if (g_file_get_contents(path, &text, NULL, NULL))
        im_add(out, "VERSION", g_strstrip(text));
    else
        im_addf(out,
                "VERSION",
                "%u.%u.%u",
                drv_action_release()->major,
                drv_action_release()->minor,
                drv_action_release()->patch);
    return TRUE;
}

IM_PROBE_REGISTER(im_version, report_version);

/* MHz: what the processor can do at most, or what it does now. */
static guint64
cpu_speed(const ImContext *im)
{
    g_autofree char *now = cpu_info(im, "cpu MHz");
    guint64 khz;

    if (im_read_number(im, &khz, "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
        return khz / 1000;
    return now && g_ascii_isdigit(*now) ? g_ascii_strtoull(now, NULL, 10) : 0;
}

static guint
cgroups_version(const ImContext *im)
{
    g_autofree char *controllers = im_read(im, "/sys/fs/cgroup/cgroup.controllers");

    return controllers ? 2 : 1;
}

static gboolean
report_linux_host(ImContext *im, GString *out, GError **error)
{
    g_autofree char *memory = im_read(im, "/proc/meminfo");
    g_autofree char *online = im_read(im, "/proc/stat");
    guint64 total, cpus = 0;

    if (memory == NULL || online == NULL || !im_field(memory, "MemTotal", &total))
        return drv_throw(error, DRV_ERROR_FAILED, "cannot read /proc");
    for (const char *at = online; (at = strstr(at, "\ncpu")); at++)
        cpus++;
    g_string_append_printf(out, "HYPERVISOR=%s\n", im->hypervisor);
    im_add_number(out, "TOTALCPU", cpus * 100);
    im_add_number(out, "CPUSPEED", cpu_speed(im));
    im_add_number(out, "TOTALMEMORY", total);
    im_add_number(out, "CGROUPS_VERSION", cgroups_version(im));
    return TRUE;
}

IM_PROBE_REGISTER(im_linux_host, report_linux_host);
