/* SPDX-License-Identifier: Apache-2.0 */
/* drv ps: what the drivers of this machine do now. */
#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "base/cancel.h"
#include "base/status-read.h"

#define WATCH_MS 1000
#define BAR_WIDTH 16

static gboolean watch;

static const GOptionEntry options[] = {
    { "watch",
      'w',
      0,
      G_OPTION_ARG_NONE,
      &watch,
      "Every second, until interrupted",
      NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* --- JSON ------------------------------------------------------------------------------
 */

static json_object *
json_of(const DrvStatusEntry *entry)
{
    static const char *const texts[] = { "action", "object", "detail",    "at",    "from",
                                         "to",     "phase",  "waits_for", "undone" };
    static const char *const numbers[] = { "pid",         "started",     "bytes_total",
                                           "bytes_moved", "bytes_kept",  "bytes_left",
                                           "rate",        "seconds_left" };
    json_object *object = json_object_new_object();

    json_with_text(object, "id", entry->id);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        json_with_text(object, texts[i], drv_status_entry_text(entry, texts[i]));
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        json_with(object,
                  numbers[i],
                  json_object_new_int64(drv_status_entry_number(
                      entry, numbers[i], i == G_N_ELEMENTS(numbers) - 1 ? -1 : 0)));
    return object;
}

/* --- a table ---------------------------------------------------------------------------
 */

/* "1.2 GiB", and "-" when there is nothing. */
static char *
bytes_text(gint64 bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double number = (double)bytes;
    guint unit = 0;

    for (; number >= 1024; unit++)
        number /= 1024;
    return bytes > 0 ? g_strdup_printf("%.*f %s", unit ? 1 : 0, number, units[unit])
                     : g_strdup("-");
}

static char *
rate_text(gint64 rate)
{
    g_autofree char *bytes = bytes_text(rate);

    return rate > 0 ? g_strconcat(bytes, "/s", NULL) : g_strdup("-");
}

static char *
seconds_text(gint64 seconds)
{
    if (seconds < 0)
        return g_strdup("-");
    if (seconds < 3600)
        return g_strdup_printf("%d:%02d", (int)(seconds / 60), (int)(seconds % 60));
    return g_strdup_printf("%" G_GINT64_FORMAT ":%02d:%02d",
                           seconds / 3600,
                           (int)(seconds / 60 % 60),
                           (int)(seconds % 60));
}

static char *
done_text(const DrvStatusEntry *entry)
{
    gint64 total = drv_status_entry_number(entry, "bytes_total", 0);
    double done = (double)drv_status_entry_number(entry, "bytes_moved", 0) +
                  (double)drv_status_entry_number(entry, "bytes_kept", 0);

    return total > 0 ? bar_text(done / (double)total, BAR_WIDTH)
                     : bytes_text((gint64)done);
}

static char *
object_text(const DrvStatusEntry *entry)
{
    return g_strjoin(*drv_status_entry_text(entry, "detail") ? " " : "",
                     drv_status_entry_text(entry, "object"),
                     drv_status_entry_text(entry, "detail"),
                     NULL);
}

/* "receiving at host02" */
static char *
phase_text(const DrvStatusEntry *entry)
{
    const char *at = drv_status_entry_text(entry, "at");
    const char *phase = drv_status_entry_text(entry, "phase");

    return *at ? g_strjoin(*phase ? " at " : "at ", phase, at, NULL) : g_strdup(phase);
}

static const char *
or_dash(const char *text)
{
    return *text ? text : "-";
}

static void
add_row(Table *table, const DrvStatusEntry *entry)
{
    gint64 started = drv_status_entry_number(entry, "started", 0);
    g_autofree char *object = object_text(entry);
    g_autofree char *phase = phase_text(entry);
    g_autofree char *done = done_text(entry);
    g_autofree char *total = bytes_text(drv_status_entry_number(entry, "bytes_total", 0));
    g_autofree char *rate = rate_text(drv_status_entry_number(entry, "rate", 0));
    g_autofree char *rest =
        seconds_text(drv_status_entry_number(entry, "seconds_left", -1));
    g_autofree char *since =
        seconds_text(MAX(g_get_real_time() / G_USEC_PER_SEC - started, 0));

    table_row(table,
              entry->id,
              or_dash(object),
              or_dash(drv_status_entry_text(entry, "action")),
              or_dash(phase),
              done,
              total,
              rate,
              rest,
              since,
              or_dash(drv_status_entry_text(entry, "waits_for")),
              NULL);
}

static void
print_all(const Drv *drv, GPtrArray *entries)
{
    g_auto(Table) table = TABLE_INIT;

    table_row(&table,
              "ID",
              "OBJECT",
              "ACTION",
              "PHASE",
              "DONE",
              "OF",
              "RATE",
              "REST",
              "SINCE",
              "WAITS FOR",
              NULL);
    for (guint i = 0; i < entries->len; i++) {
        if (drv->json) {
            g_autoptr(json_object) object = json_of(entries->pdata[i]);

            print_json(object, FALSE);
        } else {
            add_row(&table, entries->pdata[i]);
        }
    }
    if (!drv->json)
        table_print(&table);
}

static gboolean
list_once(const Drv *drv, GError **error)
{
    g_autoptr(GPtrArray) entries = drv_status_list(error);
    const char *why;

    if (entries == NULL)
        return FALSE;
    if (watch && !drv->json)
        print_clear();
    print_all(drv, entries);
    return print_flush(&why) ||
           drv_throw(error, DRV_ERROR_FAILED, "cannot write to stdout: %s", why);
}

static gboolean
ps(Drv *drv, char **words, GError **error)
{
    (void)words;
    do {
        if (!list_once(drv, error))
            return FALSE;
    } while (watch && drv_poll(NULL, 0, WATCH_MS, NULL) >= 0);
    return TRUE;
}

static const Verb verbs[] = {
    { NULL, "", "actions of drivers that run here", 0, 0, WORD_ACTION, options, ps },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_ps = { "ps", "actions", verbs };
