/* SPDX-License-Identifier: Apache-2.0 */
#include "request/progress.h"

#include <string.h>

#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "base/status.h"
#include "request/core.h"

#define EVERY_US (10 * G_USEC_PER_SEC)
#define TIMEOUT_S 3 /* of one call */
#define VALUE_MAX 200
#define MIB (1024.0 * 1024.0)

static struct {
    GMutex lock;
    GCond cond;
    gboolean stop;
    char *name; /* of the attribute */
    gint64 vm_id;
    char *written; /* the value that is there, or NULL */
    GThread *thread;
} progress;

/* --- the value -------------------------------------------------------------------------
 */

/* The value of line @name, in a template's quotes. */
static char *
line_of(GHashTable *lines, const char *name)
{
    const char *found = g_hash_table_lookup(lines, name);
    char *value = g_strndup(found ? found : "", VALUE_MAX);

    for (char *c = value; *c; c++) {
        if (!g_ascii_isprint(*c) || strchr("\"\\<>&[]", *c))
            *c = '?';
    }
    return value;
}

static double
number_of(GHashTable *lines, const char *name)
{
    const char *value = g_hash_table_lookup(lines, name);

    return value ? g_ascii_strtod(value, NULL) : 0;
}

/* "tm/ssh/mv: sending, 37 % of 1024.0 MiB, 112.0 MiB/s, 56 s left, waits for disk" */
static char *
value_of(const char *text)
{
    g_autoptr(GHashTable) lines = drv_status_lines(text);
    g_autofree char *action = line_of(lines, "action");
    g_autofree char *phase = line_of(lines, "phase");
    g_autofree char *waits_for = line_of(lines, "waits_for");
    double total = number_of(lines, "bytes_total");
    double done = number_of(lines, "bytes_moved") + number_of(lines, "bytes_kept");
    double left = number_of(lines, "seconds_left");
    GString *value = g_string_new(action);

    g_string_append_printf(value, ": %s", *phase ? phase : "at work");
    if (total > 0)
        g_string_append_printf(value,
                               ", %d %% of %.1f MiB, %.1f MiB/s",
                               (int)(MIN(done / total, 1.0) * 100),
                               total / MIB,
                               number_of(lines, "rate") / MIB);
    if (total > 0 && left >= 0)
        g_string_append_printf(value, ", %.0f s left", left);
    if (*waits_for)
        g_string_append_printf(value, ", waits for %s", waits_for);
    return g_string_free(value, FALSE);
}

/* --- writing ---------------------------------------------------------------------------
 */

static gboolean
write_value(const char *value)
{
    g_autofree char *text = g_strdup_printf("%s = \"%s\"", progress.name, value);
    g_autoptr(GError) why = NULL;
    gboolean ok = drv_core_update_vm(progress.vm_id, text, TIMEOUT_S, &why);

    if (!ok)
        drv_ignore(&why, "the attribute of the VM is of use, but not needed");
    return ok;
}

static void
write_news(void)
{
    g_autofree char *lines = drv_status_text();
    g_autofree char *value = lines ? value_of(lines) : NULL;

    if (value == NULL || g_strcmp0(value, progress.written) == 0 || !write_value(value))
        return;
    g_free(progress.written);
    progress.written = g_steal_pointer(&value);
}

static gboolean
wait_until(gint64 next)
{
    gboolean go_on;

    g_mutex_lock(&progress.lock);
    while (!progress.stop && g_cond_wait_until(&progress.cond, &progress.lock, next))
        continue;
    go_on = !progress.stop;
    g_mutex_unlock(&progress.lock);
    return go_on;
}

static gpointer
keep_writing(gpointer data)
{
    (void)data;
    while (wait_until(g_get_monotonic_time() + EVERY_US))
        write_news();
    return NULL;
}

static void
end(void)
{
    DRV_CANCEL_SHIELD();

    g_mutex_lock(&progress.lock);
    progress.stop = TRUE;
    g_cond_signal(&progress.cond);
    g_mutex_unlock(&progress.lock);
    g_thread_join(progress.thread);
    if (progress.written)
        (void)write_value("");
    g_clear_pointer(&progress.written, g_free);
    g_clear_pointer(&progress.name, g_free);
}

/* --- beginning -------------------------------------------------------------------------
 */

/* As the front-end spells the names of attributes. */
static gboolean
is_name(const char *name)
{
    return g_ascii_isalpha(*name) &&
           name[strspn(name, G_CSET_A_2_Z G_CSET_DIGITS "_")] == 0;
}

void
drv_progress_publish(guint64 id)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", &why);
    const char *name = config ? drv_config_get(config, "PROGRESS_ATTRIBUTE", "") : "";

    drv_ignore(&why, "who needs a setting says so");
    if (*name && !is_name(name))
        drv_warn("PROGRESS_ATTRIBUTE is not a valid name: A to Z, digits and _");
    if (!is_name(name) || progress.name)
        return;
    progress.name = g_strdup(name);
    progress.vm_id = (gint64)id;
    progress.thread = g_thread_new("progress", keep_writing, NULL);
    drv_status_call_at_end(end);
}
