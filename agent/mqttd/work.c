/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/work.h"

#include "base/error.h"

Work *
work_new(const Config *config,
         Broker *broker,
         const Item *item,
         const char *label,
         gboolean again)
{
    Work *work = g_new0(Work, 1);

    work->config = config;
    work->broker = broker;
    work->item = item;
    work->times = item->measure ? json_object_new_object() : NULL;
    work->outcomes = g_ptr_array_new_with_free_func((GDestroyNotify)outcome_free);
    rpc_init(&work->rpc, config, label, again);
    return work;
}

Work *
work_sub(const Work *work, const char *name)
{
    g_autofree char *label = g_strdup_printf("%s/%s", work->rpc.label, name);

    return work_new(work->config, work->broker, work->item, label, work->rpc.again);
}

void
work_free(Work *work)
{
    rpc_clear(&work->rpc);
    g_ptr_array_unref(work->outcomes);
    json_object_put(work->times);
    g_free(work);
}

void
work_time(Work *work, const char *tag, const char *name, gint64 began)
{
    double seconds = (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC;
    g_autofree char *key = name ? g_strdup_printf("%s-%s", tag, name) : g_strdup(tag);
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (work->times)
        json_with_text(
            work->times, key, g_ascii_formatd(text, sizeof text, "%.6f", seconds));
}

Outcome *
work_end(Work *work, const char *name, gint64 began, GError *error)
{
    Outcome *outcome = outcome_new(name, error);

    work->stopped |= drv_error_is(error, DRV_ERROR_CANCELLED);
    g_clear_error(&error);
    work_time(work, "overall", NULL, began);
    outcome->times = g_steal_pointer(&work->times);
    if (work->item->measure)
        work->times = json_object_new_object();
    g_ptr_array_add(work->outcomes, outcome);
    return outcome;
}
