/* SPDX-License-Identifier: Apache-2.0 */
/* The load of graphics processors that a guest was given whole: the host cannot see it,
 * so the guest's own nvidia-smi is asked.  It is started in one pass and read in the
 * next, and nobody waits for it.
 */
#include <string.h>

#include "base/error.h"
#include "im/probes/guest.h"
#include "virt/agent-exec.h"

#define MOST 64 /* processors of a guest that count */
#define DEVICES "/domain/metadata/*[local-name()='vm']/*[local-name()='pci_devices']"

static const char *const nvidia_smi[] = {
    "nvidia-smi",
    "--query-gpu=utilization.gpu,utilization.memory,memory.free,power.draw",
    "--format=csv,noheader,nounits",
    NULL
};

enum { LOAD, MEMORY_LOAD, MEMORY_FREE, POWER, COLUMNS };

static const struct {
    const char *key;
    gboolean mean; /* of all processors; else their sum */
} columns[COLUMNS] = {
    [LOAD] = { "GPU_UTILIZATION", TRUE },
    [MEMORY_LOAD] = { "GPU_MEMORY_UTILIZATION", TRUE },
    [MEMORY_FREE] = { "GPU_MEMORY_FREE", FALSE },
    [POWER] = { "GPU_POWER_USAGE", FALSE },
};

/* "vendor:device:class,…", as deployment files name what is passed through. */
gboolean
guest_devices_have_gpu(const char *devices)
{
    g_auto(GStrv) each = g_strsplit_set(devices, ", \n\t", -1);

    for (guint i = 0; each[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(each[i], ":", -1);

        if (g_strv_length(parts) == 3 && g_ascii_strcasecmp(parts[0], "10de") == 0 &&
            g_str_has_prefix(parts[2], "03")) /* NVIDIA; display controllers */
            return TRUE;
    }
    return FALSE;
}

/* A line "12, 3, 4096, 61.5"; what the device does not report is "[N/A]". */
static gboolean
add_line(const char *line, double sums[COLUMNS], guint known[COLUMNS])
{
    g_auto(GStrv) words = g_strsplit(line, ",", -1);

    if (g_strv_length(words) != COLUMNS)
        return FALSE;
    for (guint i = 0; i < COLUMNS; i++) {
        const char *word = g_strstrip(words[i]);
        double value = g_ascii_strtod(word, NULL);

        if (g_ascii_isdigit(*word) && value >= 0 && value < 1e9) {
            sums[i] += value;
            known[i]++;
        }
    }
    return TRUE;
}

void
guest_say_gpus(const char *csv, GString *out)
{
    g_auto(GStrv) lines = g_strsplit(csv, "\n", MOST + 1);
    double sums[COLUMNS] = { 0 };
    guint known[COLUMNS] = { 0 }, count = 0;

    for (guint i = 0; i < MOST && lines[i]; i++)
        count += add_line(lines[i], sums, known) ? 1 : 0;
    if (count == 0)
        return;
    im_addf(out, "GPU_COUNT", "%u", count);
    for (guint i = 0; i < COLUMNS; i++) {
        double value = columns[i].mean ? sums[i] / MAX(known[i], 1) : sums[i];

        if (known[i] > 0)
            im_add_decimal(out, columns[i].key, value);
    }
}

static gboolean
has_gpu(DrvDomain *domain)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = drv_domain_xml(domain, FALSE, &error);
    g_autoptr(DrvXml) xml =
        text ? drv_xml_parse("the domain's XML", text, -1, &error) : NULL;
    g_autofree char *devices = xml ? drv_xml_text(xml, NULL, DEVICES) : NULL;

    drv_ignore(&error, "it has just ended");
    return devices && guest_devices_have_gpu(devices);
}

/* What the one started before has said; the lines stay as they are while it runs. */
static void
read_end(Guest *guest, DrvDomain *domain)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree guchar *csv = NULL;
    g_auto(DrvAgentExec) end = { 0 };
    gsize length = 0;

    if (drv_agent_exec_status(domain, guest->gpu_pid, GUEST_TIMEOUT_S, &end, &why) &&
        !end.exited)
        return;
    drv_ignore(&why, "it is started again");
    guest->gpu_pid = 0;
    if (end.exited && end.code == 0 && *end.out)
        csv = g_base64_decode(end.out, &length);
    if (csv) {
        g_autofree char *lines = g_strndup((const char *)csv, length);

        guest_say_gpus(lines, text);
    }
    g_free(guest->gpus);
    guest->gpus = g_strdup(text->str);
}

void
guest_ask_gpus(Guest *guest, DrvDomain *domain)
{
    g_autoptr(GError) why = NULL;

    if (!guest->gpu_known) {
        guest->gpu_known = TRUE;
        guest->has_gpu = has_gpu(domain);
    }
    if (!guest->has_gpu)
        return;
    if (guest->gpu_pid > 0)
        read_end(guest, domain);
    if (guest->gpu_pid > 0)
        return;
    guest->gpu_pid = drv_agent_exec_start(domain, nvidia_smi, "", GUEST_TIMEOUT_S, &why);
    drv_ignore(&why, "the guest has no such program");
}
