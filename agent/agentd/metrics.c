/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - numbers in the text format of Prometheus: since this agent was started. */
#include "agent/agentd/agentd.h"

#include "base/json.h"

/* Upper bounds, in seconds; one more without. */
static const double bounds[] = { 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600 };

#define N_BOUNDS G_N_ELEMENTS(bounds)

/* Of one operation. */
typedef struct {
    guint64 completed, failed, cancelled;
    guint64 within[N_BOUNDS + 1];
    double sum_s;
} Tally;

/* Operations are those that can be called, so that there are only so many. */
static GHashTable *tallies; /* char * -> Tally */

void
metrics_count(const Task *task)
{
    const char *error = agent_json_variant(task->answer, NULL);
    Tally *tally;
    guint i = 0;

    if (tallies == NULL)
        tallies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    tally = g_hash_table_lookup(tallies, task->operation);
    if (tally == NULL) {
        tally = g_new0(Tally, 1);
        g_hash_table_insert(tallies, g_strdup(task->operation), tally);
    }
    if (task->state == TASK_COMPLETED)
        tally->completed++;
    else if (strcmp(error, "Cancelled") == 0)
        tally->cancelled++;
    else
        tally->failed++;
    tally->sum_s += task->duration;
    while (i < N_BOUNDS && task->duration > bounds[i])
        i++;
    tally->within[i]++;
}

static void
head(GString *text, const char *name, const char *type, const char *help)
{
    g_string_append_printf(
        text, "# HELP drv_agent_%s %s\n# TYPE drv_agent_%s %s\n", name, help, name, type);
}

static void
put_number(GString *text, double number)
{
    char buffer[G_ASCII_DTOSTR_BUF_SIZE]; /* with a point, whatever the locale */

    g_string_append(text, g_ascii_formatd(buffer, sizeof buffer, "%.15g", number));
    g_string_append_c(text, '\n');
}

static void
gauge(GString *text, const char *name, const char *help, double number)
{
    head(text, name, "gauge", help);
    g_string_append_printf(text, "drv_agent_%s ", name);
    put_number(text, number);
}

static void
put_results(GString *text)
{
    GHashTableIter iter;
    const char *name;
    const Tally *tally;

    head(
        text, "tasks_total", "counter", "Tasks that are final, by operation and result.");
    if (tallies == NULL)
        return;
    g_hash_table_iter_init(&iter, tallies);
    while (g_hash_table_iter_next(&iter, (gpointer *)&name, (gpointer *)&tally)) {
        const guint64 numbers[] = { tally->completed, tally->failed, tally->cancelled };
        static const char *const results[] = { "completed", "failed", "cancelled" };

        for (guint i = 0; i < G_N_ELEMENTS(results); i++)
            g_string_append_printf(
                text,
                "drv_agent_tasks_total{operation=\"%s\",result=\"%s\"} %" G_GUINT64_FORMAT
                "\n",
                name,
                results[i],
                numbers[i]);
    }
}

static void
put_histogram(GString *text, const char *name, const Tally *tally)
{
    static const char metric[] = "drv_agent_task_seconds";
    guint64 total = 0;

    for (guint i = 0; i <= N_BOUNDS; i++) {
        g_autofree char *bound =
            i < N_BOUNDS ? g_strdup_printf("%g", bounds[i]) : g_strdup("+Inf");

        total += tally->within[i];
        g_strdelimit(bound, ",", '.'); /* of the locale */
        g_string_append_printf(text,
                               "%s_bucket{operation=\"%s\",le=\"%s\"} %" G_GUINT64_FORMAT
                               "\n",
                               metric,
                               name,
                               bound,
                               total);
    }
    g_string_append_printf(text, "%s_sum{operation=\"%s\"} ", metric, name);
    put_number(text, tally->sum_s);
    g_string_append_printf(
        text, "%s_count{operation=\"%s\"} %" G_GUINT64_FORMAT "\n", metric, name, total);
}

static void
put_durations(GString *text)
{
    GHashTableIter iter;
    const char *name;
    const Tally *tally;

    head(text,
         "task_seconds",
         "histogram",
         "How long operations took, from their beginning.");
    if (tallies == NULL)
        return;
    g_hash_table_iter_init(&iter, tallies);
    while (g_hash_table_iter_next(&iter, (gpointer *)&name, (gpointer *)&tally))
        put_histogram(text, name, tally);
}

static void
put_vms(Agent *agent, GString *text)
{
    static const char *const powers[] = { "Running", "Paused", "Suspended", "Halted" };
    guint by_power[G_N_ELEMENTS(powers)] = { 0 }, unknown = 0, waiting = 0, longest = 0;
    GHashTableIter iter;
    Vm *vm;

    g_hash_table_iter_init(&iter, agent->vms);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm)) {
        for (guint i = 0; i < G_N_ELEMENTS(powers); i++)
            by_power[i] += strcmp(vm_power(vm), powers[i]) == 0;
        unknown += vm->unknown_since > 0;
        waiting += vm->waiting.length;
        longest = MAX(longest, vm->waiting.length);
    }
    head(text, "vms", "gauge", "VMs that the agent owns, by their last known state.");
    for (guint i = 0; i < G_N_ELEMENTS(powers); i++)
        g_string_append_printf(
            text, "drv_agent_vms{power_state=\"%s\"} %u\n", powers[i], by_power[i]);
    gauge(text, "unknown_vms", "VMs of which nothing is certain now.", unknown);
    gauge(text,
          "waiting_tasks",
          "Tasks in the queues of all VMs and of the host.",
          waiting + agent->host->waiting.length);
    gauge(text, "longest_queue", "Tasks in the longest queue of a VM.", longest);
}

static void
put_workers(Agent *agent, GString *text)
{
    guint all = g_hash_table_size(agent->workers);
    guint stuck = all > agent->busy ? all - agent->busy : 0;

    head(text, "workers", "gauge", "Processes of workers, by what they do.");
    g_string_append_printf(text,
                           "drv_agent_workers{state=\"busy\"} %u\n"
                           "drv_agent_workers{state=\"stuck\"} %u\n"
                           "drv_agent_workers{state=\"idle\"} %u\n",
                           all - stuck,
                           stuck,
                           agent->idle.length);
}

static void
put_events(Agent *agent, GString *text)
{
    g_autoptr(json_object) state = events_state();

    gauge(text,
          "backend_connected",
          "1 when libvirt's events are followed.",
          drv_json_flag(state, "connected", FALSE));
    gauge(text,
          "backend_list_seconds",
          "How long libvirt took for the last list of all domains.",
          json_object_get_double(drv_json_member(state, "list_s")));
    gauge(text, "domains", "Domains of libvirt.", g_hash_table_size(agent->domains));
    gauge(text, "subscribers", "Clients of EVENTS.subscribe.", agent->subscribers->len);
    head(text, "events_total", "counter", "Events of domains.");
    g_string_append_printf(text,
                           "drv_agent_events_total %" G_GINT64_FORMAT "\n",
                           drv_json_number(state, "taken", 0));
}

char *
metrics_text(Agent *agent)
{
    GString *text = g_string_new(NULL);

    put_results(text);
    put_durations(text);
    put_workers(agent, text);
    put_vms(agent, text);
    put_events(agent, text);
    gauge(text, "clients", "Connections.", g_hash_table_size(agent->conns));
    gauge(text,
          "blocked_readers",
          "Calls of UPDATES.get that wait.",
          agent->readers.length);
    gauge(text, "damaged_records", "Records that were put aside.", agent->damaged->len);
    return g_string_free(text, FALSE);
}
